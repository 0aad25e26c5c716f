"""The steepest point of an edge, between the points of the grid, for all frames at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FEWEST = 7


def steepest_points(
    energy: FloatArray, spectra: FloatArray, *, low: float, high: float, half_width: float
) -> tuple[FloatArray, FloatArray]:
    """Find where spectra rise most steeply.

    The slope is that of a straight line through the points within `half_width` of each; around
    the point where it is largest a cubic c₀ + c₁x + c₂x² + c₃x³ is fitted by least squares,
    whose inflection lies at x = −c₂/3c₃.

    Parameters
    ----------
    energy : array (points,)
        eV.
    spectra : array (frames, points)
    low, high : float
        Where to look, eV.
    half_width : float
        eV; at least seven points are taken.

    Returns
    -------
    position, stderr : array (frames,)
        eV; NaN where the largest slope lies on a limit, or there is no inflection beside it.
        The noise is taken from the residuals of the cubic.
    """
    centres = np.flatnonzero((energy >= low) & (energy <= high))
    nothing = np.full(len(spectra), np.nan)
    if centres.size < 3 or energy.size < _FEWEST:
        return nothing, nothing.copy()
    lines = np.zeros((energy.size, centres.size))
    for i, centre in enumerate(centres.tolist()):
        near = _near(energy, centre, half_width)
        lines[near, i] = np.linalg.pinv(np.vander(energy[near] - energy[centre], 2))[0]
    slopes = np.nan_to_num(spectra) @ lines
    best = np.argmax(slopes, axis=1)
    position, stderr = nothing, nothing.copy()
    for i in np.unique(best).tolist():
        if 0 < i < centres.size - 1:
            frames = np.flatnonzero(best == i)
            near = _near(energy, int(centres[i]), half_width)
            x = energy[near] - energy[centres[i]]
            at, error = _inflections(x, spectra[frames][:, near])
            position[frames], stderr[frames] = at + energy[centres[i]], error
    bad = ~np.isfinite(position) | ~np.isfinite(stderr)
    return np.where(bad, np.nan, position), np.where(bad, np.nan, stderr)


def _near(energy: FloatArray, centre: int, half_width: float) -> NDArray[np.intp]:
    """Points within `half_width` of one of them, or the nearest seven."""
    distance = np.abs(energy - energy[centre])
    near = np.flatnonzero(distance <= half_width * (1 + 1e-9))
    return near if near.size >= _FEWEST else np.sort(np.argsort(distance, kind="stable")[:_FEWEST])


def _inflections(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inflections of cubics through spectra (frames, points) at the places x, and errors."""
    width = float(np.abs(x).max())
    powers = np.vander(x / width, 4, increasing=True)
    forms = np.linalg.pinv(powers)
    c = y @ forms.T
    variance = ((y - c @ powers.T) ** 2).sum(axis=1) / (len(x) - 4)
    covariance = forms @ forms.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = -c[:, 2] / (3 * c[:, 3])
        gradient = np.stack([-1 / (3 * c[:, 3]), c[:, 2] / (3 * c[:, 3] ** 2)], axis=1)
        square = np.einsum("fa,ab,fb->f", gradient, covariance[2:, 2:], gradient) * variance
    found = (c[:, 3] < 0) & (np.abs(at) <= 1)
    return np.where(found, at * width, np.nan), np.sqrt(np.where(found, square, np.nan)) * width
