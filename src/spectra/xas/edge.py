"""Where the main edge is, by several definitions, between the points and with uncertainty.

The greatest derivative of a spectrum with a strong pre-edge peak is on that peak. So the main
edge is found first, as the largest step of the signal: the mean over some tens of eV above an
energy less the mean below it. From there the half of the step is followed down to its last
crossing, and the derivative is searched about that crossing only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across, last_true
from spectra.xas.local import LocalPolynomials, local_polynomials
from spectra.xas.noise import Noise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Means that the largest step is taken between: from 10 to 50 eV on either side.
_NEAR, _FAR, _APART = 10.0, 50.0, 8.0
_COARSE = 150
_CANDIDATES = 16
# The half step is looked for so far below the place of the largest step.
_DOWN = 30.0
# Above the edge by this much a spectrum is beyond its half step.
_BEYOND = 15.0
# The derivative is searched from below the half step to above it.
_BELOW, _ABOVE = 6.0, 10.0


@dataclass(frozen=True)
class MainEdge:
    """The main edge of each frame, roughly.

    Attributes
    ----------
    half : int array (frames,)
        First point beyond the half step.
    energy : array (frames,)
        Where the half step is crossed, interpolated linearly.
    low, high : array (frames,)
        Levels before and after.
    """

    half: IntArray
    energy: FloatArray
    low: FloatArray
    high: FloatArray


def find_main_edge(x: FloatArray, y: Across) -> MainEdge:
    """Find the largest step of each spectrum and the last crossing of its half.

    Parameters
    ----------
    x : array (points,)
    y : Across
        Finite.
    """
    # Some hundred points tell where the largest step is.
    stride = max(1, len(x) // _COARSE)
    centers = x[::stride]
    coarse = y.values[:, ::stride]
    candidates, (a, b, c, d) = _steps(centers)
    places = _contrasts(coarse, a, b, c, d).argmax(axis=1)
    levels = np.empty((2, *places.shape))
    for place in np.unique(places).tolist():
        here = places == place
        for level, first, last in zip(levels, (a, c), (b, d), strict=True):
            level[here] = coarse[:, first[place] : last[place]].mean(axis=1)[here]
    best, (low, high) = y.each(places), y.each(levels)
    level = 0.5 * (low + high)
    first = np.searchsorted(x, candidates - _DOWN)[best]
    last = np.searchsorted(x, candidates + _BEYOND)[best]
    begin, end = int(first.min(initial=0)), int(last.max(initial=1))
    under = y.values[:, begin:end] < y.beside(level)[:, None]
    under &= np.arange(begin, end)[:, None] < y.beside(last)[:, None]
    below = y.each(last_true(under))
    half = np.where(below < 0, first, begin + below + 1)
    half = np.clip(half, 1, len(x) - 1)
    y0, y1 = y.at(half - 1), y.at(half)
    rise = np.where(y1 > y0, y1 - y0, 1.0)
    part = np.clip((level - y0) / rise, 0.0, 1.0)
    return MainEdge(half, x[half - 1] + part * (x[half] - x[half - 1]), low, high)


def _contrasts(
    coarse: FloatArray, a: IntArray, b: IntArray, c: IntArray, d: IntArray
) -> FloatArray:
    """Means from c to d less those from a to b of coarse points: (parts, candidates, TOGETHER)."""
    number = np.arange(coarse.shape[1])
    above, below = (
        ((number >= first[:, None]) & (number < last[:, None])) / (last - first)[:, None]
        for first, last in ((c, d), (a, b))
    )
    weights = above - below
    out = np.empty((len(coarse), len(weights), coarse.shape[2]))
    # Some candidates at a time, which only see what is near them.
    for start in range(0, len(weights), _CANDIDATES):
        some = slice(start, start + _CANDIDATES)
        seen = slice(int(a[some].min()), int(d[some].max()))
        np.matmul(weights[some, seen], coarse[:, seen], out=out[:, some])
    return out


def _steps(centers: FloatArray) -> tuple[FloatArray, tuple[IntArray, ...]]:
    """Energies where a step may be, and the ranges of points before and after each."""
    # Any energy within 10 eV of the edge sees the whole step: some in between will do.
    inner = np.arange(centers[0] + _APART, centers[-1], _APART)
    parts = [
        np.searchsorted(centers, inner - _FAR),
        np.searchsorted(centers, inner - _NEAR, side="right"),
        np.searchsorted(centers, inner + _NEAR),
        np.searchsorted(centers, inner + _FAR, side="right"),
    ]
    good = (parts[1] > parts[0]) & (parts[3] > parts[2])
    if not good.any():
        middle = max(len(centers) // 2, 1)
        ends = (0, middle, min(middle, len(centers) - 1), len(centers))
        return centers[middle - 1 : middle], tuple(np.array([k]) for k in ends)
    return inner[good], tuple(p[good] for p in parts)


@dataclass(frozen=True)
class Found:
    """Energies (frames,) with their variances, and the point nearest below or at each."""

    energy: FloatArray
    variance: FloatArray
    index: IntArray


def steepest_point(
    x: FloatArray,
    y: Across,
    cubics: LocalPolynomials,
    noise: Noise,
    low: FloatArray,
    high: FloatArray,
) -> Found:
    """Find the greatest derivative between two energies of each frame.

    The derivative is that of the local cubic, c₁ + 2c₂t + 3c₃t²; about the point where it is
    greatest, its maximum lies at t = −c₂/(3c₃). Where the cubic has none within half of the
    points that it goes through, the point itself is taken, its position uncertain by the
    distance to its neighbours over √12.
    """
    m, n = cubics.reach, len(x)
    begin = int(np.clip(np.searchsorted(x, low.min()), m, n - m - 1))
    end = int(np.clip(np.searchsorted(x, high.max(), side="right"), begin + 1, n - m))
    slope = cubics.coefficients(y, 1, begin, end)
    part = x[begin:end, None]
    outside = (part < y.beside(low)[:, None]) | (part > y.beside(high)[:, None])
    np.copyto(slope, -np.inf, where=outside)
    k = begin + y.each(slope.argmax(axis=1))
    coefficients, weights, index = cubics.at(y, cubics.clip(k))
    c2, c3 = coefficients[:, 2], coefficients[:, 3]
    step = 0.5 * (x[k + 1] - x[k - 1])
    shift = np.where(c3 < 0, -c2 / np.where(c3 < 0, 3.0 * c3, 1.0), np.inf)
    reach = 0.25 * (x[k + m] - x[k - m])
    inside = np.abs(shift) <= np.maximum(step, reach)
    by_c2 = np.where(inside, -1.0 / np.where(inside, 3.0 * c3, 1.0), 0.0)
    by_c3 = np.where(inside, c2 / np.where(inside, 3.0 * c3**2, 1.0), 0.0)
    gradient = by_c2[:, None] * weights[:, 2] + by_c3[:, None] * weights[:, 3]
    variance = (gradient**2 * noise.near(index, 0.5)).sum(axis=1)
    energy = x[k] + np.where(inside, shift, 0.0)
    return Found(energy, np.where(inside, variance, step**2 / 12.0), k)


def inflection_point(
    x: FloatArray,
    y: Across,
    cubics: LocalPolynomials,
    noise: Noise,
    low: FloatArray,
    high: FloatArray,
) -> Found:
    """Find where the second derivative falls through zero, next to the steepest point."""
    m, n = cubics.reach, len(x)
    near = steepest_point(x, y, cubics, noise, low, high)
    begin = int(np.clip(np.searchsorted(x, low.min()), m, n - m - 2))
    end = int(np.clip(np.searchsorted(x, high.max(), side="right"), begin + 2, n - m))
    bend = Across(cubics.coefficients(y, 2, begin, end), y.count).frames()
    falls = (bend[:, :-1] > 0) & (bend[:, 1:] <= 0)
    part = x[begin : end - 1]
    falls &= (part >= low[:, None]) & (part <= high[:, None])
    far = np.where(falls, np.abs(part - near.energy[:, None]), np.inf)
    k = far.argmin(axis=1)
    rows = np.arange(y.count)
    found = np.isfinite(far[rows, k])
    left, right = bend[rows, k], bend[rows, k + 1]
    drop = np.where(found, left - right, 1.0)
    share = np.where(found, left / drop, 0.0)
    k = k + begin
    width = x[k + 1] - x[k]
    _, at_left, index_left = cubics.at(y, cubics.clip(k))
    _, at_right, _ = cubics.at(y, cubics.clip(k + 1))
    size = index_left.shape[1]
    gradient = np.zeros((y.count, size + 1))
    gradient[:, :-1] += (width * (1.0 - share) / drop)[:, None] * at_left[:, 2]
    gradient[:, 1:] += (width * share / drop)[:, None] * at_right[:, 2]
    index = np.concatenate([index_left, index_left[:, -1:] + 1], axis=1)
    variance = (gradient**2 * noise.near(index, 0.5)).sum(axis=1)
    return Found(
        np.where(found, x[k] + share * width, near.energy),
        np.where(found, variance, near.variance),
        np.where(found, k, near.index),
    )


def local_cubics(x: FloatArray, reach: float) -> LocalPolynomials:
    """Cubics over points within `reach` (eV), at least two on either side."""
    return local_polynomials(x, reach, 3, 2)


def search_limits(edge: MainEdge) -> tuple[FloatArray, FloatArray]:
    """Energies between which the derivative of the main edge is searched."""
    return edge.energy - _BELOW, edge.energy + _ABOVE
