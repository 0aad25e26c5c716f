"""The pseudo-Voigt of Thompson, Cox and Hastings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import voigt_profile
from slopes import assert_slope

from spectra.fit.lineshapes import get_profile
from spectra.xrd.profile.tch import BASIS, OUTPUTS, TchLines, tch

_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))
WIDTHS = [(0.1, 0.0), (0.0, 0.1), (0.08, 0.03), (0.02, 0.09), (1e-4, 0.05), (0.05, 1e-7)]


def _voigt(x, gamma_g, gamma_l):
    return voigt_profile(x, gamma_g * _SIGMA, 0.5 * gamma_l)


@pytest.mark.parametrize(("gamma_g", "gamma_l"), WIDTHS)
def test_area_is_one(gamma_g, gamma_l):
    width = float(TchLines.of(gamma_g, gamma_l).fwhm)
    inside = quad(
        lambda x: float(tch(np.array([x]), gamma_g, gamma_l)[0][0]),
        *(0.0, 20.0 * width),
        **{"epsabs": 1e-12, "limit": 400},
    )[0]
    # Beyond, only the Lorentzian part is left.
    eta = float(TchLines.of(gamma_g, gamma_l).eta)
    outside = eta * (0.5 - np.arctan(40.0) / np.pi)
    assert 2.0 * (inside + outside) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize(("gamma_g", "gamma_l"), WIDTHS)
def test_derivatives(gamma_g, gamma_l):
    x = np.linspace(-0.4, 0.4, 41)
    _, by_delta, by_g, by_l = tch(x, gamma_g, gamma_l)
    # The step must not take a width of zero below it.
    assert_slope(by_delta, lambda h: tch(x + h, gamma_g, gamma_l)[0], 1e-3 * (gamma_g + gamma_l))
    if gamma_g > 1e-3:
        assert_slope(by_g, lambda h: tch(x, gamma_g + h, gamma_l)[0], 1e-2 * gamma_g)
    if gamma_l > 1e-3:
        assert_slope(by_l, lambda h: tch(x, gamma_g, gamma_l + h)[0], 1e-2 * gamma_l)


def test_derivative_by_a_width_of_zero_is_the_right_hand_one():
    x = np.linspace(-0.4, 0.4, 41)
    for gammas, index in (((0.1, 0.0), 3), ((0.0, 0.1), 2)):
        exact = tch(x, *gammas)[index]
        values = []
        for h in (2e-6, 1e-6):
            moved = [g + h * (i == index - 2) for i, g in enumerate(gammas)]
            values.append((tch(x, *moved)[0] - tch(x, *gammas)[0]) / h)
        right = 2.0 * values[1] - values[0]
        np.testing.assert_allclose(exact, right, atol=2e-7 * np.abs(right).max())


def test_no_width_at_all_gives_numbers():
    out = np.array(tch(np.linspace(-1, 1, 11), 0.0, 0.0))
    assert np.isfinite(out).all()


@pytest.mark.parametrize("ratio", np.linspace(0.0, 1.0, 11))
def test_near_the_voigt(ratio):
    """Heights within 1 % and widths within 0.5 % for every ratio of the parts."""
    gamma_g, gamma_l = 0.1 * (1.0 - ratio), 0.1 * ratio
    if gamma_g == 0.0:
        gamma_g = 1e-9
    height = _voigt(0.0, gamma_g, gamma_l)
    assert tch(np.array([0.0]), gamma_g, gamma_l)[0][0] == pytest.approx(height, rel=0.01)
    half = brentq(lambda x: _voigt(x, gamma_g, gamma_l) - 0.5 * height, 1e-6, 0.2, xtol=1e-14)
    assert float(TchLines.of(gamma_g, gamma_l).fwhm) == pytest.approx(2.0 * half, rel=5e-3)


def test_agrees_with_the_profile_of_peak_fits():
    x = np.linspace(-1.0, 1.0, 101)
    value, gradient = get_profile("tch").value_and_gradient(x, 0.0, 0.07, 0.05)
    got = tch(x, 0.07, 0.05)
    np.testing.assert_allclose(got[0], value, rtol=1e-12)
    np.testing.assert_allclose(got[1], -gradient[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got[2], gradient[1], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(got[3], gradient[2], rtol=1e-9, atol=1e-10)


def test_rows_do_not_hang_on_their_neighbours():
    rng = np.random.default_rng(1)
    delta = rng.normal(0.0, 0.2, (30, 40, 60))
    gamma_g, gamma_l = rng.uniform(0.02, 0.1, (2, 30, 40))
    whole = TchLines.of(gamma_g, gamma_l).evaluate(delta)
    part = TchLines.of(gamma_g[7:9], gamma_l[7:9]).evaluate(delta[7:9])
    assert (whole[7:9] == part).all()


def test_basis_and_mixing_make_the_outputs():
    rng = np.random.default_rng(2)
    lines = TchLines.of(rng.uniform(0.02, 0.1, 5), rng.uniform(0.0, 0.1, 5))
    delta = rng.normal(0.0, 0.2, (5, 30))
    basis = np.empty((BASIS, 5, 30))
    lines.fill_basis(delta, basis)
    mixed = np.matmul(lines.mixing, np.moveaxis(basis, 0, 1))
    np.testing.assert_array_equal(mixed, lines.evaluate(delta))


def test_writes_where_it_is_told():
    lines = TchLines.of(np.full(3, 0.1), 0.02)
    delta = np.linspace(-1, 1, 20) * np.ones((3, 1))
    plain = lines.evaluate(delta)
    for out in (np.empty((3, OUTPUTS, 20)), np.empty((3, OUTPUTS, 40))[..., ::2]):
        assert lines.evaluate(delta, out) is out
        np.testing.assert_array_equal(out, plain)
