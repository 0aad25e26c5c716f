"""Fit all frames of a sequence at once, some of their parameters being functions of a variable.

The coefficients β of the functions are common to all frames; every frame has parameters of its
own besides. The normal equations are a block for each frame, bordered by the rows of β:

    | A₁           C₁ | | δ₁ |   | g₁ |
    |     A₂       C₂ | | δ₂ | = | g₂ |
    | C₁ᵀ C₂ᵀ …  ΣD_f | | δβ |   | h  |

Frame by frame δ_f = A_f⁻¹·(g_f − C_f·δβ) is eliminated, which leaves for β the Schur complement
Σ(D_f − C_fᵀ·A_f⁻¹·C_f), also the inverse of its covariance. After every step of β each frame goes
on to its own minimum, with bounds and damping of its own (variable projection: G. H. Golub and
V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413), so that one difficult frame does not slow down all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance
from spectra.fit.solver import Evaluation, Objective, minimize

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_PASSES = 40
_DAMPING = 1e-4
_SHRINK, _GROW = 1e-2, 30.0
_DAMPING_MIN, _DAMPING_MAX = 1e-12, 1e3
# A step that promises less than this part of the cost is the last.
_TOLERANCE = 1e-9
# Where the minima of the frames do not change smoothly (a width that meets zero, two axes of one
# length), no step may gain. That is the end if no more than this is left to be gained for each
# coefficient, in units of its variance.
_ROUGH = 0.01
# What a frame may leave to be gained, as a part of its cost.
_FRAME_TOLERANCE = 1e-10
_FRAME_ITERATIONS = 30


class Bounded(Protocol):
    """A coefficient with an allowed range."""

    @property
    def lower(self) -> float: ...

    @property
    def upper(self) -> float: ...


class Function(Protocol):
    """A function g(t; β) of a frame variable."""

    @property
    def coefficients(self) -> Sequence[Bounded]:
        """The coefficients β with their bounds."""
        ...

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (n,) at t (n,), and their derivatives (n, K) by β (K,)."""
        ...


class FrameObjective(Objective, Protocol):
    """What is minimised for some frames."""

    def vary(self, free: BoolArray) -> Self:
        """The same objective with derivatives by the `free` parameters (P,) at least."""
        ...


F_co = TypeVar("F_co", bound=Function, covariant=True)
Blocks = Callable[[], Iterator[tuple[IntArray, FrameObjective]]]


