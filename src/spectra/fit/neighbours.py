"""What a spectrum should look like by its neighbours in the sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_AT_ONCE = 1 << 22


def expected_by_neighbours(
    spectra: FloatArray, good: BoolArray, reach: int, fewest: int = 2
) -> FloatArray:
    """Median of the nearest good frames of each, brought to its scale and offset.

    Parameters
    ----------
    spectra : array (frames, points)
    good : bool array (frames,)
        Frames that may be neighbours.
    reach : int
        Neighbours on either side; at the ends as many, from one side. Zero expects nothing.
    fewest : int
        Neighbours that are needed to tell: of a single one nobody knows which of the two is odd,
        unless oddness has a direction.

    Returns
    -------
    array (frames, points)
        0 where too few neighbours exist to tell.
    """
    rows = np.flatnonzero(good)
    out = np.zeros(spectra.shape)
    count = min(2 * reach, rows.size - 1)
    if count < fewest:
        return out
    step = max(1, _AT_ONCE // (count * spectra.shape[1]))
    for start in range(0, len(rows), step):
        own = np.arange(start, min(start + step, len(rows)))
        first = np.clip(own - reach, 0, rows.size - 1 - count)
        others = first[:, None] + np.arange(count + 1)
        # The frame itself is left out wherever it stands among the nearest.
        others = others[others != own[:, None]].reshape(len(own), count)
        middle = np.median(spectra[rows[others]], axis=1)
        out[rows[own]] = _scaled(middle, spectra[rows[own]])
    return out


def _scaled(middle: FloatArray, spectra: FloatArray) -> FloatArray:
    """Each row of `middle` with the scale and offset that fit the spectrum best."""
    known = np.isfinite(middle) & np.isfinite(spectra)
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a, b = np.where(known, middle, 0.0), np.where(known, spectra, 0.0)
    mean_a, mean_b = a.sum(axis=1, keepdims=True) / n, b.sum(axis=1, keepdims=True) / n
    da = np.where(known, middle - mean_a, 0.0)
    square = (da**2).sum(axis=1, keepdims=True)
    slope = (da * b).sum(axis=1, keepdims=True) / np.where(square > 0, square, 1.0)
    out: FloatArray = mean_b + slope * (middle - mean_a)
    return out
