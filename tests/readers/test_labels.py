"""What positions are: labels and units as programs and people write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spectra
from spectra.errors import DataWarning, ReaderError
from spectra.readers.labels import scale_of_label, scale_of_unit

TABLE = "\n".join(f"{1 + 0.02 * i:.4f} {100 + i % 7}" for i in range(50))
DEGREES = 180 / np.pi


@pytest.mark.parametrize(
    ("label", "axis", "factor"),
    [
        ("Q (nm^-1)", "q", 0.1),
        ("# q_nm^-1   I   sigma", "q", 0.1),
        ("#       q_A^-1             I         sigma", "q", 1.0),
        ("q_m^-1", "q", 1e-10),
        ("Q (Inverse Nanometres)", "q", 0.1),
        ("Q (inverse nanometers)", "q", 0.1),
        ("Q (Inverse Angstroms)", "q", 1.0),
        ("q [1/nm]", "q", 0.1),
        ("q 1/A, I", "q", 1.0),
        ("q / nm^-1", "q", 0.1),
        ("q/Å⁻¹", "q", 1.0),
        ("Q(Ang-1)", "q", 1.0),
        ("# x: q (A^{-1})", "q", 1.0),
        ("# q: 1/nm", "q", 0.1),
        ("q [AA^-1]", "q", 1.0),
        ("q (ångström^-1)", "q", 1.0),
        ("2theta (mrad)", "two_theta", DEGREES / 1000),
        ('#     "unit": "q_nm^-1",', "q", 0.1),
        ("Scattering vector $q$ ($nm^{-1}$)", "q", 0.1),
        ("2-Theta Angle (Degrees)", "two_theta", 1.0),
        ("2-Theta Angle (Radians)", "two_theta", DEGREES),
        ("# 2th_deg I", "two_theta", 1.0),
        ("# 2th_rad I", "two_theta", DEGREES),
        ("2theta\tcounts", "two_theta", 1.0),
        ("2θ (rad)", "two_theta", DEGREES),
        ("tth radiation", "two_theta", 1.0),
        ("two_theta", "two_theta", 1.0),
    ],
)
def test_labels(label, axis, factor):
    scale = scale_of_label(Path("a"), label)
    assert scale is not None
    assert scale.axis == axis
    assert scale.unit == ("deg" if axis == "two_theta" else "1/angstrom")
    assert scale.factor == pytest.approx(factor)
    assert not scale.note


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Sample: 7",
        "# Quality control 3",
        "# Q factor: 12",
        "# Radius (mm): 217.5",
        "# Azimuth (deg) = 0",
        "# 2theta start = 10",
        "# 2theta range (rad): -0.1 to 0.2",
        "# radius = 217.5 mm",
        "# d-spacing of the analyser: 3.1356",
        "# distance 0.1 m",
        "20.02 100",
        "# 2 threads",
    ],
)
def test_other_lines_are_no_labels(line):
    assert scale_of_label(Path("a"), line) is None


@pytest.mark.parametrize(
    "label",
    [
        "Radial Distance (mm)",
        "# r_mm  I",
        "# r_m  I",
        "Radius (mm)",
        "d_A",
        "d (A)",
        "d*2_A^-2",
        "log(q.nm)_None",
        "Azimuth (Degrees)",
        "chi_deg",
        "qx_nm^-1",
        "Q (pixels)",
        "Q (mm^-1)",
        "Q (1/pm)",
    ],
)
def test_positions_that_are_neither_are_refused(label):
    with pytest.raises(ReaderError, match=r"expected .*q"):
        scale_of_label(Path("a"), label, "line 2")


@pytest.mark.parametrize(
    ("unit", "axis", "factor"),
    [("nm^-1", "q", 0.1), ("1/angstrom", "q", 1), ("rad", "two_theta", DEGREES)],
)
def test_units(unit, axis, factor):
    scale = scale_of_unit(unit)
    assert scale is not None
    assert (scale.axis, scale.factor) == (axis, pytest.approx(factor))
    for other in ("mm", "mm^-1", "1/pm", "", "grad"):
        assert scale_of_unit(other) is None


@pytest.mark.parametrize(
    ("header", "axis", "first"),
    [
        ("# q_nm^-1 I\n", "q", 0.1),
        ("# 2th_rad I\n", "two_theta", DEGREES),
        ("# q_nm^-1 in the first step\n# 2th_deg I\n", "two_theta", 1.0),
        ("# q_nm^-1 I\n# 2theta start = 10\n", "q", 0.1),
        ("", "two_theta", 1.0),
    ],
)
def test_text_is_scaled_by_its_label(tmp_path, header, axis, first):
    path = tmp_path / "a.dat"
    path.write_text(header + TABLE)
    stack = spectra.read(path)
    assert stack.axis.name == axis
    assert stack.x[0] == pytest.approx(first)


def test_text_whose_positions_are_not_known(tmp_path):
    path = tmp_path / "a.dat"
    path.write_text("# Q, I\n" + TABLE)
    with pytest.warns(DataWarning, match="unit of q is not stated"):
        assert spectra.read(path).axis.name == "q"
    path.write_text("#{str(dim1_unit):14s}  {'I':14s}\n" + TABLE)
    with pytest.warns(DataWarning, match="does not say what its positions are"):
        assert spectra.read(path).axis.name == "two_theta"
    path.write_text("# r_mm I\n" + TABLE)
    with pytest.raises(ReaderError, match="line 1: positions are"):
        spectra.read(path)
