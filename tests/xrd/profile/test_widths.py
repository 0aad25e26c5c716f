"""Widths of lines and what they say of the sample."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from laue_classes import laue_rotations
from slopes import assert_slope

from spectra.errors import SettingError
from spectra.symmetry import reflection_images
from spectra.xrd.lattice import d_spacing
from spectra.xrd.profile.stephens import StephensStrain, free_strains
from spectra.xrd.profile.widths import (
    CAGLIOTI,
    LORENTZ,
    SIZE,
    SIZE_GAUSS,
    STRAIN,
    STRAIN_GAUSS,
    UniaxialSize,
    cosine_to_axis,
    crystallite_size,
    line_widths,
    microstrain,
)

HKL = np.array([[1, 0, 0], [0, 0, 2], [1, 1, 0], [2, 1, 3], [1, -2, 4], [3, 3, 1]])
HEXAGONAL = (4.0, 4.0, 6.0, 90.0, 90.0, 120.0)
WAVELENGTH = 0.8
ROTATIONS = laue_rotations("P 6/m m m")
STEPHENS = StephensStrain.of(HKL, ROTATIONS, HEXAGONAL)
UNIAXIAL = UniaxialSize(cosine_to_axis(HKL, [0, 0, 1], HEXAGONAL) ** 2)
TERMS = (CAGLIOTI, LORENTZ, SIZE, SIZE_GAUSS, STRAIN, STRAIN_GAUSS, UNIAXIAL, STEPHENS)
# Laue classes in Stephens' table 1, with the numbers of independent terms.
CLASSES = {
    "P -1": 15,
    "P 1 2/m 1": 9,
    "P m m m": 6,
    "P 4/m": 5,
    "P 4/m m m": 4,
    "P -3": 5,
    "P -3 m 1": 4,
    "P -3 1 m": 4,
    "R -3 m:H": 4,
    "R -3 m:R": 4,
    "P 6/m": 3,
    "P 6/m m m": 3,
    "P m -3": 2,
    "P m -3 m": 2,
}


def _angles(rows=2):
    d = d_spacing(HKL, HEXAGONAL)
    angles = np.degrees(2.0 * np.arcsin(WAVELENGTH / (2.0 * d)))
    return angles * np.linspace(1.0, 1.3, rows)[:, None]


def _values(term, rows=2):
    rng = np.random.default_rng(4)
    start = np.where(term.start == 0.0, 1e-3, term.start)
    values = start * rng.uniform(0.7, 1.3, (rows, len(start)))
    # The Lorentzian share away from its bound.
    return np.where(np.array(term.names) == "stephens_eta", 0.7, values)


@pytest.mark.parametrize("term", TERMS, ids=lambda t: t.names[0])
def test_derivatives_of_each_term(term):
    values, angles = _values(term), _angles()
    got = term.evaluate(values, angles, WAVELENGTH)
    for part in ("gauss2", "lorentz"):
        for i in range(len(term.names)):
            unit = np.zeros(len(term.names))
            unit[i] = 1.0

            def moved(e, unit=unit, part=part):
                return getattr(term.evaluate(values + e * unit, angles, WAVELENGTH), part)

            exact = getattr(got, f"{part}_by_values")[..., i]
            assert_slope(exact, moved, 0.02 * np.abs(values[:, i]).min())

        def turned(e, part=part):
            return getattr(term.evaluate(values, angles + e, WAVELENGTH), part)

        assert_slope(getattr(got, f"{part}_by_two_theta"), turned, 0.1)


def test_derivatives_of_the_sum():
    values, angles = [_values(t) for t in TERMS], _angles()
    natural = 5e-4
    got = line_widths(TERMS, values, angles, WAVELENGTH, natural)
    assert not got.floored.any()
    column = 0
    for k, term in enumerate(TERMS):
        for i in range(len(term.names)):

            def moved(e, k=k, i=i):
                changed = [v.copy() for v in values]
                changed[k][:, i] += e
                out = line_widths(TERMS, changed, angles, WAVELENGTH, natural)
                return np.stack([out.gamma_g, out.gamma_l])

            exact = np.stack(
                [got.gamma_g_by_values[..., column], got.gamma_l_by_values[..., column]]
            )
            assert_slope(exact, moved, 0.02 * np.abs(values[k][:, i]).min())
            column += 1
    assert column == got.gamma_g_by_values.shape[-1]

    def turned(e):
        out = line_widths(TERMS, values, angles + e, WAVELENGTH, natural)
        return np.stack([out.gamma_g, out.gamma_l])

    assert_slope(np.stack([got.gamma_g_by_two_theta, got.gamma_l_by_two_theta]), turned, 0.1)


def test_rows_do_not_hang_on_their_neighbours():
    values, angles = [_values(t, 9) for t in TERMS], _angles(9)
    whole = line_widths(TERMS, values, angles, WAVELENGTH)
    part = line_widths(TERMS, [v[4:5] for v in values], angles[4:5], WAVELENGTH)
    for field in dataclasses.fields(part):
        assert (getattr(whole, field.name)[4:5] == getattr(part, field.name)).all()


def test_caglioti_by_hand():
    two_theta = np.array([[90.0]])
    got = line_widths(
        (CAGLIOTI, LORENTZ),
        [np.array([[0.04, -0.02, 0.01, 0.005]]), np.array([[0.1, 0.2, 0.3]])],
        *(two_theta, WAVELENGTH),
    )
    assert got.gamma_g[0, 0] == pytest.approx(np.sqrt(0.04 - 0.02 + 0.01 + 0.01))
    assert got.gamma_l[0, 0] == pytest.approx(0.1 * np.sqrt(2.0) + 0.2 + 0.3)


def test_width_of_the_emission_line():
    """Bragg's law turns Δλ into 2·tanθ·Δλ/λ."""
    two_theta, narrow = np.array([[70.0]]), [np.zeros((1, 4)), np.zeros((1, 3))]
    got = line_widths((CAGLIOTI, LORENTZ), narrow, two_theta, 1.54, natural=1e-5)
    moved = [2.0 * np.arcsin(np.sin(np.radians(35.0)) * (1.54 + s) / 1.54) for s in (5e-6, -5e-6)]
    assert got.gamma_l[0, 0] == pytest.approx(np.degrees(moved[0] - moved[1]), rel=1e-6)


