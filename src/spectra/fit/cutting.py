"""Windows on spectra, and cutting them out for the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectra.fit.model import Model, Points
from spectra.fit.objective import SpectraObjective

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_LEFT_IN_FWHM = 7.0
_MOST_BINS = 8


@dataclass(frozen=True)
class Windows:
    """Where to fit what: one row per window, K peaks in each.

    Attributes
    ----------
    frame : int array (rows,)
        Which spectrum of the block.
    center, fwhm : array (rows, K)
        Expected positions and widths, positions ascending.
    shape : array (rows, K, shape parameters besides the width)
        Expected further shape parameters.
    shape_free : bool array (rows, K)
        Whether they are varied.
    reach : array (rows, K)
        How far a centre may lie from its expected place.
    search : array (rows,)
        Half-range of common shifts that are tried before the fit (0: none).
    low, high : array (rows,)
        Ends of the window.
    """

    frame: IntArray
    center: FloatArray
    fwhm: FloatArray
    shape: FloatArray
    shape_free: BoolArray
    reach: FloatArray
    search: FloatArray
    low: FloatArray
    high: FloatArray

    def take(self, rows: IntArray) -> Windows:
        """Return some of the rows."""
        return Windows(**{k: v[rows] for k, v in vars(self).items()})


def padded_sizes(x: FloatArray, windows: Windows) -> IntArray:
    """Points that are cut out for each window (rows,): more than it has, in steps.

    Windows of the same size are fitted together; a window's own size alone decides with how
    many points its sums are formed, and so their last bits.
    """
    inside = np.searchsorted(x, windows.high, side="right") - np.searchsorted(x, windows.low)
    # At least 32 points and an eighth: few sizes are few batches.
    step = np.exp2(np.maximum(np.floor(np.log2(np.maximum(inside, 1))) - 3.0, 5.0)).astype(int)
    return np.asarray(np.minimum(-(-np.maximum(inside, 1) // step) * step, len(x)), np.intp)


def bin_sizes(x: FloatArray, windows: Windows) -> IntArray:
    """Points that may be averaged for the rough fit: one, or so that seven are left in a fwhm."""
    step = float(np.median(np.diff(x)))
    per_fwhm = windows.fwhm.min(axis=1) / step
    bins = np.exp2(np.floor(np.log2(np.maximum(per_fwhm / _LEFT_IN_FWHM, 1.0))))
    return np.asarray(np.minimum(bins, _MOST_BINS), np.intp)


def cut_out(
    x: FloatArray, y: FloatArray, sigma: FloatArray, windows: Windows, n: int, model: Model
) -> tuple[SpectraObjective, BoolArray]:
    """Copy `n` points around each window out of its spectrum; tell which of them count."""
    first = np.clip(np.searchsorted(x, windows.low), 0, len(x) - n)
    # Rows of all windows that could be cut, of which no copy is made.
    xs = sliding_window_view(x, n)[first]
    ys, sigmas = (sliding_window_view(v, n, axis=1)[windows.frame, first] for v in (y, sigma))
    weighted = (xs >= windows.low[:, None]) & (xs <= windows.high[:, None])
    weighted &= np.isfinite(ys) & np.isfinite(sigmas) & (sigmas > 0)
    weight = np.where(weighted, 1.0 / np.where(weighted, sigmas, 1.0) ** 2, 0.0)
    ys = np.where(weighted, ys, 0.0)
    at = Points.scaled(xs, windows.low, windows.high)
    return SpectraObjective.of(model, at, ys, weight), weighted
