"""Interpolation by Lagrange's polynomial, as weights of points, so that errors follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Join = Callable[[list[FloatArray], FloatArray], FloatArray]

_AT_ONCE = 1 << 21


def find_weights(x: FloatArray, at: FloatArray, points: int = 4) -> tuple[IntArray, FloatArray]:
    """Find the points around each place, and the weights of Lagrange's polynomial through them.

    Parameters
    ----------
    x : array (n,)
        Increasing positions of the points, n ≥ `points`.
    at : array of any shape
        Places, from ``x[0]`` to ``x[-1]``.
    points : int
        Points of each polynomial; 2 is linear interpolation.

    Returns
    -------
    sources : int array (*at.shape, points)
    weights : array of the same shape
        They sum to 1; on a point of `x` one of them is 1 and the others are 0.
    """
    first = np.clip(np.searchsorted(x, at) - points // 2, 0, len(x) - points)
    away = [at - x[first + j] for j in range(points)]
    starts = np.arange(len(x) - points + 1)
    weights = np.ones((*at.shape, points))
    for i in range(points):
        # What stands below the fraction is the same for all places between two points.
        below = np.ones(starts.shape)
        for j in range(points):
            if i != j:
                weights[..., i] *= away[j]
                below *= x[starts + i] - x[starts + j]
        weights[..., i] /= below[first]
    return first[..., None] + np.arange(points), weights


def interpolate_rows(
    x: FloatArray, rows: FloatArray, at: FloatArray, *, points: int = 4
) -> FloatArray:
    """Interpolate each row at places of its own.

    Parameters
    ----------
    x : array (n,)
        Increasing positions common to the rows.
    rows : array (..., frames, n)
        Several signals of the same frames may be given at once.
    at : array (frames, m)
    points : int
        As `find_weights` takes it.

    Returns
    -------
    array (..., frames, m)
        NaN outside of `x`, and where a point that has a weight is NaN.
    """
    return _rowwise(x, rows, at, points, _weighted)


def interpolate_errors(
    x: FloatArray, errors: FloatArray, at: FloatArray, *, points: int = 4
) -> FloatArray:
    """Give the standard uncertainties of what `interpolate_rows` gives, from independent ones.

    Values at neighbouring places share points, so their uncertainties are correlated.
    """
    return _rowwise(x, errors, at, points, _in_quadrature)


def _rowwise(
    x: FloatArray, rows: FloatArray, at: FloatArray, points: int, join: Join
) -> FloatArray:
    out = np.full((*rows.shape[:-1], at.shape[1]), np.nan)
    few = min(points, len(x))
    step = max(1, _AT_ONCE // max(1, at.shape[1] * few))
    for start in range(0, len(at), step):
        part = slice(start, start + step)
        inside = (at[part] >= x[0]) & (at[part] <= x[-1])
        sources, weights = find_weights(x, np.where(inside, at[part], x[0]), few)
        frames = np.arange(len(at))[part, None]
        near = [rows[..., frames, sources[..., i]] for i in range(few)]
        with np.errstate(invalid="ignore"):
            out[..., part, :] = np.where(inside, join(near, weights), np.nan)
    return out


def _weighted(near: list[FloatArray], weights: FloatArray) -> FloatArray:
    out = near[0] * weights[..., 0]
    for i, values in enumerate(near[1:], 1):
        out += values * weights[..., i]
    if not np.isnan(out).any():
        return out
    # A point without weight must not spread its NaN.
    out[...] = 0.0
    for i, values in enumerate(near):
        out += np.where(weights[..., i] == 0.0, 0.0, values * weights[..., i])
    return out


def _in_quadrature(near: list[FloatArray], weights: FloatArray) -> FloatArray:
    out: FloatArray = np.sqrt(_weighted([values**2 for values in near], weights**2))
    return out
