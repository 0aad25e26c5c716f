"""Maxima of spectra between their points, with uncertainty; none where there is none.

The highest point is a biased and noisy measure of a maximum. A parabola through the points within
some distance of it (of the fourth degree where there are enough of them) tells height and position
with less noise, and how uncertain they are. Where a peak is hardly wider than that distance it
still comes out lower, by about a hundredth for a Lorentzian twice as wide. So the reciprocal of a
polynomial of the fourth degree stands in for it wherever the values are well above the noise: the
reciprocal of a Lorentzian is a parabola, and that of its square of the fourth degree.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across
from spectra.xas.local import Local, LocalPolynomials
from spectra.xas.noise import Noise
from spectra.xas.polynomials import products_across

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# A curvature of fewer standard uncertainties is none.
_CURVED = 2.0
_NEWTON = 3
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

    def where_not(self, other: Maxima) -> Maxima:
        """These maxima, and another's where these are not found."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Maxima(*(np.where(self.found, own, new) for own, new in pairs))


def find_maxima(
    x: FloatArray,
    y: Across,
    around: LocalPolynomials,
    noise: Noise,
    window: tuple[float, float],
    up: float | FloatArray,
) -> Maxima:
    """Find the highest maximum of each frame in a window.

    The polynomial through the surroundings of the highest point tells whether one of the points
    next to it is nearer to the maximum; the one about the nearest is followed to its maximum by
    Newton's method; where polynomials are
    of the fourth degree and their values all more than five standard deviations above zero, the
    reciprocal of one is fitted to the values instead. There is a maximum if the highest point is
    not the window's first or last, the curvature is negative by more than two standard
    uncertainties, and the maximum lies within the window and within the points that were fitted.

    Parameters
    ----------
    x : array (points,)
    y : Across
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
    k = y.highest(first, last)[0]
    here = k.copy()
    for local, rows, count in around.alike(k):
        near = k[rows] + _nearer(local, y.near(rows, k[rows], local.offsets))
        own = (near >= first) & (near < last)
        here[rows[:count]] = np.where(own, near, k[rows])[:count]
    found = np.zeros(y.count, dtype=bool)
    numbers = np.empty((4, y.count))
    for local, rows, count in around.alike(here):
        values = y.near(rows, here[rows], local.offsets)
        variance = _variances(noise, local, rows, here[rows], up)
        turned = _turn(local, values, variance)
        some = rows[:count]
        found[some], numbers[:, some] = turned[0][:count], turned[1][:, :count]
    energy = x[here] + numbers[0]
    found &= (k > first) & (k < last - 1) & (energy >= window[0]) & (energy <= window[1])
    return Maxima(found, energy, numbers[1], numbers[2], numbers[3], x[k])


def _nearer(local: Local, y: FloatArray) -> IntArray:
    """Whether a point next to the middle one is nearer to the maximum: −1, 0 or 1 (frames,).

    The slope's signs halfway to it and at the end of the points tell.
    """
    half = [0.5 * local.t[i] / abs(local.offsets[i]) for i in (0, -1)]
    order = np.arange(1, len(local.weights))
    places = np.array([[local.t[0]], [half[0]], [half[1]], [local.t[-1]]])
    slopes = products_across((order * places ** (order - 1)) @ local.weights[1:], y)
    left, right = (slopes[1] < 0) & (slopes[0] > 0), (slopes[2] > 0) & (slopes[3] < 0)
    return np.asarray(right.astype(np.intp) - left)


def _variances(
    noise: Noise, local: Local, rows: IntArray, k: IntArray, up: float | FloatArray
) -> FloatArray:
    """Variances of the points about each frame's own, or one for all: (points or 1, frames)."""
    if noise.points is not None:
        return np.asarray(noise.points[rows, k + local.offsets[:, None]])
    share = up[rows] if isinstance(up, np.ndarray) else up
    return np.asarray((1.0 - share) * noise.before[rows] + share * noise.after[rows])[None]


