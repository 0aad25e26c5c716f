"""Start fits on binned spectra, which cost a fraction and lead to nearly the same minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.model import Points
from spectra.fit.objective import SpectraObjective

FloatArray = NDArray[np.float64]

_SIZES = (8, 4, 2)
# Binned points per parameter at least, and how much of a curve's range binning may bend away.
_PER_PARAMETER = 8
_BENT = 0.02


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
    total = weight.sum(axis=2)

    def average(values: FloatArray) -> FloatArray:
        return np.asarray((weight * group(values)).sum(axis=2) / np.where(total > 0, total, 1.0))

    at = Points(group(objective.at.x).mean(axis=2), group(objective.at.u).mean(axis=2))
    beside = None if objective.beside is None else average(objective.beside)
    return replace(objective, at=at, y=average(objective.y), weight=total, beside=beside)
