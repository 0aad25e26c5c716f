"""Polynomials through the neighbourhood of points, as weighted sums of the values there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_NEIGHBOURS = 10


@dataclass(frozen=True)
class LocalPolynomials:
    """Weights of neighbouring points in the polynomial through each point's surroundings.

    Attributes
    ----------
    reach : int
        Neighbours on either side; those farther than the reach in energy weigh nothing.
    weights : array (points, powers, 2·reach + 1)
        Coefficients of t⁰, t¹ …, t being the energy from the point; points nearer to an end of
        the axis than `reach` have none (NaN).
    """

    reach: int
    weights: FloatArray

    @property
    def powers(self) -> int:
        """Coefficients of each polynomial."""
        return int(self.weights.shape[1])

    def clip(self, k: IntArray) -> IntArray:
        """The nearest points that have a polynomial."""
        return np.clip(k, self.reach, len(self.weights) - self.reach - 1)

    def at(self, y: FloatArray, k: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Polynomials about point `k` of each frame, of values (frames, points).

        Returns
        -------
        coefficients : array (frames, powers)
        weights : array (frames, powers, 2·reach + 1)
        index : int array (frames, 2·reach + 1)
            The points that they are sums over.
        """
        index = k[:, None] + np.arange(-self.reach, self.reach + 1)
        weights = self.weights[k]
        near = y[np.arange(len(y))[:, None], index]
        return np.einsum("fjw,fw->fj", weights, near), weights, index

    def coefficients(self, y: FloatArray, order: int, begin: int, end: int) -> FloatArray:
        """Coefficients of t^order at points `begin` to `end`: (frames, points)."""
        m = self.reach
        weights = self.weights[begin:end, order]
        total = weights[:, 0] * y[:, begin - m : end - m]
        term = np.empty_like(total)
        for j in range(1, 2 * m + 1):
            np.multiply(weights[:, j], y[:, begin - m + j : end - m + j], out=term)
            total += term
        return total


def local_polynomials(x: FloatArray, reach: float, degree: int, least: int) -> LocalPolynomials:
    """Least-squares polynomials over points within `reach`, at least `least` on either side.

    Where these are too few to leave two degrees of freedom, a parabola stands in for a
    polynomial of the fourth degree.
    """
    return _local_polynomials(x.tobytes(), float(reach), degree, least)


@lru_cache(maxsize=64)
def _local_polynomials(axis: bytes, reach: float, degree: int, least: int) -> LocalPolynomials:
    x = np.frombuffer(axis)
    n = len(x)
    farthest = np.searchsorted(x, x + reach, side="right") - np.arange(n) - 1
    m = int(np.clip(farthest.max(initial=least), least, _MOST_NEIGHBOURS))
    m = max(least, min(m, (n - 1) // 2))
    out = np.full((n, degree + 1, 2 * m + 1), np.nan)
    if n < 2 * m + 1:
        return LocalPolynomials(m, out)
    offsets = np.arange(-m, m + 1)
    t = x[np.arange(m, n - m)[:, None] + offsets] - x[m : n - m, None]
    # A little more than the reach: steps of 0.25 eV are not exactly so.
    use = (np.abs(t) <= 1.02 * reach) | (np.abs(offsets) <= least)
    span = np.where(use, np.abs(t), 0.0).max(axis=1)
    powers = np.arange(degree + 1)
    design = np.where(use[..., None], (t / span[:, None])[..., None] ** powers, 0.0)
    enough = use.sum(axis=1) >= degree + 3
    design *= (enough[:, None] | (powers <= max(2, 2 * least - 1)))[:, None, :]
    out[m : n - m] = np.linalg.pinv(design) / span[:, None, None] ** powers[:, None]
    return LocalPolynomials(m, out)
