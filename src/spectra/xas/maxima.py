"""Maxima of spectra between their points, with uncertainty; none where there is none.

The highest point is a biased and noisy measure of a maximum. A parabola through the points within
some distance of it (of the fourth degree where there are enough of them) tells height and position
with less noise, and how uncertain they are. Where a peak is hardly wider than that distance it
still comes out lower, by about a hundredth for a Lorentzian twice as wide; the reciprocal of such
a polynomial follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.xas.local import LocalPolynomials
from spectra.xas.noise import Noise

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

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


KINDS = ("polynomial", "reciprocal")


def find_maxima(
    x: FloatArray,
    y: FloatArray,
    around: LocalPolynomials,
    noise: Noise,
    window: tuple[float, float],
    up: float | FloatArray,
    kind: str = "polynomial",
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
    kind : {"polynomial", "reciprocal"}
        Whether the values are fitted by polynomials, or by reciprocals of polynomials where they
        are far above the noise.
    """
    first = max(int(np.searchsorted(x, window[0])), around.reach)
    last = min(int(np.searchsorted(x, window[1], side="right")), len(x) - around.reach)
    k = first + y[:, first:last].argmax(axis=1)
    found = (k > first) & (k < last - 1)
    highest = x[k]
    here = k
    c, weights, index = around.at(y, k)
    shift, bend, inside, near = _turn(x, c, index, k, around.reach)
    moved = np.flatnonzero(inside & (near != k) & (near >= first) & (near < last))
    if moved.size:
        here = k.copy()
        here[moved] = near[moved]
        parts = around.at(y[moved], here[moved])
        c[moved], weights[moved], index[moved] = parts
        new = _turn(x, parts[0], parts[2], here[moved], around.reach)
        shift[moved], bend[moved], inside[moved] = new[:3]
    variances = noise.near(index, up)
    power = np.arange(around.powers)
    sharp = np.zeros(len(y), dtype=bool)
    if kind == "reciprocal" and around.powers == _RECIPROCAL:
        sharp = inside & _well_above_zero(c, x[index] - x[here, None], variances)
    if not sharp.any():
        gradients = np.einsum("ifj,fjw->ifw", _slopes(shift, power), weights)
    else:
        t = x[index] - x[here, None]
        values = y[np.arange(len(y))[:, None], index]
        c, shift, gradients = _reciprocals(t, values, c, weights, shift, sharp)
        bend = _derivative(c, shift, 2)
        inside = (bend < 0) & (shift > t[:, 0]) & (shift < t[:, -1])
    height = _horner(c, shift)
    turned = np.where(sharp, height, 1.0)
    variance, slope_variance, bend_variance = np.einsum("ifw,fw->if", gradients**2, variances)
    energy = x[here] + shift
    found &= inside & (bend**2 > _CURVED**2 * bend_variance)
    found &= (energy >= window[0]) & (energy <= window[1])
    return Maxima(
        found,
        energy,
        np.where(sharp, -1.0 / turned, height),
        slope_variance / np.where(found, bend, 1.0) ** 2,
        variance / turned**4,
        highest,
    )


def _turn(
    x: FloatArray, c: FloatArray, index: NDArray[np.intp], k: NDArray[np.intp], reach: int
) -> tuple[FloatArray, FloatArray, BoolArray, NDArray[np.intp]]:
    """Place and curvature of polynomials' maxima, whether they are inside, the nearest points."""
    left, right = x[index[:, 0]] - x[k], x[index[:, -1]] - x[k]
    shift, bend = _summit(c, left, right)
    inside = (bend < 0) & (shift > left) & (shift < right)
    return shift, bend, inside, k + (shift > 0.5 * right / reach) - (shift < 0.5 * left / reach)


def _slopes(t: FloatArray, power: NDArray[np.intp]) -> FloatArray:
    """Derivatives of a polynomial's value, slope and curvature at t by its coefficients.

    (3, frames, powers).
    """
    count = len(power)
    out = np.zeros((3, len(t), count))
    out[0, :, 0] = 1.0
    for k in range(1, count):
        np.multiply(out[0, :, k - 1], t, out=out[0, :, k])
    out[1, :, 1:] = power[1:] * out[0, :, :-1]
    out[2, :, 2:] = (power[2:] * (power[2:] - 1)) * out[0, :, : count - 2]
    return out


