"""Medians of what is finite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def median_of_finite(values: FloatArray, axis: int) -> FloatArray:
    """Median along an axis of those values that are finite; NaN where none is."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.nan), axis=axis)
    count = known.sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.asarray(np.squeeze(middle, axis=axis))
