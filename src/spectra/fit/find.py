"""Find peaks in one spectrum by their significance against the noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

FloatArray = NDArray[np.float64]

FWHM_PER_SIGMA = float(2.0 * np.sqrt(2.0 * np.log(2.0)))
# A Mexican-hat filter answers a Gaussian of width s most strongly at the filter width √5·s
# (maximise t^(5/2)/(t² + s²)^(3/2) over t).
_BEST_FILTER = float(np.sqrt(5.0))


@dataclass(frozen=True)
class FoundPeaks:
    """Peaks in the order of their position, each array (peaks,).

    Attributes
    ----------
    position, fwhm : array
        In the unit of x.
    height : array
        Above the local background, in the unit of y.
    significance : array
        Filter response over its standard deviation under noise alone.
    """

    position: FloatArray
    fwhm: FloatArray
    height: FloatArray
    significance: FloatArray

    def __len__(self) -> int:
        return len(self.position)

    def take(self, keep: NDArray[np.intp] | NDArray[np.bool_]) -> FoundPeaks:
        """Return some of the peaks."""
        return FoundPeaks(
            self.position[keep], self.fwhm[keep], self.height[keep], self.significance[keep]
        )


def find_peaks(
    x: FloatArray,
    y: FloatArray,
    sigma: FloatArray,
    *,
    threshold: float = 5.0,
    fwhm_max: float | None = None,
    fwhm: FloatArray | None = None,
) -> FoundPeaks:
    """Find the peaks of one spectrum.

    Filters of several widths that are blind to a sloping background (Mexican hats, the
    negative second derivative of a Gaussian) are run over the spectrum; their responses in
    units of their standard deviation show where peaks stand and how wide they are. The
    robust trend of the widths of clear peaks then sets one filter width along the axis, at
    which the peaks are taken: wide enough for the noise, narrow enough to part neighbours.
    Correlated noise is noticed by the spread of the response itself and raises the bar.

    Parameters
    ----------
    x, y, sigma : array (points,)
        Increasing axis; intensities, NaN where not measured; their standard uncertainties.
    threshold : float
        Smallest significance.
    fwhm_max : float, optional
        Widest peak looked for (unit of x); by default 4 % of the range.
    fwhm : array (points,), optional
        Widths along the axis where they are known (unit of x); else they are found out.

    Returns
    -------
    FoundPeaks
    """
    empty = FoundPeaks(*(np.empty(0) for _ in range(4)))
    measured = np.isfinite(y) & np.isfinite(sigma) & (sigma > 0)
    if np.count_nonzero(measured) < 8:
        return empty
    index = np.arange(len(x))
    y = np.where(measured, y, np.interp(index, index[measured], y[measured]))
    sigma = np.where(measured, sigma, np.interp(index, index[measured], sigma[measured]))
    step = float(np.median(np.diff(x)))
    widest = (0.04 * (x[-1] - x[0]) if fwhm_max is None else fwhm_max) / step
    # Room beyond the widest peak, so that its best filter is not the last one.
    widest = 2.0 * max(widest, 5.0) * _BEST_FILTER
    fwhm_points = np.geomspace(2.5, widest, 1 + int(4 * np.log2(widest / 2.5)))
    scales = fwhm_points / FWHM_PER_SIGMA
    if fwhm is not None:
        trend = np.clip(fwhm / step, fwhm_points[0], fwhm_points[-1])
        nearest = np.abs(np.log(fwhm_points[:, None] / trend)).argmin(axis=0)
        z = np.empty(len(x))
        for number in np.unique(nearest).tolist():
            there = nearest == number
            z[there] = _response(y, sigma, scales[number])[there]
    else:
        response = np.array([_response(y, sigma, t) for t in scales])
        at, scale = _blobs(response, 2.0 * threshold)
        if at.size == 0:
            at, scale = _blobs(response, threshold)
        if at.size == 0:
            return empty
        trend = _width_trend(x, at, fwhm_points[_own_scale(response, at, scale)])
        nearest = np.abs(np.log(fwhm_points[:, None] / trend)).argmin(axis=0)
        z = response[nearest, index]
    z = z / _noise_spread(z, threshold, trend)
    peaks = _suppress_close(_local_maxima(z, threshold), z, 0.5 * trend)
    peaks = peaks[measured[peaks]]
    if peaks.size == 0:
        return empty
    return FoundPeaks(
        position=_vertex(x, z, peaks),
        fwhm=trend[peaks] * step,
        height=_height(y, peaks, trend[peaks]),
        significance=z[peaks],
    )


def _response(y: FloatArray, sigma: FloatArray, width: float) -> FloatArray:
    """Filter response over its standard deviation; `width` in points."""
    half = int(np.ceil(4.0 * width))
    half = min(half, (len(y) - 1) // 2)
    u = np.arange(-half, half + 1) / width
    kernel = (1.0 - u**2) * np.exp(-0.5 * u**2)
    kernel -= kernel.mean()
    signal = oaconvolve(y, kernel, mode="valid")
    noise = oaconvolve(sigma**2, kernel**2, mode="valid")
    # Where the filter would reach past the end there is no answer, hence no peak.
    response = np.zeros(len(y))
    response[half : len(y) - half] = signal / np.sqrt(np.maximum(noise, np.finfo(float).tiny))
    return response


def _local_maxima(z: FloatArray, threshold: float) -> NDArray[np.intp]:
    inner = (z[1:-1] >= z[:-2]) & (z[1:-1] > z[2:]) & (z[1:-1] >= threshold)
    return np.flatnonzero(inner) + 1


def _suppress_close(
    peaks: NDArray[np.intp], z: FloatArray, distance: FloatArray
) -> NDArray[np.intp]:
    """Keep the strongest of the maxima that stand closer together than `distance` (points)."""
    kept: list[int] = []
    for i in peaks[np.argsort(-z[peaks], kind="stable")]:
        if all(abs(int(i) - j) >= distance[i] for j in kept):
            kept.append(int(i))
    return np.array(sorted(kept), dtype=np.intp)


def _blobs(z: FloatArray, threshold: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Maxima of z (scales, points) along both directions: their points and their scales.

    The widest filter is left out: what answers it most is background, not a peak.
    """
    inner = z[:-1, 1:-1]
    below = np.vstack([np.full((1, z.shape[1]), -np.inf), z[:-2]])[:, 1:-1]
    top = (inner >= threshold) & (inner >= z[:-1, :-2]) & (inner > z[:-1, 2:])
    top &= (inner >= below) & (inner > z[1:, 1:-1])
    scale, at = np.nonzero(top)
    return at + 1, scale