@dataclass(frozen=True)
class Common(Generic[F_co]):
    """Functions that parameters of all frames follow.

    Parameters
    ----------
    functions : tuple of Function
    columns : int array (functions,)
        Places of their parameters among the P of a frame.
    lower, upper : array (functions,)
        Bounds of these parameters.
    """

    functions: tuple[F_co, ...]
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

    def on_bounds(self, t: FloatArray, beta: FloatArray) -> BoolArray:
        """Whether each parameter stands on its bound at t (n, functions)."""
        values, _ = self.evaluate(t, beta)
        return np.asarray((values <= self.lower) | (values >= self.upper))

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
    common: Common[Any]
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
    information : array (K, K)
        Of the coefficients, every frame's own parameters eliminated.
    cost : array (N,)
    left : float
        What χ² may still gain.
    converged : bool
    iterations : int
        Passes through the sequence.
    """

    theta: FloatArray
    beta: FloatArray
    covariance: FloatArray
    information: FloatArray
    cost: FloatArray
    left: float
    converged: bool
    iterations: int


@dataclass(frozen=True)
class Eliminated:
    """The frames eliminated from the normal equations.

    Attributes
    ----------
    inverse : array (n, P, P)
        A⁻¹; NaN where a parameter is not varied or not determined.
    toward : array (n, P, K)
        A⁻¹·C.
    schur : array (n, K, K)
        D − Cᵀ·A⁻¹·C.
    right : array (n, K)
        h. At the minima of the frames g is zero, and what is left of it there, times an inverse
        that may be huge where two axes are nearly of one length, would be all noise.
    """

    inverse: FloatArray
    toward: FloatArray
    schur: FloatArray
    right: FloatArray


def eliminate(found: Evaluation, by_beta: FloatArray, vary: BoolArray) -> Eliminated:
    """Eliminate the frames' own parameters.

    Parameters
    ----------
    found : Evaluation
        Of n frames by their P parameters.
    by_beta : array (n, P, K)
        Derivatives of the parameters by the coefficients of the functions.
    vary : bool array (n, P)
        The frames' own parameters.
    """
    inverse = covariance(found.hessian, vary)
    known = np.nan_to_num(inverse)
    across = np.matmul(found.hessian, by_beta)
    turned = by_beta.transpose(0, 2, 1)
    corner = np.matmul(turned, across)
    toward = np.matmul(known, across)
    back = across.transpose(0, 2, 1)
    return Eliminated(
        inverse,
        toward,
        corner - np.matmul(back, toward),
        np.matmul(turned, found.gradient[:, :, None])[:, :, 0],
    )


def newton_step(
    schur: FloatArray,
    right: FloatArray,
    beta: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    damping: float = 0.0,
) -> FloatArray:
    """Where the coefficients β (K,) should go, all frames following them.

    One that is pushed against its bound stays there, the others take their own minimum. The step
    may still lead beyond bounds.

    Parameters
    ----------
    schur : array (K, K)
    right : array (K,)
        As of `Eliminated`, summed over the frames.
    beta : array (K,)
    bounds : two arrays (K,)
    damping : float
        By which the diagonal grows, as a part of it.
    """
    lower, upper = bounds
    held = ((beta <= lower) & (right < 0)) | ((beta >= upper) & (right > 0))
    damped = schur + np.diag(damping * np.diagonal(schur))
    inverse = np.nan_to_num(covariance(damped[None], ~held[None])[0])
    return np.asarray(np.matmul(inverse, right))


@dataclass(frozen=True)
class _State:
    """All frames at their minima for some coefficients."""

    theta: FloatArray
    beta: FloatArray
    cost: FloatArray
    schur: FloatArray
    weighted: FloatArray
    right: FloatArray

    @property
    def total(self) -> float:
        """Cost of all frames."""
        return float(_in_order(self.cost[:, None])[0])

    def step(self, common: Common[Any], damping: float) -> tuple[FloatArray, float]:
        """The damped step of β (K,), and what an undamped one would gain."""
        lower, upper = common.bounds
        damped, whole = (
            newton_step(self.schur, self.right, self.beta, (lower, upper), share)
            for share in (damping, 0.0)
        )
        beta = np.clip(self.beta + damped, lower, upper)
        return beta - self.beta, float((whole * self.right).sum())


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
    damping, passes, converged = _DAMPING, 1, False
    here = _look(problem, theta, beta)
    while passes < _PASSES and damping <= _DAMPING_MAX and not converged:
        step, promised = here.step(problem.common, damping)
        converged = promised <= _TOLERANCE * here.total
        there = _look(problem, here.theta, here.beta + step)
        passes += 1
        if there.total <= here.total:
            here, damping = there, max(damping * _SHRINK, _DAMPING_MIN)
        else:
            damping = max(damping, _DAMPING) * _GROW
            converged = converged or promised <= _ROUGH * len(beta)
    left = here.step(problem.common, 0.0)[1]
    inverse = covariance(here.schur[None], np.ones((1, len(beta)), bool))[0]
    known = np.isfinite(np.diagonal(inverse))
    safe = np.nan_to_num(inverse)
    spread = np.matmul(np.matmul(safe, here.weighted), safe)
    spread = np.where(known[:, None] & known, spread, np.nan)
    return Joint(here.theta, here.beta, spread, here.schur, here.cost, left, converged, passes)


def _look(problem: Problem, theta: FloatArray, beta: FloatArray) -> _State:
    """Go through all frames: bring each to its minimum, and see where β should go."""
    common, size = problem.common, len(beta)
    anywhere = np.asarray(problem.free.any(axis=0))
    values, slopes = common.evaluate(problem.t, beta)
    theta = common.place(theta, values, problem.on)
    cost = np.empty(len(theta))
    schur, weighted, right = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    for rows, objective in problem.blocks():
        own, shape = problem.own[rows], (len(rows), theta.shape[1])
        solution = minimize(
            objective.vary(np.asarray(own.any(axis=0))),
            theta[rows],
            np.broadcast_to(problem.lower, shape),
            np.broadcast_to(problem.upper, shape),
            own,
            max_iterations=_FRAME_ITERATIONS,
            tolerance=_FRAME_TOLERANCE,
        )
        found = objective.vary(anywhere).evaluate(solution.theta)
        by_beta = common.spread(slopes[rows], problem.on[rows], theta.shape[1])
        frames = eliminate(found, by_beta, own & ~solution.at_bound)
        theta[rows], cost[rows] = found.theta, found.cost
        schur = _in_order(frames.schur, schur)
        weighted = _in_order(frames.schur * problem.scale[rows, None, None], weighted)
        right = _in_order(frames.right, right)
    return _State(theta, beta, cost, schur, weighted, right)


def _in_order(parts: FloatArray, total: FloatArray | None = None) -> FloatArray:
    """Sum over the first axis, one after the other, onto a total."""
    total = np.zeros(parts.shape[1:]) if total is None else total
    for part in parts:
        total = total + part
    return total
