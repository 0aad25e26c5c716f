"""Batched bounded Levenberg–Marquardt: N fits as one vectorised computation.

Every fit ("row") has its own data, start, bounds, damping and convergence; the rows share only
the model. Nothing here sums over rows, so a row's answer is the same bit for bit whichever
rows stand beside it. The solver sees no data points: an objective hands it cost, gradient and
Hessian, so that memory does not grow with the length of the spectra.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance
from spectra.fit.secant import learn, upwards
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_DAMPING_MAX = 1e12
_DAMPING_MIN = 1e-12
_TINY = 1e-300
# A cost this much below that of the start is the rounding of a model that fits exactly.
_EXACT = 1e-26
# A step that promises less than this part of the cost may be taken without a look.
_TRUSTED = 1e-5
# The first steps gain more than the later ones: no more than this is expected of the next.
_CONTRACTION = 1e-2
# What is learnt on the way makes one step gain much and the next one less.
_CONTRACTION_LEARNT = 0.1


@dataclass(frozen=True)
class Evaluation:
    """An objective and its local quadratic model, one row per fit.

    Attributes
    ----------
    theta : array (rows, P)
        Where: the parameters asked for, or better ones that the objective put in their place.
    cost : array (rows,)
        What is minimised: χ², or what a loss makes of it.
    gradient : array (rows, P)
        Direction of descent, −½·∂cost/∂θ; Jᵀ·W·(y − f) in least squares.
    hessian : array (rows, P, P)
        Half the expected second derivatives; Jᵀ·W·J in least squares.
    """

    theta: FloatArray
    cost: FloatArray
    gradient: FloatArray
    hessian: FloatArray

    def __post_init__(self) -> None:
        # Sums over a row depend on how its numbers lie in memory: as those of one row alone do.
        for name in ("theta", "gradient", "hessian"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name)))

    def take(self, rows: IntArray) -> Evaluation:
        """The evaluation of some of the rows."""
        return Evaluation(
            self.theta[rows], self.cost[rows], self.gradient[rows], self.hessian[rows]
        )

    def put(self, rows: BoolArray, other: Evaluation) -> None:
        """Replace the `rows` by those of `other`, which has as many rows in all."""
        for name in Evaluation.__annotations__:
            getattr(self, name)[rows] = getattr(other, name)[rows]


class Objective(Protocol):
    """What the solver minimises, row by row."""

    def take(self, rows: IntArray) -> Self:
        """The same objective for some of the rows."""
        ...

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian at parameters (rows, P)."""
        ...


@dataclass(frozen=True)
class Solution:
    """What the solver found, one row per fit.

    Attributes
    ----------
    theta : array (rows, parameters)
    chi2 : array (rows,)
        The cost at `theta`: the weighted sum of squares, unless the objective has another.
    hessian : array (rows, parameters, parameters)
        Jᵀ·W·J at `theta`.
    at_bound : bool array (rows, parameters)
        Parameters held by a bound that the data push against.
    free : bool array (rows, parameters)
        Parameters that were varied.
    status : int8 array (rows,)
        OK, AT_BOUND or NOT_CONVERGED.
    iterations : int array (rows,)
    decrement : array (rows,)
        What a further step would gain, g·H⁻¹·g, as far as the last steps let foresee; infinite
        where the solver gave up.
    promised : array (rows,)
        What the step that led here was to gain, where it was taken on trust; else zero.
    rest : array (rows, parameters, parameters) or None
        What was learnt of second derivatives that the Hessian lacks, if that was asked for.
    """

    theta: FloatArray
    chi2: FloatArray
    hessian: FloatArray
    at_bound: BoolArray
    free: BoolArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    decrement: FloatArray
    promised: FloatArray
    rest: FloatArray | None

    def covariance(self) -> FloatArray:
        """Inverse of the Hessian over the free parameters (rows, parameters, parameters).

        NaN for parameters that are fixed, at a bound, or not determined by the data. Multiply
        by the reduced χ² where the weights are only relative.
        """
        return covariance(self.hessian, self.free & ~self.at_bound)

    def take(self, rows: IntArray) -> Solution:
        """The solution of some of the rows."""
        parts = {name: getattr(self, name) for name in Solution.__annotations__}
        return replace(self, **{k: v[rows] for k, v in parts.items() if v is not None})

    def put(self, rows: IntArray, other: Solution) -> None:
        """Replace the `rows` by those of `other`, which has just these."""
        for name in Solution.__annotations__:
            own, new = getattr(self, name), getattr(other, name)
            if own is not None and new is not None:
                own[rows] = new


