"""Courses of straight stretches with sharp turns, such as a cell under constant current.

A smoother rounds a turning point off and so understates how far a quantity goes; here the
turning points are found and fitted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_CANDIDATES = 150
_MOST = 32
# Fewest points between two turns, and the price of a turn in degrees of freedom (one for its
# slope, two for having sought its place: J. H. Friedman and B. W. Silverman, Technometrics 31
# (1989) 3).
_SPACING = 3
_PRICE = 3.0
_ITERATIONS = 12


def find_turns(y: FloatArray, sigma: FloatArray) -> tuple[FloatArray, float]:
    """Places of the turns of a course (points,), in points, and its GCV score.

    Hinges are added greedily and taken away again one by one (J. H. Friedman, Ann. Stat. 19
    (1991) 1); the number of least generalised cross-validation is kept, and the places are
    then fitted.

    Returns
    -------
    turns : array (turns,)
        May be empty.
    score : float
        Σ((y − curve)/σ)²/(n − 2 − 3·turns)².
    """
    n = len(y)
    step = max(1, -(-n // _CANDIDATES))
    places = np.arange(_SPACING, n - _SPACING, step, dtype=float)
    most = min(_MOST, (n - 4) // 6, places.size)
    basis = _basis(n, places) / sigma[:, None]
    table = np.empty((basis.shape[1] + 1,) * 2)
    full = np.column_stack([basis, y / sigma])
    table[:] = full.T @ full
    scale = np.diag(table).copy()
    for k in (0, 1):
        _sweep(table, k)
    inside: list[int] = []
    for _ in range(most):
        free = np.diag(table)[2:-1].copy()
        gain = np.where(free > 1e-9 * scale[2:-1], table[2:-1, -1] ** 2 / np.abs(free), 0.0)
        for k in inside:
            gain[np.abs(places - places[k - 2]) < _SPACING] = 0.0
        if gain.max(initial=0.0) <= 0.0:
            break
        inside.append(int(gain.argmax()) + 2)
        _sweep(table, inside[-1])
    best, chosen = _score(table[-1, -1], n, len(inside)), list(inside)
    while inside:
        loss = [table[k, -1] ** 2 / -table[k, k] for k in inside]
        _sweep(table, inside.pop(int(np.argmin(loss))))
        score = _score(table[-1, -1], n, len(inside))
        if score <= best:
            best, chosen = score, list(inside)
    turns = np.sort(places[np.array(chosen, dtype=int) - 2])
    if turns.size == 0:
        return turns, best
    curve, moved = fit_turns(y[None], sigma, turns)
    return moved[0], _score(float((((y - curve[0]) / sigma) ** 2).sum()), n, turns.size)


def fit_turns(y: FloatArray, sigma: FloatArray, turns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit the places of given turns, too: curves (rows, points) and places (rows, turns).

    Gauss–Newton steps with a little damping; a turn moves at most half way to the next one.
    """
    rows, n = y.shape
    x = np.arange(n, dtype=float)
    between = 0.5 * (turns[1:] + turns[:-1])
    low = np.concatenate([[1.0], between + 0.5])
    high = np.concatenate([between - 0.5, [n - 2.0]])
    low, high = np.minimum(low, turns), np.maximum(high, turns)
    places = np.tile(turns, (rows, 1))
    curve = np.empty_like(y)
    for iteration in range(_ITERATIONS + 1):
        distance = x[None, :, None] - places[:, None, :]
        hinges = np.maximum(distance, 0.0)
        ends = np.broadcast_to(np.stack([np.ones(n), x / n], axis=1), (rows, n, 2))
        linear = np.concatenate([ends, hinges], axis=2) / sigma[None, :, None]
        slopes = _solve(linear, y / sigma, 1e-10)
        curve = np.matmul(linear, slopes[:, :, None])[:, :, 0] * sigma
        if iteration == _ITERATIONS:
            break
        moving = -slopes[:, None, 2:] * (distance > 0) / sigma[None, :, None]
        step = _solve(np.concatenate([linear, moving], axis=2), (y - curve) / sigma, 1e-4)
        places = np.clip(places + np.clip(step[:, linear.shape[2] :], -2.0, 2.0), low, high)
    return curve, places


def _basis(n: int, places: FloatArray) -> FloatArray:
    x = np.arange(n, dtype=float)
    hinges = np.maximum(x[:, None] - places, 0.0)
    return np.column_stack([np.ones(n), x / n, hinges])


def _score(misfit: float, n: int, turns: int) -> float:
    return float(misfit) / max(n - 2.0 - _PRICE * turns, 1e-9) ** 2


def _sweep(table: FloatArray, k: int) -> None:
    """Take a column into the regression, or out of it again, in place."""
    pivot = table[k, k]
    row = table[k].copy()
    table -= np.outer(row, row) / pivot
    sign = 1.0 if pivot > 0 else -1.0
    table[k] = table[:, k] = sign * row / pivot
    table[k, k] = -1.0 / pivot


def _solve(design: FloatArray, y: FloatArray, damping: float) -> FloatArray:
    """Damped least squares for each row: design (rows, n, P), y (rows, n)."""
    normal = np.matmul(design.transpose(0, 2, 1), design)
    diagonal = np.einsum("rpp->rp", normal)
    diagonal += damping * diagonal + 1e-300
    right = np.matmul(design.transpose(0, 2, 1), y[:, :, None])
    return np.asarray(np.linalg.solve(normal, right)[:, :, 0])
