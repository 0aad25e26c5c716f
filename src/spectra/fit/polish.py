"""Finish ill-conditioned fits to the last digit, and rescue those that stalled.

Normal equations square the condition number: where parameters imitate each other, the last
digits of a solution and of its uncertainties are lost in them. A QR decomposition of the
Jacobian keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.optimize import least_squares

from spectra.fit.covariance import inflation
from spectra.fit.solver import Objective, Solution
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_STEPS = 30
# Largest relative offset (D. M. Bates and D. G. Watts, Technometrics 23 (1981) 179): what the
# tangent plane still holds of the residual, against what it may hold by chance.
_OFFSET = 1e-5
_RANK = 1e-13
_FLAT = 1e-10
_FINISHED = 1e-21
_CONDITION = 1e7
_RESCUE_EVALUATIONS = 2000
# From the start again, where a component has vanished on the way: as a look whether it need.
_LOOK_EVALUATIONS = 100


class ResidualObjective(Objective, Protocol):
    """An objective that can show its residuals."""

    def residual_and_jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Residuals (rows, points) and ∂f/∂θ (rows, P, points), both divided by σ."""
        ...


@dataclass(frozen=True)
class Polished:
    """One fit, finished.

    Attributes
    ----------
    theta : array (P,)
    chi2 : float
    cov : array (P, P)
        NaN for what is fixed, at a bound, or not determined.
    at_bound : bool array (P,)
    converged : bool
    vanished : bool
        Whether some parameters show nowhere, for a bound that holds another.
    """

    theta: FloatArray
    chi2: float
    cov: FloatArray
    at_bound: BoolArray
    converged: bool
    vanished: bool


def needs_polish(solution: Solution, tolerance: float) -> BoolArray:
    """Tell the rows that normal equations cannot finish, or have not finished.

    Those with a condition number (of the matrix scaled to unit diagonal) above 1e7, and those
    that converge so slowly that there is still something to gain.
    """
    vary = solution.free & ~solution.at_bound
    worst = inflation(solution.hessian, vary)
    unfinished = ~(solution.decrement <= tolerance * solution.chi2)
    return np.asarray(~(worst < _CONDITION) | unfinished)


def polish(
    objective: ResidualObjective,
    solution: Solution,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    rows: IntArray,
) -> FloatArray:
    """Finish some rows of a solution in place, by QR; those that stalled start anew.

    Parameters
    ----------
    objective : ResidualObjective
        Of all rows of `solution`.
    solution : Solution
        Changed in its `rows`.
    start, lower, upper : array (all rows, P)
        Where the fits began, and their bounds.
    rows : int array

    Returns
    -------
    array (len(rows), P, P)
        Covariances, not scaled.
    """
    covariances = np.full((len(rows), *solution.hessian.shape[1:]), np.nan)
    for i, row in enumerate(rows.tolist()):
        one = _Single(
            objective.take(np.array([row])), lower[row], upper[row], solution.free[row].copy()
        )
        best = one.finish(solution.theta[row])
        if not best.converged:
            tries = [one.finish(one.rescue(t)) for t in (solution.theta[row], start[row])]
            best = min(tries, key=lambda p: (not p.converged, p.chi2))
        elif best.vanished:
            again = one.finish(one.rescue(start[row], _LOOK_EVALUATIONS))
            best = min((best, again), key=lambda p: (not p.converged, p.chi2))
        if not (best.converged or best.chi2 <= solution.chi2[row]):
            continue
        solution.theta[row], solution.chi2[row] = best.theta, best.chi2
        solution.at_bound[row] = best.at_bound
        ok = Status.AT_BOUND if best.at_bound.any() else Status.OK
        solution.status[row] = ok if best.converged else Status.NOT_CONVERGED
        covariances[i] = best.cov
    return covariances


@dataclass(frozen=True)
class _Here:
    """Residual (points,), its Jacobian (points, P) and χ² somewhere."""

    residual: FloatArray
    jacobian: FloatArray
    chi2: float


