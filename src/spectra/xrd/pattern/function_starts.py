"""Coefficients of functions by least squares from values with uncertainties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import Evaluation, minimize
from spectra.xrd.pattern.subject import Function

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Shape = TypeVar("Shape")

_BOUNDS = ("lower", "upper")


def combine(slopes: FloatArray, beta: FloatArray) -> FloatArray:
    """Σ over the last axis, row by row in one order."""
    return np.asarray((slopes * beta).sum(axis=-1))


def fit_linear(design: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Coefficients (K,) of weighted linear least squares."""
    root = np.sqrt(weight)
    scale = np.sqrt((design**2).sum(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    matrix = design / scale * root[:, None]
    return np.asarray(np.linalg.lstsq(matrix, y * root, rcond=None)[0] / scale)


def best_shape(
    design: Callable[[Shape], FloatArray], y: FloatArray, weight: FloatArray, shapes: list[Shape]
) -> tuple[FloatArray, Shape]:
    """The shape whose design fits best, with its linear coefficients."""
    found = []
    for shape in shapes:
        matrix = design(shape)
        linear = fit_linear(matrix, y, weight)
        found.append((float((weight * (y - combine(matrix, linear)) ** 2).sum()), linear))
    best = int(np.argmin([cost for cost, _ in found]))
    return found[best][1], shapes[best]


def polish(
    function: Function, start: FloatArray, t: FloatArray, y: FloatArray, weight: FloatArray
) -> FloatArray:
    """All coefficients by least squares from a start."""
    lower, upper = (np.array([[getattr(c, b) for c in function.coefficients]]) for b in _BOUNDS)
    every = np.ones((1, len(start)), bool)
    solution = minimize(_Curve(function, t, y, weight), start[None], lower, upper, every)
    return np.asarray(solution.theta[0])


@dataclass(frozen=True)
class _Curve:
    """Values that a function is fitted to, as the solver wants to see them: one row."""

    function: Function
    t: FloatArray
    y: FloatArray
    weight: FloatArray

    def take(self, rows: IntArray) -> _Curve:
        return self

    def evaluate(self, theta: FloatArray) -> Evaluation:
        value, slopes = self.function.evaluate(self.t, theta[0])
        misfit = self.y - value
        weighted = slopes * self.weight[:, None]
        return Evaluation(
            theta,
            np.array([(self.weight * misfit**2).sum()]),
            np.matmul(weighted.T, misfit)[None],
            np.matmul(weighted.T, slopes)[None],
        )
