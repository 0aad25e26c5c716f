"""Where an edge is by its shape: the half step, the integral method, the first moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across, first_true, last_true
from spectra.xas.lines import Lines, edge_step, over_line, step_with_line
from spectra.xas.local import LocalPolynomials
from spectra.xas.noise import Noise
from spectra.xas.polynomials import TOGETHER, Scale
from spectra.xas.ranges import index_nearest

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Range about E0 in which the shape of the edge counts (eV).
_BEFORE, _AFTER = 25.0, 40.0
_BEYOND = 15.0
# Levels of the integral method: H. Dau, P. Liebisch and M. Haumann, Anal. Bioanal. Chem. 376
# (2003) 562.
_LOWER, _UPPER = 0.15, 1.0
_NEWTON = 4
# Points that a mean of variances is taken of.
_SAMPLED = 5
_SIDE = 8


@dataclass(frozen=True)
class Shape:
    """The rising edge of some frames, normalised.

    Attributes
    ----------
    begin : int
        First point of the part.
    x : array (points,)
    norm : Across
    scatter : array (frames,)
        Mean variance of `norm` from the points alone.
    spacing : array (frames,)
        Distance of the points about E0 (eV).
    e0, step, step_variance : array (frames,)
    line_variance, line_step : array (frames,)
        Variance of the line at E0, and its covariance with the step.
    """

    begin: int
    x: FloatArray
    norm: Across
    scatter: FloatArray
    spacing: FloatArray
    e0: FloatArray
    step: FloatArray
    step_variance: FloatArray
    line_variance: FloatArray
    line_step: FloatArray

    def of_lines(self, length: FloatArray, area: FloatArray) -> FloatArray:
        """Variance of ∫n dE over an energy of some length and area, from line and step."""
        total = length**2 * self.line_variance + area**2 * self.step_variance
        return (total + 2.0 * length * area * self.line_step) / self.step**2


def edge_shape(
    scale: Scale, y: Across, noise: Noise, lines: Lines, e0: FloatArray, at: FloatArray
) -> Shape:
    """Normalise the rising edge of each frame; `at` is where the step is taken (frames,)."""
    x = scale.x
    begin = max(int(np.searchsorted(x, e0.min() - _BEFORE)) - 1, 0)
    end = min(int(np.searchsorted(x, e0.max() + _AFTER, side="right")) + 1, len(x))
    step, variance = edge_step(lines, scale, at, np.zeros(len(e0)))
    norm = over_line(lines, scale, y, begin, end)
    for part, inverse in zip(norm.values, y.beside(1.0 / step), strict=True):
        part *= inverse
    near = index_nearest(x, e0)[:, None] + np.arange(-_SIDE, _SIDE + 1)
    near = np.clip(near, 0, len(x) - 1)
    scatter = noise.near(near, 0.5).mean(axis=1) / step**2
    spacing = (x[near[:, -1]] - x[near[:, 0]]) / np.maximum(near[:, -1] - near[:, 0], 1)
    powers = scale.powers(e0, 2)
    line = lines.covariance[:, :2, :2]
    of_line = (powers[:, :, None] * line * powers[:, None, :]).sum(axis=(1, 2))
    across = (powers * step_with_line(lines, scale, at)).sum(axis=1)
    return Shape(
        begin,
        x[begin:end],
        norm,
        scatter,
        spacing,
        e0,
        step,
        variance,
        of_line,
        across,
    )


def half_step(
    scale: Scale, y: Across, noise: Noise, lines: Lines, shape: Shape, cubics: LocalPolynomials
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Last energy of the edge at which half of the step is crossed.

    Returns
    -------
    energy, variance : array (frames,)
        NaN where there is no crossing.
    point : int array (frames,)
        First point of the shape beyond it.
    """
    x, norm = shape.x, shape.norm
    last = int(np.searchsorted(x, shape.e0.max() + _BEYOND))
    under = norm.values[:, :last] < 0.5
    under &= x[:last, None] < norm.beside(shape.e0 + _BEYOND)[:, None]
    below = norm.each(last_true(under))
    found = (below >= 0) & (below + 1 < len(x))
    point = np.clip(np.where(below < 0, last, below + 1), 1, len(x) - 1)
    upper = np.abs(norm.at(point) - 0.5) < np.abs(norm.at(point - 1) - 0.5)
    k = shape.begin + np.where(upper, point, point - 1)
    coefficients, weights, index = cubics.at(y, cubics.clip(k))
    k = index[:, cubics.reach]
    powers = scale.powers(scale.x[k], 2)
    line = (powers * lines.pre).sum(axis=1) / _power(scale, lines, scale.x[k])
    line_slope = lines.pre[:, 1] / scale.scale / _power(scale, lines, scale.x[k])
    c = coefficients / shape.step[:, None]
    c[:, 0] -= line / shape.step + 0.5
    c[:, 1] -= line_slope / shape.step
    t = np.zeros(y.count)
    for _ in range(_NEWTON):
        slope = c[:, 1] + t * (2.0 * c[:, 2] + 3.0 * t * c[:, 3])
        value = c[:, 0] + t * (c[:, 1] + t * (c[:, 2] + t * c[:, 3]))
        t = t - value / np.where(slope > 0, slope, np.inf)
    far = 0.5 * (scale.x[index[:, -1]] - scale.x[index[:, 0]])
    found &= (slope > 0) & (np.abs(t) <= far)
    own = weights[:, 3] * t[:, None]
    for j in (2, 1):
        own += weights[:, j]
        own *= t[:, None]
    own = (own + weights[:, 0]) ** 2
    own = (own * noise.near(index, 0.5)).sum(axis=1) / shape.step**2
    one = np.ones(y.count)
    variance = (own + shape.of_lines(one, 0.5 * one)) / np.where(found, slope, 1.0) ** 2
    energy = np.where(found, scale.x[k] + t, np.nan)
    return energy, np.where(found, variance, np.nan), point


