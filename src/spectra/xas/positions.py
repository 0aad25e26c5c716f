"""Where an edge is by its shape: the half step, the integral method, the first moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.lines import Lines, edge_step, line_at, step_with_line
from spectra.xas.local import LocalPolynomials
from spectra.xas.noise import Noise
from spectra.xas.polynomials import Scale

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Range about E0 in which the shape of the edge counts (eV).
_BEFORE, _AFTER = 25.0, 40.0
_BEYOND = 15.0
# Levels of the integral method: H. Dau, P. Liebisch and M. Haumann, Anal. Bioanal. Chem. 376
# (2003) 562.
_LOWER, _UPPER = 0.15, 1.0
_NEWTON = 4


@dataclass(frozen=True)
class Shape:
    """The rising edge of some frames, normalised.

    Attributes
    ----------
    begin : int
        First point of the part.
    x : array (points,)
    norm : array (frames, points)
    scatter : array (frames, points)
        Variance of `norm` from the points alone.
    e0, step, step_variance : array (frames,)
    line_variance, line_step : array (frames,)
        Variance of the line at E0, and its covariance with the step.
    """

    begin: int
    x: FloatArray
    norm: FloatArray
    scatter: FloatArray
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
    scale: Scale, y: FloatArray, noise: Noise, lines: Lines, e0: FloatArray, at: FloatArray
) -> Shape:
    """Normalise the rising edge of each frame; `at` is where the step is taken (frames,)."""
    x = scale.x
    begin = int(np.searchsorted(x, e0.min() - _BEFORE))
    end = int(np.searchsorted(x, e0.max() + _AFTER, side="right"))
    step, variance = edge_step(lines, scale, at, np.zeros(len(e0)))
    norm = (y[:, begin:end] - line_at(lines, scale, begin, end)) / step[:, None]
    if noise.points is not None:
        scatter = noise.points[:, begin:end] / (step**2)[:, None]
    else:
        up = np.clip(norm, 0.0, 1.0)
        scatter = up * (noise.after - noise.before)[:, None]
        scatter += noise.before[:, None]
        scatter /= (step**2)[:, None]
    powers = scale.powers(e0, 2)
    line = lines.covariance[:, :2, :2]
    of_line = (powers[:, :, None] * line * powers[:, None, :]).sum(axis=(1, 2))
    across = (powers * step_with_line(lines, scale, at)).sum(axis=1)
    return Shape(begin, x[begin:end], norm, scatter, e0, step, variance, of_line, across)


def half_step(
    scale: Scale, y: FloatArray, noise: Noise, lines: Lines, shape: Shape, cubics: LocalPolynomials
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
    under = (norm < 0.5) & (x < (shape.e0 + _BEYOND)[:, None])
    point = norm.shape[1] - under[:, ::-1].argmax(axis=1)
    found = under.any(axis=1) & (point < norm.shape[1])
    point = np.clip(point, 1, norm.shape[1] - 1)
    rows = np.arange(len(y))
    upper = np.abs(norm[rows, point] - 0.5) < np.abs(norm[rows, point - 1] - 0.5)
    k = shape.begin + np.where(upper, point, point - 1)
    coefficients, weights, index = cubics.at(y, cubics.clip(k))
    k = index[:, cubics.reach]
    powers = scale.powers(scale.x[k], 2)
    line = (powers * lines.pre).sum(axis=1) / _power(scale, lines, scale.x[k])
    line_slope = lines.pre[:, 1] / scale.scale / _power(scale, lines, scale.x[k])
    c = coefficients / shape.step[:, None]
    c[:, 0] -= line / shape.step + 0.5
    c[:, 1] -= line_slope / shape.step
    t = np.zeros(len(y))
    for _ in range(_NEWTON):
        slope = c[:, 1] + t * (2.0 * c[:, 2] + 3.0 * t * c[:, 3])
        value = c[:, 0] + t * (c[:, 1] + t * (c[:, 2] + t * c[:, 3]))
        t = t - value / np.where(slope > 0, slope, np.inf)
    far = 0.5 * (scale.x[index[:, -1]] - scale.x[index[:, 0]])
    found &= (slope > 0) & (np.abs(t) <= far)
    powers_t = t[:, None] ** np.arange(4)
    own = (weights * powers_t[:, :, None]).sum(axis=1) ** 2
    own = (own * noise.near(index, 0.5)).sum(axis=1) / shape.step**2
    one = np.ones(len(y))
    variance = (own + shape.of_lines(one, 0.5 * one)) / np.where(found, slope, 1.0) ** 2
    energy = np.where(found, scale.x[k] + t, np.nan)
    return energy, np.where(found, variance, np.nan), point


def _power(scale: Scale, lines: Lines, energy: FloatArray) -> FloatArray:
    return np.asarray((energy / scale.origin) ** lines.exponent)


def _running(x: FloatArray, values: FloatArray) -> FloatArray:
    """Integrals from the first point to each, by trapezia."""
    total = np.zeros_like(values)
    pieces = 0.5 * np.diff(x) * (values[:, 1:] + values[:, :-1])
    np.cumsum(pieces, axis=1, out=total[:, 1:])
    return total


def integral_edge(shape: Shape, point: IntArray) -> tuple[FloatArray, FloatArray]:
    """Edge energy by the integral method, and its variance (frames,).

    The energy averaged over the normalised absorption from 0.15 to 1 (Dau, Liebisch and
    Haumann, Anal. Bioanal. Chem. 376 (2003) 562, eq. 1):

        E = 1/(μ₂ − μ₁) ∫ E(μ) dμ = E₂ − 1/(μ₂ − μ₁) ∫ (min(μ, μ₂) − μ₁)₊ dE,

    E₂ being where the main edge first reaches μ₂. In this second form the curve need not rise
    throughout, and a pre-edge peak counts with its area. NaN where the level 1 is not reached.
    """
    x, norm = shape.x, shape.norm
    rows, index = np.arange(len(norm)), np.arange(norm.shape[1])
    over = (norm >= _UPPER) & (index >= point[:, None])
    found = over.any(axis=1)
    k = np.where(found, over.argmax(axis=1), 1)
    k = np.maximum(k, 1)
    low, high = norm[rows, k - 1], norm[rows, k]
    rise = np.where(high > low, high - low, 1.0)
    share = np.clip((_UPPER - low) / rise, 0.0, 1.0)
    width = x[k] - x[k - 1]
    end = x[k - 1] + share * width
    over_lower = np.clip(norm, _LOWER, _UPPER) - _LOWER
    area = _running(x, over_lower)[rows, k - 1]
    last = over_lower[rows, k - 1]
    area += share * width * (last + 0.5 * share * (_UPPER - _LOWER - last))
    energy = end - area / (_UPPER - _LOWER)

    inside = (norm > _LOWER) & (norm < _UPPER) & (index < k[:, None])
    step = np.gradient(x) if len(x) > 1 else np.ones_like(x)
    length = (inside * step).sum(axis=1)
    own = (inside * shape.scatter * step**2).sum(axis=1)
    variance = own + shape.of_lines(length, (inside * norm * step).sum(axis=1))
    variance = variance / (_UPPER - _LOWER) ** 2
    return np.where(found, energy, np.nan), np.where(found, variance, np.nan)


def first_moment(
    y: FloatArray, noise: Noise, shape: Shape, cubics: LocalPolynomials, point: IntArray
) -> tuple[FloatArray, FloatArray]:
    """First moment of the edge, and its variance (frames,).

    The mean energy of dμ/dE from 25 eV below E0 up to the main peak (the highest point within
    40 eV above E0) at E_M, integrated by parts:

        E = ∫ E μ' dE / ∫ μ' dE = E_M − ∫ μ dE / μ(E_M),

    with μ counted from the line before the edge. The edge step cancels. NaN where the highest
    point is the last one.
    """
    x, norm = shape.x, shape.norm
    rows, index = np.arange(len(norm)), np.arange(norm.shape[1])
    use = (index >= point[:, None]) & (x <= (shape.e0 + _AFTER)[:, None])
    k = np.where(use, norm, -np.inf).argmax(axis=1)
    found = (k > 0) & (k < norm.shape[1] - 1)
    after = np.minimum(k + 1, norm.shape[1] - 1)
    found &= use[rows, after] & (norm[rows, k] > 0)
    start = np.searchsorted(x, shape.e0 - _BEFORE)
    running = _running(x, norm)
    area = running[rows, k] - running[rows, np.minimum(start, norm.shape[1] - 1)]
    _, weights, near = cubics.at(y, cubics.clip(shape.begin + k))
    top_variance = (weights[:, 0] ** 2 * noise.near(near, 1.0)).sum(axis=1)
    top_variance = top_variance / shape.step**2
    top = np.where(found, norm[rows, k], 1.0)
    energy = x[k] - area / top
    step = np.gradient(x) if len(x) > 1 else np.ones_like(x)
    inside = (index >= start[:, None]) & (index < k[:, None])
    own = (inside * shape.scatter * step**2).sum(axis=1) + (area / top) ** 2 * top_variance
    length = x[k] - shape.e0 + _BEFORE
    variance = own + shape.of_lines(length - area / top, np.zeros(len(norm)))
    return np.where(found, energy, np.nan), np.where(found, variance / top**2, np.nan)
