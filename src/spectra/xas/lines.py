"""The line before the edge, the polynomial after it, and the edge step between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across
from spectra.xas.noise import Noise
from spectra.xas.polynomials import TOGETHER, Scale, alike, fit_weights
from spectra.xas.ranges import Ranges

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Lines:
    """What is fitted before and after the edge of each frame.

    With u the scaled energy (`Scale`) and E₀' the middle of the axis,

        pre(E)  = (p₀ + p₁u)·(E/E₀')^(−n)
        post(E) = pre(E) + q₀ + q₁u + … .

    Attributes
    ----------
    pre : array (frames, 2)
    post : array (frames, powers)
        Zero beyond a frame's own degree.
    covariance : array (frames, 2 + powers, 2 + powers)
        Of all of them, the line first.
    exponent : array (frames,)
        The n of each frame: zero where a mean had to do for the line.
    """

    pre: FloatArray
    post: FloatArray
    covariance: FloatArray
    exponent: IntArray

    def take(self, rows: IntArray | slice) -> Lines:
        """The lines of some of the frames."""
        return Lines(self.pre[rows], self.post[rows], self.covariance[rows], self.exponent[rows])


def fit_lines(
    scale: Scale, y: Across, noise: Noise, ranges: Ranges, exponent: int, powers: int
) -> Lines:
    """Fit the line and the polynomial of every frame, unweighted.

    The polynomial is fitted to what the line leaves. Both are sums over measured values, so
    that their covariances follow from the variances of the points without approximation (as
    long as the two ranges have no point in common).

    Parameters
    ----------
    scale : Scale
    y : Across
    noise : Noise
    ranges : Ranges
    exponent : int
        The n of Victoreen's line, fitted to μ·E^n.
    powers : int
        Coefficients of the polynomials in the answer.
    """
    size = 2 + powers
    pre, post = np.zeros((y.count, 2)), np.zeros((y.count, powers))
    covariance = np.zeros((y.count, size, size))
    own = np.where(ranges.pre_degree > 0, exponent, 0).astype(np.intp)
    keys = (
        *(ranges.pre_first, ranges.pre_last, ranges.pre_degree),
        *(ranges.post_first, ranges.post_last, ranges.post_degree),
    )
    axis = scale.x.tobytes()
    for windows, rows in alike(*keys):
        fit = _fit(axis, scale.origin, scale.scale, windows, exponent, size)
        a, _, _, c, _, degree = windows
        p, q = y.sums(a, fit.before, rows), y.sums(c, fit.after, rows)
        for j in range(2):
            q -= fit.of_line[:, j : j + 1] * p[j]
        pre[rows], post[rows, : degree + 1] = p.T, q.T
        some = noise.take(rows)
        own_part = some.covariances(a, fit.all_before, after=False)
        covariance[rows] = own_part + some.covariances(c, fit.all_after, after=True)
    return Lines(pre, post, covariance, own)


@dataclass(frozen=True)
class _Fit:
    """The fits over two windows as sums over the values there.

    Attributes
    ----------
    before : array (2, points)
        Weights of the line's coefficients.
    after : array (degree + 1, points)
        Those of the polynomial, fitted to values as they are.
    of_line : array (degree + 1, 2)
        What the polynomial makes of the line's two functions.
    all_before, all_after : array (2 + powers, points)
        Weights of all coefficients, the line first, in values before and after the edge.
    """

    before: FloatArray
    after: FloatArray
    of_line: FloatArray
    all_before: FloatArray
    all_after: FloatArray


@lru_cache(maxsize=1024)
def _fit(
    axis: bytes, origin: float, half: float, windows: tuple[int, ...], exponent: int, size: int
) -> _Fit:
    scale = Scale(np.frombuffer(axis), origin, half)
    a, b, line, c, d, degree = windows
    before = np.zeros((2, b - a))
    before[: line + 1] = fit_weights(scale.u[a:b], line)
    power = victoreen(scale, exponent if line else 0)
    if power is not None:
        before *= power[a:b]
    after = fit_weights(scale.u[c:d], degree)
    line_on = scale.powers(scale.x[c:d], 2).T
    if power is not None:
        line_on = line_on / power[c:d]
    of_line = after @ line_on.T
    all_before, all_after = np.zeros((size, b - a)), np.zeros((size, d - c))
    all_before[:2], all_before[2 : 3 + degree] = before, -of_line @ before
    all_after[2 : 3 + degree] = after
    return _Fit(before, after, of_line, all_before, all_after)


def unit_lines(fitted: Lines) -> Lines:
    """Lines of spectra that are normalised already: 0 before the edge, 1 more after it.

    The covariances stay: so uncertain would lines fitted to these spectra be.
    """
    post = np.zeros_like(fitted.post)
    post[:, 0] = 1.0
    return Lines(np.zeros_like(fitted.pre), post, fitted.covariance, np.zeros_like(fitted.exponent))


def victoreen(scale: Scale, exponent: int) -> FloatArray | None:
    """(E/E₀')^n with E₀' in the middle of the axis; None for n = 0."""
    return (scale.x / scale.origin) ** exponent if exponent else None


def edge_step(
    lines: Lines, scale: Scale, energy: FloatArray, slope_variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Edge step, the polynomial at an energy (frames,), and its variance.

    Parameters
    ----------
    slope_variance : array (frames,)
        Variance of E0, which the step follows with the polynomial's slope.
    """
    count = lines.post.shape[1]
    powers = scale.powers(energy, count)
    step = (powers * lines.post).sum(axis=1)
    variance = (powers * _times(lines.covariance[:, 2:, 2:], powers)).sum(axis=1)
    if count > 1:
        slope = (lines.post[:, 1:] * powers[:, :-1] * np.arange(1, count)).sum(axis=1) / scale.scale
        variance = variance + slope**2 * slope_variance
    return step, variance


def step_with_line(lines: Lines, scale: Scale, energy: FloatArray) -> FloatArray:
    """Covariances of the edge step at an energy with the line's coefficients (frames, 2)."""
    powers = scale.powers(energy, lines.post.shape[1])
    return _times(lines.covariance[:, :2, 2:], powers)


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray((matrix * vector[:, None, :]).sum(axis=2))


def over_line(lines: Lines, scale: Scale, y: Across, begin: int, end: int) -> Across:
    """Points `begin` to `end` less the line before the edge."""
    over = np.empty((len(y.values), end - begin, TOGETHER))
    powers, exponent = scale.powers(scale.x[begin:end], 2), y.beside(lines.exponent)
    coefficients = [y.beside(lines.pre[:, j]) for j in range(2)]
    # Part by part, all passes are made in the cache.
    for part, out in enumerate(over):
        np.matmul(powers, np.array([c[part] for c in coefficients]), out=out)
        for n in np.unique(exponent[part]).tolist() if exponent.any() else ():
            power = victoreen(scale, n)
            if power is not None:
                out /= np.where(exponent[part] == n, power[begin:end, None], 1.0)
        np.subtract(y.values[part, begin:end], out, out=out)
    return Across(over, y.count)


def line_at(lines: Lines, scale: Scale, begin: int, end: int) -> FloatArray:
    """The line before the edge at points `begin` to `end`: (frames, points)."""
    values = lines.pre[:, 1:] * scale.u[begin:end]
    values += lines.pre[:, :1]
    if not lines.exponent.any():
        return values
    for n in np.unique(lines.exponent):
        power = victoreen(scale, int(n))
        if power is not None:
            rows = lines.exponent == n
            values[rows] /= power[begin:end]
    return values
