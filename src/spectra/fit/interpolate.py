"""Interpolation by Lagrange's polynomial, as weights of points, so that errors follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Join = Callable[[list[FloatArray], FloatArray], FloatArray]

_AT_ONCE = 1 << 21
_IN_CACHE = 1 << 15
_STENCIL = 4


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


def shift_rows(x: FloatArray, signals: Sequence[FloatArray], shift: FloatArray) -> list[FloatArray]:
    """Read the rows of signals off at ``x - shift``, a shift for each row.

    The same as ``interpolate_rows(x, rows, x - shift[:, None])`` through four points. Where a
    shift is less than any step of `x`, the points around each place are the same for all such
    rows, and Newton's form of the polynomial needs only their divided differences.

    Parameters
    ----------
    x : array (n,)
        Increasing positions common to the rows.
    signals : sequence of array (frames, n)
        Several signals of the same frames.
    shift : array (frames,)
        Rows without shift keep every bit.

    Returns
    -------
    list of array (frames, n)
        NaN outside of `x`, and where a point that has a weight is NaN.
    """
    out = [np.empty(rows.shape) for rows in signals]
    # A place that is rounded to a point of x takes its value alone, whatever stands beside it.
    rounding = 4 * np.spacing(np.abs(x).max(initial=1.0))
    least = np.diff(x).min(initial=np.inf) - rounding
    small = (np.abs(shift) > rounding) & (np.abs(shift) < least) & (len(x) > _STENCIL)
    for moved, rows in zip(out, signals, strict=True):
        moved[shift == 0] = rows[shift == 0]
        for side in (small & (shift > 0), small & (shift < 0)):
            _shift_little(x, rows, shift, np.flatnonzero(side), moved)
    far = np.flatnonzero(~small & (shift != 0))
    if far.size:
        others = np.stack([rows[far] for rows in signals])
        others = interpolate_rows(x, others, x - shift[far, None])
        for moved, rows in zip(out, others, strict=True):
            moved[far] = rows
    return out


def _shift_little(
    x: FloatArray, rows: FloatArray, shift: FloatArray, frames: IntArray, out: FloatArray
) -> None:
    """Shift frames whose shifts are of one sign and less than any step."""
    if not frames.size:
        return
    up = shift[frames[0]] > 0
    size = max(1, _IN_CACHE // len(x))
    for start in range(0, len(frames), size):
        some = frames[start : start + size]
        out[some, 2:-2] = _newton(x, rows[some], shift[some, None], up)
    for ends, four in ((slice(2), slice(_STENCIL)), (slice(-2, None), slice(-_STENCIL, None))):
        out[frames, ends] = interpolate_rows(
            x[four], rows[frames, four], x[ends] - shift[frames, None]
        )


def _newton(x: FloatArray, y: FloatArray, shift: FloatArray, up: bool) -> FloatArray:
    """Values at ``x - shift`` by Newton's polynomial, but for two points at either end.

    The points are taken in the order of their distance: where the shift is `up`, and places
    therefore below their points, k, k - 1, k + 1, k - 2; else the mirror image of that.
    """
    first = np.diff(y) * (1 / (x[1:] - x[:-1]))
    second = np.diff(first) * (1 / (x[2:] - x[:-2]))
    third = np.diff(second) * (1 / (x[3:] - x[:-3]))
    to_lower, to_upper = x[2:-2] - x[1:-3], x[2:-2] - x[3:-1]
    nearer, farther = (to_lower, to_upper) if up else (to_upper, to_lower)
    out: FloatArray = farther - shift
    out *= third[:, :-1] if up else third[:, 1:]
    out += second[:, 1:-1]
    out *= nearer - shift
    out += first[:, 1:-2] if up else first[:, 2:-1]
    out *= -shift
    out += y[:, 2:-2]
    return out


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
