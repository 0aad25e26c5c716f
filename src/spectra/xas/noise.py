"""How much the points of absorption spectra scatter, given or found from the spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import point_sigma
from spectra.xas.across import Across
from spectra.xas.frames import few_of
from spectra.xas.polynomials import weighted_sums

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Mean root of the magnitude of a normal variable: 2^(1/4)·Γ(3/4)/√π.
_ROOT_NORMAL = 0.8222
# Median magnitude of one.
_HALF_NORMAL = 0.67449
_CUT = 3.0
# Second moment of a normal distribution cut at ± 3 σ.
_CUT_MOMENT = 0.97334
_FEWEST = 8
_SAMPLES = 100
# Points next to the edge that are left out.
_GAP = 8
# Differences that one product of matrices gives, of neighbouring points.
_PART = 12
# Distances of neighbours, in points, that tell whether they hang together; by how much typical
# differences at twice the distance are larger then, and are not any more (1.0 and 1.1 for noise,
# above 2.5 for interpolated points); and how many points are needed to tell.
_LAGS = (2, 4, 8)
_GROWTH, _STILL, _FEWEST_TOGETHER = 1.8, 1.5, 80
# Frames that are looked at for it.
_FEW = 8


@dataclass(frozen=True)
class Noise:
    """Variances of the points of some frames: one each, or one before and one after the edge.

    Attributes
    ----------
    points : array (frames, points) or None
    before, after : array (frames,)
        Used where `points` is None.
    """

    points: FloatArray | None
    before: FloatArray
    after: FloatArray

    def take(self, rows: IntArray | slice) -> Noise:
        """The variances of some of the frames."""
        points = None if self.points is None else self.points[rows]
        return Noise(points, self.before[rows], self.after[rows])

    def sums(self, first: int, weights: FloatArray, *, after: bool) -> FloatArray:
        """Sums of variances of points from `first` on, by weights (sums, points): (rows, sums)."""
        if self.points is None:
            level = self.after if after else self.before
            return np.asarray(level[:, None] * weights.sum(axis=1))
        return weighted_sums(self.points[:, first : first + weights.shape[1]], weights)

    def covariances(self, first: int, weights: FloatArray, *, after: bool) -> FloatArray:
        """Covariances of sums of values by weights (sums, points): (rows, sums, sums)."""
        size = len(weights)
        if self.points is None:
            level = self.after if after else self.before
            return np.asarray(level[:, None, None] * (weights @ weights.T))
        products = (weights[:, None] * weights[None]).reshape(size**2, -1)
        return self.sums(first, products, after=after).reshape(-1, size, size)

    def near(self, index: IntArray, up: float | FloatArray) -> FloatArray:
        """Variances at points (rows, k), which are `up` (0 to 1) of the edge."""
        if self.points is not None:
            return self.points[np.arange(len(index))[:, None], index]
        level = (1.0 - up) * self.before + up * self.after
        return np.broadcast_to(level[:, None], index.shape)


def find_noise(
    x: FloatArray,
    y: Across,
    errors: FloatArray | None,
    kind: str,
    edge: IntArray,
    together: float = 1.0,
) -> Noise:
    """Find the variances of the points of spectra.

    Parameters
    ----------
    x : array (points,)
    y : Across
        Finite.
    errors : array (frames, points), optional
    kind : {"counts", "given", "unknown"}
        What the spectra scatter like (`spectra.Stack`). Where it is unknown, one variance before
        and one after the edge are estimated by `scatter_variance`.
    edge : int array (frames,)
        About where the edge is; it is left out.
    together : float
        Of `points_together`, by which variances that are estimated are multiplied.
    """
    if kind != "unknown" and (kind == "counts" or errors is not None):
        sigma = point_sigma(y.frames(), errors, kind)
        return Noise(np.nan_to_num(sigma) ** 2, np.zeros(y.count), np.zeros(y.count))
    before, after = scatter_variance(x, y, edge)
    return Noise(None, together * before, together * after)


def points_together(source: Stack) -> float:
    """What neighbouring points that hang together multiply estimated variances by, else 1.

    Spectra that were interpolated onto a finer grid are nearer to the cubics of `scatter_variance`
    than their noise. Differences of points twice as far apart are larger then, until they are as
    far apart as what was measured; from there on they grow no more, which tells them from those
    of a sharp curve, that grow sixteenfold. The variance at that distance of n points, n times as
    large, gives sums over points the variance that they have.

    Parameters
    ----------
    source : Stack
        A few frames of it are looked at; those that lack points are passed over.
    """
    if source.noise != "unknown":
        return 1.0
    few = few_of(source, _FEW)
    x, y = few.x, np.asarray(few.signal, dtype=float)
    y = y[np.isfinite(y).all(axis=1)]
    if not len(y) or len(x) < _FEWEST_TOGETHER:
        return 1.0
    near = _sizes(x, y, 1)
    typical, further = float(np.median(near)), float(np.median(_sizes(x, y, 2)))
    if not further > _GROWTH * typical > 0.0:
        return 1.0
    some = near[:: max(1, len(near) // _SAMPLES)].copy()
    estimated = float(np.median(_side(some, np.full(some.shape[1], len(some)))))
    for lag in _LAGS:
        if len(x) < 8 * lag + _FEWEST_TOGETHER:
            break
        typical, further = further, float(np.median(_sizes(x, y, 2 * lag)))
        if further < _STILL * typical:
            larger = (typical / _HALF_NORMAL) ** 2 / estimated
            return lag * larger if larger > _GROWTH**2 else 1.0
    return 1.0


def _sizes(x: FloatArray, y: FloatArray, lag: int) -> NDArray[np.float32]:
    """Magnitudes of differences from cubics (differences, frames) of frames (frames, points)."""
    weights = neighbour_differences(x, lag)
    n = weights.shape[1]
    parts = [w * y[:, k * lag : k * lag + n] for k, w in enumerate(weights)]
    return np.asarray(np.abs(np.sum(parts, axis=0).T), dtype=np.float32)


def scatter_variance(x: FloatArray, y: Across, edge: IntArray) -> tuple[FloatArray, FloatArray]:
    """Estimate the variance of the points on either side of the edge, (frames,) each.

    Up to 200 points, evenly spread, are compared with the cubic through their four neighbours,
    two on either side; what is left of a smooth curve is of the fourth order in the step. The
    differences, divided by the standard deviation that white noise of unit variance gives them,
    are pooled for each side: the mean of the roots of their magnitudes tells a width (sharp
    structure and glitches hardly matter to it), and those beyond three times that are left out
    of the variance. A side of fewer than eight points takes the other's variance. Neighbouring
    points that hang together make the estimate too small (`points_together`).
    """
    variances = np.full((2, *y.values.shape[::2]), np.nan)
    if len(x) >= _FEWEST + 4:
        bands = _bands(x.tobytes())
        for part, values in enumerate(zip(y.values, y.beside(edge), strict=True)):
            variances[:, part] = _both_sides(bands, *values)
    before, after = y.each(variances)
    return np.where(np.isfinite(before), before, after), np.where(np.isfinite(after), after, before)


@dataclass(frozen=True)
class _Bands:
    """The differences of points from cubics as products of small matrices.

    Attributes
    ----------
    number : int array (differences,)
        Points that are compared.
    matrices : array (parts, differences of a part, points of it)
    step : int
        Points from the first of one part to that of the next.
    """

    number: IntArray
    matrices: FloatArray
    step: int

    def magnitudes(self, y: FloatArray) -> NDArray[np.float32]:
        """Magnitudes of the differences (differences, frames) of values (points, frames)."""
        parts, height, width = self.matrices.shape
        down, along = y.strides
        size = np.empty((parts * height, y.shape[1]))
        # The last parts may reach beyond the points.
        whole = min(parts, (len(y) - width) // self.step + 1)
        shape, strides = (whole, width, y.shape[1]), (self.step * down, down, along)
        pieces = np.lib.stride_tricks.as_strided(y, shape, strides, writeable=False)
        np.matmul(self.matrices[:whole], pieces, out=size.reshape(parts, height, -1)[:whole])
        for part in range(whole, parts):
            rest = y[part * self.step :]
            some = slice(part * height, (part + 1) * height)
            np.matmul(self.matrices[part, :, : len(rest)], rest, out=size[some])
        # Single precision is ample for what they are pooled to, and twice as fast.
        return np.abs(size[: len(self.number)].astype(np.float32))


def _both_sides(bands: _Bands, y: FloatArray, edge: IntArray) -> FloatArray:
    """Variances before and after the edge (2, frames) of values (points, frames).

    NaN where points are too few.
    """
    size, number = bands.magnitudes(y), bands.number
    low, high = int(edge.min()), int(edge.max())
    last = int(np.searchsorted(number, high - _GAP))
    first = int(np.searchsorted(number, low + _GAP, side="right"))
    before, after = size[:last], size[first:]
    if first < last:
        before = before.copy()
    # What one frame uses and another does not.
    begin = int(np.searchsorted(number, low - _GAP))
    end = int(np.searchsorted(number, high + _GAP, side="right"))
    used_before = number[begin:last, None] < edge - _GAP
    used_after = number[first:end, None] > edge + _GAP
    before[begin:] *= used_before
    after[: end - first] *= used_after
    return np.array(
        [
            _side(before, begin + used_before.sum(axis=0)),
            _side(after, len(number) - end + used_after.sum(axis=0)),
        ]
    )


def _side(size: NDArray[np.float32], count: IntArray) -> FloatArray:
    """Variance from `count` magnitudes of each frame (points, frames); NaN if too few.

    The magnitudes are overwritten; those that do not count are zero.
    """
    # What is zero is near.
    unused = len(size) - count
    width = np.sqrt(size).sum(axis=0) / np.maximum(count, 1)
    near = size <= ((_CUT / _ROOT_NORMAL**2) * width**2).astype(np.float32)
    size *= size
    size *= near
    # There are at most 2·_SAMPLES points: bytes can count them.
    kept = np.add.reduce(near.view(np.uint8), axis=0, dtype=np.uint8).astype(np.intp) - unused
    mean = size.sum(axis=0, dtype=float) / np.maximum(kept, 1)
    return np.where(count >= _FEWEST, mean / _CUT_MOMENT, np.nan)


@lru_cache(maxsize=64)
def _bands(axis: bytes) -> _Bands:
    weights = neighbour_differences(np.frombuffer(axis))
    places = weights.shape[1]
    stride = max(1, places // _SAMPLES)
    first = np.arange(0, places, stride)
    size = max(4, _PART // stride)
    parts = -(-len(first) // size)
    matrices = np.zeros((parts, size, (size - 1) * stride + 5))
    for i, place in enumerate(first.tolist()):
        part, row = divmod(i, size)
        matrices[part, row, row * stride : row * stride + 5] = weights[:, place]
    return _Bands(first + 2, matrices, size * stride)


def neighbour_differences(x: FloatArray, lag: int = 1) -> FloatArray:
    """Weights (5, points − 4·lag) of five neighbours in their difference from a cubic.

    Neighbours are `lag` points apart. For white noise of unit variance the difference has unit
    variance.
    """
    n = len(x) - 4 * lag
    near = np.stack([x[k * lag : k * lag + n] for k in range(5)])
    weights = np.ones((5, n))
    for i in range(5):
        for j in range(5):
            if i != j:
                weights[i] /= near[i] - near[j]
    # A divided difference of the fourth order: zero for every cubic.
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=0)))
