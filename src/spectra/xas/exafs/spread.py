"""How the noise of absorption becomes that of χ(k): through a matrix, and clamps beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.exafs.autobk import Problem, apply

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """χ as the product of a matrix with the absorption, W = W₀ − Σ aᵢ·pᵢ·qᵢᵀ.

    Of all frames, or with one more dimension one each; the aᵢ are the frames' own
    (`Solution.shares`).

    Attributes
    ----------
    matrix : array ([frames,] points, n)
        W₀, without clamps.
    pulls : array ([frames,] points, clamps)
        p.
    ends : array ([frames,] clamps, n)
        q.
    own : array ([frames,] points)
        Diagonal of W₀·W₀ᵀ.
    crossed : array ([frames,] points, clamps)
        pᵢ·(W₀·qᵢ).
    both : array ([frames,] points, clamps²)
        pᵢ·pⱼ·(qᵢ·qⱼ).
    """

    matrix: FloatArray
    pulls: FloatArray
    ends: FloatArray
    own: FloatArray
    crossed: FloatArray
    both: FloatArray

    def of_white(self, shares: FloatArray) -> FloatArray:
        """Variance of χ (frames, points) where that of every point of the absorption is 1."""
        pairs = _pairs(shares)
        out = apply(self.both, pairs) - 2.0 * apply(self.crossed, shares)
        return np.maximum(self.own + out, 0.0)

    def of_points(self, shares: FloatArray, variance: FloatArray) -> FloatArray:
        """Variance of χ (frames, points) by those of the points (frames, n)."""
        total = apply(self.matrix**2, variance)
        clamps = shares.shape[1]
        for i in range(clamps):
            pull = self.pulls[..., i]
            crossed = apply(self.matrix * self.ends[..., i : i + 1, :], variance)
            total -= 2.0 * shares[:, i : i + 1] * pull * crossed
            for j in range(clamps):
                product = self.ends[..., i, :] * self.ends[..., j, :]
                size = apply(product[..., None, :], variance)
                share = shares[:, i : i + 1] * shares[:, j : j + 1]
                total += share * pull * self.pulls[..., j] * size
        return np.maximum(total, 0.0)


def find_spread(problem: Problem) -> Spread:
    """The matrix from absorption to χ, for the clamps that a spectrum may have."""
    to_spline = problem.basis @ problem.solve
    matrix = problem.interpolate - to_spline @ (problem.project @ problem.interpolate)
    pulls = to_spline @ problem.directions
    ends = problem.clamped @ problem.interpolate
    turned = np.swapaxes(ends, -1, -2)
    sizes = ends @ turned
    both = pulls[..., :, None] * pulls[..., None, :] * sizes[..., None, :, :]
    return Spread(
        matrix=matrix,
        pulls=pulls,
        ends=ends,
        own=(matrix**2).sum(axis=-1),
        crossed=pulls * (matrix @ turned),
        both=both.reshape(*pulls.shape[:-1], -1),
    )


def _pairs(shares: FloatArray) -> FloatArray:
    return np.asarray((shares[:, :, None] * shares[:, None, :]).reshape(len(shares), -1))
