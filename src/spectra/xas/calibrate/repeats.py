"""Means of repeated scans, groups of one size at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d

from spectra.fit.medians import median_of_finite

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_AROUND = 21
# Median of |z| of a standard normal z.
_MEDIAN_ABS = 0.6744897501960817


@dataclass(frozen=True)
class Repeats:
    """Scans of the same thing, several times over.

    Parameters
    ----------
    values : array (groups, scans, points)
    errors : array of the same shape, optional
        Standard uncertainties.
    """

    values: FloatArray
    errors: FloatArray | None

    @property
    def weights(self) -> FloatArray | None:
        """1/σ² where uncertainties are given, 0 where one is missing."""
        if self.errors is None:
            return None
        known = np.isfinite(self.errors) & (self.errors > 0)
        return np.where(known, 1 / np.where(known, self.errors, 1.0) ** 2, 0.0)

    def belonging(self, outlier: float, share: float) -> BoolArray:
        """Points that belong to the others of their group (groups, scans, points)."""
        measured = np.isfinite(self.values)
        scans = self.values.shape[1]
        if scans < 3:
            return measured
        middle = median_of_finite(self.values, 1)
        scatter = np.broadcast_to(self._scatter()[:, None], self.values.shape)
        if self.errors is not None:
            scatter = np.fmax(scatter, self.errors)
        with np.errstate(invalid="ignore"):
            odd = np.abs(self.values - middle[:, None]) > outlier * scatter
        count = np.maximum(measured.sum(axis=2), 1)
        whole = (odd & measured).sum(axis=2) > share * count
        keep: BoolArray = measured & ~odd & ~whole[:, :, None]
        # Where scans fall apart into two camps, nobody can tell which one is odd.
        undecided = ~keep.any(axis=(1, 2))
        keep[undecided] = measured[undecided]
        return keep

    def _scatter(self) -> FloatArray:
        """Standard deviation of a scan by differences of successive ones (groups, points)."""
        steps = median_of_finite(np.abs(np.diff(self.values, axis=1)), 1)
        middle = np.nan_to_num(steps) / (_MEDIAN_ABS * np.sqrt(2))
        smooth: FloatArray = median_filter(middle, size=(1, min(_AROUND, middle.shape[1])))
        return smooth

    def uncertainty(
        self, mean: FloatArray, keep: BoolArray, weights: FloatArray | None, source: str
    ) -> tuple[FloatArray, FloatArray]:
        """Standard uncertainty of means (groups, points), and χ² per degree of freedom."""
        count = keep.sum(axis=1)
        square = np.where(keep, (self.values - mean[:, None]) ** 2, 0.0)
        share = _shares(self.values, keep, weights)
        chi2 = np.full(len(mean), np.nan)
        freedom = np.maximum(count - 1, 0)
        if self.errors is None or source == "scatter":
            variance = _pooled(square.sum(axis=1), freedom)
            return np.sqrt(np.where(count > 0, variance * (share**2).sum(axis=1), np.nan)), chi2
        errors = np.where(keep, self.errors, 0.0)
        given = np.sqrt((share**2 * errors**2).sum(axis=1))
        relative = (square / np.where(errors > 0, errors, np.inf) ** 2).sum(axis=1)
        total = freedom.sum(axis=1)
        chi2 = np.where(total > 0, relative.sum(axis=1) / np.maximum(total, 1), np.nan)
        if source == "larger":
            excess = _pooled(relative, freedom)
            given = given * np.sqrt(np.fmax(excess, 1.0))
        return np.where((count > 0) & (given > 0), given, np.nan), chi2


def merge_repeats(values: FloatArray, keep: BoolArray, weights: FloatArray | None) -> FloatArray:
    """Weighted means over the points kept (groups, points); NaN where none is."""
    keep = keep & np.isfinite(values)
    share = _shares(values, keep, weights)
    mean = (share * np.where(keep, values, 0.0)).sum(axis=1)
    return np.where(share.sum(axis=1) > 0, mean, np.nan)


def _shares(values: FloatArray, keep: BoolArray, weights: FloatArray | None) -> FloatArray:
    """Share of each point in the mean; they sum to 1, or 0 where nothing is kept."""
    w = np.where(keep, 1.0 if weights is None else weights, 0.0)
    total = w.sum(axis=1, keepdims=True)
    out: FloatArray = w / np.where(total > 0, total, 1.0)
    return np.broadcast_to(out, values.shape)


def _pooled(squares: FloatArray, freedom: NDArray[np.intp]) -> FloatArray:
    """Sums of squares per degree of freedom, the points around taken together."""
    size = min(_AROUND, squares.shape[1])
    above = uniform_filter1d(squares, size, axis=1, mode="nearest")
    below = uniform_filter1d(freedom.astype(float), size, axis=1, mode="nearest")
    return np.where(below > 1e-9, above / np.where(below > 1e-9, below, 1.0), np.nan)
