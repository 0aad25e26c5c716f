"""The line before the edge, the polynomial after it, and the edge step between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.noise import Noise
from spectra.xas.polynomials import Scale, alike, fit_weights, weighted_sums
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
    scale: Scale, y: FloatArray, noise: Noise, ranges: Ranges, exponent: int, powers: int
) -> Lines:
    """Fit the line and the polynomial of every frame, unweighted.

    The polynomial is fitted to what the line leaves. Both are sums over measured values, so
    that their covariances follow from the variances of the points without approximation (as
    long as the two ranges have no point in common).

    Parameters
    ----------
    scale : Scale
    y : array (frames, points)
    noise : Noise
    ranges : Ranges
    exponent : int
        The n of Victoreen's line, fitted to μ·E^n.
    powers : int
        Coefficients of the polynomials in the answer.
    """
    size = 2 + powers
    pre, post = np.zeros((len(y), 2)), np.zeros((len(y), powers))
    covariance = np.zeros((len(y), size, size))
    own = np.where(ranges.pre_degree > 0, exponent, 0).astype(np.intp)
    keys = (
        *(ranges.pre_first, ranges.pre_last, ranges.pre_degree),
        *(ranges.post_first, ranges.post_last, ranges.post_degree),
    )
    for (a, b, line, c, d, degree), rows in alike(*keys):
        before = np.zeros((2, b - a))
        before[: line + 1] = fit_weights(scale.u[a:b], line)
        power = victoreen(scale, exponent if line else 0)
        if power is not None:
            before *= power[a:b]
        after = fit_weights(scale.u[c:d], degree)
        # What the polynomial makes of the line's two functions.
        line_on = scale.powers(scale.x[c:d], 2).T
        if power is not None:
            line_on = line_on / power[c:d]
        of_line = after @ line_on.T
        p = weighted_sums(y[:, a:b][rows], before)
        pre[rows] = p
        q = weighted_sums(y[:, c:d][rows], after)
        for j in range(2):
            q -= p[:, j : j + 1] * of_line[:, j]
        post[rows, : degree + 1] = q
        some = noise.take(rows)
        covariance[rows] = _covariance(some, a, before, c, after, of_line, size)
    return Lines(pre, post, covariance, own)


def unit_lines(fitted: Lines) -> Lines:
    """Lines of spectra that are normalised already: 0 before the edge, 1 more after it.

    The covariances stay: so uncertain would lines fitted to these spectra be.
    """
    post = np.zeros_like(fitted.post)
    post[:, 0] = 1.0
    return Lines(np.zeros_like(fitted.pre), post, fitted.covariance, np.zeros_like(fitted.exponent))


def _covariance(
    noise: Noise,
    a: int,
    before: FloatArray,
    c: int,
    after: FloatArray,
    of_line: FloatArray,
    size: int,
) -> FloatArray:
    """Covariance of line and polynomial from the variances of the points."""
    count = len(after)
    # Sums over the points before and after the edge that the coefficients are.
    own, line = np.zeros((size, after.shape[1])), np.zeros((size, before.shape[1]))
    line[:2], line[2 : 2 + count] = before, -of_line @ before
    own[2 : 2 + count] = after
    out = noise.covariances(a, line, after=False)
    return np.asarray(out + noise.covariances(c, own, after=True))


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