def _own_scale(z: FloatArray, at: NDArray[np.intp], scale: NDArray[np.intp]) -> NDArray[np.intp]:
    """Narrowest filter that answers with 69 % of the response at the maximum.

    For a Gaussian that filter's best peak width is 1/√5 of the maximum's: its own width. Long
    tails and close neighbours shift the maximum, but hardly this edge.
    """
    edge = (1.0 / 2.0**1.5) / (_BEST_FILTER**2.5 / 6.0**1.5)
    enough = z[:, at] >= edge * z[scale, at]
    return np.asarray(enough.argmax(axis=0))


def _noise_spread(z: FloatArray, threshold: float, fwhm_points: FloatArray) -> float:
    """How much wider than 1 the response scatters away from peaks (1 for white noise)."""
    loud = np.flatnonzero(np.abs(z) > threshold)
    covered = np.zeros(len(z) + 1)
    reach = np.rint(3.0 * fwhm_points[loud]).astype(int)
    np.add.at(covered, np.maximum(loud - reach, 0), 1.0)
    np.add.at(covered, np.minimum(loud + reach + 1, len(z)), -1.0)
    quiet = z[np.cumsum(covered[:-1]) == 0]
    if quiet.size < 50:
        return 1.0
    return max(1.0, float(np.median(np.abs(quiet - np.median(quiet))) / 0.6745))


def _width_trend(x: FloatArray, at: NDArray[np.intp], widths: FloatArray) -> FloatArray:
    """Robust course of the fwhm along the axis, in points (points,).

    The median, or from eight peaks on a straight line in log fwhm through the medians of the
    lower and the upper half of the axis. (Groups of close peaks answer wide filters as a
    whole, but they are fewer than their members.)
    """
    log_width = np.log(widths)
    if at.size < 8:
        return np.full(len(x), np.exp(np.median(log_width)))
    halves = np.array_split(np.argsort(at, kind="stable"), 2)
    left, right = (float(np.median(x[at[h]])) for h in halves)
    low, high = (float(np.median(log_width[h])) for h in halves)
    slope = (high - low) / (right - left) if right > left else 0.0
    within = np.clip(x, left, right)
    return np.asarray(np.exp(low + slope * (within - left)))


def _vertex(x: FloatArray, z: FloatArray, peaks: NDArray[np.intp]) -> FloatArray:
    """Position of the maximum of the parabola through three points of the response."""
    before, at, after = z[peaks - 1], z[peaks], z[peaks + 1]
    curvature = before - 2.0 * at + after
    shift = np.where(
        curvature < 0, 0.5 * (before - after) / np.where(curvature < 0, curvature, 1), 0
    )
    step = np.where(shift > 0, x[peaks + 1] - x[peaks], x[peaks] - x[peaks - 1])
    return np.asarray(x[peaks] + np.clip(shift, -1, 1) * step)


def _height(y: FloatArray, peaks: NDArray[np.intp], fwhm_points: FloatArray) -> FloatArray:
    """Intensity at the peak above the lower of the two sides 1.5 fwhm away."""
    reach = np.maximum(np.rint(1.5 * fwhm_points).astype(int), 2)
    left = y[np.maximum(peaks - reach, 0)]
    right = y[np.minimum(peaks + reach, len(y) - 1)]
    return np.asarray(np.maximum(y[peaks] - np.minimum(left, right), 0.0))
