"""Files of Bruker instruments, whole, damaged and made to do harm."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from samples import COUNTS, TWO_THETA, raw1, raw4

import spectra
from spectra.errors import ReaderError

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
        (patched(raw4(), RANGE + 140, "<I", 193), "a segment of kind"),
        (raw4() + b"abc", "expected a range header|a segment"),
    ],
)
def test_raw4_is_refused(tmp_path, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, "a.raw", data))
