"""Refine all frames of a sequence at once, some of their parameters being functions of a variable.

The coefficients β of the functions are common to all frames; every frame has parameters of its
own besides. The normal equations are a block for each frame, bordered by the rows of β:

    | A₁           C₁ | | δ₁ |   | g₁ |
    |     A₂       C₂ | | δ₂ | = | g₂ |
    | C₁ᵀ C₂ᵀ …  ΣD_f | | δβ |   | h  |

Frame by frame δ_f = A_f⁻¹·(g_f − C_f·δβ) is eliminated, which leaves for β the Schur complement
Σ(D_f − C_fᵀ·A_f⁻¹·C_f), also the inverse of its covariance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import Evaluation, covariance
from spectra.xrd.pattern.functions import Function
from spectra.xrd.pattern.objective import PatternObjective

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Blocks = Callable[[], Iterator[tuple[IntArray, PatternObjective]]]

_ITERATIONS = 40
_DAMPING = 1e-4
_SHRINK, _GROW = 1e-2, 1e2
_DAMPING_MIN, _DAMPING_MAX = 1e-12, 1e8
# Steps are undamped, as good as, below this.
_UNDAMPED = 1e-9
# A step that promises less than this part of the cost is the last.
_TOLERANCE = 1e-10
# Relative rise of the cost that is rounding.
_ROUNDING = 1e-11


@dataclass(frozen=True)
class Common:
    """Functions that parameters of all frames follow.

    Parameters
    ----------
    functions : tuple of Function
    columns : int array (functions,)
        Places of their parameters among the P of a frame.
    lower, upper : array (functions,)
        Bounds of these parameters.
    """

    functions: tuple[Function, ...]
    columns: IntArray
    lower: FloatArray
    upper: FloatArray

    @property
    def parts(self) -> list[slice]:
        """Which of the coefficients belong to each function."""
        ends = np.cumsum([0, *(len(f.coefficients) for f in self.functions)]).tolist()
        return [slice(a, b) for a, b in pairwise(ends)]

    @property
    def size(self) -> int:
        """Number K of all coefficients."""
        return sum(len(f.coefficients) for f in self.functions)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Of all coefficients (K,)."""
        coefficients = [c for f in self.functions for c in f.coefficients]
        return np.array([c.lower for c in coefficients]), np.array([c.upper for c in coefficients])

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Parameters (n, functions) at t (n,), and their derivatives (n, functions, K).

        A function stops at the bounds of its parameter.
        """
        values = np.empty((len(t), len(self.functions)))
        slopes = np.zeros((*values.shape, self.size))
        for q, (function, part) in enumerate(zip(self.functions, self.parts, strict=True)):
            values[:, q], slopes[:, q, part] = function.evaluate(t, beta[part])
        inside = (values >= self.lower) & (values <= self.upper)
        return np.clip(values, self.lower, self.upper), slopes * inside[:, :, None]

    def spread(self, slopes: FloatArray, on: BoolArray, size: int) -> FloatArray:
        """Derivatives (n, P, K) of the P parameters of a frame by β, where functions are `on`."""
        out = np.zeros((len(slopes), size, slopes.shape[2]))
        out[:, self.columns] = slopes * on[:, :, None]
        return out

    def place(self, theta: FloatArray, values: FloatArray, on: BoolArray) -> FloatArray:
        """Parameters (n, P) with those that follow functions in place."""
        out = theta.copy()
        out[:, self.columns] = np.where(on, values, theta[:, self.columns])
        return out


@dataclass(frozen=True)
class Problem:
    """What is refined together.

    Parameters
    ----------
    blocks : callable
        Gives, each time it is called, the frames block by block: numbers 0 … N − 1 in order, and
        an objective of them.
    common : Common
    t : array (N,)
        The variable.
    free : bool array (N, P)
        Parameters that the frame determines, those of the functions among them.
    lower, upper : array (P,)
    scale : array (N,)
        Factor on the covariance of each frame that its misfit calls for.
    """

    blocks: Blocks
    common: Common
    t: FloatArray
    free: BoolArray
    lower: FloatArray
    upper: FloatArray
    scale: FloatArray

    @property
    def on(self) -> BoolArray:
        """Which functions each frame has a part in (N, functions)."""
        return self.free[:, self.common.columns]

    @property
    def own(self) -> BoolArray:
        """Parameters (N, P) that each frame has for itself."""
        own = self.free.copy()
        own[:, self.common.columns] = False
        return own


@dataclass(frozen=True)
class Joint:
    """The answer.

    Attributes
    ----------
    theta : array (N, P)
    beta : array (K,)
    covariance : array (K, K)
        With the misfit of each frame counted in; NaN where the data do not determine it.
    cost : array (N,)
    converged : bool
    iterations : int
        Passes through the sequence.
    """

    theta: FloatArray
    beta: FloatArray
    covariance: FloatArray
    cost: FloatArray
    converged: bool
    iterations: int


@dataclass(frozen=True)
class Eliminated:
    """The frames eliminated from the normal equations.

    Attributes
    ----------
    cost : array (n,)
    inverse : array (n, P, P)
        A⁻¹, zero where a parameter is not varied or not determined.
    toward : array (n, P, K)
        A⁻¹·C.
    step : array (n, P)
        A⁻¹·g.
    schur : array (n, K, K)
        D − Cᵀ·A⁻¹·C.
    right : array (n, K)
        h − Cᵀ·A⁻¹·g.
    diagonal : array (n, K)
        Of D.
    promised : array (n,)
        gᵀ·A⁻¹·g.
    """

    cost: FloatArray
    inverse: FloatArray
    toward: FloatArray
    step: FloatArray
    schur: FloatArray
    right: FloatArray
    diagonal: FloatArray
    promised: FloatArray


def eliminate(
    found: Evaluation, by_beta: FloatArray, vary: BoolArray, damping: float = 0.0
) -> Eliminated:
    """Eliminate the frames' own parameters.

    Parameters
    ----------
    found : Evaluation
        Of n frames by their P parameters.
    by_beta : array (n, P, K)
        Derivatives of the parameters by the coefficients of the functions.
    vary : bool array (n, P)
        The frames' own parameters.
    damping : float
        Added to the diagonal of A, as a share of it.
    """
    hessian = np.nan_to_num(found.hessian)
    damped = hessian.copy()
    np.einsum("rii->ri", damped)[...] *= 1.0 + damping
    inverse = np.nan_to_num(covariance(damped, vary))
    across = np.matmul(hessian, by_beta)
    turned = by_beta.transpose(0, 2, 1)
    corner = np.matmul(turned, across)
    gradient = np.where(np.isfinite(found.gradient), found.gradient, 0.0)[:, :, None]
    toward, step = np.matmul(inverse, across), np.matmul(inverse, gradient)
    back = across.transpose(0, 2, 1)
    return Eliminated(
        found.cost,
        inverse,
        toward,
        step[:, :, 0],
        corner - np.matmul(back, toward),
        (np.matmul(turned, gradient) - np.matmul(back, step))[:, :, 0],
        np.einsum("rii->ri", corner).copy(),
        np.matmul(gradient.transpose(0, 2, 1), step)[:, 0, 0],
    )


@dataclass(frozen=True)
class _State:
    """All frames at some parameters, and the step from there."""

    theta: FloatArray
    beta: FloatArray
    cost: FloatArray
    schur: FloatArray
    weighted: FloatArray
    step: FloatArray
    toward: FloatArray
    shift: FloatArray
    promised: float

    @property
    def total(self) -> float:
        """Cost of all frames."""
        return float(_in_order(self.cost[:, None])[0])


def solve_jointly(problem: Problem, theta: FloatArray, beta: FloatArray) -> Joint:
    """Refine frames and functions by Levenberg–Marquardt.

    Nothing hangs on how the frames are cut into blocks: sums over frames are made in their order.

    Parameters
    ----------
    problem : Problem
    theta : array (N, P)
        Starts, e.g. each frame refined by itself.
    beta : array (K,)
    """
    damping = _DAMPING
    here = _look(problem, theta, beta, damping)
    passes, converged = 1, False
    while passes < _ITERATIONS and damping <= _DAMPING_MAX:
        last = damping <= _UNDAMPED and here.promised <= _TOLERANCE * here.total
        next_damping = max(damping * _SHRINK, _DAMPING_MIN)
        there = _look(problem, *_moved(problem, here), next_damping)
        passes += 1
        if there.total <= here.total * (1.0 + _ROUNDING * last):
            here, damping = there, next_damping
        elif not last:
            damping = max(damping, _UNDAMPED) * _GROW
            here = _look(problem, here.theta, here.beta, damping)
            passes += 1
        if last:
            converged = True
            break
    inverse = covariance(here.schur[None], np.ones((1, len(beta)), bool))[0]
    known = np.isfinite(np.diagonal(inverse))
    safe = np.nan_to_num(inverse)
    spread = np.matmul(np.matmul(safe, here.weighted), safe)
    spread = np.where(known[:, None] & known, spread, np.nan)
    return Joint(here.theta, here.beta, spread, here.cost, converged, passes)


def _look(problem: Problem, theta: FloatArray, beta: FloatArray, damping: float) -> _State:
    """Go through all frames: the cost, and the step from here."""
    common, size = problem.common, len(beta)
    anywhere = np.asarray(problem.free.any(axis=0))
    at = np.flatnonzero(anywhere)
    values, slopes = common.evaluate(problem.t, beta)
    theta = common.place(theta, values, problem.on)
    cost, promised = np.empty(len(theta)), np.empty((len(theta), 1))
    step, toward = np.empty((len(theta), at.size)), np.empty((len(theta), at.size, size))
    schur, weighted = np.zeros((size, size)), np.zeros((size, size))
    right, diagonal = np.zeros(size), np.zeros(size)
    for rows, objective in problem.blocks():
        found = objective.vary(anywhere).evaluate(theta[rows])
        vary = problem.own[rows] & ~_held(found, problem.lower, problem.upper)
        by_beta = common.spread(slopes[rows], problem.on[rows], theta.shape[1])
        frames = eliminate(found, by_beta, vary, damping)
        theta[rows], cost[rows] = found.theta, frames.cost
        promised[rows, 0] = frames.promised
        step[rows], toward[rows] = frames.step[:, at], frames.toward[:, at]
        schur = _in_order(frames.schur, schur)
        weighted = _in_order(frames.schur * problem.scale[rows, None, None], weighted)
        right, diagonal = _in_order(frames.right, right), _in_order(frames.diagonal, diagonal)
    lower, upper = common.bounds
    held = ((beta <= lower) & (right < 0)) | ((beta >= upper) & (right > 0))
    damped = schur + np.diag(damping * diagonal)
    inverse = np.nan_to_num(covariance(damped[None], ~held[None])[0])
    shift = np.matmul(inverse, right)
    gain = float(_in_order(promised)[0] + (right * shift).sum())
    return _State(theta, beta, cost, schur, weighted, step, toward, shift, gain)


def _moved(problem: Problem, here: _State) -> tuple[FloatArray, FloatArray]:
    """The state after its step: parameters of the frames and of the functions, in their bounds."""
    beta = np.clip(here.beta + here.shift, *problem.common.bounds)
    at = np.flatnonzero(problem.free.any(axis=0))
    own = here.step - np.matmul(here.toward, (beta - here.beta)[:, None])[:, :, 0]
    theta = here.theta.copy()
    moved = np.clip(theta[:, at] + own, problem.lower[at], problem.upper[at])
    theta[:, at] = np.where(problem.own[:, at], moved, theta[:, at])
    return theta, beta


def _held(found: Evaluation, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """Parameters on a bound which descent would push outwards."""
    low = (found.theta <= lower) & (found.gradient < 0)
    high = (found.theta >= upper) & (found.gradient > 0)
    return np.asarray(low | high)


def _in_order(parts: FloatArray, total: FloatArray | None = None) -> FloatArray:
    """Sum over the first axis, one after the other, onto a total."""
    total = np.zeros(parts.shape[1:]) if total is None else total
    for part in parts:
        total = total + part
    return total
