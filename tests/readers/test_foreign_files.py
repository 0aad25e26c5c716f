"""Layouts and damage first met in files of other laboratories."""

from __future__ import annotations

import numpy as np
import pytest
from electron_samples import casaxps, electron_columns
from foreign_samples import (
    ANGLE,
    COUNTS,
    I0,
    I1,
    SHIFT,
    SPACING,
    bwtek,
    feff_xmu,
    photon_factory,
    ssrl,
    uxd,
)
from raman_samples import labspec
from samples import SAMPLES, ras

import spectra
from spectra.errors import DataWarning, ReaderError

MOMENT = 1709294400.0  # 2024-03-01 12:00:00


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_9809_energies_are_those_of_the_angle_that_was_reached(tmp_path):
    stack = spectra.read(write(tmp_path, "v.001", photon_factory()))
    energy = 12398.419843320026 / (2 * SPACING * np.sin(np.radians(ANGLE + 0.0001)))
    np.testing.assert_allclose(stack.x, energy, rtol=1e-9)
    np.testing.assert_allclose(stack.signal[0], np.log(I0 / I1), rtol=1e-12)
    assert (stack.axis.name, stack.quantity) == ("energy", "mu")
    assert stack.variables["time"].values[0] == MOMENT + 1800
    facts = {"beamline": "KEK-PF   BL12C", "sample": "glass, 5 mm", "d_spacing": SPACING}
    assert {k: stack.metadata[k] for k in facts} == facts
    assert (stack.metadata["dark_i0"], stack.metadata["dark_i1"]) == (100.5, 201.0)


def test_9809_channels_of_fluorescence_are_added(tmp_path):
    path = write(tmp_path, "v.001", photon_factory("fluorescence"))
    np.testing.assert_allclose(spectra.read(path).signal[0], I1 / I0, rtol=1e-12)
    one = spectra.read(path, signal="fluor_2/i0").signal[0]
    np.testing.assert_allclose(one, (I1 - np.round(I1 / 2)) / I0, rtol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"D=  3.13551 A", b"", "gives no spacing D="),
        (b"Mode", b"Made", "line 13: 'Made"),
        (b"   100.500   201.000", b"   100.500", "5 columns under 4 modes and 3 offsets"),
        (b"Angle(c)", b"Winkel", "no line 'Angle"),
    ],
)
def test_9809_that_is_damaged_is_refused(tmp_path, old, new, match):
    path = write(tmp_path, "v.001", photon_factory().replace(old, new))
    with pytest.raises(ReaderError, match=match):
        spectra.read(path)


def test_scans_that_were_broken_off_say_so(tmp_path):
    with pytest.warns(DataWarning, match="40 of 60 points: the scan was broken off"):
        spectra.read(write(tmp_path, "v.001", photon_factory(points=60)))
    with pytest.warns(DataWarning, match="40 of 90 points: the scan was broken off"):
        spectra.read(write(tmp_path, "a.dat", ssrl().replace(b"PTS:         40", b"PTS: 90")))


def test_ssrl_labels_stand_below_each_other(tmp_path):
    stack = spectra.read(write(tmp_path, "a.dat", ssrl()))
    np.testing.assert_array_equal(stack.x, 5400.5 + 5.0 * np.arange(40))
    np.testing.assert_allclose(stack.signal[0], np.log(I0 / I1), rtol=1e-9)
    assert stack.metadata["sample"] == "glass; 5 mm"
    assert stack.variables["time"].values[0] == MOMENT
    for damage in (ssrl().replace(b"COLS:          5", b"COLS: 6"), ssrl().replace(b"Data:", b"")):
        with pytest.raises(ReaderError, match=r"expected (6, as COLS says|both, above the table)"):
            spectra.read(write(tmp_path, "b.dat", damage))


