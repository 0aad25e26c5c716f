"""Files of Bruker instruments, whole, damaged and made to do harm."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from samples import COUNTS, TWO_THETA, brml, raw1, raw4, zipped

import spectra
from spectra.errors import DataWarning, ReaderError

FIRST = 712


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def patched(data, at, form, value):
    out = bytearray(data)
    struct.pack_into(form, out, at, value)
    return bytes(out)


@pytest.mark.parametrize(
    ("data", "shift"),
    [
        (raw1(), 0.0),
        (raw1() + bytes(12), 0.0),
        (raw1(varying=0b1), 0.001),
        (raw1(varying=0b110000000000), 0.0),
        (raw1(varying=0b100000000001, extra=bytes(40)), 0.001),
        (raw1(scan=2, extra=b"\1" * 40), 0.0),
    ],
)
def test_raw1(tmp_path, data, shift):
    stack = spectra.read(write(tmp_path, "a.raw", data))
    assert stack.n_frames == 2
    np.testing.assert_allclose(stack.x, TWO_THETA + shift)
    np.testing.assert_array_equal(stack.signal[1], COUNTS)
    assert stack.noise == "counts"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (patched(raw1(), FIRST + 252, "<I", 8), "byte 964 .*records of 8 bytes where 0 quantities"),
        (patched(raw1(varying=1), FIRST + 252, "<I", 4), "expected 12 bytes"),
        (raw1(scan=3), "type 3 \\(rocking curve\\)"),
        (raw1(scan=77), "type 77 \\(unknown\\)"),
        (patched(raw1(), FIRST + 256, "<I", 4), "a range header|truncated"),
        (patched(raw1(1), FIRST + 256, "<I", 4), "truncated"),
        (patched(raw1(1), FIRST + 256, "<I", 2**31), "header length 304 and 2147483648"),
        (patched(raw1(), 12, "<I", 1), "bytes after the last of 1 ranges"),
    ],
)
def test_raw1_is_refused(tmp_path, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, "a.raw", data))


def test_raw4(tmp_path):
    for size in (4, 8):
        stack = spectra.read(write(tmp_path, "a.raw", raw4(size=size) + bytes(7)))
        assert stack.n_frames == 2
        np.testing.assert_allclose(stack.x, TWO_THETA)
        np.testing.assert_array_equal(stack.signal[1], COUNTS)
        assert stack.noise == "counts"
        assert "time" not in stack.variables
    assert dict(stack.metadata) == {
        "wavelength": 1.5406,
        "wavelength2": 1.5444,
        "ratio": 0.5,
        "anode": "Cu",
    }
    stack = spectra.read(write(tmp_path, "b.raw", raw4(1)))
    assert stack.variables["time"].values[0] == 1709294400.0
    unmarked = spectra.read(write(tmp_path, "c.raw", raw4(1, scan="Detector Scan", moved="")))
    np.testing.assert_allclose(unmarked.x, TWO_THETA)


RANGE = 61 + 48 + 124


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw4(size=12), f"byte {RANGE + 136} .*records of 12 bytes; expected 4 or 8"),
        (raw4(scan="Rocking Curve"), f"byte {RANGE} .*'Rocking Curve'"),
        (raw4(moved="Theta"), "that moves 'Theta'"),
        (raw4()[:-3], "truncated"),
        (raw4()[:RANGE], "no range with data"),
        (raw4()[: RANGE + 90], "expected a range header"),
        (raw4()[:20], "no range with data"),
        (b"RAW4.01" + raw4()[7:], "expected RAW4.00"),
        (patched(raw4(), 61 + 4, "<I", 3), "byte 61: a segment of kind 10 and length 3"),
        (patched(raw4(), 61 + 4, "<I", 2**31), "kind 10 and length 2147483648"),
        (patched(raw4(), 61 + 48 + 4, "<I", 60), "kind 30 and length 60"),
        (patched(raw4(), RANGE + 80, "<d", 0.0), "step 0"),
        (patched(raw4(), RANGE + 88, "<I", 2**31), "2147483648 points"),
        (patched(raw4(), RANGE + 88, "<I", 1), "1 points"),
        (patched(raw4(), RANGE + 140, "<I", 193), "a segment of kind"),
        (raw4() + b"abc", "expected a range header|a segment"),
    ],
)
def test_raw4_is_refused(tmp_path, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, "a.raw", data))


def edited(data, old, new):
    """The zip file with a text replaced in all its members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    assert any(old in text for text in members.values())
    return zipped({name: text.replace(old, new) for name, text in members.items()})


