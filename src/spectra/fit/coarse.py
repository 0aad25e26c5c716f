"""Start fits on binned spectra and in single precision.

Both cost a fraction and lead to nearly the same minimum; what they leave is for the exact fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import inflation
from spectra.fit.model import Points
from spectra.fit.objective import SpectraObjective
from spectra.fit.solver import minimize
from spectra.fit.ties import TiedObjective
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SIZES = (8, 4, 2)
# Binned points per parameter at least, and how much of a curve's range binning may bend away.
_PER_PARAMETER = 8
_BENT = 0.02
# What may be left of χ² when a start is near enough, and where several are to be told apart.
_ROUGH, _TELLING = 0.25, 0.03
# What a start may lack to the best one, and how far off it must have led to be another minimum.
_HOPELESS, _APART = 5.0, 1.0
# The same of the last steps in single precision, for which the exact fit needs one more.
_NEAR = 1e-5
# Inflation of a variance up to which steps in single precision are good to about a hundredth.
_SINGLE = 1e5


@dataclass(frozen=True)
class Near:
    """Where rough fits have led.

    Attributes
    ----------
    theta : array (rows, variables)
    promised : array (rows,)
        What the step that led there was to gain, if it saw all points; else zero.
    begin : array (rows, variables)
        The start that this was reached from.
    """

    theta: FloatArray
    promised: FloatArray
    begin: FloatArray


def approach(
    objective: TiedObjective,
    last: TiedObjective | None,
    starts: Sequence[FloatArray],
    lower: FloatArray,
    upper: FloatArray,
    free: BoolArray,
) -> Near:
    """Starts nearer to the minimum, from rough fits.

    Of several starts each is followed on binned spectra, and those that led to different places
    of nearly the best cost are followed on. Bins and precision are chosen from the common start
    of the parameters: no choice may hang on which spectra are worked on together.

    Parameters
    ----------
    objective : TiedObjective
        Sums of squares.
    last : TiedObjective or None
        What is to be minimised in the end, if its steps may be taken in single precision. A
        robust cost may have its minimum elsewhere: it gets rough starts and no finer ones.
    starts : sequence of array (rows, variables)
    lower, upper, free : array (rows, variables)
    """
    paths = [_Path.of(start) for start in starts]
    for stage in _stages(objective, last, several=len(starts) > 1):
        for path in paths:
            path.follow(stage, lower, upper, free)
        if len(paths) > 1:
            _leave_idle(paths, stage.objective.inner.y.shape[1])
    best = np.stack([path.cost for path in paths]).argmin(axis=0)
    found = ([p.theta for p in paths], [p.promised for p in paths], starts)
    theta, promised, begin = (np.stack(each)[best, np.arange(len(best))] for each in found)
    return Near(theta, promised, begin)


@dataclass(frozen=True)
class _Stage:
    """One of several rough fits: of what, how far, and whether of all that counts in the end."""

    objective: TiedObjective
    tolerance: float
    whole: bool


def _stages(objective: TiedObjective, last: TiedObjective | None, *, several: bool) -> list[_Stage]:
    """Rough fits, one after the other; of `several` starts so far that minima can be told."""
    inner, ties = objective.inner, objective.ties
    common = replace(objective, whole=ties.start[None])
    plausible = ties.start[None, ties.free]
    own, _ = common.expand(plausible)
    size = bin_size(inner.at.x[0], inner.model.value(own, inner.at)[0], plausible.size)
    same = last is objective
    if size == 1 and same and not several:
        return []
    single = _bears_single_precision(common, plausible)
    # Twice, the second time on finer bins: what binning bends goes with their square. Another
    # cost than squares needs two steps in single precision anyway, and no finer bins before.
    sizes = [size, max(2, size // 4)] if size > 2 and (same or not single) else [size]
    sizes = [] if size == 1 and same else sizes
    stages = [
        _Stage(
            replace(objective, inner=bin_objective(inner, bins) if bins > 1 else inner),
            _TELLING if several else _ROUGH,
            whole=False,
        )
        for bins in sizes
    ]
    if last is not None and (single or several):
        stages.append(_Stage(last, _ROUGH if same and not several else _NEAR, whole=True))
    if not single:
        return stages
    return [
        replace(s, objective=replace(s.objective, inner=s.objective.inner.in_single_precision()))
        for s in stages
    ]


@dataclass
class _Path:
    """Where one start of all rows has led.

    Attributes
    ----------
    theta : array (rows, variables)
    promised : array (rows,)
    cost : array (rows,)
        Of the last rough fit; infinite where it went astray or is not followed.
    hessian : array (rows, variables, variables)
    followed : bool array (rows,)
    """

    theta: FloatArray
    promised: FloatArray
    cost: FloatArray
    hessian: FloatArray
    followed: BoolArray

    @classmethod
    def of(cls, start: FloatArray) -> _Path:
        n_rows, n = start.shape
        blank = np.zeros((n_rows, n, n))
        every = np.ones(n_rows, bool)
        return cls(start.copy(), np.zeros(n_rows), np.full(n_rows, np.inf), blank, every)

    def follow(self, stage: _Stage, lower: FloatArray, upper: FloatArray, free: BoolArray) -> None:
        """Fit the rows that are followed once more."""
        rows = np.flatnonzero(self.followed)
        box = lower[rows], upper[rows], free[rows]
        seen = stage.objective.take(rows)
        rough = minimize(seen, self.theta[rows], *box, tolerance=stage.tolerance)
        # What went astray starts from where it was told to.
        good = np.isin(rough.status, (Status.OK, Status.AT_BOUND))
        self.theta[rows[good]] = rough.theta[good]
        self.promised[rows] = np.where(good & stage.whole, rough.promised, 0.0)
        self.cost[rows] = np.where(good, rough.chi2, np.inf)
        self.hessian[rows] = rough.hessian


def _leave_idle(paths: Sequence[_Path], n_points: int) -> None:
    """Follow no path further that has led to where the best one is, or is much worse.

    The unit of both is what the best fit leaves per point, for sums of squares may have any.
    """
    cost = np.stack([path.cost for path in paths])
    rows = np.arange(cost.shape[1])
    best = cost.argmin(axis=0)
    least = cost[best, rows]
    theta = np.stack([path.theta for path in paths])[best, rows]
    hessian = np.stack([path.hessian for path in paths])[best, rows]
    unit = least / n_points
    for i, path in enumerate(paths):
        step = path.theta - theta
        apart = np.einsum("rp,rp->r", np.matmul(hessian, step[:, :, None])[:, :, 0], step)
        other = (path.cost <= least + _HOPELESS * unit) & ~(apart <= _APART * unit)
        path.followed &= other | (best == i)
        path.cost[~path.followed] = np.inf


def _bears_single_precision(objective: TiedObjective, theta: FloatArray) -> bool:
    """Whether normal equations at some variables (1, V) are solved well enough in seven digits."""
    every = np.ones((1, objective.inner.y.shape[1]))
    worst = inflation(objective.information(theta, every), np.ones(theta.shape, bool))
    return bool(worst[0] < _SINGLE)


def bin_size(x: FloatArray, curve: FloatArray, n_parameters: int) -> int:
    """How many points may be averaged before a curve like this one is changed much.

    Parameters
    ----------
    x, curve : array (points,)
        A plausible curve, such as the model at its start.
    n_parameters : int

    Returns
    -------
    int
        1 where the points must stay as they are.
    """
    span = float(np.ptp(curve)) if np.isfinite(curve).all() else 0.0
    if span <= 0.0 or not (np.diff(x) > 0).all():
        return 1
    for size in _SIZES:
        n = len(x) // size
        if n < _PER_PARAMETER * n_parameters:
            continue
        binned = curve[: n * size].reshape(n, size).mean(axis=1)
        middle = x[: n * size].reshape(n, size).mean(axis=1)
        if np.abs(np.interp(middle, x, curve) - binned).max() < _BENT * span:
            return size
    return 1


def bin_objective(objective: SpectraObjective, size: int) -> SpectraObjective:
    """Average `size` neighbouring points of each spectrum by their weights.

    Points at the end that do not fill a bin are left out.
    """
    n = objective.y.shape[1] // size

    def group(values: FloatArray) -> FloatArray:
        return values[:, : n * size].reshape(len(values), n, size)

    weight = group(objective.weight)
    # As products with ones: sums over a short axis take several times as long.
    ones = np.ones(size)
    total = np.matmul(weight, ones)

    def average(values: FloatArray) -> FloatArray:
        sums = np.matmul(weight * group(values), ones)
        return np.asarray(sums / np.where(total > 0, total, 1.0))

    at = Points(group(objective.at.x).mean(axis=2), group(objective.at.u).mean(axis=2))
    beside = None if objective.beside is None else average(objective.beside)
    return replace(objective, at=at, y=average(objective.y), weight=total, beside=beside)
