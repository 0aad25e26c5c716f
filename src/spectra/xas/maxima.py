"""Maxima of spectra between their points, with uncertainty; none where there is none.

The highest point is a biased and noisy measure of a maximum. A parabola through the points within
some distance of it (of the fourth degree where there are enough of them, so that the bias of a
parabola at sharp peaks goes too) tells height and position with less noise, and how uncertain they
are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.local import LocalPolynomials
from spectra.xas.noise import Noise

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A curvature of fewer standard uncertainties is none.
_CURVED = 2.0
_TURNS = 2
_NEWTON = 4
# Coefficients of the reciprocals that are fitted, steps of that, and how far above the noise.
_RECIPROCAL, _STEPS, _ABOVE = 5, 2, 5.0


@dataclass(frozen=True)
class Maxima:
    """One maximum of each frame.

    Attributes
    ----------
    found : bool array (frames,)
        Whether there is a local maximum; the other numbers mean nothing where there is not.
    energy, height : array (frames,)
    energy_variance, height_variance : array (frames,)
        From the scatter of the points.
    highest : array (frames,)
        Energy of the highest point of the window.
    """

    found: BoolArray
    energy: FloatArray
    height: FloatArray
    energy_variance: FloatArray
    height_variance: FloatArray
    highest: FloatArray


def find_maxima(
    x: FloatArray,
    y: FloatArray,
    around: LocalPolynomials,
    noise: Noise,
    window: tuple[float, float],
    up: float | FloatArray,
) -> Maxima:
    """Find the highest maximum of each frame in a window.

    The polynomial through the surroundings of the highest point is followed to its maximum by
    Newton's method, and taken once more about the point nearest to that. There is a maximum if
    the highest point is not the window's first or last, the curvature is negative by more than
    two standard uncertainties, and the polynomial's maximum lies within the window and within
    the points that it goes through.

    Parameters
    ----------
    x : array (points,)
    y : array (frames, points)
    around : LocalPolynomials
        Of `x`, of the second degree or higher.
    noise : Noise
        Of the same points.
    window : (low, high)
        Energies.
    up : float or array (frames,)
        How far up the edge the window is, 0 to 1, where the noise is known on its two sides.
    """
    first = max(int(np.searchsorted(x, window[0])), around.reach)
    last = min(int(np.searchsorted(x, window[1], side="right")), len(x) - around.reach)
    k = first + y[:, first:last].argmax(axis=1)
    found = (k > first) & (k < last - 1)
    highest = x[k]
    for _ in range(_TURNS):
        c, weights, index = around.at(y, k)
        left, right = x[index[:, 0]] - x[k], x[index[:, -1]] - x[k]
        shift, bend = _summit(c, left, right)
        inside = (bend < 0) & (shift > left) & (shift < right)
        near = k + (shift > 0.5 * right / around.reach) - (shift < 0.5 * left / around.reach)
        here, k = k, np.where(inside, np.clip(near, first, last - 1), k)
    variances = noise.near(index, up)
    sharp = inside & _well_above_zero(c, x[index] - x[here, None], variances)
    if around.powers == _RECIPROCAL and sharp.any():
        values = y[np.arange(len(y))[:, None], index]
        c, weights = _reciprocal(x[index] - x[here, None], values, c, weights, sharp)
        shift, bend = _summit(c, left, right)
        inside = (bend < 0) & (shift > left) & (shift < right)
    powers = shift[:, None] ** np.arange(around.powers)
    by_height = (powers[:, :, None] * weights).sum(axis=1)
    by_slope = _derived(powers[:, :-1, None] * weights[:, 1:], 1)
    by_bend = _derived(powers[:, :-2, None] * weights[:, 2:], 2)
    height = (powers * c).sum(axis=1)
    turned = np.where(sharp, height, 1.0)
    height = np.where(sharp, -1.0 / turned, height)
    height_variance = (by_height**2 * variances).sum(axis=1) / turned**4
    energy = x[here] + shift
    found &= inside & (bend**2 > _CURVED**2 * (by_bend**2 * variances).sum(axis=1))
    found &= (energy >= window[0]) & (energy <= window[1])
    slope_variance = (by_slope**2 * variances).sum(axis=1)
    energy_variance = slope_variance / np.where(found, bend, 1.0) ** 2
    return Maxima(found, energy, height, energy_variance, height_variance, highest)


def _well_above_zero(c: FloatArray, t: FloatArray, variances: FloatArray) -> BoolArray:
    """Whether the polynomials are far above the noise at all their points (frames,)."""
    values = _polynomials(c, t)
    return np.asarray((values**2 > _ABOVE**2 * variances).all(axis=1) & (values > 0).all(axis=1))


def _polynomials(c: FloatArray, t: FloatArray) -> FloatArray:
    total = np.repeat(c[:, -1:], t.shape[1], axis=1)
    for column in c.T[-2::-1]:
        total = total * t + column[:, None]
    return total


def _reciprocal(
    t: FloatArray, y: FloatArray, c: FloatArray, weights: FloatArray, which: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Fit reciprocals of polynomials, y = −1/c(t), where asked for; c(t) has its maximum with y.

    The reciprocal of a Lorentzian is a parabola, and that of its square a polynomial of the
    fourth degree: a peak as sharp as the pre-edge's is told without bias from points that a
    polynomial of the same degree does not follow. From the reciprocals of the smoothed values,
    Gauss-Newton steps go to the least squares of the values themselves.

    Returns
    -------
    c : array (frames, powers)
    weights : array (frames, powers, points)
        Derivatives of c by the values.
    """
    rows = np.flatnonzero(which)
    whole = rows.size == len(which)
    part, own, value = (v if whole else v[rows] for v in (t, weights, y))
    start = c if whole else c[rows]
    span = np.abs(part).max(axis=1)
    use = own[:, 0] != 0
    smooth = _polynomials(start, part)
    q = np.einsum("fjw,fw->fj", own, use / np.where(use, smooth, 1.0))
    q *= span[:, None] ** np.arange(c.shape[1])
    # Points first: sums over them are then sums of whole rows.
    scaled = np.ascontiguousarray((part / span[:, None]).T)
    value, unused = np.ascontiguousarray(value.T), np.ascontiguousarray(~use.T)
    q = np.ascontiguousarray(q.T)
    for _ in range(_STEPS):
        model = _horner_rows(q, scaled)
        model[unused] = np.inf
        np.reciprocal(model, out=model)
        square = model**2
        right = _moments((model - value) * square, scaled, len(q))
        q += _solve(_moments(square**2, scaled, 2 * len(q) - 1), right[:, None])[:, 0]
    normal = _moments(square**2, scaled, 2 * len(q) - 1)
    sides = -square * scaled[None] ** np.arange(len(q))[:, None, None]
    solved = _solve(normal, sides)
    turn = span ** np.arange(len(q))[:, None]
    c, weights = c.copy(), weights.copy()
    c[rows] = -(q / turn).T
    weights[rows] = -(solved / turn[:, None]).transpose(2, 0, 1)
    return c, weights