def test_feff_xmu_is_absorption_over_the_photon_energy(tmp_path):
    stack = spectra.read(write(tmp_path, "xmu.dat", feff_xmu()))
    assert (stack.axis.name, stack.quantity) == ("energy", "mu")
    np.testing.assert_array_equal(stack.x, 5460.0 + 2.0 * np.arange(40))
    np.testing.assert_allclose(stack.signal[0], 0.1 + 0.02 * np.arange(40), rtol=1e-5)


def test_continuous_scans_of_the_esrf(tmp_path):
    rows = "\n".join(
        f" {1000 + i} {500 - i} {10.3 - 0.001 * i:.4f} {11.05 + 0.001 * i:.6f}" for i in range(5)
    )
    path = write(
        tmp_path,
        "a.dat",
        "#F a.dat\n#E 1371554237\n#D Fri Jun 28 13:38:56 2013\n\n#S 1  zapline mono 1 2 5 100\n"
        f"#D Fri Jun 28 13:44:15 2013\n#N 4\n#L Mon    Ion1  TwoTheta  ZapEnergy\n{rows}\n",
    )
    with pytest.warns(DataWarning, match="taken for keV"):
        stack = spectra.read(path, signal="ln(mon/ion1)")
    np.testing.assert_allclose(stack.x, 11050.0 + np.arange(5))
    np.testing.assert_allclose(
        stack.signal[0], np.log((1000 + np.arange(5)) / (500 - np.arange(5))), rtol=1e-12
    )


def test_other_tables_of_feff(tmp_path):
    rows = "\n".join(f"{0.05 * i:.3f} {0.1 * i} 1.0 2.0" for i in range(30))
    chi = spectra.read(write(tmp_path, "chi.dat", f" title\n  k   chi   mag   phase @#\n{rows}\n"))
    assert (chi.axis.name, chi.quantity) == ("k", "chi")
    np.testing.assert_allclose(chi.signal[0], 0.1 * np.arange(30), atol=1e-12)
    path = write(tmp_path, "feff0001.dat", f" k   real[2*phc]   mag[feff]  red factor@#\n{rows}\n")
    with pytest.raises(ReaderError, match=r"line 1: a table of FEFF over 'k'"):
        spectra.read(path)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("# energy    log(i0/it)  log(it/ir)  i0", {"signal": "log_i0_it"}),
        ("#C 1_Energy (keV) 2_i0 3_i1 4_i2", {"signal": "ln(i0/i1)"}),
    ],
)
def test_labels_of_beamlines(tmp_path, label, expected):
    energy = 5.4 + 0.01 * np.arange(5) if "keV" in label else 5400.0 + 10 * np.arange(5)
    rows = "\n".join(f"{e:g} {3.0 + i} 1.5 2.5" for i, e in enumerate(energy))
    stack = spectra.read(write(tmp_path, "a.dat", f"{label}\n{rows}\n"))
    assert stack.metadata["signal"] == expected["signal"]
    np.testing.assert_allclose(stack.x, 5400.0 + 10 * np.arange(5))
    assert "reference" in stack.channels


def test_energies_under_a_label_are_no_angles(tmp_path):
    rows = "\n".join(f"{1480 + 5 * i} {i + 1} {2 * i} 7" for i in range(6))
    path = write(tmp_path, "a.dat", f"# Energy_c1  MgKa_c2  AlKa_c3  GAIN_c4\n{rows}\n")
    with pytest.raises(ReaderError, match="nothing says which of the columns energy_c1, mgka_c2"):
        spectra.read(path)
    assert spectra.read(path, signal="alka_c3/mgka_c2").axis.name == "energy"


def test_large_positions_without_a_label_are_energies(tmp_path):
    rows = "\n".join(f"{7000 + 5 * i} {0.1 * i}" for i in range(6))
    path = write(tmp_path, "a.dat", rows)
    with pytest.warns(DataWarning, match="photon energies in eV are assumed"):
        stack = spectra.read(path)
    assert (stack.axis.name, stack.quantity) == ("energy", "mu")
    other = spectra.read(path, axis="kinetic_energy")
    assert (other.axis.name, other.quantity) == ("kinetic_energy", "intensity")