def test_negative_widths_are_held_with_no_derivatives():
    values = [np.array([[0.0, -0.1, 0.01, 0.0]]), np.array([[0.0, -0.1, 0.01]])]
    angles = np.array([[5.0, 60.0]])
    got = line_widths((CAGLIOTI, LORENTZ), values, angles, WAVELENGTH, floor=1e-3)
    assert got.floored.tolist() == [[False, True]]
    assert got.gamma_g[0, 1] == 1e-3
    assert got.gamma_l[0, 1] == 0.0
    assert (got.gamma_g_by_values[0, 1] == 0).all()
    assert (got.gamma_l_by_values[0, 1] == 0).all()
    assert got.gamma_g_by_two_theta[0, 1] == got.gamma_l_by_two_theta[0, 1] == 0.0


def test_no_terms_are_refused():
    with pytest.raises(SettingError, match="CAGLIOTI"):
        line_widths((), [], np.array([[20.0]]), 1.0)


@pytest.mark.parametrize("symbol", CLASSES)
def test_stephens_terms_of_each_class(symbol):
    names, combination = free_strains(laue_rotations(symbol))
    assert len(names) == CLASSES[symbol]
    assert combination.shape == (CLASSES[symbol], 15)


def test_stephens_names_of_the_table():
    def of(symbol):
        return free_strains(laue_rotations(symbol))[0]

    assert of("P m m m") == ("s400", "s040", "s004", "s220", "s202", "s022")
    assert of("P 4/m m m") == ("s400", "s004", "s220", "s202")
    assert of("P 6/m m m") == ("s400", "s004", "s202")
    assert of("P m -3 m") == ("s400", "s220")


def test_stephens_hexagonal_by_hand():
    """S400(h⁴ + k⁴ + 2h³k + 2hk³ + 3h²k²) + 3·S202(h² + k² + hk)l² + S004·l⁴."""
    term = StephensStrain.of(HKL, ROTATIONS, HEXAGONAL)
    h, k, m = HKL.T
    base = h * h + k * k + h * k
    np.testing.assert_allclose(term.polynomials[:, 0], base**2)
    np.testing.assert_allclose(term.polynomials[:, 1], m**4)
    np.testing.assert_allclose(term.polynomials[:, 2], 3.0 * base * m**2)


def test_stephens_cubic_by_hand():
    """S400(h⁴ + k⁴ + l⁴) + 3·S220(h²k² + …)."""
    term = StephensStrain.of(HKL, laue_rotations("P m -3 m"), (4, 4, 4, 90, 90, 90))
    squares = HKL**2
    np.testing.assert_allclose(term.polynomials[:, 0], (squares**2).sum(axis=1))
    mixed = (squares * np.roll(squares, 1, axis=1)).sum(axis=1)
    np.testing.assert_allclose(term.polynomials[:, 1], 3.0 * mixed)