def _turn(local: Local, y: FloatArray, variance: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Whether there are maxima, and their place, height, and the variances of both.

    Parameters
    ----------
    local : Local
    y, variance : array (points, frames)
        One variance per frame may stand for all points.

    Returns
    -------
    found : bool array (frames,)
    numbers : array (4, frames)
    """
    c = products_across(local.weights, y)
    shift, bend = _summit(c, local.t[0], local.t[-1])
    sharp = np.zeros(shift.shape, dtype=bool)
    if local.complete and len(c) == _RECIPROCAL:
        fitted = products_across(local.t[:, None] ** np.arange(len(c)), c)
        sharp = _inside(local, shift, bend)
        sharp &= (fitted > _ABOVE * np.sqrt(variance)).all(axis=0)
    whole = bool(sharp.all())
    turned = np.empty((6, len(shift)))
    if not whole:
        turned[:3] = shift, bend, _horner(c, shift)
        for error, side in zip(turned[3:], _sides(shift, len(c)), strict=True):
            error[:] = (products_across(local.weights.T, side) ** 2 * variance).sum(axis=0)
    if sharp.any():
        if not whole:
            fitted, y = np.where(sharp, fitted, 1.0), np.where(sharp, y, 1.0)
        own = _reciprocal(local, y, fitted, variance)
        turned = own if whole else np.where(sharp, own, turned)
    shift, bend, height, by_height, by_slope, by_bend = turned
    found = _inside(local, shift, bend) & (bend**2 > _CURVED**2 * by_bend)
    square = np.where(found, bend, 1.0) ** 2
    return found, np.array([shift, height, by_slope / square, by_height])


def _inside(local: Local, shift: FloatArray, bend: FloatArray) -> BoolArray:
    """Whether a polynomial turns downwards within its points."""
    return np.asarray((bend < 0) & (shift > local.t[0]) & (shift < local.t[-1]))


def _sides(shift: FloatArray, count: int) -> FloatArray:
    """Derivatives of a polynomial's value, slope and curvature by its coefficients.

    (3, coefficients, frames) for the variable's values `shift` (frames,).
    """
    out = np.zeros((3, count, len(shift)))
    out[0, 0] = 1.0
    for k in range(1, count):
        np.multiply(out[0, k - 1], shift, out=out[0, k])
        out[1, k] = k * out[0, k - 1]
        out[2, k] = k * (k - 1) * out[0, max(k - 2, 0)]
    return out


def _reciprocal(local: Local, y: FloatArray, start: FloatArray, variance: FloatArray) -> FloatArray:
    """Fit reciprocals of polynomials, y = 1/q(t), to values far above zero.

    From the reciprocals of the values of a polynomial (`start`), Gauss-Newton steps go to the
    least squares of the values themselves: with m = 1/q, dm/dq_k = −m² t^k.

    Returns
    -------
    array (6, frames)
        Where y has its maximum, the curvature of −q there, the height, and the variances of the
        height and of q's slope and curvature.
    """
    span = max(local.t[-1], -local.t[0])
    count = len(local.weights)
    all_powers = (local.t[:, None] / span) ** np.arange(2 * count - 1)
    powers = np.ascontiguousarray(all_powers[:, :count])
    turned = local.weights * span ** np.arange(count)[:, None]
    q = products_across(turned, 1.0 / start)
    for _ in range(_STEPS):
        model = products_across(powers, q)
        np.divide(1.0, model, out=model)
        square = model * model
        factors = _factors(products_across(all_powers.T, square * square), count)
        model -= y
        model *= square
        q += _solve(factors, products_across(powers.T, model))
    place, bend = _summit(-q, local.t[0] / span, local.t[-1] / span)
    height = 1.0 / _horner(q, place)
    sides = _sides(place, count)
    if len(variance) == 1:
        errors = _norms(factors, sides) * variance
    else:
        errors = np.empty((3, len(place)))
        for error, side in zip(errors, sides, strict=True):
            by_values = square * products_across(powers, _solve(factors, side))
            error[:] = (by_values**2 * variance).sum(axis=0)
    errors[0] *= height**4
    errors /= span ** np.array([[0], [2], [4]])
    return np.concatenate([[place * span, bend / span**2, height], errors])


def _factors(moments: FloatArray, n: int) -> FloatArray:
    """Factors L·D·Lᵀ of the matrices A_jk = moments_(j+k), L below and D on the diagonal.

    (n, n, frames) of moments (2n − 1, frames); the matrices are positive definite.
    """
    a = np.array([moments[j : j + n] for j in range(n)])
    for k in range(n - 1):
        column = a[k + 1 :, k] / a[k, k]
        for j in range(k + 1, n):
            a[j:, j] -= column[j - k - 1] * a[j:, k]
        a[k + 1 :, k] = column
    return a


def _solve(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Solve equations whose matrices have these factors, (n, n, frames) by (n, frames)."""
    n, b = len(right), _forward(factors, right)
    b /= np.einsum("kk...->k...", factors)
    for k in range(n - 1, 0, -1):
        b[:k] -= factors[k, :k] * b[k]
    return b


def _norms(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Products rᵀ·A⁻¹·r with matrices of these factors, right (k, n, frames): (k, frames)."""
    b = _forward(factors, right)
    b *= b
    b /= np.einsum("kk...->k...", factors)
    return np.asarray(b.sum(axis=1))


def _forward(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Solve the equations of the lower factor, right (…, n, frames)."""
    b = right.copy()
    for k in range(b.shape[-2] - 1):
        b[..., k + 1 :, :] -= factors[k + 1 :, k] * b[..., k : k + 1, :]
    return b


def _summit(c: FloatArray, left: float, right: float) -> tuple[FloatArray, FloatArray]:
    """Where polynomials (powers, frames) have their maximum, and the curvature there."""
    order = np.arange(len(c))[:, None]
    slope, bend = (c * order)[1:], (c * (order * (order - 1)))[2:]
    shift = np.zeros(c.shape[1])
    for _ in range(_NEWTON):
        second = _horner(bend, shift)
        shift -= _horner(slope, shift) / np.where(second < 0, second, -np.inf)
        np.maximum(shift, left, out=shift)
        np.minimum(shift, right, out=shift)
    return shift, _horner(bend, shift)


def _horner(coefficients: FloatArray, t: FloatArray) -> FloatArray:
    """Polynomials (powers, frames), each at its own t (frames,)."""
    total: FloatArray = coefficients[-1].copy()
    for row in coefficients[-2::-1]:
        total *= t
        total += row
    return total