def test_a_column_that_stands_still_is_no_axis(tmp_path):
    rows = "\n".join(f"1, {7000 + 5 * i}.0, {i + 2}, {i + 1}" for i in range(6))
    path = write(tmp_path, "a.dat", f"# data acquisition\n{rows}\n")
    with pytest.raises(ReaderError, match=r"all positions are 1; .*energy='col2'"):
        spectra.read(path)
    stack = spectra.read(path, energy="col2", signal="ln(col3/col4)")
    np.testing.assert_array_equal(stack.x, 7000.0 + 5 * np.arange(6))


@pytest.mark.parametrize("comma", [True, False])
def test_bwtek(tmp_path, comma):
    stack = spectra.read(write(tmp_path, "a.txt", bwtek(comma)))
    assert (stack.axis.name, stack.noise) == ("raman_shift", "unknown")
    np.testing.assert_array_equal(stack.x, SHIFT)
    np.testing.assert_array_equal(stack.signal[0], COUNTS)
    assert stack.metadata["laser_wavelength"] == 532.02
    facts = {name: v.values[0] for name, v in stack.variables.items()}
    assert facts == {"exposure": 2.5, "accumulations": 3.0, "time": MOMENT}


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"Pixel;", b"", "no line of titles"),
        (b"100,00;", b"1oo,00;", "line 12: '1;600"),
        (b"Raw data #1;Dark Subtracted #1", b"A;B", "no spectrum among the columns"),
    ],
)
def test_bwtek_that_is_damaged(tmp_path, old, new, match):
    path = write(tmp_path, "a.txt", bwtek().replace(old, new))
    with pytest.raises(ReaderError, match=match):
        spectra.read(path)


def test_bwtek_without_shifts_has_wavelengths_and_a_laser(tmp_path):
    stack = spectra.read(write(tmp_path, "a.txt", bwtek().replace(b"Raman Shift;", b"Other;")))
    wavelength = 600 + 0.1 * np.arange(30)
    np.testing.assert_allclose(stack.x, 1e7 / 532.02 - 1e7 / wavelength, rtol=1e-9)


def test_labspec_numbers_of_points_are_no_places(tmp_path):
    data = labspec(1).replace(b"#AxisType[2]", b"#AxisType[1]=\tPoints\n#AxisType[2]")
    stack = spectra.read(write(tmp_path, "a.txt", data))
    assert "x" not in stack.variables
    assert stack.variables["point"].unit == ""


@pytest.mark.parametrize("kind", ["_2THETACOUNTS", "_COUNTS", "_CPS", "_2THETACPS"])
def test_uxd(tmp_path, kind):
    stack = spectra.read(write(tmp_path, "a.uxd", uxd(kind)))
    np.testing.assert_allclose(stack.x, 10.0 + 0.02 * np.arange(30))
    np.testing.assert_array_equal(stack.signal, [COUNTS, COUNTS])
    assert stack.noise == ("unknown" if "CPS" in kind else "counts")
    assert stack.variables["time"].values.tolist() == [MOMENT, MOMENT]
    facts = {"wavelength": 1.5406, "wavelength2": 1.54439, "ratio": 0.5, "sample": "glass"}
    assert {k: stack.metadata[k] for k in facts} == facts


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (uxd(drive="PHI"), "range 1: a scan of PHI; expected a scan over 2θ"),
        (uxd("_COUNTS").replace(b"_STEPSIZE=0.020000\n", b""), "no _STEPSIZE"),
        (uxd().replace(b"10.060\t", b"10.06o\t", 1), "line 22: '10.06o"),
        (uxd().replace(b"_2THETACOUNTS", b"_SOMETHING"), "no range with intensities"),
        (uxd().replace(b"_KV=45", b"_STEPCOUNT=50"), "30 points; expected 50, as _STEPCOUNT says"),
    ],
)
def test_uxd_that_is_refused(tmp_path, data, match):
    with pytest.raises(ReaderError, match=match):
        spectra.read(write(tmp_path, "a.uxd", data))


