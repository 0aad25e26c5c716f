"""How the noise of absorption becomes that of χ(k): through a matrix, and clamps beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.xas.exafs.autobk import Problem, apply

FloatArray = NDArray[np.float64]

# Frames at a time: products of their matrices are in memory at once.
_ROWS = 32


@dataclass(frozen=True)
class Spread:
    """χ as the product of a matrix with the absorption, W = L − T·J − Σ aᵢ·pᵢ·qᵢᵀ.

    Of all frames, or with one more dimension one each; the aᵢ are the frames' own
    (`Solution.shares`).

    Attributes
    ----------
    interpolate : array ([frames,] points, n)
        L.
    to_spline : array ([frames,] points, splines)
        T.
    onto : array ([frames,] splines, n)
        J.
    pulls : array ([frames,] points, clamps)
        p.
    ends : array ([frames,] clamps, n)
        q.
    """

    interpolate: FloatArray
    to_spline: FloatArray
    onto: FloatArray
    pulls: FloatArray
    ends: FloatArray

    def of_white(self, shares: FloatArray) -> FloatArray:
        """Variance of χ (frames, points) where that of every point of the absorption is 1."""
        first, second = _pairs(shares.shape[1])
        terms = np.ones((len(shares), 1 + shares.shape[1] + len(first)))
        terms[:, 1 : 1 + shares.shape[1]] = shares
        terms[:, 1 + shares.shape[1] :] = shares[:, first] * shares[:, second]
        out = apply(self._white, terms)
        return np.maximum(out, 0.0, out=out)

    @cached_property
    def _white(self) -> FloatArray:
        """What 1, the aᵢ and their products add to the diagonal of W·Wᵀ: (…, points, terms)."""
        turned, onto = _turned(self.ends), _turned(self.onto)
        mixed = self.interpolate @ onto - 0.5 * self.to_spline @ (self.onto @ onto)
        own = _squares(self.interpolate) - 2.0 * (self.to_spline * mixed).sum(axis=-1)
        reached = self.interpolate @ turned - self.to_spline @ (self.onto @ turned)
        first, second = _pairs(self.pulls.shape[-1])
        # Two that differ are met twice.
        sizes = (self.ends @ turned)[..., first, second] * np.where(first == second, 1.0, 2.0)
        both = self.pulls[..., first] * self.pulls[..., second] * sizes[..., None, :]
        return np.concatenate([own[..., None], -2.0 * self.pulls * reached, both], axis=-1)

    def of_points(self, shares: FloatArray, variance: FloatArray) -> FloatArray:
        """Variance of χ (frames, points) by those of the points (frames, n)."""
        matrix = self.interpolate - self.to_spline @ self.onto
        total = apply(matrix**2, variance)
        for start in range(0, len(shares), _ROWS):
            some = slice(start, start + _ROWS)
            own = matrix if matrix.ndim == 2 else matrix[some]
            pulls = self.pulls if self.pulls.ndim == 2 else self.pulls[some]
            ends = self.ends if self.ends.ndim == 2 else self.ends[some]
            share, pull = shares[some], pulls * shares[some][:, None, :]
            weighed = ends * variance[some][:, None, :]
            crossed = (np.matmul(own, _turned(weighed)) * pull).sum(axis=2)
            sizes = np.matmul(weighed, _turned(ends)) * share[:, :, None]
            both = (np.matmul(pull, np.swapaxes(sizes, 1, 2)) * pulls).sum(axis=2)
            total[some] += both - 2.0 * crossed
        return np.maximum(total, 0.0)


def find_spread(problem: Problem, interpolate: FloatArray) -> Spread:
    """The matrix from absorption to χ, for the clamps that a spectrum may have."""
    to_spline = problem.basis @ problem.solve
    return Spread(
        interpolate=interpolate,
        to_spline=to_spline,
        onto=problem.project @ interpolate,
        pulls=to_spline @ problem.directions,
        ends=problem.clamped @ interpolate,
    )


@lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of all pairs of so many things, each with itself, too."""
    first, second = np.triu_indices(count)
    return first, second


def _turned(matrix: FloatArray) -> FloatArray:
    return np.swapaxes(matrix, -1, -2)


def _squares(matrix: FloatArray) -> FloatArray:
    """Sums of squares of rows."""
    return np.asarray(np.matmul(matrix[..., None, :], matrix[..., :, None])[..., 0, 0])
