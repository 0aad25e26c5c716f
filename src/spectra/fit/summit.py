"""Maximum and width at half of it, of line shapes without a formula for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]
Evaluate = Callable[..., tuple[FloatArray, Gradient]]

_STEPS = 60
_SPREAD = 6.0


def summit(evaluate: Evaluate, *shape: ArrayLike) -> tuple[FloatArray, FloatArray, Gradient]:
    """Where a line of unit area is highest, counted from its centre, and its height there.

    Parameters
    ----------
    evaluate : callable
        (x, center, *shape) to g and its derivatives, the first by the centre; one maximum.
    *shape : array (...)
        The first of them that are lengths set the range that is searched.

    Returns
    -------
    position, height : array (...)
    gradient : tuple of array (...)
        Of the height by the shape parameters; by the envelope theorem the position adds nothing.
    """
    columns = _columns(shape)
    low, high = _range(columns)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        # −∂g/∂c is the slope of the curve.
        rising = evaluate(middle, np.zeros_like(middle), *columns)[1][0] < 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    at = 0.5 * (low + high)
    height, gradient = evaluate(at, np.zeros_like(at), *columns)
    return at[..., 0], height[..., 0], tuple(np.asarray(g)[..., 0] for g in gradient[1:])


def half_maximum(evaluate: Evaluate) -> Callable[..., tuple[FloatArray, Gradient]]:
    """Make the full width at half maximum of a line shape, with its derivatives.

    Found by bisection; the derivatives are those of the implicit function g(x±) = ½·g(x₀).
    """

    def width(*shape: ArrayLike) -> tuple[FloatArray, Gradient]:
        columns = _columns(shape)
        at, height, by_shape = summit(evaluate, *shape)
        total = np.zeros_like(at)
        slopes = [np.zeros_like(at) for _ in columns]
        for side in (-1.0, 1.0):
            near, far = at[..., None], at[..., None] + side * 4.0 * _lengths(columns)
            for _ in range(_STEPS):
                middle = 0.5 * (near + far)
                above = evaluate(middle, np.zeros_like(middle), *columns)[0][..., 0] > 0.5 * height
                near = np.where(above[..., None], middle, near)
                far = np.where(above[..., None], far, middle)
            edge = 0.5 * (near + far)
            _, gradient = evaluate(edge, np.zeros_like(edge), *columns)
            total += side * edge[..., 0]
            for i, slope in enumerate(by_shape):
                moved = (gradient[1 + i][..., 0] - 0.5 * slope) / gradient[0][..., 0]
                slopes[i] += side * moved
        return total, tuple(slopes)

    return width


def _columns(shape: tuple[ArrayLike, ...]) -> list[FloatArray]:
    arrays = np.broadcast_arrays(*(np.asarray(s, dtype=float) for s in shape))
    return [np.array(a)[..., None] for a in arrays]


def _lengths(columns: list[FloatArray]) -> FloatArray:
    """More than any of the widths among the parameters can be."""
    return np.asarray(np.sum(np.abs(columns), axis=0))


def _range(columns: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    reach = _SPREAD * _lengths(columns)
    return -reach, reach
