"""Bridge what was not measured, for what cannot do without a number everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def filled(x: FloatArray, y: FloatArray) -> FloatArray:
    """Spectra with what was not measured taken from the neighbours, for starts.

    Parameters
    ----------
    x : array (points,)
        Rising; along which straight lines are drawn.
    y : array (frames, points)
        NaN where not measured.

    Returns
    -------
    array (frames, points)
        `y` itself where nothing lacks; 1 in frames in which nothing was measured.

    Examples
    --------
    >>> filled(np.array([0.0, 1.0, 4.0]), np.array([[2.0, np.nan, 6.0]])).tolist()
    [[2.0, 3.0, 6.0]]
    """
    bad = ~np.isfinite(y)
    if not bad.any():
        return y
    out = y.copy()
    for row in np.flatnonzero(bad.any(axis=1)).tolist():
        good = ~bad[row]
        out[row, bad[row]] = np.interp(x[bad[row]], x[good], y[row, good]) if good.any() else 1.0
    return out
