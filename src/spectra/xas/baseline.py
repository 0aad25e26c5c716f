"""What the pre-edge peaks stand on: the foot of the rising edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.noise import Noise
from spectra.xas.polynomials import products, weighted_sums

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BASELINES = ("spline", "arctan", "erf", "lorentzian")


@dataclass(frozen=True)
class Foot:
    """Points of the foot of the edge, and which of them the peaks leave free.

    Attributes
    ----------
    first, last : int
        Points of the range; the last does not belong to it.
    x : array (points,)
    free : bool array (points,)
    """

    first: int
    last: int
    x: FloatArray
    free: BoolArray

    @classmethod
    def of(cls, x: FloatArray, outer: tuple[float, float], inner: tuple[float, float]) -> Foot:
        """The points within `outer`, those within `inner` belonging to the peaks."""
        first = int(np.searchsorted(x, outer[0]))
        last = int(np.searchsorted(x, outer[1], side="right"))
        part = x[first:last]
        return cls(first, last, part, (part < inner[0]) | (part > inner[1]))

    @property
    def peaks(self) -> BoolArray:
        """The points that are not free."""
        return ~self.free

    def enough(self) -> bool:
        """Whether there are points on both sides of the peaks, and some on the peaks."""
        inside = np.flatnonzero(self.peaks)
        return inside.size >= 3 and inside[0] >= 3 and len(self.x) - 1 - inside[-1] >= 2


def spline_basis(foot: Foot) -> FloatArray:
    """Functions (4, points) of a line that a cubic spline joins below the peaks.

    1, t, and (t − t_k)³ beyond the knots t_k at the ends of the peaks' range: a line below them,
    a cubic through them, another on the rising edge; value, slope and curvature are continuous.
    """
    inside = foot.x[foot.peaks]
    span = foot.x[-1] - foot.x[0]
    t = (foot.x - foot.x[0]) / span
    rows = [np.ones_like(t), t]
    rows += [
        np.maximum(t - (knot - foot.x[0]) / span, 0.0) ** 3 for knot in (inside[0], inside[-1])
    ]
    return np.array(rows)


@dataclass(frozen=True)
class Baseline:
    """Baselines of some frames and how uncertain they are.

    Attributes
    ----------
    values : array (frames, points)
    slopes : array (frames or 1, parameters, points)
        Derivatives by the parameters.
    covariance : array (frames, parameters, parameters)
    ok : bool array (frames,)
    """

    values: FloatArray
    slopes: FloatArray
    covariance: FloatArray
    ok: BoolArray

    def variance(self, weights: FloatArray) -> FloatArray:
        """Variance of a sum over the baseline's points (frames,), by weights (…, points)."""
        return self.covariance_of(weights, weights)

    def covariance_of(self, one: FloatArray, other: FloatArray) -> FloatArray:
        """Covariance of two sums over the baseline's points (frames,)."""
        a = (self.slopes * np.atleast_2d(one)[:, None, :]).sum(axis=2)
        b = (self.slopes * np.atleast_2d(other)[:, None, :]).sum(axis=2)
        return np.asarray((a[:, :, None] * self.covariance * b[:, None, :]).sum(axis=(1, 2)))

    def variance_at(self, x: FloatArray, at: FloatArray) -> FloatArray:
        """Variance of the baseline at one energy of each frame, that of the nearest point."""
        k = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
        k = k - (at - x[k - 1] < x[k] - at)
        rows = np.arange(len(at)) if len(self.slopes) > 1 else np.zeros(len(at), dtype=np.intp)
        slope = self.slopes[rows, :, k]
        return np.asarray((slope[:, :, None] * self.covariance * slope[:, None]).sum(axis=(1, 2)))


def spline_baseline(foot: Foot, part: FloatArray, noise: Noise) -> Baseline:
    """Fit line and spline to the free points of each frame, by linear algebra.

    Parameters
    ----------
    foot : Foot
    part : array (frames, points)
        Values at the foot's points.
    noise : Noise
        Of the whole spectra.
    """
    basis = spline_basis(foot)
    weights = np.zeros_like(basis)
    weights[:, foot.free] = np.linalg.pinv(basis[:, foot.free].T)
    coefficients = weighted_sums(part, weights)
    values = products(coefficients, basis)
    covariance = noise.covariances(foot.first, weights, after=False)
    return Baseline(values, basis[None], covariance, np.ones(len(part), dtype=bool))


@dataclass(frozen=True)
class Moments:
    """Area and centroid of what stands on a baseline, one each per frame."""

    area: FloatArray
    area_variance: FloatArray
    centroid: FloatArray
    centroid_variance: FloatArray


def peak_moments(foot: Foot, part: FloatArray, baseline: Baseline, noise: Noise) -> Moments:
    """Area and centroid of the peaks on their baseline, sums over the points of the peaks."""
    width = np.where(foot.peaks, np.gradient(foot.x), 0.0)
    middle = 0.5 * float(foot.x[foot.peaks][0] + foot.x[foot.peaks][-1])
    weights = np.stack([width, width * (foot.x - middle)])
    area, first = weighted_sums(part - baseline.values, weights).T
    products = np.stack([weights[0] ** 2, weights[0] * weights[1], weights[1] ** 2])
    aa, ab, bb = noise.sums(foot.first, products, after=False).T
    aa = aa + baseline.variance(weights[0])
    ab = ab + baseline.covariance_of(weights[0], weights[1])
    bb = bb + baseline.variance(weights[1])
    known = area > 2.0 * np.sqrt(aa)
    shift = np.where(known, first, np.nan) / np.where(known, area, 1.0)
    variance = (bb - 2.0 * shift * ab + shift**2 * aa) / np.where(known, area, 1.0) ** 2
    return Moments(area, aa, middle + shift, np.maximum(variance, 0.0))


def width_at_half(
    x: FloatArray,
    peak: FloatArray,
    top: FloatArray,
    height: FloatArray,
    variance: FloatArray,
    point_variance: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Full width at half maximum of the highest peak of each frame, and its variance.

    The half is followed from the maximum down on either side and crossed linearly between two
    points; NaN where it is not crossed within the range.

    Parameters
    ----------
    x : array (points,)
    peak : array (frames, points)
        Less the baseline.
    top, height : array (frames,)
        Position and height of the maximum.
    variance : array (frames,)
        Of the height.
    point_variance : array (frames,)
        Of a point.
    """
    rows = np.arange(len(peak))
    under = peak < 0.5 * height[:, None]
    left = under & (x < top[:, None])
    right = under & (x > top[:, None])
    i = len(x) - 1 - left[:, ::-1].argmax(axis=1)
    j = right.argmax(axis=1)
    found = left.any(axis=1) & right.any(axis=1) & (height > 0)
    i, j = np.minimum(i, len(x) - 2), np.maximum(j, 1)
    ends, slopes = [], []
    for low in (i, j - 1):
        rise = peak[rows, low + 1] - peak[rows, low]
        found &= rise != 0
        slopes.append(np.where(rise != 0, rise, 1.0) / (x[low + 1] - x[low]))
        ends.append(x[low] + (0.5 * height - peak[rows, low]) / slopes[-1])
    left_slope, right_slope = slopes
    by_height = 0.5 * (1.0 / right_slope - 1.0 / left_slope)
    total = by_height**2 * variance + point_variance * (left_slope**-2 + right_slope**-2)
    return np.where(found, ends[1] - ends[0], np.nan), np.where(found, total, np.nan)