@dataclass(frozen=True)
class _Single:
    """One fit on its own."""

    objective: ResidualObjective
    lower: FloatArray
    upper: FloatArray
    free: BoolArray

    def finish(self, theta: FloatArray) -> Polished:
        """Gauss–Newton steps by QR, halved while they lead uphill, to a standstill.

        Near the minimum χ² is flat to its rounding long before the parameters are: there a step
        counts as long as what the tangent plane holds of the residual gets less.
        """
        here = self._linearise(theta)
        for _ in range(_STEPS):
            step, _, tangent = _qr_step(here.jacobian, here.residual, self._vary(theta, here)[0])
            if tangent <= _FINISHED * here.chi2:
                break
            for shorter in range(10):
                trial = np.clip(theta + step * 0.5**shorter, self.lower, self.upper)
                there = self._linearise(trial)
                if there.chi2 <= here.chi2 * (1.0 + _FLAT):
                    break
            else:
                break
            left = _qr_step(there.jacobian, there.residual, self._vary(trial, there)[0])[2]
            if not (left < tangent or there.chi2 < here.chi2 * (1.0 - _FLAT)):
                break
            theta, here = trial, there
        return self._judge(theta, here)

    def rescue(self, theta: FloatArray, evaluations: int = _RESCUE_EVALUATIONS) -> FloatArray:
        """Minimise again by a trust region (`scipy.optimize.least_squares`, ``trf``)."""
        free = self.free
        fixed = theta.copy()

        def whole(part: FloatArray) -> FloatArray:
            fixed[free] = part
            return fixed[None].copy()

        def residual(part: FloatArray) -> FloatArray:
            value = -self.objective.residual_and_jacobian(whole(part))[0][0]
            return np.where(np.isfinite(value), value, 1e150)

        def jacobian(part: FloatArray) -> FloatArray:
            slopes = self.objective.residual_and_jacobian(whole(part))[1][0][free].T
            return np.where(np.isfinite(slopes), slopes, 0.0)

        room = self.upper[free] - self.lower[free]
        if not free.any() or (room <= 0).any():
            return theta
        inside = np.clip(theta[free], self.lower[free], self.upper[free])
        with np.errstate(all="ignore"):
            found = least_squares(
                residual,
                inside,
                jacobian,
                bounds=(self.lower[free], self.upper[free]),
                x_scale="jac",
                ftol=1e-15,
                xtol=1e-15,
                gtol=1e-15,
                max_nfev=evaluations,
            )
        # A trust region never quite reaches the bound that it leans on.
        ends = (self.lower[free], found.x, self.upper[free])
        return np.asarray(whole(np.choose(found.active_mask.astype(int) + 1, ends))[0])

    def _linearise(self, theta: FloatArray) -> _Here:
        with np.errstate(all="ignore"):
            residual, jacobian = self.objective.residual_and_jacobian(theta[None])
            return _Here(residual[0], jacobian[0].T, float(residual[0] @ residual[0]))

    def _vary(self, theta: FloatArray, here: _Here) -> tuple[BoolArray, BoolArray]:
        """Parameters (P,) that the data move, and those that bounds hold.

        What shows only through something that a bound holds, such as the width of a band without
        area, is neither: the others may well be at their minimum.
        """
        gradient = here.jacobian.T @ here.residual
        low = (theta <= self.lower) & (gradient < 0)
        high = (theta >= self.upper) & (gradient > 0)
        held = self.free & (low | high)
        vary = self.free & ~held
        if held.any():
            vary &= (here.jacobian != 0).any(axis=0)
        return vary, held

    def _judge(self, theta: FloatArray, here: _Here) -> Polished:
        residual, jacobian, chi2 = here.residual, here.jacobian, here.chi2
        vary, at_bound = self._vary(theta, here)
        _, inverse, tangent = _qr_step(jacobian, residual, vary)
        cov = np.full((len(theta), len(theta)), np.nan)
        index = np.flatnonzero(vary)
        p, n = index.size, int((np.abs(jacobian).sum(axis=1) > 0).sum())
        converged = bool(np.isfinite(chi2))
        if inverse is None:
            converged = False
        elif p:
            cov[np.ix_(index, index)] = inverse @ inverse.T
            rest = max(chi2 - tangent, 0.0) / max(n - p, 1)
            # Where the model meets the data exactly, residuals are rounding.
            size = jacobian @ np.where(np.isfinite(theta), theta, 0.0)
            exact = chi2 <= 1e-20 * float(size @ size + residual @ residual)
            converged = exact or tangent / p <= _OFFSET**2 * rest
        vanished = bool((self.free & ~vary & ~at_bound).any())
        return Polished(theta, chi2, cov, at_bound, converged, vanished)


def _qr_step(
    jacobian: FloatArray, residual: FloatArray, vary: BoolArray
) -> tuple[FloatArray, FloatArray | None, float]:
    """Gauss–Newton step (P,), inverse of R scaled back, and the residual in the tangent plane.

    The inverse is None where the data do not determine all parameters.
    """
    step = np.zeros(len(vary))
    index = np.flatnonzero(vary)
    if index.size == 0:
        return step, np.zeros((0, 0)), 0.0
    columns = jacobian[:, index]
    length = np.linalg.norm(columns, axis=0)
    if not np.isfinite(length).all() or (length == 0).any():
        return step, None, np.inf
    q, r, order = qr(columns / length, mode="economic", pivoting=True)
    projected = q.T @ residual
    if r.shape[0] < index.size or abs(r[-1, -1]) < _RANK * abs(r[0, 0]):
        return step, None, np.inf
    index, length = index[order], length[order]
    step[index] = solve_triangular(r, projected) / length
    inverse = np.empty((index.size, index.size))
    back = np.argsort(order)
    inverse[:] = (solve_triangular(r, np.eye(index.size)) / length[:, None])[back]
    return step, inverse, float(projected @ projected)