@dataclass
class _State:
    """The rows still being worked on."""

    rows: IntArray
    objective: Objective
    here: Evaluation
    lower: FloatArray
    upper: FloatArray
    free: BoolArray
    floor: FloatArray
    previous: FloatArray
    promised: FloatArray
    damping: FloatArray
    growth: FloatArray
    rest: FloatArray | None

    def local(self) -> Evaluation:
        """The quadratic model that steps are made from."""
        if self.rest is None:
            return self.here
        return replace(self.here, hessian=upwards(self.here.hessian, self.rest))

    def take(self, keep: IntArray) -> _State:
        parts = vars(self).items()
        arrays = {k: v[keep] for k, v in parts if isinstance(v, np.ndarray)}
        return replace(
            self, objective=self.objective.take(keep), here=self.here.take(keep), **arrays
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
    damping: float = 1e-3,
    promised: FloatArray | None = None,
    rest: FloatArray | None = None,
) -> Solution:
    """Minimise every row of `objective` from its start, within its bounds.

    Levenberg–Marquardt with the damping of Nielsen (IMM-REP-1999-05, eq. 2.21). A step that
    would leave the box is shortened to the bound and the other parameters are solved again
    with that one held there; a parameter on a bound is released as soon as the gradient
    points inwards. An undamped step, with the gradient projected on the box, promises a
    decrease of the cost; a row takes it and is done when it, or what will be left after it if
    it gains as the step before did, is below ``tolerance * cost``.

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
        Relative decrease of the cost that is not worth another evaluation.
    damping : float
        Of the first step; less is faster from a start close to the minimum.
    promised : array (rows,), optional
        What the step that led to the start was to gain, where it was one of the same objective:
        `Solution.promised` of a fit in single precision.
    rest : array (rows, parameters, parameters), optional
        What the objective's Hessian lacks, as far as it is known; zeros are enough. Then the
        steps learn it from gradients, which pays where large residuals are left or a model is
        even in a parameter. Without it, steps trust the objective's Hessian.

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
        decrement=np.full(n_rows, np.inf),
        promised=np.zeros(n_rows),
        rest=None if rest is None else rest.copy(),
    )
    if n_rows == 0:
        return out
    here = objective.evaluate(theta)
    first = np.full(n_rows, damping)
    every = np.arange(n_rows)
    growth = np.full(n_rows, 2.0)
    floor = _EXACT * np.where(np.isfinite(here.cost), here.cost, 0.0) + _TINY
    never = np.full(n_rows, np.inf)
    gained = np.full(n_rows, _TINY) if promised is None else promised + _TINY
    state = _State(
        *(every, objective, here, lower, upper, free, floor, never, gained, first, growth, rest)
    )
    out.chi2[:] = here.cost
    usable = np.isfinite(here.cost) & np.isfinite(here.hessian).all(axis=(1, 2))
    if not usable.all():
        state = state.take(np.flatnonzero(usable))
    for iteration in range(1, max_iterations + 1):
        if state.rows.size == 0:
            break
        state = _iterate(state, out, iteration, tolerance)
    if state.rows.size:
        _store(state, out)
        out.iterations[state.rows] = max_iterations
    return out


def _iterate(state: _State, out: Solution, iteration: int, tolerance: float) -> _State:
    """One damped step of every row; finished rows are written to `out` and dropped."""
    vary = state.free & ~_held(state)
    # What an undamped step would gain: zero at a minimum, whatever the damping has become.
    local = state.local()
    newton, decrement = _newton_step(local, vary)
    # What will be left after another step, if it gains on the minimum as the last one did.
    least = _CONTRACTION if state.rest is None else _CONTRACTION_LEARNT
    contraction = np.clip(decrement / np.maximum(state.promised, decrement), least, 1.0)
    left = np.where(decrement <= _TRUSTED * state.here.cost, contraction, 1.0) * decrement
    arrived = left <= tolerance * state.here.cost + state.floor
    # At the rounding of the cost, steps go on as long as each leaves much less to be gained.
    stuck = decrement > 0.25 * state.previous
    done = arrived | stuck
    if done.any():
        rows = np.flatnonzero(done)
        last = state.take(rows)
        last.here, taken = _last_step(last, newton[rows], decrement[rows], arrived[rows])
        _finish(last, out, iteration, np.True_)
        out.decrement[last.rows] = left[rows]
        out.promised[last.rows] = np.where(taken, decrement[rows], 0.0)
        rest = np.flatnonzero(~done)
        state, vary, decrement = state.take(rest), vary[rest], decrement[rest]
        if rest.size == 0:
            return state
        local = local.take(rest)
    here = state.here
    step, promised = _bounded_step(state, local, vary)
    trial = np.clip(here.theta + step, state.lower, state.upper)
    there = state.objective.evaluate(np.where(state.free, trial, here.theta))
    gain = here.cost - there.cost
    better = (gain > 0) & np.isfinite(there.hessian).all(axis=(1, 2))
    ratio = np.where(promised > _TINY, gain / np.maximum(promised, _TINY), 0.0)
    ratio = np.where(np.isfinite(ratio), ratio, -1.0)
    shrink = np.maximum(0.1, 1.0 - (2.0 * np.clip(ratio, -1, 2) - 1.0) ** 3)
    damping = np.where(better, state.damping * shrink, state.damping * state.growth)
    small = np.abs(gain) <= tolerance * here.cost + state.floor
    stalled = ~better & ((damping > _DAMPING_MAX) | small)
    flat = decrement <= tolerance * here.cost + state.floor
    settled = flat & (np.abs(gain) <= 1e3 * tolerance * here.cost + state.floor)
    # A row that cannot improve although the gradient is not flat has met the rounding of the
    # cost itself where the promise is tiny; elsewhere it has failed.
    rounding = stalled & small & (promised <= 1e-9 * here.cost + state.floor)
    near = settled | rounding
    before, moved = here.gradient.copy(), there.theta - here.theta
    here.put(better | rounding, there)
    if state.rest is not None:
        change = np.where(state.free, before - there.gradient, 0.0)
        state.rest = learn(state.rest, here.hessian, moved, change)
    state.damping = np.where(near, _DAMPING_MIN, np.maximum(damping, _DAMPING_MIN))
    state.growth = np.where(better, 2.0, state.growth * 2.0)
    state.previous = np.where(near, decrement, np.inf)
    state.promised = np.where(better | near, decrement + _TINY, _TINY)
    failed = ~near & (damping > _DAMPING_MAX)
    if not failed.any():
        return state
    _finish(state.take(np.flatnonzero(failed)), out, iteration, np.False_)
    return state.take(np.flatnonzero(~failed))


def _finish(state: _State, out: Solution, iteration: int, succeeded: BoolArray | np.bool_) -> None:
    _store(state, out)
    out.iterations[state.rows] = iteration
    code = np.where(out.at_bound[state.rows].any(axis=1), Status.AT_BOUND, Status.OK)
    out.status[state.rows] = np.where(succeeded, code, Status.NOT_CONVERGED)


def _store(state: _State, out: Solution) -> None:
    out.theta[state.rows] = state.here.theta
    out.chi2[state.rows] = state.here.cost
    out.hessian[state.rows] = state.here.hessian
    out.at_bound[state.rows] = _held(state)
    if out.rest is not None and state.rest is not None:
        out.rest[state.rows] = state.rest


def _held(state: _State) -> BoolArray:
    """Free parameters on a bound which descent would push outwards."""
    theta, gradient = state.here.theta, state.here.gradient
    low = (theta <= state.lower) & (gradient < 0)
    high = (theta >= state.upper) & (gradient > 0)
    return np.asarray(state.free & (low | high))


def solve_damped(
    hessian: FloatArray, gradient: FloatArray, vary: BoolArray, damping: FloatArray
) -> FloatArray:
    """Solve (H + damping·diag H)·δ = g over the parameters in `vary`; zero elsewhere.

    Parameters
    ----------
    hessian : array (rows, P, P)
    gradient : array (rows, P)
    vary : bool array (rows, P)
    damping : array (rows,)

    Returns
    -------
    array (rows, P)
    """
    diagonal = np.einsum("rii->ri", hessian)
    usable = vary & (diagonal > 0)
    inverse = np.where(usable, 1.0 / np.sqrt(np.where(usable, diagonal, 1.0)), 0.0)
    matrix = hessian * inverse[:, :, None]
    matrix *= inverse[:, None, :]
    np.einsum("rii->ri", matrix)[...] = 1.0 + damping[:, None] + 1e-14
    right = (gradient * inverse)[:, :, None]
    try:
        step = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        step = np.stack([_solve_one(*pair) for pair in zip(matrix, right, strict=True)])
    return step[:, :, 0] * inverse


def _solve_one(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve for one row; one without a solution does not move."""
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros_like(right)


