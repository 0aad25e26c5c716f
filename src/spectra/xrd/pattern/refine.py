"""Refine patterns, each by itself: stages, absent phases, uncertainties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import Solution, minimize
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.stages import Stage

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TOLERANCE = 1e-9
_ROUGH = 1e-4
_EARLY_ITERATIONS = 12


@dataclass(frozen=True)
class Refined:
    """Refined patterns, one row each.

    Attributes
    ----------
    theta : array (rows, P)
    cov : array (rows, P, P)
        For the weights as they are; NaN where not refined or not determined.
    free : bool array (rows, P)
    at_bound : bool array (rows, P)
    status : int8 array (rows,)
        Of the solver.
    iterations : int array (rows,)
    present : bool array (rows, phases)
    """

    theta: FloatArray
    cov: FloatArray
    free: BoolArray
    at_bound: BoolArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    present: BoolArray


Solve = Callable[[PatternObjective, FloatArray, BoolArray], Solution]


def solve(objective: PatternObjective, start: FloatArray, free: BoolArray) -> Solution:
    """Refine the `free` (rows, P) parameters from `start` (rows, P)."""
    layout = objective.model.layout
    lower, upper = (np.broadcast_to(b, start.shape) for b in (layout.lower, layout.upper))
    vary = objective.vary(free.any(axis=0))
    return minimize(vary, start, lower, upper, free, tolerance=_TOLERANCE)


def refine(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    keep: float,
    solve: Solve = solve,
) -> Refined:
    """Refine from starts that are nearly right.

    A phase whose scale is not `keep` times its uncertainty is not there: it keeps its place
    and shape, and only its scale is refined.

    Parameters
    ----------
    objective : PatternObjective
    start : array (rows, P)
    free : bool array (P,)
    keep : float
    solve : callable
        How one refinement is done.
    """
    vary = np.tile(free, (len(start), 1))
    solution = solve(objective, start, vary)
    present = np.ones((len(start), len(objective.model.phases)), bool)
    for _ in range(present.shape[1]):
        gone = present & ~_significant(objective, solution, keep)
        # One at a time: what one phase leaves may belong to another.
        drop = _weakest(objective, solution, gone)
        rows = np.flatnonzero(drop >= 0)
        if rows.size == 0:
            break
        present[rows, drop[rows]] = False
        for row in rows.tolist():
            vary[row] &= ~_shape_of(objective, int(drop[row]))
        again = np.where(vary[rows], solution.theta[rows], start[rows])
        solution.put(rows, solve(objective.take(rows), again, vary[rows]))
    return Refined(
        solution.theta,
        solution.covariance(),
        vary,
        solution.at_bound,
        solution.status,
        solution.iterations,
        present,
    )


def refine_in_stages(
    objective: PatternObjective, start: FloatArray, stages: Sequence[Stage]
) -> FloatArray:
    """Bring parameters (rows, P) near the minimum; phases that are not seen stay as they are."""
    layout = objective.model.layout
    theta = start
    lower, upper = (np.broadcast_to(b, start.shape) for b in (layout.lower, layout.upper))
    for number, stage in enumerate(stages):
        free = np.tile(stage.free, (len(start), 1))
        if number:
            seen = _significant(objective, solution, 4.0)
            for row, phase in np.argwhere(~seen).tolist():
                free[row] &= ~_shape_of(objective, phase)
        wide = stage.widened(layout, theta)
        solution = minimize(
            objective.vary(stage.free),
            wide,
            lower,
            upper,
            free,
            max_iterations=_EARLY_ITERATIONS,
            tolerance=_ROUGH,
        )
        theta = solution.theta + (theta - wide)
    return theta


def _scales(objective: PatternObjective) -> list[int]:
    layout = objective.model.layout
    names = (f"{p.name}.scale" for p in objective.model.phases)
    return [layout.index(n) if n in layout.names else -1 for n in names]


def _significant(objective: PatternObjective, solution: Solution, keep: float) -> BoolArray:
    """Which phases (rows, phases) the patterns show."""
    variance = np.einsum("rii->ri", solution.covariance())
    seen = np.ones((len(variance), len(objective.model.phases)), bool)
    for phase, scale in enumerate(_scales(objective)):
        if scale >= 0:
            with np.errstate(invalid="ignore"):
                ratio = solution.theta[:, scale] / np.sqrt(variance[:, scale])
            held = ~solution.free[:, scale]
            seen[:, phase] = held | (np.nan_to_num(ratio) >= keep)
    return seen


def _weakest(objective: PatternObjective, solution: Solution, gone: BoolArray) -> NDArray[np.intp]:
    """The least significant of the phases that are gone, for each row, or -1."""
    variance = np.einsum("rii->ri", solution.covariance())
    ratio = np.full(gone.shape, np.inf)
    for phase, scale in enumerate(_scales(objective)):
        if scale >= 0:
            with np.errstate(invalid="ignore"):
                ratio[:, phase] = solution.theta[:, scale] / np.sqrt(variance[:, scale])
    ratio = np.where(gone, np.nan_to_num(ratio), np.inf)
    return np.where(gone.any(axis=1), ratio.argmin(axis=1), -1)


def _shape_of(objective: PatternObjective, phase: int) -> BoolArray:
    """Parameters (P,) of a phase besides its scale."""
    prefix = f"{objective.model.phases[phase].name}."
    return np.array(
        [n.startswith(prefix) and n != f"{prefix}scale" for n in objective.model.layout.names]
    )