def test_columns_are_chosen_by_their_labels(tmp_path):
    rows = "\n".join(f"{5 + 0.01 * i:.2f},58.4,{100 + i},{10 + i}" for i in range(6))
    path = write(tmp_path, "a.csv", f"[Scan points]\nAngle,TimePerStep,Intensity,ESD\n{rows}\n")
    with pytest.warns(DataWarning, match="1 of 4 columns are not read"):
        stack = spectra.read(path)
    np.testing.assert_array_equal(stack.signal[0], 100.0 + np.arange(6))
    np.testing.assert_array_equal(stack.errors[0], 10.0 + np.arange(6))


@pytest.mark.parametrize("label", ["2theta Yobs Ycalc", "# 2theta  counts  background"])
def test_a_third_column_of_something_else_is_no_uncertainty(tmp_path, label):
    rows = "\n".join(f"{10 + 0.02 * i:.2f} {100 + i} {90 + i}" for i in range(6))
    stack = spectra.read(write(tmp_path, "a.dat", f"{label}\n{rows}\n"))
    assert (stack.errors, stack.noise) == (None, "counts")


def test_a_third_of_many_columns_is_no_uncertainty(tmp_path):
    rows = "\n".join(f"{10 + 0.02 * i:.2f} {100 + i} {90 + i} 1 2" for i in range(6))
    with pytest.warns(DataWarning, match="3 of 5 columns are not read"):
        stack = spectra.read(write(tmp_path, "a.dat", rows))
    assert (stack.errors, stack.noise) == (None, "counts")
    with pytest.warns(DataWarning, match="2 of 5 columns are not read"):
        stack = spectra.read(write(tmp_path, "a.xye", rows))
    np.testing.assert_array_equal(stack.errors[0], 90.0 + np.arange(6))


def test_numbers_of_rows_are_no_positions(tmp_path):
    rows = "\n".join(f"{i},{10 + 0.02 * i:.2f},{100 + i}" for i in range(6))
    with pytest.raises(ReaderError, match="line 1: the first column is 'Index', of 3"):
        spectra.read(write(tmp_path, "a.csv", f"Index,2theta,Intensity\n{rows}\n"))


def test_thousands_separators(tmp_path):
    rows = "\n".join(f"{10 + 0.02 * i:.2f}\t{998 + i:,}" for i in range(6))
    stack = spectra.read(write(tmp_path, "a.txt", rows))
    assert stack.signal[0].tolist() == [998 + i for i in range(6)]
    assert stack.errors is None
    whole = "\n".join(f"{10 + i} {1998 + i:,}" for i in range(6))
    with pytest.raises(ReaderError, match=r"line 1: '10 1,998'.*without commas for thousands"):
        spectra.read(write(tmp_path, "b.txt", whole))


def lines_ended_by(end, data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", end)


DRESSES = {
    "old line ends": lambda data: lines_ended_by(b"\r", data),
    "line ends of Windows": lambda data: lines_ended_by(b"\r\n", data),
    "a mark of UTF-8": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode("utf-8").encode("utf-16"),
    "no last line end": lambda data: data.rstrip(),
}
TEXTS = (".ras", ".chi", ".csv", ".xdi", ".xmu", ".9809", ".ssrl", ".bwtek.txt", ".uxd", ".jdx")
TEXTS += (".labspec.txt", ".jasco.txt", ".witec.txt", ".wire.txt", ".vms", ".npl", ".xy", ".ses")
TEXTS += (".avg", ".casa", ".rows", ".be", ".spec")


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.filterwarnings("ignore::spectra.errors.DataWarning")
def test_text_is_the_same_in_another_dress(tmp_path, suffix, dress):
    data = SAMPLES[suffix]()
    stacks = []
    for name, content in (("plain", data), ("dressed", DRESSES[dress](data))):
        path = write(tmp_path, f"a{suffix}", content)
        try:
            stacks.append({"": spectra.read(path)})
        except ReaderError:
            assert name == "plain" or len(stacks[0]) > 1
            stacks.append(spectra.read_regions(path))
    plain, dressed = stacks
    assert list(plain) == list(dressed)
    for one, other in zip(plain.values(), dressed.values(), strict=True):
        assert (one.axis.name, one.noise, one.quantity) == (
            other.axis.name,
            other.noise,
            other.quantity,
        )
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.signal, other.signal)
        assert one.metadata == other.metadata
        assert set(one.variables) == set(other.variables)


