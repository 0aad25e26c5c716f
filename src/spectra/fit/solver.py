"""Batched bounded Levenberg–Marquardt: N least-squares fits as one vectorised computation.

Every fit ("row") has its own data, weights, start, bounds, damping and convergence; the rows
share only the model. Nothing here sums over rows, so a row's answer is the same bit for bit
whichever rows stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_DAMPING_MAX = 1e12
_TINY = 1e-300


class Objective(Protocol):
    """What the solver minimises for each row: sum over points of weight·(y − model)²."""

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The same objective for some of the rows."""
        ...

    def residual(self, theta: FloatArray) -> FloatArray:
        """Weighted residuals √w·(y − f), shape (rows, points)."""
        ...

    def residual_and_jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted residuals and √w·∂f/∂θ, shapes (rows, points), (rows, parameters, points)."""
        ...


@dataclass(frozen=True)
class Solution:
    """What the solver found, one row per fit.

    Attributes
    ----------
    theta : array (rows, parameters)
    chi2 : array (rows,)
        Weighted sum of squares at `theta`.
    hessian : array (rows, parameters, parameters)
        Jᵀ·W·J at `theta`.
    at_bound : bool array (rows, parameters)
        Parameters held by a bound that the data push against.
    free : bool array (rows, parameters)
        Parameters that were varied.
    status : int8 array (rows,)
        OK, AT_BOUND or NOT_CONVERGED.
    iterations : int array (rows,)
    """

    theta: FloatArray
    chi2: FloatArray
    hessian: FloatArray
    at_bound: BoolArray
    free: BoolArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]

    def covariance(self) -> FloatArray:
        """Inverse of the Hessian over the free parameters (rows, parameters, parameters).

        NaN for parameters that are fixed, at a bound, or not determined by the data. Multiply
        by the reduced χ² where the weights are only relative.
        """
        return covariance(self.hessian, self.free & ~self.at_bound)


def covariance(hessian: FloatArray, free: BoolArray) -> FloatArray:
    """Invert (rows, P, P) information matrices over their free parameters.

    Works on the matrix scaled to unit diagonal. A parameter with a share in a direction whose
    eigenvalue is below 1e-14 of the largest is not determined: its entries are NaN.
    """
    diagonal = np.einsum("rii->ri", hessian)
    usable = free & (diagonal > 0) & np.isfinite(diagonal)
    scale = np.where(usable, np.sqrt(np.where(usable, diagonal, 1.0)), 1.0)
    both = usable[:, :, None] & usable[:, None, :]
    scaled = np.where(both, hessian / scale[:, :, None] / scale[:, None, :], 0.0)
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    np.einsum("rii->ri", scaled)[...] = 1.0
    eigenvalues, vectors = np.linalg.eigh(scaled)
    good = eigenvalues > 1e-14 * eigenvalues[:, -1:]
    inverse = np.where(good, 1.0 / np.where(good, eigenvalues, 1.0), 0.0)
    cov = np.matmul(vectors * inverse[:, None, :], vectors.transpose(0, 2, 1))
    undetermined = (np.abs(vectors) * ~good[:, None, :]).max(axis=2) > 1e-3
    known = usable & ~undetermined
    cov = cov / scale[:, :, None] / scale[:, None, :]
    return np.where(known[:, :, None] & known[:, None, :], cov, np.nan)


@dataclass
class _State:
    """The rows still being worked on."""

    rows: NDArray[np.intp]
    objective: Objective
    theta: FloatArray
    lower: FloatArray
    upper: FloatArray
    free: BoolArray
    residual: FloatArray
    jacobian: FloatArray
    chi2: FloatArray
    damping: FloatArray
    growth: FloatArray

    def take(self, keep: NDArray[np.intp]) -> _State:
        return replace(
            self,
            objective=self.objective.take(keep),
            **{
                name: getattr(self, name)[keep]
                for name in (
                    *("rows", "theta", "lower", "upper", "free"),
                    *("residual", "jacobian", "chi2", "damping", "growth"),
                )
            },
        )


def minimize(
    objective: Objective,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    free: BoolArray,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-12,
) -> Solution:
    """Minimise every row of `objective` from its start, within its bounds.

    Levenberg–Marquardt with the damping of Nielsen (IMM-REP-1999-05, eq. 2.21). A step that
    would leave the box is shortened to the bound and the other parameters are solved again
    with that one held there; a parameter on a bound is released as soon as the gradient
    points inwards. A row has converged when the gradient projected on the box promises a
    decrease below ``tolerance * chi2`` and the last step brought no more.

    Parameters
    ----------
    objective : Objective
    start, lower, upper : array (rows, parameters)
        Starts are clipped into the box.
    free : bool array (rows, parameters)
        False holds a parameter at its start.
    max_iterations : int
        Evaluations of the model at most, per row.
    tolerance : float
        Relative decrease of χ² that is not worth another step.

    Returns
    -------
    Solution
    """
    n_rows, n_parameters = start.shape
    theta = np.where(free, np.clip(start, lower, upper), start)
    out = Solution(
        theta=theta.copy(),
        chi2=np.full(n_rows, np.nan),
        hessian=np.zeros((n_rows, n_parameters, n_parameters)),
        at_bound=np.zeros((n_rows, n_parameters), bool),
        free=free.copy(),
        status=np.full(n_rows, Status.NOT_CONVERGED, np.int8),
        iterations=np.zeros(n_rows, np.int32),
    )
    if n_rows == 0:
        return out
    residual, jacobian = objective.residual_and_jacobian(theta)
    state = _State(
        np.arange(n_rows),
        objective,
        theta,
        lower,
        upper,
        free,
        residual,
        jacobian,
        _sum_squares(residual),
        np.full(n_rows, 1e-3),
        np.full(n_rows, 2.0),
    )
    broken = ~np.isfinite(state.chi2)
    out.chi2[:] = state.chi2
    state = state.take(np.flatnonzero(~broken))
    for iteration in range(1, max_iterations + 1):
        if state.rows.size == 0:
            break
        state = _iterate(state, out, iteration, tolerance)
    if state.rows.size:
        gradient, hessian = _normal_equations(state)
        _store(state, out, np.arange(state.rows.size), gradient, hessian)
        out.iterations[state.rows] = max_iterations
    return out


def _iterate(state: _State, out: Solution, iteration: int, tolerance: float) -> _State:
    """One damped step of every row; finished rows are written to `out` and dropped."""
    gradient, hessian = _normal_equations(state)
    held = _held(state, gradient)
    vary = state.free & ~held
    step, promised = _bounded_step(state, gradient, hessian, vary)
    # What an undamped step would gain: zero at a minimum, whatever the damping has become.
    flat = _newton_decrease(gradient, hessian, vary) <= tolerance * state.chi2 + _TINY
    trial = np.clip(state.theta + step, state.lower, state.upper)
    trial = np.where(state.free, trial, state.theta)
    residual = state.objective.residual(trial)
    chi2 = _sum_squares(residual)
    gain = state.chi2 - chi2
    better = gain > 0
    ratio = np.where(promised > _TINY, gain / np.maximum(promised, _TINY), 0.0)
    ratio = np.where(np.isfinite(ratio), ratio, -1.0)
    shrink = np.maximum(1.0 / 3.0, 1.0 - (2.0 * np.clip(ratio, -1, 2) - 1.0) ** 3)
    damping = np.where(better, state.damping * shrink, state.damping * state.growth)
    growth = np.where(better, 2.0, state.growth * 2.0)
    stalled = ~better & ((damping > _DAMPING_MAX) | (np.abs(gain) <= tolerance * state.chi2))
    settled = flat & (np.abs(gain) <= 1e3 * tolerance * state.chi2 + _TINY)
    # A row that cannot improve although the gradient is not flat has met the rounding of χ²
    # itself where the promise is tiny; elsewhere it has failed.
    negligible = promised <= 1e-9 * state.chi2 + _TINY
    finished = settled | (stalled & negligible) | (damping > _DAMPING_MAX)
    succeeded = settled | (stalled & negligible)
    state.theta = np.where(better[:, None], trial, state.theta)
    state.chi2 = np.where(better, chi2, state.chi2)
    state.damping = np.clip(damping, 1e-12, None)
    state.growth = growth
    moved = np.flatnonzero(better)
    if moved.size:
        fresh = state.objective.take(moved).residual_and_jacobian(state.theta[moved])
        state.residual[moved], state.jacobian[moved] = fresh
    if not finished.any():
        return state
    done = np.flatnonzero(finished)
    last = state.take(done)
    last_gradient, last_hessian = _normal_equations(last)
    _store(last, out, np.arange(done.size), last_gradient, last_hessian)
    out.iterations[last.rows] = iteration
    ok = succeeded[done]
    at_bound = out.at_bound[last.rows].any(axis=1)
    code = np.where(at_bound, Status.AT_BOUND, Status.OK)
    out.status[last.rows] = np.where(ok, code, Status.NOT_CONVERGED).astype(np.int8)
    return state.take(np.flatnonzero(~finished))


def _store(
    state: _State,
    out: Solution,
    which: NDArray[np.intp],
    gradient: FloatArray,
    hessian: FloatArray,
) -> None:
    rows = state.rows[which]
    out.theta[rows] = state.theta[which]
    out.chi2[rows] = state.chi2[which]
    out.hessian[rows] = hessian[which]
    out.at_bound[rows] = _held(state, gradient)[which]


def _sum_squares(residual: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rn,rn->r", residual, residual))


def _normal_equations(state: _State) -> tuple[FloatArray, FloatArray]:
    """Descent direction Jᵀ·r (rows, P) and information matrix Jᵀ·J (rows, P, P)."""
    jacobian = state.jacobian
    hessian = np.matmul(jacobian, jacobian.transpose(0, 2, 1))
    gradient = np.matmul(jacobian, state.residual[:, :, None])[:, :, 0]
    return gradient, hessian


def _held(state: _State, gradient: FloatArray) -> BoolArray:
    """Free parameters on a bound which descent would push outwards."""
    low = (state.theta <= state.lower) & (gradient < 0)
    high = (state.theta >= state.upper) & (gradient > 0)
    return np.asarray(state.free & (low | high))


def _solve_masked(
    hessian: FloatArray, gradient: FloatArray, vary: BoolArray, damping: FloatArray
) -> FloatArray:
    """Solve (H + damping·diag H)·δ = g over the parameters in `vary`; zero elsewhere."""
    diagonal = np.einsum("rii->ri", hessian)
    usable = vary & (diagonal > 0)
    scale = np.sqrt(np.where(usable, diagonal, 1.0))
    both = usable[:, :, None] & usable[:, None, :]
    matrix = np.where(both, hessian / scale[:, :, None] / scale[:, None, :], 0.0)
    np.einsum("rii->ri", matrix)[...] = 1.0 + damping[:, None] + 1e-14
    right = np.where(usable, gradient / scale, 0.0)
    step: FloatArray = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
    return step / scale


def _newton_decrease(gradient: FloatArray, hessian: FloatArray, vary: BoolArray) -> FloatArray:
    step = _solve_masked(hessian, gradient, vary, np.full(len(gradient), 1e-10))
    return np.asarray(np.einsum("rp,rp->r", step, np.where(vary, gradient, 0.0)))


def _bounded_step(
    state: _State, gradient: FloatArray, hessian: FloatArray, vary: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Damped step inside the box (rows, P), and the decrease of χ² that it promises (rows,)."""
    room_down = state.lower - state.theta
    room_up = state.upper - state.theta
    step = np.zeros_like(gradient)
    open_ = vary.copy()
    for _ in range(4):
        right = gradient - np.matmul(hessian, (step * ~open_)[:, :, None])[:, :, 0]
        solved = _solve_masked(hessian, right, open_, state.damping)
        step = np.where(open_, solved, step)
        outside = open_ & ((step < room_down) | (step > room_up))
        if not outside.any():
            break
        step = np.where(outside, np.clip(step, room_down, room_up), step)
        open_ &= ~outside
    step = np.clip(step, room_down, room_up)
    step = np.where(vary, step, 0.0)
    curved = np.matmul(hessian, step[:, :, None])[:, :, 0]
    promised = np.einsum("rp,rp->r", step, 2.0 * gradient - curved)
    return step, promised
