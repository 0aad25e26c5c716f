"""The steepest point of an edge, between the points of the grid, for all frames at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FEWEST = 7
_ROUNDS = 20
_CLOSE = 1e-7


def steepest_points(
    energy: FloatArray, spectra: FloatArray, *, low: float, high: float, half_width: float
) -> tuple[FloatArray, FloatArray]:
    """Find where spectra rise most steeply.

    The slope is that of a straight line through the points within `half_width` of each; around
    the point where it is largest a cubic c₀ + c₁x + c₂x² + c₃x³ is fitted by least squares,
    whose inflection lies at x = −c₂/3c₃. The points count less the farther they are from the
    middle, (1 − |x/h|³)³, and the middle is moved to the inflection until the two agree; so the
    answer does not depend on where the points of the grid happen to stand.

    Parameters
    ----------
    energy : array (points,)
        eV.
    spectra : array (frames, points)
    low, high : float
        Where to look, eV.
    half_width : float
        eV; more where fewer than seven points would be taken.

    Returns
    -------
    position, stderr : array (frames,)
        eV; NaN where the largest slope lies on a limit, or there is no inflection beside it.
        The noise is taken from the residuals of the cubic.
    """
    nothing = np.full(len(spectra), np.nan)
    centres = np.flatnonzero((energy >= low) & (energy <= high))
    if centres.size < 3 or energy.size < _FEWEST:
        return nothing, nothing.copy()
    best = np.argmax(_slopes(energy, np.nan_to_num(spectra), centres, half_width), axis=1)
    inside = np.flatnonzero((best > 0) & (best < centres.size - 1))
    position, stderr = nothing, nothing.copy()
    start = energy[centres[best[inside]]]
    position[inside], stderr[inside] = _settled(energy, spectra[inside], start, half_width)
    bad = ~(np.isfinite(position) & np.isfinite(stderr) & (position > low) & (position < high))
    return np.where(bad, np.nan, position), np.where(bad, np.nan, stderr)


def _slopes(
    energy: FloatArray, spectra: FloatArray, centres: NDArray[np.intp], half_width: float
) -> FloatArray:
    """Slopes of straight lines through the points around each centre (frames, centres)."""
    low = np.searchsorted(energy, energy[centres] - half_width * (1 + 1e-9))
    high = np.searchsorted(energy, energy[centres] + half_width * (1 + 1e-9))
    # At least the neighbours of the centre.
    low = np.maximum(np.minimum(low, centres - 1), 0)
    high = np.minimum(np.maximum(high, centres + 2), energy.size)

    def sums(values: FloatArray) -> FloatArray:
        total = np.cumsum(values, axis=-1)
        total = np.concatenate([np.zeros((*values.shape[:-1], 1)), total], axis=-1)
        return np.asarray(total[..., high] - total[..., low])

    x = energy - energy.mean()
    n, sx = high - low, sums(x)
    below = sums(x**2) - sx**2 / n
    return np.asarray((sums(spectra * x) - sx * sums(spectra) / n) / below)


def _settled(
    energy: FloatArray, spectra: FloatArray, start: FloatArray, half_width: float
) -> tuple[FloatArray, FloatArray]:
    """Inflections from the starts on, and their errors; NaN where none is found."""
    middle, stderr = start.copy(), np.full(len(start), np.nan)
    for _ in range(_ROUNDS):
        move, stderr, width = _inflections(energy, spectra, middle, half_width)
        middle = middle + np.nan_to_num(np.clip(move, -width / 2, width / 2))
        if not (np.abs(np.nan_to_num(move)) > _CLOSE).any():
            break
    lost = np.isnan(move) | (np.abs(move) > 1e-2 * width) | (np.abs(middle - start) > 2 * width)
    return np.where(lost, np.nan, middle), np.where(lost, np.nan, stderr)


def _inflections(
    energy: FloatArray, spectra: FloatArray, middle: FloatArray, half_width: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Inflection of the cubic around each middle from there, its error, and the width taken."""
    index, width = _around(energy, middle, half_width)
    x = (energy[index] - middle[:, None]) / width[:, None]
    w = np.maximum(1 - np.abs(x) ** 3, 0) ** 3
    powers = x[:, :, None] ** np.arange(4)
    forms = np.linalg.pinv(powers * np.sqrt(w)[:, :, None]) * np.sqrt(w)[:, None, :]
    near = np.take_along_axis(spectra, index, axis=1)
    near = np.where(w > 0, near, 0.0)
    c = np.einsum("fcp,fp->fc", forms, near)
    residuals = near - np.einsum("fpc,fc->fp", powers, c)
    freedom = w.sum(axis=1) - np.einsum("fpc,fcp,fp->f", powers, forms, w)
    variance = (w * residuals**2).sum(axis=1) / np.maximum(freedom, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.where(c[:, 3] < 0, -c[:, 2] / (3 * c[:, 3]), np.nan)
        slope = -forms[:, 2] / (3 * c[:, 3:]) + forms[:, 3] * (c[:, 2:3] / (3 * c[:, 3:] ** 2))
    return at * width, np.sqrt((slope**2).sum(axis=1) * variance) * width, width


def _around(
    energy: FloatArray, middle: FloatArray, half_width: float
) -> tuple[NDArray[np.intp], FloatArray]:
    """Points around each middle (frames, k), and the width that leaves seven of them a weight."""
    distance = np.abs(energy - middle[:, None])
    seventh = np.partition(distance, _FEWEST - 1, axis=1)[:, _FEWEST - 1]
    width = np.maximum(half_width, 1.05 * seventh)
    count = int((distance < width[:, None]).sum(axis=1).max())
    first = np.searchsorted(energy, middle - width)
    first = np.clip(first, 0, energy.size - count)
    return first[:, None] + np.arange(count), width