def test_jcamp_in_old_line_ends_and_without_the_last_bracket(tmp_path):
    data = lines_ended_by(b"\r", SAMPLES[".jdx"]()).replace(b"(Y..Y))", b"(Y..Y)")
    stack = spectra.read(write(tmp_path, "a.jdx", data))
    np.testing.assert_array_equal(
        stack.signal, spectra.read(write(tmp_path, "b.jdx", SAMPLES[".jdx"]())).signal
    )


def test_a_table_of_peaks_of_jcamp_says_so(tmp_path):
    data = (
        b"##TITLE=glass\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##DATA CLASS=PEAK TABLE\n"
        b"##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n##NPOINTS=3\n##PEAK TABLE=(XY..XY)\n"
        b"450,10 800,4\n1100,6\n##END=\n"
    )
    with pytest.warns(DataWarning, match="a table of peaks: nothing is known between them"):
        stack = spectra.read(write(tmp_path, "a.jdx", data))
    assert stack.x.tolist() == [450, 800, 1100]


def test_decimal_commas_in_columns_of_absorption_and_of_electrons(tmp_path):
    rows = "\n".join(f"{5400.5 + i} {3.5 + i} {1.25 + i}" for i in range(6)).replace(".", ",")
    stack = spectra.read(write(tmp_path, "a.dat", f"# energy   i0  i1\n{rows}\n"))
    np.testing.assert_allclose(
        stack.signal[0], [np.log((3.5 + i) / (1.25 + i)) for i in range(6)], rtol=1e-12
    )
    plain = electron_columns()
    point = spectra.read(write(tmp_path, "p.txt", plain))
    comma = spectra.read(write(tmp_path, "p.txt", plain.replace(b".", b",")))
    np.testing.assert_array_equal(point.signal, comma.signal)
    assert point.metadata["photon_energy"] == comma.metadata["photon_energy"]


def test_an_empty_line_within_a_table_of_casaxps_loses_nothing(tmp_path):
    lines = casaxps().split(b"\n")
    whole = spectra.read_regions(write(tmp_path, "a.txt", b"\n".join(lines)))
    at = len(lines) - 10
    parted = spectra.read_regions(
        write(tmp_path, "a.txt", b"\n".join([*lines[:at], b"", *lines[at:]]))
    )
    for name, stack in whole.items():
        np.testing.assert_array_equal(stack.signal, parted[name].signal)


def test_a_line_too_many_in_vamas_is_refused(tmp_path):
    from electron_samples import vamas_irregular

    lines = vamas_irregular().splitlines()
    data = b"\n".join([*lines[:-5], lines[-5], *lines[-5:]])
    with pytest.raises(ReaderError, match="numbers are left behind the last block"):
        spectra.read(write(tmp_path, "a.vms", data))


def test_repeated_positions_in_ras_are_refused_where_they_stand(tmp_path):
    lines = ras().split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b"20.1000"))
    data = b"\n".join([*lines[:at], *lines[at : at + 1], *lines[at:]])
    with pytest.raises(ReaderError, match=rf"line {at + 2}: position 20.1 follows 20.1"):
        spectra.read(write(tmp_path, "a.ras", data))