def _power(scale: Scale, lines: Lines, energy: FloatArray) -> FloatArray:
    return np.asarray((energy / scale.origin) ** lines.exponent)


def _integrals(x: FloatArray, values: FloatArray, start: IntArray, k: IntArray) -> FloatArray:
    """Integrals of each frame from point `start` to point `k`, by trapezia; k ≥ start.

    Of values (points, frames), which are set to zero before `start` and beyond `k`.
    """
    index = np.arange(len(x))[:, None]
    low, high = int(start.max()), int(k.min()) + 1
    values[:low] *= index[:low] >= start
    values[high:] *= index[high:] <= k
    steps = np.diff(x)
    after, before = np.append(steps, 0.0), np.append(0.0, steps)
    # Zeros change no bit of these sums, which go from point to point.
    total = np.einsum("p,pf->f", 0.5 * (after + before), values)
    rows = np.arange(values.shape[1])
    # The two ends have half a step too much.
    return np.asarray(
        total - 0.5 * (before[start] * values[start, rows] + after[k] * values[k, rows])
    )


def integral_edge(shape: Shape, point: IntArray) -> tuple[FloatArray, FloatArray]:
    """Edge energy by the integral method, and its variance (frames,).

    The energy averaged over the normalised absorption from 0.15 to 1 (Dau, Liebisch and
    Haumann, Anal. Bioanal. Chem. 376 (2003) 562, eq. 1):

        E = 1/(μ₂ − μ₁) ∫ E(μ) dμ = E₂ − 1/(μ₂ − μ₁) ∫ (min(μ, μ₂) − μ₁)₊ dE,

    E₂ being where the main edge first reaches μ₂. In this second form the curve need not rise
    throughout, and a pre-edge peak counts with its area. NaN where the level 1 is not reached.
    """
    x, norm = shape.x, shape.norm
    begin = int(point.min())
    over = norm.values[:, begin:] >= _UPPER
    over &= np.arange(begin, len(x))[:, None] >= norm.beside(point)[:, None]
    k = begin + norm.each(first_true(over))
    found = k < len(x)
    k = np.maximum(np.where(found, k, 1), 1)
    low, high = norm.at(k - 1), norm.at(k)
    rise = np.where(high > low, high - low, 1.0)
    share = np.clip((_UPPER - low) / rise, 0.0, 1.0)
    width = x[k] - x[k - 1]
    end = x[k - 1] + share * width
    areas, counts = [], []
    for values, end_point in zip(norm.values, norm.beside(k - 1), strict=True):
        over_lower = np.clip(values, _LOWER, _UPPER)
        over_lower -= _LOWER
        areas.append(_integrals(x, over_lower, np.zeros_like(end_point), end_point))
        counts.append(np.count_nonzero(over_lower, axis=0))
    area, count = norm.each(np.array(areas)), norm.each(np.array(counts))
    last = np.clip(low, _LOWER, _UPPER) - _LOWER
    area = area + share * width * (last + 0.5 * share * (_UPPER - _LOWER - last))
    energy = end - area / (_UPPER - _LOWER)

    length = count * shape.spacing
    variance = shape.scatter * length * shape.spacing
    variance = variance + shape.of_lines(length, area + _LOWER * length)
    variance = variance / (_UPPER - _LOWER) ** 2
    return np.where(found, energy, np.nan), np.where(found, variance, np.nan)


