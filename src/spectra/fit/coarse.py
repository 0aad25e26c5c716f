"""Start fits on binned spectra and in single precision.

Both cost a fraction and lead to nearly the same minimum; what they leave is for the exact fit.
"""

from __future__ import annotations

from dataclasses import replace

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
# What may be left of χ² when a start is near enough.
_ROUGH = 0.25
# The same of the last steps in single precision, for which the exact fit needs one more.
_NEAR = 1e-5
# Inflation of a variance up to which steps in single precision are good to about a hundredth.
_SINGLE = 1e5


def approach(
    objective: TiedObjective,
    last: TiedObjective | None,
    plausible: FloatArray,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    free: BoolArray,
    *,
    compared: bool,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Starts nearer to the minimum, from rough fits.

    Parameters
    ----------
    objective : TiedObjective
        Sums of squares.
    last : TiedObjective or None
        What is to be minimised in the end, if its steps may be taken in single precision. A
        robust cost may have its minimum elsewhere: it gets rough starts and no finer ones.
    plausible : array (variables,)
        Common start, from which bins and precision are chosen: no choice may hang on which
        spectra are worked on together.
    start, lower, upper, free : array (rows, variables)
    compared : bool
        Whether others start elsewhere: then the cost is worked out well enough to tell minima.

    Returns
    -------
    start : array (rows, variables)
    promised : array (rows,)
        What the step that led there was to gain, if it saw all points; else zero.
    cost : array (rows,)
        Of the last rough fit; infinite where it went astray.
    """
    promised = np.zeros(len(start))
    inner = objective.inner
    own, _ = objective.expand(plausible[None])
    size = bin_size(inner.at.x[0], inner.model.value(own, inner.at)[0], int(free[:1].sum()))
    same, cost = last is objective, np.full(len(start), np.inf)
    if size == 1 and same and not compared:
        return start, promised, cost
    single = _bears_single_precision(objective, plausible, free[0])
    # Twice, the second time on finer bins: what binning bends goes with their square. Another
    # cost than squares needs two steps in single precision anyway, and no finer bins before.
    sizes = [size, max(2, size // 4)] if size > 2 and (same or not single) else [size]
    sizes = [] if size == 1 and same else sizes
    stages = [
        (replace(objective, inner=bin_objective(inner, bins) if bins > 1 else inner), _ROUGH)
        for bins in sizes
    ]
    if last is not None and (single or compared):
        stages.append((last, _ROUGH if same and not compared else _NEAR))
    for stage, tolerance in stages:
        seen = replace(stage, inner=stage.inner.in_single_precision()) if single else stage
        rough = minimize(seen, start, lower, upper, free, tolerance=tolerance)
        # What went astray starts from where it was told to.
        good = np.isin(rough.status, (Status.OK, Status.AT_BOUND))
        start = np.where(good[:, None], rough.theta, start)
        promised = np.where(good & (stage is last), rough.promised, 0.0)
        cost = np.where(good, rough.chi2, np.inf)
    return start, promised, cost


def _bears_single_precision(
    objective: TiedObjective, plausible: FloatArray, free: BoolArray
) -> bool:
    """Whether normal equations are solved well enough in seven digits."""
    every = np.ones((1, objective.inner.y.shape[1]))
    worst = inflation(objective.information(plausible[None], every), free[None])
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
