"""E0 as Larch finds it: a point of high derivative with high neighbours, first raw, then smoothed.

The definition of ``larch.xafs.find_e0`` (version 2026.3.1), for all spectra of a block. It may
well be a point of the pre-edge peak; it serves comparison.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from spectra.xas.edge import Found
from spectra.xas.polynomials import alike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_SIDE, _WIDE = 75, 20
_PADDING = 5


def larch_edge(x: FloatArray, y: FloatArray) -> Found:
    """E0 of each frame, one of the points; its uncertainty is the distance between them / √12."""
    index, n = _high_point(_derivative(x, y)), len(x)
    early = index < 0.05 * n
    first = np.where(early, x.mean(), x[index])
    start = np.maximum(3, index - np.where(early, _WIDE, _SIDE))
    stop = np.where(early, n - 3, np.minimum(index + _SIDE, n - 3))
    width = 0.5 * (_typical_step(x[:-1]) + np.clip(first / 25000.0, 0.01, 1.0))
    place = np.empty(len(y), dtype=np.intp)
    for (a, b, _), rows in alike(start, stop, index):
        slope = _smooth(x[a : b - 1], _derivative(x[a:b], y[:, a:b][rows]), width[rows][0])
        found = _high_point(slope)
        place[rows] = a + np.where(found < 1, 2, found)
    near = np.clip(place, 1, n - 2)
    return Found(x[place], (x[near + 1] - x[near - 1]) ** 2 / 48.0, place)


def _derivative(x: FloatArray, y: FloatArray) -> FloatArray:
    """Differences over differences at all points but the last, which Larch leaves out."""
    return np.asarray(np.gradient(y[:, :-1], axis=1) / np.gradient(x[:-1]))


def _typical_step(x: FloatArray) -> float:
    """Mean of ten small steps, the smallest hundredth left out; 1 with fewer than 100 points."""
    skip = int(0.01 * len(x))
    if skip == 0:
        return 1.0
    steps = np.sort(np.diff(x[:-1][skip:-skip]))
    return float(np.clip(steps[skip : skip + 10].mean(), 0.01, 1.0))


def _high_point(slope: FloatArray) -> IntArray:
    """The highest of the points that are high and between high ones; 0 where there is none."""
    n = slope.shape[1]
    margin = max(3, int(n * 0.02))
    inner = slope[:, margin:-margin]
    low = inner.min(axis=1, keepdims=True)
    scaled = (slope - low) / np.maximum(1e-10, inner.max(axis=1, keepdims=True) - low)
    level = np.full((len(slope), 1), 0.60 if n > 20 else 0.30)
    few = _count(scaled > level) < 3
    level = np.where(few, 0.5 * level, level)
    level = np.where(few & (_count(scaled > level) <= 3), 0.5 * level, level)
    high = scaled > level
    high |= _count(high) < 3
    among = np.zeros_like(high)
    among[:, 1:-1] = high[:, :-2] & high[:, 1:-1] & high[:, 2:]
    index = np.arange(n)
    among &= (index >= margin) & (index <= n - margin) & (scaled > 0)
    return np.where(among.any(axis=1), np.where(among, scaled, -np.inf).argmax(axis=1), 0)


def _count(which: NDArray[np.bool_]) -> IntArray:
    return np.asarray(which.sum(axis=1, keepdims=True), dtype=np.intp)


def _smooth(x: FloatArray, values: FloatArray, width: float) -> FloatArray:
    """Convolve rows with a Lorentzian of half-width `width`, on an even grid of such steps.

    The grid reaches five steps beyond the points; there values are those of the end points, and
    beyond the grid its mirror image.
    """
    low = width * int((x[0] - _PADDING * width) / width)
    high = width * int((x[-1] + _PADDING * width) / width)
    count = min(1 + int(abs(high - low + 0.1 * width) / width), 50 * len(x))
    grid = np.linspace(low, high, count)
    even = _interpolate(x, values, np.clip(grid, x[0], x[-1]))
    window = 1.0 / (1.0 + (np.arange(2 * count) - count) ** 2)
    mirrored = np.concatenate([even[:, :0:-1], even, even[:, ::-1]], axis=1)
    smooth = fftconvolve(mirrored, (window / window.sum())[None], mode="valid", axes=1)
    return _interpolate(grid, smooth, x)


def _interpolate(x: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    """Rows interpolated linearly."""
    right = np.clip(np.searchsorted(x, at, side="right"), 1, len(x) - 1)
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    return np.asarray(values[:, right - 1] * (1.0 - share) + values[:, right] * share)
