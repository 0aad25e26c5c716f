"""Files of Raman spectra in every layout: what is read, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from raman_samples import (
    INTENSITY,
    SHIFT,
    jasco,
    jcamp,
    labspec,
    nxraman,
    rod,
    spc,
    wdf,
    wire_text,
    witec,
)

import spectra
from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.readers.asdf import read_line

TABLE = "\n".join(f"{x:g}\t{y:g}" for x, y in zip(SHIFT[::-1], INTENSITY[::-1], strict=True))


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def assert_spectrum(stack, frames=1):
    assert (stack.axis.name, stack.axis.unit, stack.noise) == ("raman_shift", "1/cm", "unknown")
    np.testing.assert_allclose(stack.x, SHIFT, rtol=1e-7)
    expected = np.outer(np.arange(1, frames + 1), INTENSITY)
    np.testing.assert_allclose(stack.signal, expected, rtol=1e-6)


def test_jasco(tmp_path):
    stack = spectra.read(write(tmp_path, "a.txt", jasco()))
    assert_spectrum(stack)
    assert stack.metadata["laser_wavelength"] == 490.2
    assert stack.metadata["sample"] == "LS4"
    values = {name: v.values[0] for name, v in stack.variables.items()}
    assert values == {
        "exposure": 300,
        "accumulations": 3,
        "laser_power": 45.5,
        "time": 1389375527,
    }


def test_witec(tmp_path):
    stack = spectra.read(write(tmp_path, "a.txt", witec()))
    assert_spectrum(stack)
    assert stack.variables["x"].values[0] == 1.5
    several = spectra.read(write(tmp_path, "b.txt", witec(across=3, down=2)))
    assert_spectrum(several, 6)
    assert several.metadata["shape"] == [2, 3]
    np.testing.assert_array_equal(several.variables["row"].values, [0, 0, 0, 1, 1, 1])


def test_wavelengths_become_shifts_by_the_laser_line(tmp_path):
    path = write(tmp_path, "a.txt", witec(unit="nm"))
    data = path.read_text().split("[Data]")
    lines = [f"{x:.9g}, {y:g}" for x, y in zip(500.0 + SHIFT / 10, INTENSITY, strict=True)]
    path.write_text(data[0] + "[Data]\nX-Axis,A\nnm,CCD cts\n" + "\n".join(lines) + "\n")
    with pytest.warns(DataWarning, match=r"laser=532\.1"):
        over_wavelength = spectra.read(path)
    assert (over_wavelength.axis.name, over_wavelength.axis.unit) == ("wavelength", "nm")
    stack = spectra.read(path, laser=500.0)
    assert stack.axis.name == "raman_shift"
    np.testing.assert_allclose(stack.x, 1e7 / 500.0 - 1e7 / over_wavelength.x, rtol=1e-12)
    stated = path.read_text().replace("SizeX", "Excitation Wavelength [nm] = 500\nSizeX")
    np.testing.assert_array_equal(spectra.read(write(tmp_path, "b.txt", stated)).x, stack.x)
    with pytest.raises(SettingError, match="laser = 5321"):
        spectra.read(path, laser=5321.0)


@pytest.mark.parametrize(
    ("cells", "timed", "names"), [(1, True, ["elapsed"]), (2, False, ["y", "x"])]
)
def test_labspec_series_and_maps(tmp_path, cells, timed, names):
    stack = spectra.read(write(tmp_path, "a.txt", labspec(cells, timed)))
    assert_spectrum(stack, 3)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(stack.variables[name].values, 10 * (i + 1) + np.arange(3))
    assert stack.metadata["laser_wavelength"] == 532


def test_labspec_single(tmp_path):
    stack = spectra.read(write(tmp_path, "a.txt", labspec()))
    assert_spectrum(stack)
    assert stack.variables["exposure"].values[0] == 10
    assert stack.variables["time"].values[0] == 1557833635


def test_wire_text(tmp_path):
    assert_spectrum(spectra.read(write(tmp_path, "a.txt", wire_text())))
    stack = spectra.read(write(tmp_path, "b.txt", wire_text("X", "Y")))
    assert_spectrum(stack, 2)
    np.testing.assert_array_equal(stack.variables["x"].values, [7, 8])
    assert stack.variables["y"].unit == "um"


def test_wdf_map(tmp_path):
    stack = spectra.read(write(tmp_path, "a.wdf", wdf(3, 2)))
    assert_spectrum(stack, 6)
    np.testing.assert_array_equal(stack.variables["row"].values, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(stack.variables["column"].values, [0, 1, 2] * 2)
    np.testing.assert_allclose(stack.variables["x"].values, [5, 5.5, 6] * 2)
    np.testing.assert_allclose(stack.variables["time"].values, 1709289000 + np.arange(6))
    assert stack.metadata["shape"] == [2, 3]
    assert stack.metadata["laser_wavelength"] == pytest.approx(532.0, rel=1e-6)
    assert stack.variables["accumulations"].values[0] == 3


def test_wdf_single_and_stopped(tmp_path):
    single = spectra.read(write(tmp_path, "a.wdf", wdf(1, 1)))
    assert_spectrum(single)
    stopped = spectra.read(write(tmp_path, "b.wdf", wdf(3, 2, collected=4)))
    assert_spectrum(stopped, 4)
    assert "row" not in stopped.variables


@pytest.mark.parametrize(
    ("frames", "flags", "exponent"),
    [
        (1, 0, -128),
        (1, 0, 14),
        (1, 1, 14),
        (3, 0x04, -128),
        (3, 0x05, 15),
        (2, 0x84, -128),
        (2, 0xC4, 15),
    ],
)
def test_spc(tmp_path, frames, flags, exponent):
    stack = spectra.read(write(tmp_path, "a.spc", spc(frames, flags, exponent)))
    assert_spectrum(stack, frames)
    assert stack.metadata["laser_wavelength"] == 785
    assert stack.variables["exposure"].values[0] == 4
    assert stack.variables["time"].values[0] == 1709296200
    if frames > 1:
        np.testing.assert_allclose(stack.variables["elapsed"].values, 1.5 * np.arange(frames))


@pytest.mark.parametrize("form", ["free", "packed", "squeezed", "difference", "points"])
def test_jcamp(tmp_path, form):
    stack = spectra.read(write(tmp_path, "a.jdx", jcamp(form)))
    assert_spectrum(stack)
    assert stack.metadata["laser_wavelength"] == 785
    assert stack.variables["time"].values[0] == 1709296200


def test_jcamp_of_several_blocks(tmp_path):
    stack = spectra.read(write(tmp_path, "a.dx", jcamp(blocks=2)))
    assert stack.n_frames == 2
    np.testing.assert_array_equal(stack.signal[0], stack.signal[1])


def test_published_line_of_jcamp():
    """The example of McDonald and Wilks, once with differences and repeats, once in free form."""
    line = read_line("599.860@VKT%TLkj%J%KLJ%njKjL%kL%jJULJ%kLK1%lLMNPNPRLJ0QTOJ1P", 100)
    values = (
        "0 0 0 0 2 4 4 4 7 5 4 4 5 5 7 10 11 11 6 5 7 6 9 9 7 10 10 9 10 11 12 15 16 16 14 17 38 "
        "38 35 38 42 47 54 59 66 75 78 88 96 104 110 121 128"
    )
    assert (line.x, line.differences) == (599.86, True)
    assert line.y == [float(v) for v in values.split()]
    assert read_line(f"599.860 {values}", 100).y == line.y


def test_rod(tmp_path):
    stack = spectra.read(write(tmp_path, "a.rod", rod()))
    assert_spectrum(stack)
    assert (stack.metadata["laser_wavelength"], stack.metadata["sample"]) == (488, "K-cymrite")
    assert stack.variables["temperature"].values[0] == 300


def test_nxraman(tmp_path):
    stack = spectra.read(write(tmp_path, "a.nxs", nxraman()))
    assert_spectrum(stack)
    assert stack.metadata["laser_wavelength"] == 532.1


@pytest.mark.parametrize(
    "label",
    ["Raman shift (cm-1)\tIntensity", "# Raman Shift / cm^-1, counts", "Wavenumber [1/cm]\tI"],
)
def test_columns_under_labels(tmp_path, label):
    assert_spectrum(spectra.read(write(tmp_path, "a.txt", f"{label}\n{TABLE}\n")))


def test_columns_without_labels(tmp_path):
    path = write(tmp_path, "a.txt", TABLE)
    with pytest.warns(DataWarning, match="Raman shifts in 1/cm are assumed"):
        assert_spectrum(spectra.read(path))
    assert_spectrum(spectra.read(path, axis="raman_shift"))
    angles = spectra.read(path, axis="two_theta")
    assert (angles.axis.unit, angles.axis.name) == ("deg", "two_theta")


def test_spectra_on_other_axes_are_interpolated(tmp_path):
    wide = np.arange(90.0, 231.0, 1.5)

    def parabola(x):
        return "\n".join(f"{a:g} {(a - 150) ** 3:.12g}" for a in x)

    files = [
        write(tmp_path, name, f"Raman shift (cm-1)\n{parabola(x)}")
        for name, x in (("a.txt", SHIFT), ("b.txt", wide[::-1]), ("c.txt", SHIFT[::-1]))
    ]
    with pytest.warns(DataWarning, match="interpolated from 94 points"):
        stack = spectra.read(files)
    np.testing.assert_array_equal(stack.status, 0)
    np.testing.assert_allclose(stack.signal[1], stack.signal[0], atol=1e-6)
    np.testing.assert_array_equal(stack.signal[2], stack.signal[0])


def cut(data: bytes, end: int) -> bytes:
    return data[:end]


def with_bytes(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", jasco(kind="INFRARED SPECTRUM"), "DATA TYPE 'INFRARED SPECTRUM'"),
        ("a.txt", jasco(unit="Kelvin"), "positions in 'Kelvin'"),
        ("a.txt", jasco(table=TABLE[:200]), "expected 60, as NPOINTS says"),
        ("a.txt", witec(unit="eV"), "positions in 'eV'"),
        ("a.txt", cut(witec(across=2, down=2), 1000), "expected 60, as SizeGraph says"),
        ("a.txt", witec(across=2).replace(b"SizeX = 2", b"SizeX = 3"), r"expected 3 × 1"),
        ("a.txt", cut(labspec(2), -40), "line 11: 54 cells.*expected 62 numbers"),
        ("a.txt", wire_text("X", "Y").replace(b"#Y", b""), "as many labels"),
        ("a.wdf", cut(wdf(), 300), "expected a header WDF1"),
        ("a.wdf", cut(wdf(), 1600), "block XLST: 96 bytes; expected 248"),
        ("a.wdf", wdf(unit=4), "positions in unit 4 of WiRE"),
        ("a.wdf", wdf(collected=1 << 60).replace(b"DATA", b"DATB"), "no block DATA"),
        ("a.wdf", with_bytes(wdf(), 520, struct.pack("<Q", 3)), "'DATA' of 3 bytes"),
        ("a.spc", cut(spc(), 700), "spectrum 1, byte 544.*expected 240 bytes"),
        ("a.spc", with_bytes(spc(), 1, b"\x4d"), "the old format"),
        ("a.spc", spc(kind=9), "positions of kind 9"),
        ("a.spc", spc(experiment=4), "FT-IR"),
        ("a.jdx", jcamp(kind="INFRARED SPECTRUM"), "expected RAMAN SPECTRUM"),
        ("a.jdx", jcamp().replace(b"##NPOINTS=60", b"##NPOINTS=61"), "60 points; expected 61"),
        ("a.jdx", jcamp().replace(b"##XYDATA", b"##NTUPLES"), "no table of a spectrum"),
        ("a.jdx", jcamp().replace(b"(X++(Y..Y))", b"(X++(R..R))"), r"expected \(X\+\+"),
        ("a.jdx", jcamp("squeezed").replace(b"\n128E", b"\n138E"), "begins at 138"),
        ("a.jdx", jcamp("squeezed").replace(b"\n128E", b"\n128!"), "is no number of JCAMP-DX"),
        ("a.rod", b"data_x\n_cell_length_a 4\n", "without a Raman spectrum"),
        ("a.rod", rod() + b"'", "not a readable CIF"),
        ("a.nxs", nxraman(unit="pm"), "axis 'raman_shift' in 'pm'"),
    ],
)
def test_what_is_refused(tmp_path, name, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, name, data))


def test_a_damaged_difference_is_told(tmp_path):
    lines = jcamp().decode().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("##XYDATA")) + 3
    # The third line begins with the last ordinate of the second; one more there than here.
    lines[at - 1] = lines[at - 1][:-1] + ("4" if lines[at - 1][-1] != "4" else "5")
    with pytest.raises(ReaderError, match="expected the same ordinate"):
        spectra.read(write(tmp_path, "a.jdx", "\n".join(lines)))