def _maximum(
    shape: Shape, cubics: LocalPolynomials, k: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Where the cubic about point `k` of each frame is highest (frames,), from that point; the
    cubic (frames, powers) and the weights of the points in it (frames, powers, points).
    """
    rows, offsets = np.arange(len(k)), np.arange(-cubics.reach, cubics.reach + 1)
    weights = cubics.weights[shape.begin + k]
    near = np.ascontiguousarray(shape.norm.near(rows, k, offsets).T)
    c = np.einsum("fjw,fw->fj", weights, near)
    far = 0.5 * (shape.x[k + cubics.reach] - shape.x[k - cubics.reach])
    t = np.zeros(len(k))
    for _ in range(_NEWTON):
        bend = 2.0 * c[:, 2] + 6.0 * t * c[:, 3]
        slope = c[:, 1] + t * (2.0 * c[:, 2] + 3.0 * t * c[:, 3])
        t = np.clip(t - slope / np.where(bend < 0, bend, -np.inf), -far, far)
    return t, c, weights


def _mean_scatter(
    noise: Noise, shape: Shape, first: IntArray, last: IntArray, up: float
) -> FloatArray:
    """Mean variance of `norm` between two points of each frame, from the points alone."""
    share = np.linspace(0.0, 1.0, _SAMPLED)
    index = shape.begin + (first[:, None] + share * (last - first)[:, None]).astype(np.intp)
    return np.asarray(noise.near(index, up).mean(axis=1) / shape.step**2)


def first_moment(
    scale: Scale,
    noise: Noise,
    lines: Lines,
    shape: Shape,
    cubics: LocalPolynomials,
    point: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """First moment of the edge, and its variance (frames,).

    The mean energy of dμ/dE from 25 eV below E0 up to the main peak (the highest point within
    40 eV above E0) at E_M, integrated by parts:

        E = ∫ E μ' dE / ∫ μ' dE = E_M − ∫ μ dE / μ(E_M),

    with μ counted from the line before the edge. The edge step cancels. NaN where the highest
    point is the last one.
    """
    x, norm = shape.x, shape.norm
    # Below the half step nothing is higher than beyond it, but perhaps a strong pre-edge peak.
    end = len(x)
    k, highest = norm.highest(int(point.min()), end)
    before = np.flatnonzero(k < point)
    if before.size:
        part, lane = np.divmod(before, TOGETHER)
        own = norm.values[part, :, lane]
        k[before] = np.where(np.arange(end) >= point[before, None], own, -np.inf).argmax(axis=1)
        highest[before] = own[np.arange(len(own)), k[before]]
    found = (k > 0) & (k < end - 1) & (highest > 0)
    found &= x[np.minimum(k + 1, end - 1)] <= shape.e0 + _AFTER
    # The highest point is where noise is high: the cubic about the maximum of the one about it.
    last = end - cubics.reach - 1
    if last < cubics.reach:
        nothing = np.full(norm.count, np.nan)
        return nothing, nothing
    k = np.clip(k, cubics.reach, last)
    k = np.clip(index_nearest(x, x[k] + _maximum(shape, cubics, k)[0]), cubics.reach, last)
    beyond, cubic, weights = _maximum(shape, cubics, k)
    start = np.minimum(np.searchsorted(x, shape.e0 - _BEFORE), k)
    parts = zip(norm.values, norm.beside(start), norm.beside(k), strict=True)
    area = norm.each(np.array([_integrals(x, v.copy(), low, high) for v, low, high in parts]))
    powers = beyond[:, None] ** np.arange(cubics.powers)
    area += (cubic * powers / np.arange(1, cubics.powers + 1)).sum(axis=1) * beyond
    offsets = np.arange(-cubics.reach, cubics.reach + 1)
    scatter = noise.near(shape.begin + k[:, None] + offsets, 1.0) / shape.step[:, None] ** 2
    in_top = (weights * powers[:, :, None]).sum(axis=1)
    in_area = shape.spacing[:, None] * (0.5 - 0.5 * np.sign(offsets))
    top_variance = (in_top**2 * scatter).sum(axis=1)
    common = (in_top * in_area * scatter).sum(axis=1)
    top = np.where(found, (cubic * powers).sum(axis=1), 1.0)
    energy = x[k] + beyond - area / top
    length = x[k] - shape.e0 + _BEFORE
    middle = np.clip(point, start, k)
    own = (x[middle] - x[start]) * _mean_scatter(noise, shape, start, middle, 0.0)
    own += (x[k] - x[middle]) * _mean_scatter(noise, shape, middle, k, 1.0)
    own = own * shape.spacing + (area / top) * ((area / top) * top_variance - 2.0 * common)
    # The line counts with its mean over the edge, less its part in the top.
    peak = x[k] + beyond
    sums = length[:, None] * scale.powers(peak - 0.5 * length, 2)
    sums -= (area / top)[:, None] * scale.powers(peak, 2)
    covariance = lines.covariance[:, :2, :2]
    of_line = (sums[:, :, None] * covariance * sums[:, None, :]).sum(axis=(1, 2))
    variance = (own + of_line / shape.step**2) / top**2
    return np.where(found, energy, np.nan), np.where(found, variance, np.nan)
