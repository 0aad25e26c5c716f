"""Known peaks beside a window, whose tails run through it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile
from spectra.fit.model import Model
from spectra.fit.objective import SpectraObjective
from spectra.fit.starting import linear_problem

FloatArray = NDArray[np.float64]


def curve_of(profile: Profile | Doublet, x: FloatArray, peaks: FloatArray) -> FloatArray:
    """Sum of peaks (rows, N, 2 + shape parameters: centre, area, shape) at x (rows, points)."""
    total = np.zeros(x.shape)
    # One after the other: so peaks without area change no bit of the sum.
    for k in range(peaks.shape[1]):
        rows = np.flatnonzero(peaks[:, k, 1])
        center, area, *shape = peaks[rows, k].T[:, :, None]
        total[rows] += area * profile.value(x[rows], center, *shape)
    return total


def straight_part(
    objective: SpectraObjective, tails: FloatArray, degree: int
) -> tuple[FloatArray, FloatArray]:
    """Background that is nearest to a curve (rows, points), and χ² of what it leaves (rows,).

    By the inequality of Cauchy and Schwarz no parameter that is fitted by least squares moves
    by more uncertainties than the root of that χ² when the curve is added to the data.
    """
    flat = Model((), degree)
    alone = SpectraObjective.of(flat, objective.at, tails, objective.weight)
    _, straight, left = linear_problem(alone, flat, np.zeros((len(tails), degree + 1)))
    return straight, left
