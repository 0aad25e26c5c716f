"""The batched solver: exact answers, bounds, independence of rows, agreement with scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from spectra.fit.solver import Evaluation, minimize
from spectra.status import Status


@dataclass(frozen=True)
class Decay:
    """a·exp(−b·t) + c with unit weights."""

    t: np.ndarray
    y: np.ndarray

    def take(self, rows):
        return Decay(self.t, self.y[rows])

    def residual(self, theta):
        return self.residual_and_jacobian(theta)[0]

    def residual_and_jacobian(self, theta):
        a, b, c = (theta[:, i, None] for i in range(3))
        e = np.exp(-b * self.t)
        jacobian = np.stack([e, -a * self.t * e, np.ones_like(e)], axis=1)
        return self.y - (a * e + c), jacobian

    def evaluate(self, theta):
        residual, jacobian = self.residual_and_jacobian(theta)
        gradient = np.matmul(jacobian, residual[:, :, None])[:, :, 0]
        hessian = np.matmul(jacobian, jacobian.transpose(0, 2, 1))
        return Evaluation(theta, np.einsum("rn,rn->r", residual, residual), gradient, hessian)


def problem(n_rows: int, noise: float = 0.01, seed: int = 1):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 4, 41)
    true = np.column_stack(
        [rng.uniform(1, 5, n_rows), rng.uniform(0.3, 3, n_rows), rng.uniform(-1, 1, n_rows)]
    )
    y = true[:, :1] * np.exp(-true[:, 1:2] * t) + true[:, 2:]
    return Decay(t, y + noise * rng.standard_normal(y.shape)), true


def unbounded(n_rows: int, n_parameters: int = 3):
    shape = (n_rows, n_parameters)
    return np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape, bool)


def test_exact_data_give_the_exact_answer():
    objective, true = problem(20, noise=0.0)
    solution = minimize(objective, np.tile([2.0, 1.0, 0.0], (20, 1)), *unbounded(20))
    assert (solution.status == Status.OK).all()
    np.testing.assert_allclose(solution.theta, true, rtol=1e-7, atol=1e-9)


def test_reaches_the_minimum_of_scipy_with_the_same_errors():
    objective, _ = problem(12)
    start = np.array([2.0, 1.0, 0.0])
    solution = minimize(objective, np.tile(start, (12, 1)), *unbounded(12))
    cov = solution.covariance()
    for i in range(12):
        one = objective.take(np.array([i]))
        peer = least_squares(
            lambda p, one=one: one.residual(p[None])[0], start, xtol=1e-14, ftol=1e-14, gtol=1e-14
        )
        assert solution.chi2[i] <= 2 * peer.cost * (1 + 1e-10)
        np.testing.assert_allclose(solution.theta[i], peer.x, rtol=1e-6)
        expected = np.sqrt(np.diag(np.linalg.inv(peer.jac.T @ peer.jac)))
        np.testing.assert_allclose(np.sqrt(np.diag(cov[i])), expected, rtol=1e-4)


class Sideways(Decay):
    """The same, with the numbers of a row far apart in memory, as indexing may leave them."""

    def take(self, rows):
        return Sideways(self.t, self.y[rows])

    def evaluate(self, theta):
        found = super().evaluate(theta)
        parts = (np.asfortranarray(p) for p in (found.gradient, found.hessian))
        return Evaluation(theta, found.cost, *parts)


@pytest.mark.parametrize("kind", [Decay, Sideways])
def test_a_row_does_not_see_its_neighbours(kind):
    # From far away and with much noise, where steps are refused and the damping wanders.
    objective = kind(**vars(problem(60, noise=0.5)[0]))
    start = np.tile([5.0, 0.1, -1.0], (60, 1))
    together = minimize(objective, start, *unbounded(60))
    for i in range(60):
        alone = minimize(objective.take(np.array([i])), start[i : i + 1], *unbounded(1))
        for name in ("theta", "chi2", "hessian", "iterations"):
            assert (getattr(alone, name)[0] == getattr(together, name)[i]).all(), name


def test_bounds_are_kept_and_the_rest_is_solved_again():
    objective, _ = problem(5)
    lower, upper, free = unbounded(5)
    upper[:, 1] = 0.2
    solution = minimize(objective, np.tile([2.0, 0.1, 0.0], (5, 1)), lower, upper, free)
    assert (solution.status == Status.AT_BOUND).all()
    assert (solution.theta[:, 1] == 0.2).all()
    assert solution.at_bound[:, 1].all()
    assert not solution.at_bound[:, [0, 2]].any()
    # With b held, a and c are a linear problem: the box minimum has their gradient at zero.
    residual, jacobian = objective.residual_and_jacobian(solution.theta)
    gradient = np.einsum("rpn,rn->rp", jacobian, residual)
    assert np.abs(gradient[:, [0, 2]]).max() < 1e-6
    assert np.isnan(solution.covariance()[:, 1, 1]).all()
    assert np.isfinite(solution.covariance()[:, 0, 0]).all()


def test_a_bound_met_on_the_way_is_left_again():
    # Clipping alone would stop here: the first steps push b to its bound, the minimum is inside.
    objective, true = problem(30, noise=1e-3)
    lower, upper, free = unbounded(30)
    lower[:, 1], upper[:, 1] = 0.05, 10.0
    solution = minimize(objective, np.tile([0.1, 9.9, 3.0], (30, 1)), lower, upper, free)
    assert (solution.status == Status.OK).all()
    np.testing.assert_allclose(solution.theta, true, rtol=0.05, atol=0.02)


def test_fixed_parameters_stay():
    objective, true = problem(4, noise=0.0)
    start = np.tile([2.0, 1.0, 0.0], (4, 1))
    start[:, 2] = true[:, 2]
    lower, upper, free = unbounded(4)
    free[:, 2] = False
    solution = minimize(objective, start, lower, upper, free)
    assert (solution.theta[:, 2] == true[:, 2]).all()
    np.testing.assert_allclose(solution.theta, true, rtol=1e-7)


def test_a_row_of_nan_does_not_stop_the_others():
    objective, true = problem(3, noise=0.0)
    objective.y[1] = np.nan
    solution = minimize(objective, np.tile([2.0, 1.0, 0.0], (3, 1)), *unbounded(3))
    assert solution.status.tolist() == [Status.OK, Status.NOT_CONVERGED, Status.OK]
    np.testing.assert_allclose(solution.theta[[0, 2]], true[[0, 2]], rtol=1e-7)


def test_no_rows_give_no_answers():
    objective, _ = problem(1)
    solution = minimize(objective.take(np.empty(0, int)), np.empty((0, 3)), *unbounded(0))
    assert solution.theta.shape == (0, 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_standard_errors_are_calibrated(seed):
    objective, true = problem(400, noise=0.01, seed=seed)
    solution = minimize(objective, true, *unbounded(400))
    error = 0.01 * np.sqrt(np.einsum("rii->ri", solution.covariance()))
    pulls = (solution.theta - true) / error
    assert np.abs(pulls.mean(axis=0)).max() < 0.25
    assert np.abs(pulls.std(axis=0) - 1).max() < 0.2
