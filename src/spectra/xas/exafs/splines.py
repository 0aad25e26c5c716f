"""Cubic splines of many spectra, each over points of its own: interpolation and B-splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# What a value weighs in a cubic spline falls by 3.7 from point to point: to 4e-12 after so many.
_REACH = 20
# Each round of an elimination brings its ratios nearer by 13 or more.
_ROUNDS = 16


def interpolation_weights(x: FloatArray, at: FloatArray) -> FloatArray:
    """Weights of values in their interpolating cubic spline with not-a-knot ends.

    From the equations for the slopes at the points (C. de Boor, A Practical Guide to Splines,
    Springer 1978, ch. IV), whose inverse is needed near its diagonal only. Beyond the points
    the first and last cubics go on.

    Parameters
    ----------
    x : array (grids, n)
        Strictly increasing, four points or more.
    at : array (points,)

    Returns
    -------
    array (grids, points, n)
        Whose product with values at `x` is the spline at `at`.
    """
    grids, n = x.shape
    step = np.diff(x, axis=1)
    below, above, ends = _slope_equations(step)
    inverse = _near_diagonal(*_slope_matrix(step))
    left = np.array([np.searchsorted(row, at, side="right") - 1 for row in x])
    left = np.clip(left, 0, n - 2)
    width = min(n, 2 * _REACH + 2)
    first = np.clip(left - _REACH, 0, n - width)
    columns = first[..., None] + np.arange(width)
    own = np.take_along_axis(step, left, axis=1)
    t = (at - np.take_along_axis(x, left, axis=1)) / own
    by_slopes = own[..., None] * (
        (t * (1.0 - t) ** 2)[..., None] * _rows(inverse, left, columns)
        - (t**2 * (1.0 - t))[..., None] * _rows(inverse, left + 1, columns)
    )
    # From slopes at points to mean slopes between them, and from these to values.
    between = by_slopes[..., 1:] * _picked(below, columns[..., 1:])
    between += by_slopes[..., :-1] * _picked(above, columns[..., :-1])
    begins, finishes = columns[..., 0] == 0, columns[..., -1] == n - 1
    between[..., 1] += np.where(begins, by_slopes[..., 0] * ends[:, :1], 0.0)
    between[..., -2] += np.where(finishes, by_slopes[..., -1] * ends[:, 1:], 0.0)
    between /= _picked(step, columns[..., :-1])
    weights = np.zeros(columns.shape)
    weights[..., 1:] += between
    weights[..., :-1] -= between
    share = t**2 * (3.0 - 2.0 * t)
    place = (left - first)[..., None]
    for value, shift in ((1.0 - share, 0), (share, 1)):
        old = np.take_along_axis(weights, place + shift, axis=2)
        np.put_along_axis(weights, place + shift, old + value[..., None], axis=2)
    out = np.zeros((grids, len(at), n))
    np.put_along_axis(out, columns, weights, axis=2)
    return out


def _slope_matrix(step: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The three diagonals of the equations for the slopes: (grids, n) each."""
    grids, n = len(step), step.shape[1] + 1
    lower, middle, upper = (np.zeros((grids, n)) for _ in range(3))
    both = step[:, :-1] + step[:, 1:]
    lower[:, 1:-1], middle[:, 1:-1], upper[:, 1:-1] = step[:, 1:], 2.0 * both, step[:, :-1]
    middle[:, 0], upper[:, 0] = step[:, 1], both[:, 0]
    middle[:, -1], lower[:, -1] = step[:, -2], both[:, -1]
    return lower, middle, upper


