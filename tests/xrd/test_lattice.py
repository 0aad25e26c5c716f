"""Lattice geometry against finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.errors import SettingError
from spectra.xrd.aberrations import ABERRATIONS, get_aberrations
from spectra.xrd.lattice import CellConstraint, d_spacing, inverse_d2, orthogonalization, volume

TRICLINIC = np.array([5.1, 6.2, 7.3, 81.0, 96.0, 105.0])
HKL = np.array([[1, 2, 3], [0, 1, -1], [2, 0, 0]])


@pytest.mark.parametrize("k", range(6))
def test_derivatives(k):
    step = np.zeros(6)
    step[k] = 1e-4
    for function in (lambda c: inverse_d2(HKL, c), volume):
        slope = function(TRICLINIC)[1][..., k]
        numeric = (function(TRICLINIC + step)[0] - function(TRICLINIC - step)[0]) / 2e-4
        np.testing.assert_allclose(slope, numeric, rtol=1e-6, atol=1e-12)


def test_closed_forms():
    hexagonal = np.array([4.76, 4.76, 12.99, 90, 90, 120.0])
    h, k, l = HKL[0]  # noqa: E741
    expected = 4 / 3 * (h * h + h * k + k * k) / 4.76**2 + l * l / 12.99**2
    assert inverse_d2(HKL[:1], hexagonal)[0][0] == pytest.approx(expected, rel=1e-14)
    assert volume(hexagonal)[0] == pytest.approx(4.76**2 * 12.99 * np.sqrt(3) / 2, rel=1e-14)
    assert d_spacing([[1, 1, 1]], [4, 4, 4, 90, 90, 90])[0] == pytest.approx(4 / np.sqrt(3))


def test_axes_have_their_lengths_and_angles():
    axes = orthogonalization(TRICLINIC)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=0), TRICLINIC[:3], rtol=1e-14)
    cosine = axes[:, 0] @ axes[:, 1] / (5.1 * 6.2)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(105.0)


@given(st.sampled_from(["cubic", "tetragonal", "hexagonal", "rhombohedral", "monoclinic_b"]))
def test_constraints_go_both_ways(system):
    constraint = CellConstraint.of(system)
    free = np.array([5.0, 90.7, 7.0, 99.0][: len(constraint.names)])
    cell = constraint.cell(free)
    np.testing.assert_allclose(constraint.free(cell), free, rtol=1e-14)


def test_unknown_names_are_answered():
    with pytest.raises(SettingError, match="expected one of cubic"):
        CellConstraint.of("kubisch")
    with pytest.raises(SettingError, match="did you mean 'displacement'"):
        get_aberrations(("displacment",), "bragg_brentano")
    with pytest.raises(SettingError, match="geometry"):
        get_aberrations((), "debye")
    with pytest.raises(SettingError, match="twice"):
        get_aberrations(("zero", "zero"), "transmission")


def test_displacement_shifts_as_the_textbook_says():
    shift = ABERRATIONS["displacement"].shift(np.array([60.0]), 200.0)
    assert shift[0] == pytest.approx(-2 / 200 * np.cos(np.radians(30)) * 180 / np.pi)
