"""Lines through points with errors in both coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.errors_in_both import fit_line


def test_pearsons_points_with_yorks_weights():
    # The classic example; answers from table I of York et al., Am. J. Phys. 72 (2004) 367.
    x = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
    y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
    wx = np.array([1000.0, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1])
    wy = np.array([1.0, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    line = fit_line(x, y, wx**-0.5, wy**-0.5)
    assert line.intercept == pytest.approx(5.47991022, abs=1e-8)
    assert line.slope == pytest.approx(-0.480533407, abs=1e-9)
    assert line.cov[0, 0] ** 0.5 == pytest.approx(0.2950, abs=1e-3)
    assert line.cov[1, 1] ** 0.5 == pytest.approx(0.0580, abs=1e-4)
    assert line.chi2 / line.dof == pytest.approx(1.4833, abs=1e-4)


def test_errors_in_y_alone_give_weighted_least_squares():
    rng = np.random.default_rng(1)
    x, sigma = np.linspace(-1, 2, 7), rng.uniform(0.1, 0.4, 7)
    y = 1.5 - 0.7 * x + sigma * rng.normal(size=7)
    line = fit_line(x, y, np.zeros(7), sigma)
    coefficients, cov = np.polyfit(x, y, 1, w=1 / sigma, cov="unscaled")
    assert [line.slope, line.intercept] == pytest.approx(coefficients)
    assert line.cov[::-1, ::-1] == pytest.approx(cov)


def test_x_and_y_may_change_places():
    rng = np.random.default_rng(2)
    x = np.arange(6.0) + 0.1 * rng.normal(size=6)
    y = 2.0 + 3.0 * np.arange(6.0) + 0.2 * rng.normal(size=6)
    one = fit_line(x, y, np.full(6, 0.1), np.full(6, 0.2))
    other = fit_line(y, x, np.full(6, 0.2), np.full(6, 0.1))
    assert other.slope == pytest.approx(1 / one.slope)
    assert other.chi2 == pytest.approx(one.chi2)


def test_uncertainties_are_calibrated():
    rng = np.random.default_rng(3)
    true = np.linspace(0.0, 1.0, 6)
    pulls = []
    for _ in range(2000):
        x, y = true + 0.02 * rng.normal(size=6), 1 + 2 * true + 0.05 * rng.normal(size=6)
        line = fit_line(x, y, np.full(6, 0.02), np.full(6, 0.05))
        pulls.append([(line.intercept - 1) / line.cov[0, 0] ** 0.5])
        pulls[-1].append((line.slope - 2) / line.cov[1, 1] ** 0.5)
    assert np.mean(pulls, axis=0) == pytest.approx(0.0, abs=0.07)
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.05)


def test_what_makes_no_line_is_refused():
    one = np.ones(2)
    with pytest.raises(ValueError, match="different x"):
        fit_line(one, one, one, one)
    with pytest.raises(ValueError, match="uncertainty"):
        fit_line(np.arange(2.0), one, 0 * one, 0 * one)
