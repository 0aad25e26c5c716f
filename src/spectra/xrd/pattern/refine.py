"""Refine patterns, each by itself: stages, absent phases, uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import Solution, minimize
from spectra.status import Status
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.stages import Stage

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TOLERANCE = 1e-8
# What single precision may leave of the cost.
_SINGLE_TOLERANCE = 1e-6
_DAMPING = 1e-3
_DAMPING_NEAR = 1e-6
_ROUGH = 1e-4
_EARLY_ITERATIONS = 12
_LAST_ITERATIONS = 25
# Relative difference of axes that wide lines may confuse.
_ALIKE = 0.01
# Share of χ² by which an exchange of axes must be better.
_CLEARLY = 0.01
# Significance of a phase whose shape is refined on the way.
_SEEN = 4.0


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
    cost : array (rows,)
    rest : array (rows, P, P)
        What was learnt of second derivatives on the way.
    """

    theta: FloatArray
    cov: FloatArray
    free: BoolArray
    at_bound: BoolArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    present: BoolArray
    cost: FloatArray
    rest: FloatArray

    def put(self, rows: NDArray[np.intp], other: Refined) -> None:
        """Replace the `rows` by those of `other`, which has just these."""
        for name in Refined.__annotations__:
            getattr(self, name)[rows] = getattr(other, name)


def solve(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    *,
    max_iterations: int = 100,
    tolerance: float = _TOLERANCE,
    rest: FloatArray | None = None,
) -> Solution:
    """Refine the `free` (rows, P) parameters from `start` (rows, P).

    Steps are made in single precision as far as it bears; what is left, and the proof that it
    is little, is for double precision.
    """
    single = objective.in_single_precision()
    rough = max(tolerance, _SINGLE_TOLERANCE)
    near = take_steps(
        single, start, free, max_iterations=max_iterations, tolerance=rough, rest=rest
    )
    good = np.isin(near.status, (Status.OK, Status.AT_BOUND))
    found = take_steps(
        objective,
        np.where(good[:, None], near.theta, start),
        free,
        max_iterations=max_iterations,
        tolerance=tolerance,
        damping=_DAMPING_NEAR,
        promised=np.where(good, np.maximum(near.decrement, rough * near.chi2), 0.0),
        rest=near.rest,
    )
    return replace(found, iterations=near.iterations + found.iterations)


def take_steps(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    *,
    max_iterations: int = 100,
    tolerance: float = _TOLERANCE,
    damping: float = _DAMPING,
    promised: FloatArray | None = None,
    rest: FloatArray | None = None,
) -> Solution:
    """Minimise with all that `minimize` is told here, in the precision of the objective.

    Patterns are left with large residuals, and those of a cell of two like axes do not tell
    which is the longer one: so curvatures are learnt on the way.
    """
    layout = objective.model.layout
    lower, upper = (np.broadcast_to(b, start.shape) for b in (layout.lower, layout.upper))
    return minimize(
        *(objective.vary(np.asarray(free.any(axis=0))), start, lower, upper, free),
        max_iterations=max_iterations,
        tolerance=tolerance,
        damping=damping,
        promised=promised,
        rest=np.zeros((*start.shape, start.shape[1])) if rest is None else rest,
    )


def refine(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    keep: float,
    rest: FloatArray | None = None,
) -> Refined:
    """Refine from starts that are nearly right.

    A phase whose scale is not `keep` times its uncertainty is not there: it keeps its place
    and shape, and only its scale is refined.

    Parameters
    ----------
    objective : PatternObjective
    start : array (rows, P)
    free : bool array (P,) or (rows, P)
    keep : float
    rest : array (rows, P, P), optional
        What is known of second derivatives, see `fit.secant`.
    """
    vary = np.array(np.broadcast_to(free & ~objective.tied, start.shape))
    solution = solve(objective, start, vary, rest=rest)
    assert solution.rest is not None
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
        *objective.complete(solution.theta, solution.covariance(), vary),
        solution.at_bound,
        solution.status,
        solution.iterations,
        present,
        solution.chi2,
        solution.rest,
    )


def refine_in_stages(
    objective: PatternObjective, start: FloatArray, stages: Sequence[Stage]
) -> FloatArray:
    """Bring parameters (rows, P) near the minimum; phases that are not seen stay as they are.

    Wide lines find a cell from afar, and may confuse axes of nearly one length on the way. So
    several ways are tried at once, and the best end is taken for each row: with wide lines and
    without, and both again with such axes exchanged.
    """
    layout, count = objective.model.layout, len(start)
    every = np.arange(count)
    wide = [s for s in stages if s.blur > 0]
    narrow = [s for s in stages if s.blur == 0]
    far = through_stages(objective, start, wide)
    ways = [start, far]
    if (_exchanged(objective, start) != start).any():
        ways += [_exchanged(objective, way) for way in ways]
    each = objective.take(np.concatenate([every] * len(ways)))
    ends = through_stages(each, np.concatenate(ways), narrow)
    free = np.tile(narrow[-1].free & ~objective.tied, (len(ends), 1))
    lower, upper = (np.broadcast_to(b, ends.shape) for b in (layout.lower, layout.upper))
    last = minimize(
        *(each.vary(np.asarray(free.any(axis=0))), ends, lower, upper, free),
        max_iterations=_LAST_ITERATIONS,
        tolerance=_ROUGH,
    )
    cost = last.chi2.reshape(len(ways), count)
    # Axes keep the order they were given in unless the other is clearly better.
    cost[2:] *= 1.0 + _CLEARLY
    best = np.nan_to_num(cost, nan=np.inf).argmin(axis=0)
    return np.asarray(last.theta.reshape(len(ways), count, -1)[best, every])


def through_stages(
    objective: PatternObjective, start: FloatArray, stages: Sequence[Stage]
) -> FloatArray:
    """Refine through some stages: parameters (rows, P)."""
    layout = objective.model.layout
    theta = start
    lower, upper = (np.broadcast_to(b, start.shape) for b in (layout.lower, layout.upper))
    solution = None
    for stage in stages:
        free = np.tile(stage.free & ~objective.tied, (len(start), 1))
        if solution is not None:
            seen = _significant(objective, solution, _SEEN)
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


def _exchanged(objective: PatternObjective, theta: FloatArray) -> FloatArray:
    """Exchange free axes of nearly one length in each phase."""
    out = theta.copy()
    for number, phase in enumerate(objective.model.phases):
        at = np.arange(objective.model.layout.size)[objective.model.cell_columns(number)]
        axes = [c for c, n in zip(at, phase.constraint.names, strict=True) if n in "abc"]
        for i, j in combinations(axes, 2):
            alike = np.abs(theta[:, i] / theta[:, j] - 1.0) < _ALIKE
            out[alike, i], out[alike, j] = theta[alike, j], theta[alike, i]
    return out


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
