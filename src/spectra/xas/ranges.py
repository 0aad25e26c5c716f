"""Which points the pre-edge line and the post-edge polynomial are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Limits = tuple[float | None, float | None]

_HIGHEST_DEGREE = 5


@dataclass(frozen=True)
class Ranges:
    """Points of the two fits of each frame; the last point of a range does not belong to it.

    Attributes
    ----------
    edge : int array (frames,)
        The point nearest to E0, where the edge step is taken.
    pre_first, pre_last, pre_degree : int array (frames,)
        A degree of 0 is a mean without exponent.
    post_first, post_last, post_degree : int array (frames,)
    pre_low, pre_high, post_low, post_high : array (frames,)
        The same ranges as energies from E0.
    """

    edge: IntArray
    pre_first: IntArray
    pre_last: IntArray
    pre_degree: IntArray
    post_first: IntArray
    post_last: IntArray
    post_degree: IntArray
    pre_low: FloatArray
    pre_high: FloatArray
    post_low: FloatArray
    post_high: FloatArray


def index_below(x: FloatArray, at: FloatArray) -> IntArray:
    """Index of the last point at or below each value; 0 below all."""
    return np.maximum(np.searchsorted(x, at, side="right") - 1, 0)


def index_nearest(x: FloatArray, at: FloatArray) -> IntArray:
    """Index of the point nearest to each value, the lower one of two equally near."""
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    return right - (np.abs(x[right - 1] - at) <= np.abs(x[right] - at))


def find_ranges(
    x: FloatArray, e0: FloatArray, pre: Limits, post: Limits, degree: int | None, line: int = 1
) -> Ranges:
    """Find the ranges of the two fits for each edge energy.

    The rules are those of Larch (`larch.xafs.pre_edge`, version 2026.3), so that the same E0
    and limits mean the same points. What is not given: the pre-edge range begins at the second
    point, rounded to 5 eV from E0 (2 eV with up to 20 points below it), and ends half way; the
    post-edge range ends at the last point, rounded to 5 eV, and begins at a fifteenth of that,
    rounded to 5 eV, at most 25 eV; the degree is 2 over 300 eV or more, 1 over 30 eV or more,
    else 0.

    Parameters
    ----------
    x : array (points,)
        Energies of the points, at least four.
    e0 : array (frames,)
    pre, post : (low, high)
        Energies from E0, None where not given.
    degree : int or None
        Of the post-edge polynomial.
    line : int
        Degree before the edge, 1 or 0.
    """
    n, span = len(x), x[-1] - e0
    edge = index_nearest(x, e0)
    start = x[1] - e0
    default = np.where(edge > 20, 5.0 * np.round(start / 5.0), 2.0 * np.round(start / 2.0))
    low = np.maximum(default if pre[0] is None else np.full(len(e0), pre[0]), x[0] - e0)
    high = 0.5 * low if pre[1] is None else np.full(len(e0), float(pre[1]))
    low, high = np.minimum(low, high), np.maximum(low, high)
    few = index_below_shifted(x, e0, high) - index_below_shifted(x, e0, low) < 3
    pre_degree = np.where(few, 0, line)
    pre_first, pre_last = index_below(x, low + e0), index_nearest(x, high + e0)
    least = np.where(pre_degree == 0, 1, 2)
    short = pre_last - pre_first < least
    pre_last = np.where(short, np.minimum(n, pre_first + least), pre_last)

    top = 5.0 * np.round(span / 5.0) if post[1] is None else np.full(len(e0), float(post[1]))
    top = np.minimum(np.where(top < 0, span - top, top), span)
    if post[0] is None:
        bottom = np.minimum(25.0, 5.0 * np.round(top / 15.0))
    else:
        bottom = np.full(len(e0), float(post[0]))
    bottom, top = np.minimum(bottom, top), np.maximum(bottom, top)
    bottom = np.minimum(bottom, top - 2.0)
    if degree is None:
        width = top - bottom
        post_degree = np.where(width < 30, 0, np.where(width < 300, 1, 2))
    else:
        post_degree = np.full(len(e0), min(max(degree, 0), _HIGHEST_DEGREE))
    post_first = np.minimum(index_below(x, bottom + e0), n - 3)
    post_last = index_nearest(x, top + e0)
    points = post_last - post_first
    post_first = np.where(points < 2, post_first - 2, post_first)
    post_degree = np.where(
        points < 2, 0, np.where(points < 5, np.minimum(1, post_degree), post_degree)
    )
    return Ranges(
        edge=edge,
        pre_first=pre_first,
        pre_last=pre_last,
        pre_degree=pre_degree,
        post_first=np.asarray(post_first, dtype=np.intp),
        post_last=post_last,
        post_degree=post_degree,
        pre_low=low,
        pre_high=high,
        post_low=bottom,
        post_high=top,
    )


def index_below_shifted(x: FloatArray, e0: FloatArray, at: FloatArray) -> IntArray:
    """Index of the last point with x − E0 at or below a value, for each frame."""
    found = index_below(x, e0 + at)
    # The sum is rounded otherwise than the difference: look one point up and down.
    up = np.minimum(found + 1, len(x) - 1)
    found = np.where(x[up] - e0 <= at, up, found)
    return np.asarray(np.where(x[found] - e0 > at, np.maximum(found - 1, 0), found), dtype=np.intp)