def test_brml(tmp_path):
    stack = spectra.read(write(tmp_path, "a.brml", brml()))
    assert (stack.n_frames, stack.n_points) == (2, 60)
    np.testing.assert_allclose(stack.x, TWO_THETA)
    np.testing.assert_array_equal(stack.signal[1], COUNTS)
    assert stack.noise == "counts"
    assert (stack.metadata["wavelength"], stack.metadata["ratio"]) == (1.5406, 0.5)
    np.testing.assert_allclose(np.diff(stack.variables["time"].values), 60.0)
    np.testing.assert_allclose(stack.variables["exposure"].values, 40.0)
    np.testing.assert_allclose(stack.variables["step_time"].values, 0.5)


def test_brml_intensities_hold_the_absorber_already(tmp_path):
    stack = spectra.read(write(tmp_path, "a.brml", brml(absorber=8.0)))
    factors = np.where(COUNTS > 140, 8.0, 1.0)
    assert stack.noise == "given"
    np.testing.assert_allclose(stack.signal[0], COUNTS * factors)
    np.testing.assert_allclose(stack.errors[0], factors * np.sqrt(COUNTS))


def test_brml_in_parts_and_in_other_units(tmp_path):
    halves = "".join(
        f'<SubScanInfo StartStepNo="{start}" MeasuredSteps="{steps}"/>'
        for start, steps in ((0, 30), (30, 30), (60, 0))
    )
    data = edited(brml(n_scans=1), "<DataViews>", f"<SubScans>{halves}</SubScans><DataViews>")
    with pytest.warns(DataWarning, match="nothing in common"):
        stack = spectra.read(write(tmp_path, "a.brml", data), regrid=True)
    assert stack.names == ("a.brml scan 1 part 1", "a.brml scan 1 part 2")
    assert stack.status.tolist() == [spectra.Status.OK, spectra.Status.BAD_INPUT]
    assert "time" not in stack.variables
    data = edited(brml(), '"Å" Value="1.5406"', '"nm" Value="0.15406"')
    data = edited(data, 'Base="Counts"', 'Base="Cps"')
    stack = spectra.read(write(tmp_path, "b.brml", data))
    assert stack.metadata["wavelength"] == pytest.approx(1.5406)
    assert stack.noise == "unknown"


ONE = brml(n_scans=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (brml(axis="Phi"), "RawData0.xml: a scan that moves Phi, Theta; expected a scan of TwoT"),
        (edited(ONE, 'Start="5" Length="1"', 'Start="5" Length="192"'), "1 recorded .* of 192 col"),
        (edited(ONE, "RecordedRaw", "OtherRaw"), "0 recorded"),
        (edited(ONE, 'Start="5"', 'Start="6"'), "point 1: 6 columns; expected at least 7"),
        (edited(ONE, 'Start="5"', 'Start="-5"'), "column '-5'"),
        (edited(ONE, 'Start="5"', 'Start="99999"'), "column '99999'"),
        (edited(ONE, "<Datum>0.5,1,20.0000", "<Datum>0.5,0,20.0000"), "absorption factor"),
        (edited(ONE, "<Datum>0.5,1,20.0000", "<Datum>0.5,1,x"), "could not convert"),
        (edited(ONE, "<Datum>0.5,1,20.0000", "<Datum>0.5,1,21"), "positions in order"),
        (edited(ONE, "Datum>", "Other>"), "0 points"),
        (edited(ONE, "RawData0.xml<", "RawData1.xml<"), "no member Experiment0/RawData1.xml"),
        (edited(ONE, "<DataRoutes>", "<DataRoute RouteFlag='Measured'/><DataRoutes>"), "2 data ro"),
        (edited(ONE, "</DataRoutes>", ""), "not well-formed"),
        (edited(ONE, "?><RawData", "?><!DOCTYPE a><RawData"), "DTD"),
        (zipped({"other.txt": ""}), "expected Experiment0/RawData0.xml"),
        (ONE[:-30], "not a readable zip"),
    ],
)
def test_brml_is_refused(tmp_path, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, "a.brml", data))


def test_brml_parts_must_follow_each_other(tmp_path):
    for second, steps, seen in ((31, 30, "31 to 61"), (30, 31, "30 to 61"), (30, 1, "30 to 31")):
        parts = '<SubScanInfo StartStepNo="0" MeasuredSteps="30"/>'
        parts += f'<SubScanInfo StartStepNo="{second}" MeasuredSteps="{steps}"/>'
        data = edited(ONE, "<DataViews>", f"{parts}<DataViews>")
        with pytest.raises(ReaderError, match=f"SubScanInfo: a part of the points {seen} of 60"):
            spectra.read(write(tmp_path, "a.brml", data))
