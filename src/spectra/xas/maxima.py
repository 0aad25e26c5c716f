"""Maxima of spectra between their points, with uncertainty; none where there is none.

The highest point is a biased and noisy measure of a maximum. A parabola through the points
within some distance of it (of the fourth degree where there are enough of them, so that the parabola's
bias at sharp peaks goes too) tells height and position with less noise, and how uncertain they
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
    up: float,
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
    up : float
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
    powers = shift[:, None] ** np.arange(around.powers)
    by_height = (powers[:, :, None] * weights).sum(axis=1)
    by_slope = _derived(powers[:, :-1, None] * weights[:, 1:], 1)
    by_bend = _derived(powers[:, :-2, None] * weights[:, 2:], 2)
    variances = noise.near(index, up)
    energy = x[here] + shift
    found &= inside & (bend**2 > _CURVED**2 * (by_bend**2 * variances).sum(axis=1))
    found &= (energy >= window[0]) & (energy <= window[1])
    slope_variance = (by_slope**2 * variances).sum(axis=1)
    return Maxima(
        found,
        energy,
        (powers * c).sum(axis=1),
        slope_variance / np.where(found, bend, 1.0) ** 2,
        (by_height**2 * variances).sum(axis=1),
        highest,
    )


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