def _horner_rows(coefficients: FloatArray, t: FloatArray) -> FloatArray:
    """Polynomials (powers, frames) at t (points, frames)."""
    total = np.repeat(coefficients[-1:], len(t), axis=0)
    for row in coefficients[-2::-1]:
        total *= t
        total += row
    return total


def _moments(values: FloatArray, t: FloatArray, count: int) -> FloatArray:
    """Sums of values·t^k over the points, (points, frames) to (count, frames)."""
    out = np.empty((count, values.shape[1]))
    term = values.copy()
    for k in range(count):
        if k:
            term *= t
        term.sum(axis=0, out=out[k])
    return out


def _solve(moments: FloatArray, right: FloatArray) -> FloatArray:
    """Solve equations with the matrices A_jk = moments_(j+k), for all frames at once.

    Parameters
    ----------
    moments : array (2n − 1, frames)
    right : array (n, sides, frames)
    """
    n = len(right)
    a = np.array([moments[j : j + n] for j in range(n)])
    b = right.copy()
    # The matrices are positive definite: no pivoting is needed.
    for k in range(n):
        pivot = 1.0 / a[k, k]
        for j in range(k + 1, n):
            factor = a[j, k] * pivot
            a[j, k:] -= factor * a[k, k:]
            b[j] -= factor * b[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            b[k] -= a[k, j] * b[j]
        b[k] /= a[k, k]
    return b


def _derived(terms: FloatArray, order: int) -> FloatArray:
    """Sum of the terms of a derivative: (frames, powers, …) without the powers' factors."""
    power = np.arange(terms.shape[1])
    factor = power + 1.0 if order == 1 else (power + 1.0) * (power + 2.0)
    return np.asarray(np.einsum("j,fjw->fw", factor, terms))


def _summit(c: FloatArray, left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where polynomials (frames, powers) have their maximum, and the curvature there."""
    power = np.arange(c.shape[1])
    slope, bend = (c * power)[:, 1:], (c * power * (power - 1))[:, 2:]
    shift = np.zeros(len(c))
    for _ in range(_NEWTON):
        second = _horner(bend, shift)
        step = _horner(slope, shift) / np.where(second < 0, second, -np.inf)
        shift = np.clip(shift - step, left, right)
    return shift, _horner(bend, shift)


def _horner(coefficients: FloatArray, t: FloatArray) -> FloatArray:
    total = coefficients[:, -1].copy()
    for column in coefficients.T[-2::-1]:
        total = total * t + column
    return total
