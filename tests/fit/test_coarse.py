"""Approach to the minimum on bins and in single precision."""

from __future__ import annotations

import numpy as np
import pytest
from lmfit.models import GaussianModel, LinearModel, PseudoVoigtModel

from spectra.fit import fit_stack
from spectra.fit.losses import SQUARES
from spectra.fit.problem import Problem
from spectra.status import Status


def two_peaks(n=5, noise=0.02, n_points=1200, seed=3):
    """Model, start, x, and noisy spectra of two pseudo-Voigts on a line."""
    model = PseudoVoigtModel(prefix="a_") + PseudoVoigtModel(prefix="b_") + LinearModel()
    params = model.make_params(slope=0.0, intercept=1.0)
    for prefix, center in (("a_", -4.0), ("b_", 5.0)):
        params[f"{prefix}amplitude"].set(value=8.0, min=0)
        params[f"{prefix}center"].set(value=center)
        params[f"{prefix}sigma"].set(value=1.5, min=0)
        params[f"{prefix}fraction"].set(value=0.5, min=0, max=1)
    x = np.linspace(-20.0, 20.0, n_points)
    rng = np.random.default_rng(seed)
    y = np.empty((n, n_points))
    for row in y:
        true = {"a_center": rng.normal(-4.0, 0.1), "b_center": rng.normal(5.0, 0.1)}
        true |= {"a_amplitude": rng.uniform(6, 12), "b_amplitude": rng.uniform(6, 12)}
        true |= {"a_sigma": rng.uniform(1.0, 1.4), "b_sigma": rng.uniform(1.0, 1.4)}
        row[:] = model.eval(params, x=x, **true) + rng.normal(0, noise, n_points)
    return model, params, x, y


def objective_of(model, params, x, y):
    problem = Problem.of(model, params, x, y, None, "residual", SQUARES)
    return problem.objective(slice(None), SQUARES)[0], problem.starts(None)


def test_single_precision_gives_six_digits_of_the_normal_equations():
    objective, start = objective_of(*two_peaks())
    exact = objective.evaluate(start)
    inner = objective.inner.in_single_precision()
    single = type(objective)(inner, objective.ties, objective.sources).evaluate(start)
    np.testing.assert_allclose(single.cost, exact.cost, rtol=1e-5)
    scale = np.sqrt(np.einsum("rii->ri", exact.hessian))
    error = (single.hessian - exact.hessian) / scale[:, :, None] / scale[:, None, :]
    assert 0.0 < np.abs(error).max() < 1e-5
    error = (single.gradient - exact.gradient) / scale / np.sqrt(exact.cost)[:, None]
    assert np.abs(error).max() < 1e-5


def test_one_exact_evaluation_finishes_what_was_approached():
    fits = fit_stack(*two_peaks(n=40))
    assert (fits.status == Status.OK).all()
    assert np.median(fits.iterations) == 1
    exact = fit_stack(*two_peaks(n=40), tolerance=1e-16)
    assert (exact.iterations > fits.iterations).all()
    assert (fits.chi2 <= exact.chi2 * (1.0 + 1e-9)).all()
    np.testing.assert_allclose(fits.stderr, exact.stderr, rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e12, 1e25])
def test_heights_beyond_single_precision_are_fitted_as_well(scale):
    model, params, x, y = two_peaks()
    expected = fit_stack(model, params, x, y, tolerance=1e-16)
    for name in ("a_amplitude", "b_amplitude", "intercept"):
        params[name].set(value=params[name].value * scale)
    found = fit_stack(model, params, x, y * scale, tolerance=1e-16)
    assert (found.status == Status.OK).all()
    np.testing.assert_allclose(found.chi2, expected.chi2 * scale**2, rtol=1e-9)
    np.testing.assert_allclose(
        found.uncertainty("a_center"), expected.uncertainty("a_center"), 1e-6
    )


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_positions_far_from_zero_are_fitted_as_well(offset):
    model, params, x, y = two_peaks()
    expected = fit_stack(model, params, x, y)
    for name in ("a_center", "b_center"):
        params[name].set(value=params[name].value + offset)
    found = fit_stack(model, params, x + offset, y)
    assert (found.status == Status.OK).all()
    np.testing.assert_allclose(found.chi2, expected.chi2, rtol=1e-8)
    np.testing.assert_allclose(found["a_center"] - offset, expected["a_center"], atol=1e-5)


def test_data_without_noise_are_met_to_the_last_digits():
    model, params, x, y = two_peaks(noise=0.0)
    found = fit_stack(model, params, x, y)
    assert (found.status == Status.OK).all()
    np.testing.assert_allclose(found.best_fit(), y, atol=1e-9)


def test_scaling_does_what_the_chain_rule_does_where_nothing_is_tied():
    model, params, x, y = two_peaks()
    objective, start = objective_of(model, params, x, y)
    assert objective.alone is not None
    by_scaling = objective.evaluate(start)
    object.__setattr__(objective, "alone", None)
    by_chain = objective.evaluate(start)
    assert (by_scaling.gradient == by_chain.gradient).all()
    assert (by_scaling.hessian == by_chain.hessian).all()


def test_tied_parameters_go_by_the_chain_rule():
    model = GaussianModel(prefix="a_") + GaussianModel(prefix="b_")
    params = model.make_params(a_amplitude=1, a_center=0, a_sigma=1, b_amplitude=1, b_center=3)
    params["b_sigma"].set(expr="a_sigma")
    x = np.linspace(-5, 8, 200)
    objective, _ = objective_of(model, params, x, np.ones((1, 200)))
    assert objective.alone is None


def test_of_several_starts_the_one_that_ends_lowest_is_finished():
    model, params, x, y = two_peaks()
    wrong = {"a_center": np.full(len(y), 15.0), "b_center": np.full(len(y), 16.0)}
    right = {"a_center": np.full(len(y), -4.0), "b_center": np.full(len(y), 5.0)}
    for name in ("a_center", "b_center"):
        params[name].set(min=-18.0, max=18.0)
    alone = fit_stack(model, params, x, y, starts=right)
    lost = fit_stack(model, params, x, y, starts=wrong)
    both = fit_stack(model, params, x, y, starts=(wrong, right))
    assert (lost.chi2 > 2 * alone.chi2).any()
    np.testing.assert_allclose(both.chi2, alone.chi2, rtol=1e-8)


def test_counts_need_one_exact_evaluation_in_the_end():
    model, params, x, y = two_peaks(n_points=400)
    counts = np.random.default_rng(4).poisson(300.0 * y)
    params["intercept"].set(value=300.0)
    for prefix in ("a_", "b_"):
        params[f"{prefix}amplitude"].set(value=2400.0)
    fits = fit_stack(model, params, x, counts, errors="counts")
    assert (fits.status == Status.OK).all()
    assert fits.iterations.mean() < 1.5
