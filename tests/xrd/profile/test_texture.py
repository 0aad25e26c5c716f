"""Preferred orientation."""

from __future__ import annotations

import numpy as np
import pytest
from laue_classes import laue_rotations
from scipy.integrate import quad

from spectra.errors import SettingError
from spectra.symmetry import reflection_images
from spectra.xrd.lattice import orthogonalization
from spectra.xrd.profile.texture import HarmonicTexture, MarchDollase

HKL = np.array([[1, 0, 0], [0, 0, 2], [1, 1, 0], [2, 1, 3], [1, -2, 4]])
HEXAGONAL = (4.0, 4.0, 6.0, 90.0, 90.0, 120.0)
CUBIC = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0)
MONOCLINIC = (4.0, 5.0, 6.0, 90.0, 105.0, 90.0)
NONE = np.empty((1, 5))

# Invariant harmonics of order 2, 4 and 6 under each Laue class, counted by hand.
COUNTS = [
    ("P -1", (4.0, 5.0, 6.0, 80.0, 95.0, 103.0), (5, 9, 13)),
    ("P 1 2/m 1", MONOCLINIC, (3, 5, 7)),
    ("P m m m", (4.0, 5.0, 6.0, 90.0, 90.0, 90.0), (2, 3, 4)),
    ("P 4/m", (4.0, 4.0, 6.0, 90.0, 90.0, 90.0), (1, 3, 3)),
    ("P 4/m m m", (4.0, 4.0, 6.0, 90.0, 90.0, 90.0), (1, 2, 2)),
    ("P -3", HEXAGONAL, (1, 3, 5)),
    ("P -3 m 1", HEXAGONAL, (1, 2, 3)),
    ("P 6/m", HEXAGONAL, (1, 1, 3)),
    ("P 6/m m m", HEXAGONAL, (1, 1, 2)),
    ("P m -3", CUBIC, (0, 1, 2)),
    ("P m -3 m", CUBIC, (0, 1, 1)),
]


def _sphere(count):
    i = np.arange(count) + 0.5
    z, azimuth = 1.0 - 2.0 * i / count, np.pi * (1.0 + 5.0**0.5) * i
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1)


@pytest.mark.parametrize("march", [0.2, 0.6, 1.0, 1.7, 4.0])
def test_march_dollase_has_the_mean_one(march):
    """Over all directions of one pole: ∫ P(α)·sinα dα from 0 to π/2."""

    def density(cosine):
        term = MarchDollase(np.array([[cosine**2]]))
        return float(term.evaluate(np.array([[march]]), np.array([[30.0]])).value[0, 0])

    assert quad(density, 0.0, 1.0, epsabs=1e-12)[0] == pytest.approx(1.0, abs=1e-10)


def test_march_dollase_by_hand():
    """(00l) along the axis: r⁻³; (hk0) across it: r^(3/2)."""
    term = MarchDollase.of(HKL, [0, 0, 1], HEXAGONAL, laue_rotations("P 6/m m m"))
    value = term.evaluate(np.array([[0.5]]), NONE).value[0]
    assert value[1] == pytest.approx(8.0)
    assert value[0] == pytest.approx(0.5**1.5)
    np.testing.assert_allclose(term.evaluate(np.array([[1.0]]), NONE).value, 1.0, rtol=1e-14)


def test_march_dollase_is_the_mean_of_the_family():
    """{111} of a cubic cell about [111]: one image along it, three at cos α = 1/3."""
    term = MarchDollase.of([[1, 1, 1]], [1, 1, 1], CUBIC, laue_rotations("P m -3 m"))
    r = 0.7
    value = term.evaluate(np.array([[r]]), NONE).value[0, 0]
    other = (r * r / 9.0 + 8.0 / 9.0 / r) ** -1.5
    assert value == pytest.approx((r**-3 + 3.0 * other) / 4.0)


def test_march_dollase_takes_the_pole_not_the_lattice_direction():
    term = MarchDollase.of([[0, 0, 1]], [0, 0, 1], MONOCLINIC, laue_rotations("P 1 2/m 1"))
    np.testing.assert_allclose(term.cosine2, 1.0)


def test_march_dollase_without_an_axis():
    with pytest.raises(SettingError, match="axis"):
        MarchDollase.of(HKL, [0, 0, 0], HEXAGONAL, laue_rotations("P 6/m m m"))


@pytest.mark.parametrize(("symbol", "cell", "counts"), COUNTS)
def test_number_of_harmonics(symbol, cell, counts):
    labels = HarmonicTexture.of(HKL, cell, laue_rotations(symbol), 6).labels
    got = tuple(sum(n.startswith(f"c{order}_") for n in labels) for order in (2, 4, 6))
    assert got == counts


@pytest.mark.parametrize(("symbol", "cell", "counts"), COUNTS)
def test_harmonics_are_the_same_for_equivalent_reflections(symbol, cell, counts):
    rotations = laue_rotations(symbol)
    family = reflection_images(HKL, rotations)
    one = HarmonicTexture.of(HKL, cell, rotations, 6).functions
    every = HarmonicTexture.of(family.reshape(-1, 3), cell, rotations, 6).functions
    every = every.reshape(*family.shape[:2], -1)
    np.testing.assert_allclose(every, np.broadcast_to(one[:, None], every.shape), atol=1e-10)


@pytest.mark.parametrize(("symbol", "cell", "counts"), COUNTS[:9:2])
def test_harmonics_are_orthonormal_over_the_sphere(symbol, cell, counts):
    directions = _sphere(20000)
    hkl = directions @ orthogonalization(cell)
    functions = HarmonicTexture.of(hkl, cell, laue_rotations(symbol), 6).functions
    means = functions.mean(axis=0)
    products = functions.T @ functions / len(functions)
    np.testing.assert_allclose(means, 0.0, atol=1e-3)
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-2)


def test_harmonic_of_order_two_by_hand():
    """√5·(3cos²α − 1)/2 about the c axis."""
    term = HarmonicTexture.of(HKL, HEXAGONAL, laue_rotations("P 6/m m m"), 2)
    cosine2 = np.array([0.0, 1.0])
    np.testing.assert_allclose(term.functions[:2, 0], np.sqrt(5.0) * (3 * cosine2 - 1) / 2)
    assert (term.evaluate(np.zeros((1, 1)), NONE).value == 1.0).all()


def test_odd_orders_are_refused():
    with pytest.raises(SettingError, match="order 3"):
        HarmonicTexture.of(HKL, HEXAGONAL, laue_rotations("P 6/m m m"), 3)
