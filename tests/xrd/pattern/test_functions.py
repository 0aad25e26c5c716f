"""Smooth functions: derivatives, integrals and first guesses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from spectra.xrd.pattern.function_names import make_function
from spectra.xrd.pattern.subject import Subject
from spectra.xrd.pattern.vibrations import heat, motion

T = np.linspace(10.0, 900.0, 60)
LENGTH = Subject("CuO.a", "angstrom", "temperature", "K")
SQUARE = Subject("CuO.O1.u_iso", "angstrom^2", "temperature", "K")
CASES = [
    ("constant", LENGTH, [4.0]),
    ("polynomial 3", LENGTH, [4.0, 1e-4, 2e-7, -3e-10]),
    ("spline 5", LENGTH, [4.0, 4.01, 4.03, 4.02, 4.05, 4.06, 4.07]),
    ("einstein", LENGTH, [4.0, 1.2e-5, 350.0]),
    ("debye", LENGTH, [4.0, 1.2e-5, 420.0]),
    ("einstein", SQUARE, [0.001, 1.5e-5, 350.0]),
    ("debye", SQUARE, [0.001, 1.5e-5, 420.0]),
    ("sigmoid", LENGTH, [4.0, 4.1, 300.0, 25.0]),
]


@pytest.mark.parametrize(("text", "subject", "beta"), CASES)
def test_derivatives_are_those_of_the_values(text, subject, beta):
    function = make_function(text, subject, T)
    beta = np.array(beta)
    slopes = function.evaluate(T, beta)[1]
    for k, step in enumerate(np.diag(1e-5 * np.abs(beta))):
        ahead, behind = function.evaluate(T, beta + step)[0], function.evaluate(T, beta - step)[0]
        numeric = (ahead - behind) / (2.0 * step[k])
        np.testing.assert_allclose(slopes[:, k], numeric, atol=2e-6 * np.abs(numeric).max())


@pytest.mark.parametrize(("text", "subject", "beta"), CASES)
def test_the_guess_finds_the_coefficients_of_exact_values(text, subject, beta):
    function = make_function(text, subject, T)
    y = function.evaluate(T, np.array(beta))[0]
    found = function.guess(T, y, np.full(T.size, 1e10))
    np.testing.assert_allclose(found, beta, rtol=1e-5)


def test_integrals_of_debye():
    temperature, theta = np.array([3.0, 40.0, 99.0, 101.0, 900.0]), 400.0
    values = heat(temperature, theta, "debye")[0]
    squares = motion(temperature, theta, "debye")[0]
    for t, value, square in zip(temperature, values, squares, strict=True):
        x = theta / t
        third = quad(lambda s: s**3 / np.expm1(s), 0.0, x, epsabs=0, epsrel=1e-12)[0]
        first = quad(lambda s: s / np.expm1(s), 0.0, x, epsabs=0, epsrel=1e-12)[0]
        assert value == pytest.approx(3.0 * t / x**3 * third, rel=1e-11)
        assert square == pytest.approx(t * (first / x + x / 4.0), rel=1e-11)


@pytest.mark.parametrize("kind", ["einstein", "debye"])
def test_vibrations_are_classical_when_hot_and_stand_still_when_cold(kind):
    hot, cold = np.array([1e5]), np.array([0.5])
    assert heat(hot, 300.0, kind)[0][0] == pytest.approx(1e5, rel=5e-3)
    assert motion(hot, 300.0, kind)[0][0] == pytest.approx(1e5, rel=1e-5)
    assert heat(cold, 300.0, kind)[0][0] == pytest.approx(0.0, abs=1e-5)
    zero_point = 150.0 if kind == "einstein" else 75.0
    assert motion(cold, 300.0, kind)[0][0] == pytest.approx(zero_point, rel=1e-4)


def test_celsius_and_kelvin_give_the_same():
    celsius = Subject("CuO.a", "angstrom", "temperature", "degC")
    beta = np.array([4.0, 1e-5, 300.0])
    kelvin = make_function("debye", LENGTH, T).evaluate(T, beta)[0]
    np.testing.assert_array_equal(
        make_function("debye", celsius, T - 273.15).evaluate(T - 273.15, beta)[0],
        make_function("debye", LENGTH, T).evaluate((T - 273.15) + 273.15, beta)[0],
    )
    assert np.isfinite(kelvin).all()


def test_a_value_hangs_on_its_own_temperature_only():
    for text, subject, beta in CASES:
        function = make_function(text, subject, T)
        whole = function.evaluate(T, np.array(beta))
        for i in (0, 17, 59):
            one = function.evaluate(T[i : i + 1], np.array(beta))
            assert whole[0][i] == one[0][0]
            np.testing.assert_array_equal(whole[1][i], one[1][0])
