"""Numbers of lobes with uncertainties carried through the linear map from χ(k)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.exafs.lobes import REACH, Lobe, fit_summit, nearest_maxima
from spectra.xas.exafs.maps import MapOperator
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class LobeValues:
    """Columns of one lobe (frames,) each, and which frames have its maximum."""

    found: BoolArray
    numbers: dict[str, FloatArray]


@dataclass(frozen=True)
class LobeReader:
    """Reads lobes off the maps of a block.

    A change of χ(k) changes log W by δW/W, so that log |W| changes by Re(δW/W) and the integral
    of |W| by that of Re(δW·W*)/|W|: both are sums over the points of χ(k), whose variances add.

    Attributes
    ----------
    operator : MapOperator
    k, r : array
        Of the map.
    variance : array (frames, points)
        Of χ(k).
    """

    operator: MapOperator
    k: FloatArray
    r: FloatArray
    variance: FloatArray

    def read(
        self,
        real: FloatArray,
        imag: FloatArray,
        modulus: FloatArray,
        highest: BoolArray,
        lobe: Lobe,
    ) -> LobeValues:
        """Place, height and integral of one lobe, from maps (frames, R, k)."""
        r, k, found = nearest_maxima(highest, lobe)
        near = self._near(r, k)
        frames = np.arange(len(modulus))[:, None]
        flat = [part.reshape(len(part), -1) for part in (real, imag, modulus)]
        a, b, size = (part[frames, near] for part in flat)
        size = np.where(size > 0, size, np.inf)
        summit = fit_summit(np.log(np.where(np.isfinite(size), size, 1.0)))
        found = found & summit.found
        # δW/W = δW·W*/|W|²
        by_real, by_imag = (summit.derivatives * (part / size**2)[:, None] for part in (a, b))
        spread = self._variances(near, by_real, by_imag)
        height = np.exp(summit.logarithm)
        steps = float(self.r[1] - self.r[0]), float(self.k[1] - self.k[0])
        numbers = {
            "lobe_r": self.r[r] + steps[0] * summit.r,
            "lobe_r_stderr": steps[0] * np.sqrt(spread[:, 0]),
            "lobe_k": self.k[k] + steps[1] * summit.k,
            "lobe_k_stderr": steps[1] * np.sqrt(spread[:, 1]),
            "height": height,
            "height_stderr": height * np.sqrt(spread[:, 2]),
        }
        integral, error = self._integral(real, imag, modulus, lobe)
        area = steps[0] * steps[1]
        numbers |= {"integral": area * integral, "integral_stderr": area * error}
        return LobeValues(found, numbers)

    def _near(self, r: IntArray, k: IntArray) -> IntArray:
        """Numbers of the points about each frame's own (frames, points)."""
        side = np.arange(-REACH, REACH + 1)
        rows, columns = r[:, None] + side, k[:, None] + side
        cells = rows[:, :, None] * self.operator.shape[1] + columns[:, None, :]
        return np.asarray(cells.reshape(len(r), -1))

    def _variances(self, near: IntArray, by_real: FloatArray, by_imag: FloatArray) -> FloatArray:
        """Variances (frames, numbers) of numbers that are linear in W at points of the map."""
        out = np.empty(by_real.shape[:2])
        cell, number = np.unique(near[:, 0], return_inverse=True)
        for one in range(len(cell)):
            rows = np.flatnonzero(number.ravel() == one)
            real, imag = self.operator.cells(near[rows[0]])
            by_chi = np.matmul(by_real[rows], real) + np.matmul(by_imag[rows], imag)
            out[rows] = (np.square(by_chi) * self.variance[rows][:, None]).sum(axis=2)
        return out

    def _integral(
        self, real: FloatArray, imag: FloatArray, modulus: FloatArray, lobe: Lobe
    ) -> tuple[FloatArray, FloatArray]:
        """Sum of |W| over a lobe's window, and its standard uncertainty (frames,)."""
        numbers = np.arange(modulus[0].size).reshape(self.operator.shape)[lobe.window].ravel()
        cells = self.operator.cells(numbers)
        parts = (p[:, *lobe.window].reshape(len(p), -1) for p in (real, imag, modulus))
        a, b, size = parts
        safe = np.where(size > 0, size, np.inf)
        by_chi = products(a / safe, cells[0]) + products(b / safe, cells[1])
        variance = (np.square(by_chi) * self.variance).sum(axis=1)
        return np.ascontiguousarray(size).sum(axis=1), np.sqrt(variance)


def ridge(modulus: FloatArray, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """R at which maps (frames, R, k) are highest at each k, and |W| there (frames, k).

    By the parabola through the logarithms of three points; NaN where the highest R is an end.
    """
    place = modulus.argmax(axis=1)
    inner = (place > 0) & (place < len(r) - 1)
    near = np.clip(place, 1, len(r) - 2)[:, None, :] + np.array([-1, 0, 1])[:, None]
    low, middle, high = np.moveaxis(np.take_along_axis(modulus, near, axis=1), 1, 0)
    inner &= (low > 0) & (high > 0)
    low, middle, high = (np.log(np.where(inner, v, 1.0)) for v in (low, middle, high))
    slope, bend = 0.5 * (high - low), low - 2.0 * middle + high
    inner &= bend < 0
    shift = -slope / np.where(inner, bend, -1.0)
    height = np.exp(middle + 0.5 * slope * shift)
    where = r[near[:, 1]] + shift * (r[1] - r[0])
    return np.where(inner, where, np.nan), np.where(inner, height, np.nan)
