"""Polynomials through the neighbourhood of points, as weighted sums of the values there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across
from spectra.xas.polynomials import TOGETHER

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_NEIGHBOURS = 10
# Values that are worked on together: fewer spend their time on calls, more leave the cache.
_VALUES = 65536
# Points whose polynomials one product of matrices gives.
_RUN = 16
# Distances (eV) that differ in later decimals are the same.
_DECIMALS = 9


@dataclass(frozen=True)
class Local:
    """The polynomial that all points with such surroundings have.

    Attributes
    ----------
    offsets : int array (neighbours,)
        Those that weigh something, as numbers of points from the point.
    t : array (neighbours,)
        Their energies from the point.
    weights : array (powers, neighbours)
    complete : bool
        Whether there are enough of them for the degree asked for.
    """

    offsets: IntArray
    t: FloatArray
    weights: FloatArray
    complete: bool


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
    kinds : int array (points,)
        Number of the polynomial in `locals` that a point has.
    locals : tuple of Local
        Those that differ.
    """

    reach: int
    weights: FloatArray
    kinds: IntArray
    locals: tuple[Local, ...]

    @property
    def powers(self) -> int:
        """Coefficients of each polynomial."""
        return int(self.weights.shape[1])

    def clip(self, k: IntArray) -> IntArray:
        """The nearest points that have a polynomial."""
        return np.clip(k, self.reach, len(self.weights) - self.reach - 1)

    def alike(self, k: IntArray) -> Iterator[tuple[Local, IntArray, int]]:
        """Frames in parts that have the same polynomial about their points `k` (frames,).

        Yields
        ------
        local : Local
        rows : int array
            A multiple of `TOGETHER`: the last is repeated.
        count : int
            How many differ.
        """
        kinds = self.kinds[k]
        for kind in np.flatnonzero(np.bincount(kinds)).tolist():
            rows = np.flatnonzero(kinds == kind)
            local = self.locals[kind]
            most = TOGETHER * max(1, _VALUES // (TOGETHER * len(local.t)))
            for start in range(0, len(rows), most):
                part = rows[start : start + most]
                count = len(part)
                if short := -count % TOGETHER:
                    part = np.concatenate([part, np.repeat(part[-1:], short)])
                yield local, part, count

    def at(self, y: Across, k: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Polynomials about point `k` of each frame.

        Returns
        -------
        coefficients : array (frames, powers)
        weights : array (frames, powers, 2·reach + 1)
        index : int array (frames, 2·reach + 1)
            The points that they are sums over.
        """
        offsets = np.arange(-self.reach, self.reach + 1)
        index = k[:, None] + offsets
        weights = self.weights[k]
        near = np.ascontiguousarray(y.near(np.arange(len(k)), k, offsets).T)
        return np.einsum("fjw,fw->fj", weights, near), weights, index

    def coefficients(self, y: Across, order: int, begin: int, end: int) -> FloatArray:
        """Coefficients of t^order at points `begin` to `end`: (parts, points, TOGETHER)."""
        m, n = self.reach, len(self.weights)
        out = np.empty((len(y.values), end - begin, TOGETHER))
        # Always the same runs of points, for the same bits wherever the range begins and ends.
        for run in range(begin - begin % _RUN, end, _RUN):
            first, last = max(run, m), min(run + _RUN, n - m)
            band = np.zeros((last - first, last - first + 2 * m))
            for row, weights in enumerate(self.weights[first:last, order]):
                band[row, row : row + 2 * m + 1] = weights
            found = np.matmul(band, y.values[:, first - m : last + m])
            low, high = max(begin, first), min(end, last)
            out[:, low - begin : high - begin] = found[:, low - first : high - first]
        return out


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
    kinds = np.zeros(n, dtype=np.intp)
    if n < 2 * m + 1:
        return LocalPolynomials(m, out, kinds, ())
    offsets = np.arange(-m, m + 1)
    t = x[np.arange(m, n - m)[:, None] + offsets] - x[m : n - m, None]
    # A little more than the reach: steps of 0.25 eV are not exactly so.
    use = (np.abs(t) <= 1.02 * reach) | (np.abs(offsets) <= least)
    span = np.where(use, np.abs(t), 0.0).max(axis=1)
    powers = np.arange(degree + 1)
    design = np.where(use[..., None], (t / span[:, None])[..., None] ** powers, 0.0)
    complete = use.sum(axis=1) >= degree + 3
    design *= (complete[:, None] | (powers <= max(2, 2 * least - 1)))[:, None, :]
    out[m : n - m] = np.linalg.pinv(design) / span[:, None, None] ** powers[:, None]
    _, first, kinds[m : n - m] = np.unique(
        np.round(t, _DECIMALS), axis=0, return_index=True, return_inverse=True
    )
    parts = (
        Local(offsets[use[i]], t[i, use[i]], out[m + i][:, use[i]], bool(complete[i]))
        for i in first.tolist()
    )
    return LocalPolynomials(m, out, kinds, tuple(parts))
