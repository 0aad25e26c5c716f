"""The common axis of frames from several files, and each frame's place on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.interpolate import find_weights
from spectra.readers.frame import Frame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Share of a step by which points may miss those of the axis and still count as on them.
_SAME, _NEAR = 1e-3, 1e-2
# Points of the polynomial through which a value is interpolated: edges and bands are curved, and
# counts are better left alone.
_POINTS = {"energy": 4, "raman_shift": 4, "wavelength": 4}
_FEWEST = 2


@dataclass(frozen=True)
class Place:
    """How points of a frame become points of the common axis: a weighted sum of some each.

    Parameters
    ----------
    size : int
        Points of the common axis.
    inside : int array (n,)
        Those that the frame has something to say of; the others are NaN.
    sources : int array (n, p)
        Points of the frame that each of them comes from.
    weights : array (n, p)
    note : str
        What must be known about the frame.
    """

    size: int
    inside: IntArray
    sources: IntArray
    weights: FloatArray
    note: str = ""

    def values(self, y: FloatArray) -> FloatArray:
        """A signal of the frame on the common axis (size,)."""
        out = np.full(self.size, np.nan)
        out[self.inside] = (self.weights * y[self.sources]).sum(axis=1)
        return out

    def errors(self, errors: FloatArray) -> FloatArray:
        """Standard uncertainties of such a signal, from those of the frame's own points."""
        out = np.full(self.size, np.nan)
        out[self.inside] = np.sqrt(((self.weights * errors[self.sources]) ** 2).sum(axis=1))
        return out


def common_frame(frames: list[Frame]) -> Frame:
    """The frame on whose axis the others are brought: the commonest, then the longest."""
    keys = [(len(f.x), round(float(f.x[0]), 6), round(float(f.x[-1]), 6)) for f in frames]
    counts = Counter(keys)
    best = max(counts, key=lambda k: (counts[k], k[0]))
    return frames[keys.index(best)]


def find_place(frame: Frame, common: Frame, regrid: bool | None) -> Place | str:
    """Find a frame's place on the common axis.

    Parameters
    ----------
    frame, common : Frame
    regrid : bool or None
        Whether to interpolate where the axes differ; None does so over energy and for Raman
        spectra, of whose axes no two are quite the same.

    Returns
    -------
    Place or str
        Or why it has none. Points are interpolated linearly, for spectra through the four
        points around each by Lagrange's polynomial; nothing is extrapolated.
    """
    x, grid = frame.x, common.x
    if frame.axis != common.axis:
        return f"the axis is {frame.axis}, that of the other frames {common.axis}"
    if frame.quantity != common.quantity:
        return f"it holds {frame.quantity}, the other frames {common.quantity}"
    step = float(np.median(np.diff(grid)))
    if len(x) == len(grid) and (np.abs(x - grid) <= _SAME * step).all():
        return _moved(len(grid), np.arange(len(grid)), "")
    nearest = _nearest(grid, x)
    on_grid = np.abs(grid[nearest] - x) <= _NEAR * step
    if on_grid.all() and len(np.unique(nearest)) == len(x):
        return _moved(len(grid), nearest, f"measured from {x[0]:g} to {x[-1]:g} only")
    if regrid is False or (regrid is None and frame.axis not in _POINTS):
        return (
            f"its axis ({len(x)} points, {x[0]:g} to {x[-1]:g}) does not fit that of the "
            f"sequence ({len(grid)} points, {grid[0]:g} to {grid[-1]:g}); "
            "read(..., regrid=True) interpolates"
        )
    inside = np.flatnonzero((grid >= x[0]) & (grid <= x[-1]))
    if inside.size == 0 or len(x) < _FEWEST:
        return (
            f"its axis ({x[0]:g} to {x[-1]:g}) and that of the sequence "
            f"({grid[0]:g} to {grid[-1]:g}) have nothing in common; read them apart"
        )
    sources, weights = find_weights(x, grid[inside], min(_POINTS.get(frame.axis, 2), len(x)))
    return Place(len(grid), inside, sources, weights, _interpolated(x, grid, inside))


def _moved(size: int, target: IntArray, note: str) -> Place:
    """Points that are taken as they are."""
    own = np.arange(len(target))[:, None]
    return Place(size, target, own, np.ones(own.shape), note)


def _nearest(grid: FloatArray, x: FloatArray) -> IntArray:
    """Index of the point of `grid` that is nearest to each of `x`."""
    right = np.clip(np.searchsorted(grid, x), 1, len(grid) - 1)
    return right - (x - grid[right - 1] < grid[right] - x)


def _interpolated(x: FloatArray, grid: FloatArray, inside: IntArray) -> str:
    note = f"interpolated from {len(x)} points, {x[0]:g} to {x[-1]:g}"
    missing = len(grid) - inside.size
    return f"{note}; {missing} points of the common axis lie outside" if missing else note