def _newton_step(here: Evaluation, vary: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Undamped step (rows, P), and the decrease of the cost that it promises (rows,)."""
    step = solve_damped(here.hessian, here.gradient, vary, np.full(len(vary), 1e-12))
    return step, np.einsum("rp,rp->r", step, np.where(vary, here.gradient, 0.0))


def _last_step(
    state: _State, step: FloatArray, decrement: FloatArray, arrived: BoolArray
) -> tuple[Evaluation, BoolArray]:
    """Take a last step on trust where it promises next to nothing and stays in the box."""
    here = state.here
    theta = here.theta + step
    inside = arrived & ((theta >= state.lower) & (theta <= state.upper) | (step == 0)).all(axis=1)
    stepped = replace(
        here,
        theta=np.where(inside[:, None], theta, here.theta),
        cost=np.where(inside, np.maximum(here.cost - decrement, 0.0), here.cost),
    )
    return stepped, inside


def _bounded_step(
    state: _State, local: Evaluation, vary: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Damped step inside the box (rows, P), and the decrease of the cost it promises (rows,)."""
    gradient, hessian = local.gradient, local.hessian
    room_down = state.lower - state.here.theta
    room_up = state.upper - state.here.theta
    step = solve_damped(hessian, gradient, vary, state.damping)
    open_ = vary.copy()
    for _ in range(3):
        outside = open_ & ((step < room_down) | (step > room_up))
        rows = np.flatnonzero(outside.any(axis=1))
        if rows.size == 0:
            break
        step = np.where(outside, np.clip(step, room_down, room_up), step)
        open_ &= ~outside
        # The others again, with those that met their bounds held there.
        fixed = (step[rows] * ~open_[rows])[:, :, None]
        right = gradient[rows] - np.matmul(hessian[rows], fixed)[:, :, 0]
        solved = solve_damped(hessian[rows], right, open_[rows], state.damping[rows])
        step[rows] = np.where(open_[rows], solved, step[rows])
    step = np.where(vary, np.clip(step, room_down, room_up), 0.0)
    curved = np.matmul(hessian, step[:, :, None])[:, :, 0]
    promised = np.einsum("rp,rp->r", step, 2.0 * gradient - curved)
    return step, promised
