"""Columns of numbers as single programs write them."""

from __future__ import annotations

import numpy as np
import pytest
from samples import COUNTS, TWO_THETA, chi

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