def _well_above_zero(c: FloatArray, t: FloatArray, variances: FloatArray) -> BoolArray:
    """Whether the polynomials are far above the noise at all their points (frames,)."""
    values = _polynomials(c, t)
    far = values > _ABOVE * np.sqrt(variances)
    return np.asarray(far.all(axis=1))


def _polynomials(c: FloatArray, t: FloatArray) -> FloatArray:
    total = np.repeat(c[:, -1:], t.shape[1], axis=1)
    for column in c.T[-2::-1]:
        total *= t
        total += column[:, None]
    return total


def _reciprocals(
    t: FloatArray,
    y: FloatArray,
    c: FloatArray,
    weights: FloatArray,
    shift: FloatArray,
    which: BoolArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit reciprocals of polynomials, y = −1/c(t), where asked for; c(t) has its maximum with y.

    The reciprocal of a Lorentzian is a parabola, and that of its square a polynomial of the
    fourth degree: a peak as sharp as the pre-edge's is told without bias from points that a
    polynomial of the same degree does not follow. From the reciprocals of the smoothed values,
    Gauss-Newton steps go to the least squares of the values themselves.

    Returns
    -------
    c : array (frames, powers)
    shift : array (frames,)
        Where their maxima are.
    gradients : array (3, frames, points)
        Derivatives of c's value, slope and curvature there by the values y.
    """
    rows: Any = slice(None) if which.all() else np.flatnonzero(which)
    if len(t[rows]) == 1:
        # Sums over the points of one frame would be taken in another order than of several.
        t, y, c, weights, shift = (np.repeat(v, 2, axis=0) for v in (t, y, c, weights, shift))
        c, shift, gradients = _reciprocals(t, y, c, weights, shift, np.repeat(which, 2))
        return c[::2], shift[::2], gradients[:, ::2]
    part, own, value, start = t[rows], weights[rows], y[rows], c[rows]
    span = np.maximum(part[:, -1], -part[:, 0])
    use = own[:, 0] != 0
    q = np.einsum("fjw,fw->jf", own, use / np.where(use, _polynomials(start, part), 1.0))
    power = np.arange(len(q))
    turn = span ** power[:, None]
    q = np.ascontiguousarray(q) * turn
    # Points first: sums over them are then sums of whole rows.
    scaled = np.ascontiguousarray((part / span[:, None]).T)
    value, use = np.ascontiguousarray(value.T), np.ascontiguousarray(use.T)
    for _ in range(_STEPS):
        model = use / _horner_rows(q, scaled)
        square = model**2
        normal = _moments(square**2, scaled, 2 * len(q) - 1)
        right = _moments((model - value) * square, scaled, len(q))
        q += _solve(normal, right[:, None])[:, 0]
    found = np.ascontiguousarray(-(q / turn).T)
    left, right = part[:, 0], part[:, -1]
    own_shift = _summit(found, left, right)[0]
    sides = _slopes(own_shift, power).transpose(2, 0, 1) / turn[:, None]
    solved = _solve(normal, sides)
    own_gradients = np.array([square * _horner_rows(s, scaled) for s in solved.transpose(1, 0, 2)])
    own_gradients = np.ascontiguousarray(own_gradients.transpose(0, 2, 1))
    if isinstance(rows, slice):
        return found, own_shift, own_gradients
    gradients = np.einsum("ifj,fjw->ifw", _slopes(shift, power), weights)
    c, shift = c.copy(), shift.copy()
    c[rows], shift[rows], gradients[:, rows] = found, own_shift, own_gradients
    return c, shift, gradients


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


def _summit(c: FloatArray, left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where polynomials (frames, powers) have their maximum, and the curvature there."""
    shift = np.zeros(len(c))
    for _ in range(_NEWTON):
        second = _derivative(c, shift, 2)
        step = _derivative(c, shift, 1) / np.where(second < 0, second, -np.inf)
        shift = np.clip(shift - step, left, right)
    return shift, _derivative(c, shift, 2)


def _derivative(c: FloatArray, t: FloatArray, order: int) -> FloatArray:
    """First or second derivative of polynomials (frames, powers) at t (frames,)."""
    power = np.arange(c.shape[1])
    factor = power if order == 1 else power * (power - 1)
    return _horner((c * factor)[:, order:], t)


def _horner(coefficients: FloatArray, t: FloatArray) -> FloatArray:
    total = coefficients[:, -1].copy()
    for column in coefficients.T[-2::-1]:
        total = total * t + column
    return total