def _slope_equations(step: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Right sides of the same equations by mean slopes between the points.

    Returns
    -------
    below, above : array (grids, n)
        Weights of the mean slope below and above each point.
    ends : array (grids, 2)
        Weights of the second mean slope in the first equation, and of the last but one in the
        last.
    """
    grids, n = len(step), step.shape[1] + 1
    below, above = np.zeros((grids, n)), np.zeros((grids, n))
    below[:, 1:-1], above[:, 1:-1] = 3.0 * step[:, 1:], 3.0 * step[:, :-1]
    both = step[:, :-1] + step[:, 1:]
    above[:, 0] = (step[:, 0] + 2.0 * both[:, 0]) * step[:, 1] / both[:, 0]
    below[:, -1] = (step[:, -1] + 2.0 * both[:, -1]) * step[:, -2] / both[:, -1]
    ends = np.stack([step[:, 0] ** 2 / both[:, 0], step[:, -1] ** 2 / both[:, -1]], axis=1)
    return below, above, ends


def _near_diagonal(lower: FloatArray, middle: FloatArray, upper: FloatArray) -> FloatArray:
    """Inverse of tridiagonal matrices near the diagonal: (grids, n, 2·reach + 3).

    Column c of row i is its element i + c − reach − 1. Down and up from the diagonal the
    elements of a column are products of the ratios of the two eliminations.
    """
    a, b, c = (np.ascontiguousarray(d.T) for d in (lower, middle, upper))
    n = len(b)
    up, down = c / b, a / b
    for _ in range(_ROUNDS):
        up[1:-1] = c[1:-1] / (b[1:-1] - a[1:-1] * up[:-2])
        down[1:-1] = a[1:-1] / (b[1:-1] - c[1:-1] * down[2:])
    pivot = b.copy()
    pivot[1:] -= a[1:] * up[:-1]
    pivot[:-1] -= c[:-1] * down[1:]
    diagonal = 1.0 / pivot
    reach = _REACH + 1
    out = np.zeros((2 * reach + 1, *b.shape))
    out[reach] = diagonal
    rising, falling = np.ones_like(b), np.ones_like(b)
    for o in range(1, min(reach, n - 1) + 1):
        rising = -rising[: n - o] * up[o - 1 : n - 1]
        out[reach + o, : n - o] = rising * diagonal[o:]
        falling = -falling[1:] * down[1 : n - o + 1]
        out[reach - o, o:] = falling * diagonal[: n - o]
    return np.ascontiguousarray(np.moveaxis(out, 0, -1).swapaxes(0, 1))


def _rows(inverse: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """Elements of some rows (grids, points) at columns (grids, points, width)."""
    grids, n, width = inverse.shape
    offset = columns - rows[..., None] + _REACH + 1
    inside = (offset >= 0) & (offset < width)
    place = rows[..., None] * width + np.clip(offset, 0, width - 1)
    found = np.take_along_axis(
        inverse.reshape(grids, n * width), place.reshape(grids, -1), axis=1
    ).reshape(place.shape)
    return np.where(inside, found, 0.0)


def _picked(values: FloatArray, columns: IntArray) -> FloatArray:
    flat = np.take_along_axis(values, columns.reshape(len(values), -1), axis=1)
    return flat.reshape(columns.shape)


def cubic_basis(knots: FloatArray, at: FloatArray) -> FloatArray:
    """Cubic B-splines, by de Boor's recurrence; beyond the knots the outermost cubics go on.

    Parameters
    ----------
    knots : array (grids, splines + 4)
        Ascending, the first and the last four alike.
    at : array (points,) or (grids, points)

    Returns
    -------
    array (grids, points, splines)
    """
    grids, count = len(knots), knots.shape[1] - 4
    at = np.broadcast_to(at, (grids, np.shape(at)[-1]))
    piece = 3 + (at[..., None] >= knots[:, None, 4:count]).sum(axis=2)
    basis = [np.ones(at.shape)]
    for degree in (1, 2, 3):
        higher = [np.zeros(at.shape) for _ in range(degree + 1)]
        for j, value in enumerate(basis):
            right = np.take_along_axis(knots, piece + 1 + j, axis=1)
            left = np.take_along_axis(knots, piece + 1 + j - degree, axis=1)
            part = value / (right - left)
            higher[j] += (right - at) * part
            higher[j + 1] += (at - left) * part
        basis = higher
    out = np.zeros((*at.shape, count))
    for j, value in enumerate(basis):
        np.put_along_axis(out, (piece - 3 + j)[..., None], value[..., None], axis=2)
    return out
