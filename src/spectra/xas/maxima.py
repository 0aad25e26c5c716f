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

from spectra.xas.local import Local, LocalPolynomials
from spectra.xas.noise import Noise

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
    y: FloatArray,
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
    y = np.ascontiguousarray(y)
    k = first + y[:, first:last].argmax(axis=1)
    here = k.copy()
    for local, rows, count in around.alike(k):
        near = k[rows] + _nearer(local, local.near(y, rows, k[rows]))
        own = (near >= first) & (near < last)
        here[rows[:count]] = np.where(own, near, k[rows])[:count]
    found = np.zeros(len(y), dtype=bool)
    numbers = np.empty((4, len(y)))
    for local, rows, count in around.alike(here):
        values = local.near(y, rows, here[rows])
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
    slopes = ((order * places ** (order - 1)) @ local.weights[1:]) @ y
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
    c = local.weights @ y
    powers = local.t[:, None] ** np.arange(len(c))
    shift, bend = _summit(c, local.t[0], local.t[-1])
    inside = (bend < 0) & (shift > local.t[0]) & (shift < local.t[-1])
    sharp = np.zeros(inside.shape, dtype=bool)
    fitted = powers @ c
    if local.complete and len(c) == _RECIPROCAL:
        sharp = inside & (fitted > _ABOVE * np.sqrt(variance)).all(axis=0)
    height = _horner(c, shift)
    errors = np.zeros((3, len(shift)))
    if not sharp.all():
        for error, side in zip(errors, _sides(shift, len(c)), strict=True):
            error[:] = ((local.weights.T @ side) ** 2 * variance).sum(axis=0)
    if sharp.any():
        start = np.where(sharp, fitted, 1.0)
        own = _reciprocal(local, np.where(sharp, y, 1.0), start, variance)
        shift, bend = np.where(sharp, own[0], shift), np.where(sharp, own[1], bend)
        height = np.where(sharp, own[2], height)
        errors = np.where(sharp, own[3:], errors)
        inside = (bend < 0) & (shift > local.t[0]) & (shift < local.t[-1])
    found = inside & (bend**2 > _CURVED**2 * errors[2])
    square = np.where(found, bend, 1.0) ** 2
    return found, np.array([shift, height, errors[1] / square, errors[0]])


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
    order = np.arange(len(local.weights))
    turn = span ** order[:, None]
    powers = (local.t[:, None] / span) ** np.arange(2 * len(order) - 1)
    q = (local.weights @ (1.0 / start)) * turn
    for _ in range(_STEPS):
        model = 1.0 / (powers[:, : len(order)] @ q)
        square = model**2
        moments = powers.T @ square**2
        factors = _factors(moments, len(order))
        q += _solve(factors, powers.T[: len(order)] @ ((model - y) * square))
    low, high = local.t[0] / span, local.t[-1] / span
    place, bend = _summit(-q, low, high)
    height = 1.0 / _horner(q, place)
    errors = np.empty((3, len(place)))
    for error, side in zip(errors, _sides(place, len(order)), strict=True):
        if len(variance) == 1:
            error[:] = _norm(factors, side) * variance[0]
        else:
            by_values = square * (powers[:, : len(order)] @ _solve(factors, side))
            error[:] = (by_values**2 * variance).sum(axis=0)
    errors[0] *= height**4
    errors /= span ** np.array([[0], [2], [4]])
    return np.array([place * span, bend / span**2, height, *errors])


def _factors(moments: FloatArray, n: int) -> FloatArray:
    """Factors L·D·Lᵀ of the matrices A_jk = moments_(j+k), L below and D on the diagonal.

    (n, n, frames) of moments (2n − 1, frames); the matrices are positive definite.
    """
    a = np.array([moments[j : j + n] for j in range(n)])
    for k in range(n - 1):
        column = a[k + 1 :, k] / a[k, k]
        a[k + 1 :, k + 1 :] -= column[:, None] * a[k, k + 1 :]
        a[k + 1 :, k] = column
    return a


def _solve(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Solve equations whose matrices have these factors, (n, n, frames) by (n, frames)."""
    n, b = len(right), _forward(factors, right)
    b /= np.einsum("kk...->k...", factors)
    for k in range(n - 1, 0, -1):
        b[:k] -= factors[k, :k] * b[k]
    return b


def _norm(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Products rᵀ·A⁻¹·r with matrices of these factors (frames,)."""
    b = _forward(factors, right)
    b *= b
    b /= np.einsum("kk...->k...", factors)
    return np.asarray(b.sum(axis=0))


def _forward(factors: FloatArray, right: FloatArray) -> FloatArray:
    """Solve the equations of the lower factor."""
    b = right.copy()
    for k in range(len(b) - 1):
        b[k + 1 :] -= factors[k + 1 :, k] * b[k]
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