@pytest.mark.parametrize("symbol", CLASSES)
def test_stephens_is_the_same_for_equivalent_reflections(symbol):
    rotations = laue_rotations(symbol)
    family = reflection_images(HKL, rotations)
    cell = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0)
    one = StephensStrain.of(HKL, rotations, cell).polynomials
    all_of_them = StephensStrain.of(family.reshape(-1, 3), rotations, cell).polynomials
    all_of_them = all_of_them.reshape(*family.shape[:2], -1)
    np.testing.assert_allclose(
        all_of_them, np.broadcast_to(one[:, None], all_of_them.shape), atol=1e-9
    )


def test_stephens_starts_isotropic():
    """Γ = 2·(180/π)·(Δd/d)·tanθ for all lines, Δd/d a full width."""
    term = StephensStrain.of(HKL, ROTATIONS, HEXAGONAL, strain=2e-3)
    got = term.evaluate(term.start[None], _angles(1), WAVELENGTH)
    expected = np.degrees(2.0 * 2e-3) * np.tan(np.radians(_angles(1) / 2.0))
    np.testing.assert_allclose(got.lorentz, expected, rtol=1e-9)
    assert (got.gauss2 == 0).all()


def test_stephens_of_an_impossible_variance_is_zero():
    values = np.array([[-1.0, -1.0, -1.0, 0.5]])
    got = STEPHENS.evaluate(values, _angles(1), WAVELENGTH)
    assert (got.lorentz == 0).all()
    assert (got.lorentz_by_values == 0).all()


def test_uniaxial_size_lies_between_its_ends():
    values = np.array([[0.1, 0.02]])
    got = UNIAXIAL.evaluate(values, _angles(1), WAVELENGTH)
    secant = 1.0 / np.cos(np.radians(_angles(1) / 2.0))
    np.testing.assert_allclose(got.lorentz[0, 1], 0.1 * secant[0, 1])
    np.testing.assert_allclose(got.lorentz[0, 0], 0.02 * secant[0, 0])
    assert (got.lorentz / secant <= 0.1 + 1e-12).all()
    assert (got.lorentz / secant >= 0.02 - 1e-12).all()


def test_equal_uniaxial_sizes_are_isotropic():
    one = UNIAXIAL.evaluate(np.array([[0.05, 0.05]]), _angles(1), WAVELENGTH)
    other = SIZE.evaluate(np.array([[0.05]]), _angles(1), WAVELENGTH)
    np.testing.assert_allclose(one.lorentz, other.lorentz, rtol=1e-13)


def test_uniaxial_size_at_zero_gives_numbers():
    got = UNIAXIAL.evaluate(np.zeros((1, 2)), _angles(1), WAVELENGTH)
    assert np.isfinite(got.lorentz_by_values).all()


def test_angle_to_an_axis_that_is_no_direction():
    with pytest.raises(SettingError, match="axis"):
        cosine_to_axis(HKL, [0, 0, 0], HEXAGONAL)


def test_angle_to_an_axis_by_hand():
    """In a cubic cell [uvw] and hkl are alike; in a monoclinic one [001] is not along (001)."""
    cosine = cosine_to_axis([[1, 1, 0], [1, 1, 1]], [0, 0, 1], (5, 5, 5, 90, 90, 90))
    np.testing.assert_allclose(cosine, [0.0, 1.0 / np.sqrt(3.0)], atol=1e-15)
    oblique = cosine_to_axis([[0, 0, 1]], [0, 0, 1], (5, 6, 7, 90, 110, 90))
    np.testing.assert_allclose(oblique, np.cos(np.radians(20.0)))


def test_size_and_strain_by_hand():
    """Γ = 0.9·1.54 Å/(100 Å·cosθ) rad; Γ = 4·0.001·tanθ rad."""
    size, _ = crystallite_size(np.degrees(0.9 * 1.54 / 100.0), 1.54)
    assert size == pytest.approx(100.0)
    strain, slope = microstrain(np.degrees(4e-3))
    assert strain == pytest.approx(1e-3)
    assert_slope(slope, lambda e: microstrain(0.2 + e)[0], 1e-2)


def test_derivative_of_the_size():
    width = np.array([0.05, 0.2, 1.0])
    _, by_width = crystallite_size(width, 1.54)
    assert_slope(by_width, lambda e: crystallite_size(width + e, 1.54)[0], 1e-3)
