"""Least squares with weights that are not negative, for many spectra at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Normal:
    """Normal equations of linear models y ≈ A·w, one per row.

    Parameters
    ----------
    gram : array (rows or 1, m, m)
        Aᵀ·W·A; a single one is that of every row. The first `bounded` unknowns are weights,
        the others are free.
    moment : array (rows, m)
        Aᵀ·W·y.
    square : array (rows,)
        yᵀ·W·y.
    bounded : int
        Number of weights.
    closed : bool
        Whether the weights add up to one.
    """

    gram: FloatArray
    moment: FloatArray
    square: FloatArray
    bounded: int
    closed: bool

    def __getitem__(self, rows: NDArray[np.intp]) -> Normal:
        gram = self.gram[rows] if len(self.gram) > 1 else self.gram
        return Normal(gram, self.moment[rows], self.square[rows], self.bounded, self.closed)

    @property
    def free(self) -> tuple[int, ...]:
        """Which unknowns are not weights."""
        return tuple(range(self.bounded, self.gram.shape[1]))


def subsets(size: int, largest: int) -> Iterator[tuple[int, ...]]:
    """All subsets of ``range(size)`` with one to `largest` members, small ones first.

    Examples
    --------
    >>> list(subsets(3, 2))
    [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    """
    for count in range(1, min(size, largest) + 1):
        yield from combinations(range(size), count)


def solve(normal: Normal, members: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Least squares with some of the weights, the others zero, and no bound.

    Returns
    -------
    unknowns : array (rows, m)
    chi2 : array (rows,)
    """
    taken = np.array([*members, *normal.free], dtype=int)
    gram = normal.gram[:, taken[:, None], taken]
    moment = normal.moment[:, taken]
    start, ways = _ways(len(members), len(taken), normal.closed)
    found = np.broadcast_to(start, moment.shape).copy()
    if ways.shape[1]:
        reduced = np.matmul(ways.T, np.matmul(gram, ways))
        rest = moment - np.matmul(gram, start[:, None])[:, :, 0]
        pull = np.matmul(rest[:, None, :], ways)[:, 0, :]
        found += np.matmul(_solved(reduced, pull)[:, None, :], ways.T)[:, 0, :]
    unknowns = np.zeros_like(normal.moment)
    unknowns[:, taken] = found
    return unknowns, chi_square(normal, unknowns)


def chi_square(normal: Normal, unknowns: FloatArray) -> FloatArray:
    """χ² of given unknowns (rows,)."""
    bent = np.matmul(normal.gram, unknowns[:, :, None])[:, :, 0]
    along = np.matmul((bent - 2.0 * normal.moment)[:, None, :], unknowns[:, :, None])
    return np.asarray(np.maximum(normal.square + along[:, 0, 0], 0.0))


def solve_bounded(normal: Normal, members: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Least squares with some of the weights, none of them negative.

    The solution with bounds is the best of those without that happen to obey them, over all
    subsets of the weights (C. L. Lawson and R. J. Hanson, Solving Least Squares Problems,
    1974, chapter 23: it is the unbounded one of its own positive weights). For the few
    standards of a mixture all subsets are tried, which is exact and the same for every row.

    Returns
    -------
    unknowns : array (rows, m)
    chi2 : array (rows,)
    """
    best, chi2 = solve(normal, members)
    bad = np.flatnonzero((best[:, : normal.bounded] < 0).any(axis=1))
    if bad.size == 0:
        return best, chi2
    part = normal[bad]
    nearest, least = np.zeros_like(part.moment), np.full(len(bad), np.inf)
    if not normal.closed:
        nearest, least = solve(part, ()) if normal.free else (nearest, part.square.copy())
    for chosen in combinations_of(members):
        trial, value = solve(part, chosen)
        better = (trial[:, : normal.bounded] >= 0).all(axis=1) & (value < least)
        nearest[better], least[better] = trial[better], value[better]
    best[bad], chi2[bad] = nearest, least
    return best, chi2


def combinations_of(members: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All proper subsets of some members."""
    for chosen in subsets(len(members), len(members) - 1):
        yield tuple(members[i] for i in chosen)


def covariances(normal: Normal, members: Sequence[int]) -> FloatArray:
    """Covariances (rows or 1, m, m) of `solve`, for unit weight; zero for what has no part."""
    taken = np.array([*members, *normal.free], dtype=int)
    gram = normal.gram[:, taken[:, None], taken]
    _, ways = _ways(len(members), len(taken), normal.closed)
    out = np.zeros_like(normal.gram)
    if ways.shape[1]:
        reduced = np.matmul(ways.T, np.matmul(gram, ways))
        free = np.einsum("rii->ri", reduced) > 0
        inverse = covariance(reduced, free)
        unknown = (np.isnan(np.einsum("rii->ri", inverse)) & free).any(axis=1)
        spread = np.matmul(ways, np.matmul(np.nan_to_num(inverse), ways.T))
        spread[unknown] = np.nan
        out[:, taken[:, None], taken] = spread
    return out


def _ways(weights: int, unknowns: int, closed: bool) -> tuple[FloatArray, FloatArray]:
    """A point that obeys the closure (n,), and the directions that keep it (n, n or n-1)."""
    start, ways = np.zeros(unknowns), np.eye(unknowns)
    if closed and weights:
        start[weights - 1] = 1.0
        ways[weights - 1, : weights - 1] = -1.0
        ways = np.delete(ways, weights - 1, axis=1)
    return start, ways


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions of (rows, n, n) symmetric systems; directions without information stay at 0."""
    diagonal = np.einsum("rii->ri", matrix)
    alive = diagonal > 0
    scale = np.where(alive, np.sqrt(np.where(alive, diagonal, 1.0)), 1.0)
    scaled = matrix / scale[:, :, None] / scale[:, None, :]
    np.einsum("rii->ri", scaled)[...] = 1.0
    target = np.where(alive, right / scale, 0.0)
    if len(matrix) == 1 < len(right):
        return np.asarray(target @ np.linalg.pinv(scaled[0], hermitian=True) / scale)
    target = target[:, :, None]
    try:
        found = np.linalg.solve(scaled, target)
    except np.linalg.LinAlgError:
        # One by one, so that a singular row does not change a bit of the others.
        found = np.stack([_solved_alone(m, t) for m, t in zip(scaled, target, strict=True)])
    return np.asarray(found[:, :, 0] / scale)


def _solved_alone(matrix: FloatArray, target: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(matrix, target))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True) @ target)
