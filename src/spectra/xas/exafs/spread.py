"""How the noise of absorption becomes that of χ(k): through a matrix, and clamps beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectra.xas.exafs.autobk import Problem, apply

FloatArray = NDArray[np.float64]


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
        own, crossed, both = self._white
        pairs = (shares[:, :, None] * shares[:, None, :]).reshape(len(shares), -1)
        out = apply(both, pairs) - 2.0 * apply(crossed, shares)
        return np.maximum(own + out, 0.0)

    @cached_property
    def _white(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Diagonal of W·Wᵀ without clamps, and what one and two of them add to it."""
        turned, onto = _turned(self.ends), _turned(self.onto)
        mixed = self.interpolate @ onto - 0.5 * self.to_spline @ (self.onto @ onto)
        own = _squares(self.interpolate) - 2.0 * (self.to_spline * mixed).sum(axis=-1)
        reached = self.interpolate @ turned - self.to_spline @ (self.onto @ turned)
        sizes = (self.ends @ turned)[..., None, :, :]
        both = self.pulls[..., :, None] * self.pulls[..., None, :] * sizes
        return own, self.pulls * reached, both.reshape(*self.pulls.shape[:-1], -1)

    def of_points(self, shares: FloatArray, variance: FloatArray) -> FloatArray:
        """Variance of χ (frames, points) by those of the points (frames, n)."""
        matrix = self.interpolate - self.to_spline @ self.onto
        total = apply(matrix**2, variance)
        clamps = shares.shape[1]
        for i in range(clamps):
            pull = self.pulls[..., i]
            crossed = apply(matrix * self.ends[..., i : i + 1, :], variance)
            total -= 2.0 * shares[:, i : i + 1] * pull * crossed
            for j in range(clamps):
                product = self.ends[..., i, :] * self.ends[..., j, :]
                size = apply(product[..., None, :], variance)
                share = shares[:, i : i + 1] * shares[:, j : j + 1]
                total += share * pull * self.pulls[..., j] * size
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


def _turned(matrix: FloatArray) -> FloatArray:
    return np.swapaxes(matrix, -1, -2)


def _squares(matrix: FloatArray) -> FloatArray:
    """Sums of squares of rows."""
    return np.asarray(np.matmul(matrix[..., None, :], matrix[..., :, None])[..., 0, 0])
