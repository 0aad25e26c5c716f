"""Factors on the intensity."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from laue_classes import laue_rotations
from slopes import assert_slope

from spectra.xrd.profile.intensity import (
    CapillaryAbsorption,
    LorentzFactor,
    PitschkeRoughness,
    PlateAbsorption,
    Polarisation,
    SuorttiRoughness,
    product,
)
from spectra.xrd.profile.texture import HarmonicTexture, MarchDollase

ANGLES = np.array([[12.0, 35.0, 64.0, 100.0, 140.0], [9.0, 33.0, 88.0, 120.0, 165.0]])
HKL = np.array([[1, 0, 0], [0, 0, 2], [1, 1, 0], [2, 1, 3], [1, -2, 4]])
HEXAGONAL = (4.0, 4.0, 6.0, 90.0, 90.0, 120.0)
ROTATIONS = laue_rotations("P 6/m m m")

CASES = [
    (LorentzFactor(), []),
    (Polarisation(), [0.4]),
    (Polarisation(monochromator=26.6), [0.6]),
    (CapillaryAbsorption(), [0.8]),
    (CapillaryAbsorption(), [2.5]),
    (CapillaryAbsorption(), [5.0]),
    (PlateAbsorption(), [0.3]),
    (SuorttiRoughness(), [0.6, 0.2]),
    (PitschkeRoughness(), [0.2, 0.05]),
    (MarchDollase.of(HKL, [0, 0, 1], HEXAGONAL, ROTATIONS), [0.7]),
    (HarmonicTexture.of(HKL, HEXAGONAL, ROTATIONS, 6), [0.1, -0.2, 0.05, 0.1]),
]


@pytest.mark.parametrize(("term", "values"), CASES)
def test_derivatives(term, values):
    numbers = np.array([values, np.array(values) * 1.1]).reshape(2, -1)
    assert numbers.shape[1] == len(term.names)
    got = term.evaluate(numbers, ANGLES)
    assert got.value.shape == ANGLES.shape
    for i in range(len(values)):
        unit = np.zeros(len(values))
        unit[i] = 1.0
        step = 0.02 * abs(values[i])
        assert_slope(
            got.by_values[..., i],
            lambda e, u=unit: term.evaluate(numbers + e * u, ANGLES).value,
            step,
        )
    assert_slope(got.by_two_theta, lambda e: term.evaluate(numbers, ANGLES + e).value, 0.1)


def test_product_and_its_derivatives():
    terms = [term for term, _ in CASES[:3]] + [CASES[7][0]]
    values = [np.array([v, v]).reshape(2, -1) for _, v in (*CASES[:3], CASES[7])]
    got = product(terms, values, ANGLES)
    expected = np.prod(
        [t.evaluate(v, ANGLES).value for t, v in zip(terms, values, strict=True)], axis=0
    )
    np.testing.assert_allclose(got.value, expected, rtol=1e-14)
    column = 0
    for k, numbers in enumerate(values):
        for i in range(numbers.shape[1]):

            def moved(e, k=k, i=i):
                changed = [v.copy() for v in values]
                changed[k][:, i] += e
                return product(terms, changed, ANGLES).value

            assert_slope(got.by_values[..., column], moved, 0.02 * numbers[0, i])
            column += 1
    assert_slope(got.by_two_theta, lambda e: product(terms, values, ANGLES + e).value, 0.1)


def test_rows_do_not_hang_on_their_neighbours():
    terms = [term for term, _ in CASES]
    values = [np.outer(np.linspace(0.9, 1.1, 9), v) for _, v in CASES]
    angles = ANGLES[:1] * np.linspace(0.9, 1.1, 9)[:, None]
    whole = product(terms, values, angles)
    part = product(terms, [v[4:5] for v in values], angles[4:5])
    for field in dataclasses.fields(part):
        assert (getattr(whole, field.name)[4:5] == getattr(part, field.name)).all()


def test_lorentz_and_polarisation_of_a_tube():
    """(1 + cos²2θ)/(sin²θ·cosθ) but for a factor."""
    value = product(
        (LorentzFactor(), Polarisation()), [np.empty((2, 0)), np.full((2, 1), 0.5)], ANGLES
    ).value
    theta = np.radians(ANGLES / 2.0)
    expected = (1.0 + np.cos(2.0 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    np.testing.assert_allclose(2.0 * value, expected, rtol=1e-13)


def test_conversions_of_the_polarisation():
    """FullProf: 1 − K + K·Cthm·cos²2θ; GSAS with IPOLA = 1: 1 + POLA·cos²2θ."""
    c2 = np.cos(np.radians(ANGLES)) ** 2
    k, cthm = 0.3, np.cos(np.radians(26.6)) ** 2
    got = Polarisation(monochromator=26.6).evaluate(np.full((2, 1), 1.0 - k), ANGLES).value
    ours = (1.0 - k + k * cthm * c2) / (1.0 - k + k * cthm)
    np.testing.assert_allclose(got, ours, rtol=1e-13)
    got = Polarisation().evaluate(np.full((2, 1), 1.0 / 1.8), ANGLES).value
    np.testing.assert_allclose(got, (1.0 + 0.8 * c2) / 1.8, rtol=1e-13)
    assert (Polarisation().evaluate(np.ones((2, 1)), ANGLES).value == 1.0).all()


def _cylinder(mu_r, two_theta, count=700):
    """Mean of exp(−μ·path) over the cross-section of a cylinder, beam along +x."""
    grid = (np.arange(count) + 0.5) / count * 2.0 - 1.0
    x, y = np.meshgrid(grid, grid)
    inside = x**2 + y**2 < 1.0
    x, y = x[inside], y[inside]
    angle = np.radians(two_theta)

    def way_out(dx, dy):
        along = x * dx + y * dy
        return -along + np.sqrt(along**2 + 1.0 - x**2 - y**2)

    path = way_out(-1.0, 0.0) + way_out(np.cos(angle), np.sin(angle))
    return np.exp(-mu_r * path).mean()


@pytest.mark.parametrize("mu_r", [0.1, 0.5, 1.0, 2.0, 3.0])
def test_capillary_against_the_integral(mu_r):
    for two_theta in (1.0, 30.0, 90.0, 150.0):
        got = CapillaryAbsorption().evaluate(np.array([[mu_r]]), np.array([[two_theta]])).value
        assert got[0, 0] == pytest.approx(_cylinder(mu_r, two_theta), rel=0.013)


@pytest.mark.parametrize("mu_r", [4.0, 8.0])
def test_thick_capillary_against_the_integral(mu_r):
    for two_theta in (20.0, 60.0, 120.0):
        got = CapillaryAbsorption().evaluate(np.array([[mu_r]]), np.array([[two_theta]])).value
        assert got[0, 0] == pytest.approx(_cylinder(mu_r, two_theta, 1500), rel=0.03)


def test_no_absorption_is_one():
    assert (CapillaryAbsorption().evaluate(np.zeros((2, 1)), ANGLES).value == 1.0).all()


def test_a_thick_plate_is_one():
    got = PlateAbsorption().evaluate(np.full((2, 1), 50.0), ANGLES).value
    np.testing.assert_allclose(got, 1.0, rtol=1e-12)


def test_thin_plate_by_hand():
    """2μt/sinθ where that is small."""
    got = PlateAbsorption().evaluate(np.full((2, 1), 1e-7), ANGLES).value
    np.testing.assert_allclose(got, 2e-7 / np.sin(np.radians(ANGLES / 2.0)), rtol=1e-5)


@pytest.mark.parametrize("term", [SuorttiRoughness(), PitschkeRoughness()])
def test_roughness_takes_from_low_angles(term):
    values = np.array([[0.3, 0.1]])
    value = term.evaluate(values, np.array([[20.0, 60.0, 120.0, 180.0]])).value[0]
    assert value[-1] == pytest.approx(1.0)
    assert (np.diff(value) > 0).all()
