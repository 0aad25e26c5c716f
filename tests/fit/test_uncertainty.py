"""Point uncertainties, scaling by misfit, propagation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import xlogy
from scipy.stats import chi2

from spectra.fit.uncertainty import (
    deviance_scale,
    misfit_scale,
    point_sigma,
    propagate,
    robust_covariance,
)


def test_counts_are_smoothed_and_never_below_one():
    y = np.zeros((1, 50))
    y[0, 20] = 700.0
    sigma = point_sigma(y, None, "counts")
    assert sigma.min() == 1.0
    assert sigma[0, 20] == pytest.approx(10.0)


def test_points_that_were_not_measured_have_no_sigma():
    y = np.array([[1.0, np.nan, 9.0] * 5])
    assert np.isnan(point_sigma(y, None, "counts")[0, 1::3]).all()
    assert np.isnan(point_sigma(y, np.zeros_like(y), "given")).all()


def test_given_errors_are_needed():
    with pytest.raises(ValueError, match="needs errors"):
        point_sigma(np.ones((1, 5)), None, "given")


def test_known_uncertainties_are_scaled_only_where_chi2_is_improbable():
    dof = np.full(3, 50)
    value = np.array([chi2.isf(0.01, 50), chi2.isf(1e-4, 50), 10.0])
    scale = misfit_scale(value, dof, absolute=True)
    np.testing.assert_allclose(scale, [1.0, value[1] / 50, 1.0])


def test_relative_weights_are_always_scaled():
    scale = misfit_scale(np.array([5.0, 5.0]), np.array([10, 0]), absolute=False)
    assert scale[0] == 0.5
    assert np.isnan(scale[1])


def test_propagate_is_the_quadratic_form():
    gradient, cov = np.array([1.0, -2.0]), np.array([[4.0, 1.0], [1.0, 9.0]])
    assert propagate(gradient, cov) == 4 - 4 + 36


@pytest.mark.parametrize("mean", [0.2, 2.0, 500.0])
def test_deviances_of_the_right_model_are_rarely_told(mean):
    n = 400
    expected = np.full((4000, n), mean)
    k = np.random.default_rng(5).poisson(expected).astype(float)
    deviance = 2.0 * (xlogy(k, k / mean) - k + mean).sum(axis=1)
    use, dof = np.ones(k.shape, bool), np.full(len(k), n)
    told = deviance_scale(deviance, expected, use, dof) > 1.0
    # One in a thousand; six in 4000 would be within two of Poisson's standard deviations.
    assert told.mean() < 0.0035
    worse = deviance_scale(1.4 * deviance, expected, use, dof)
    assert (worse > 1.0).mean() > 0.8
    many = deviance_scale(1.4 * deviance, np.full(k.shape, 2e3), use, dof)
    plain = misfit_scale(1.4 * deviance, dof, absolute=True)
    np.testing.assert_allclose(many, plain, rtol=1e-12)


def test_points_that_scatter_unlike_have_a_covariance_that_knows():
    # Of a mean: the sum of squares over (n - 1)^2.
    residual = np.array([1.0, -2.0, 0.5, 0.5])
    cov = robust_covariance(np.ones((4, 1)), residual)
    assert cov[0, 0] == pytest.approx((residual**2).sum() / 9)
    # A line whose far points scatter ten times as much: the plain formula says too little.
    x = np.linspace(-1.0, 1.0, 200)
    design = np.column_stack([np.ones_like(x), x])
    sigma = np.where(np.abs(x) > 0.8, 10.0, 1.0)
    slopes, stderr = [], []
    rng = np.random.default_rng(3)
    for _ in range(300):
        y = rng.normal(0.0, sigma)
        best = np.linalg.lstsq(design, y, rcond=None)[0]
        slopes.append(best[1])
        stderr.append(np.sqrt(robust_covariance(design, y - design @ best)[1, 1]))
    assert np.mean(stderr) == pytest.approx(np.std(slopes), rel=0.15)
