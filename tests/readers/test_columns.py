"""Columns of numbers as single programs write them."""

from __future__ import annotations

import numpy as np
import pytest
from samples import COUNTS, TWO_THETA, chi, gsas2_csv

import spectra
from spectra.errors import DataWarning, ReaderError


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_fit2d(tmp_path):
    stack = spectra.read(write(tmp_path, "a.chi", chi()))
    np.testing.assert_allclose(stack.x, TWO_THETA)
    np.testing.assert_array_equal(stack.signal[0], COUNTS)
    assert stack.axis.name == "two_theta"


@pytest.mark.parametrize(
    ("label", "axis", "factor"),
    [
        ("Q (Inverse Nanometres)", "q", 0.1),
        ("Q (Inverse Angstroms)", "q", 1.0),
        ("2-Theta Angle (Radians)", "two_theta", 180 / np.pi),
    ],
)
def test_fit2d_scales(tmp_path, label, axis, factor):
    stack = spectra.read(write(tmp_path, "a.chi", chi(label)))
    assert stack.axis.name == axis
    np.testing.assert_allclose(stack.x, factor * TWO_THETA)


def test_fit2d_of_unknown_positions(tmp_path):
    with pytest.warns(DataWarning, match="positions are called 'Columns'"):
        spectra.read(write(tmp_path, "a.chi", chi("Columns")))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (chi(stated=120), "60 points; expected 120, as line 4 states; the file is truncated"),
        (chi()[:-200], "expected 60, as line 4 states; the file is truncated"),
        (chi(stated=30), "60 points; expected 30, .* several patterns"),
        (chi("Radial Distance (mm)"), "line 2: positions are 'Radial Distance"),
        (chi()[:70], "line 5: '2.0000000E"),
        (chi()[:56], "4 lines; expected title"),
        (chi()[:57] + b"# a\n", "no rows below"),
    ],
)
def test_fit2d_is_refused(tmp_path, data, match):
    with pytest.raises(ReaderError, match=match):
        spectra.read(write(tmp_path, "a.chi", data))


def test_chi_with_comments_is_text(tmp_path):
    rows = "".join(f"{x} {y}\n" for x, y in zip(TWO_THETA, COUNTS, strict=True))
    text = "# == pyFAI calibration ==\n# a\n# b\n# q_nm^-1 I\n" + rows
    stack = spectra.read(write(tmp_path, "a.chi", text))
    np.testing.assert_allclose(stack.x, 0.1 * TWO_THETA)


def test_gsas2_qchi(tmp_path):
    stack = spectra.read(write(tmp_path, "a.qchi", chi("Q            0.413263")))
    assert stack.axis.name == "q"
    np.testing.assert_allclose(stack.x, TWO_THETA)
    assert stack.metadata["wavelength"] == 0.413263
    stack = spectra.read(write(tmp_path, "b.qchi", chi("Q            0.000000")))
    assert "wavelength" not in stack.metadata


def test_gsas2_weights_become_uncertainties(tmp_path):
    with pytest.warns(DataWarning, match="3 points without a positive uncertainty"):
        stack = spectra.read(write(tmp_path, "a.csv", gsas2_csv()))
    np.testing.assert_allclose(stack.x, TWO_THETA)
    np.testing.assert_allclose(stack.signal[0], COUNTS)
    assert np.isnan(stack.errors[0, :3]).all()
    np.testing.assert_allclose(stack.errors[0, 3:], 2 * np.sqrt(COUNTS[3:]), rtol=1e-5)
    assert stack.metadata["wavelength"] == 0.413263
    assert stack.variables["temperature"].values[0] == 295.0


def test_gsas2_text(tmp_path):
    rows = "".join(f"{10 + i:12.3f} {50 + i:12.3f} {0.25:12.5f} 1.0 2.0\n" for i in range(9))
    titles = "".join(f"{t:>12s} " for t in ("x", "y_obs", "weight", "y_calc", "y_bkg"))
    stack = spectra.read(write(tmp_path, "a.txt", f"{titles}\n{rows}"))
    assert (stack.errors == 2.0).all()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (gsas2_csv("PNT"), "type 'PNT'; expected one of constant wavelength"),
        (gsas2_csv().replace(b",0,", b",-1,", 1), "line 7: weight -1"),
        (b"x,y_obs,weight\n1,2\n2,3\n3,4\n", "2 columns"),
        (b"x,y_obs,weight\n", "no rows"),
    ],
)
def test_gsas2_is_refused(tmp_path, data, match):
    with pytest.raises(ReaderError, match=match):
        spectra.read(write(tmp_path, "a.csv", data))


@pytest.mark.parametrize("binning", ["SLOG", "CONS"])
def test_time_of_flight_in_gsas_files_is_not_2theta(tmp_path, binning):
    rows = "".join(f"{40000 + 2 * i:.1f} {50.5 + i} 7.1\n" for i in range(20))
    text = f"title\nBANK 1 20 20 {binning} 40000.0 2.0 0 0 FXYE\n{rows}"
    with pytest.raises(ReaderError, match="time-of-flight banks are not read"):
        spectra.read(write(tmp_path, "a.fxye", text))
