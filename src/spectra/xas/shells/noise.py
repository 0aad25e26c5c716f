"""How much χ(k) scatters: given, or seen where no path can be, at distances beyond 15 Å."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from spectra.xas.exafs.windows import make_window

FloatArray = NDArray[np.float64]

# Distances (angstrom) between which only noise is left (as Larch).
_LOW, _HIGH = 15.0, 30.0
# Where a coarse grid of k does not reach so far: parts of the largest distance.
_LOW_PART, _HIGH_PART = 0.5, 0.95
# Width (1/angstrom, standard deviation) over which its strength is averaged.
_BREADTH = 1.5
_TAPER = 1.0
# Of a spectrum without noise, so that weights stay finite: parts of its largest value.
_FLOOR = 1e-7


def noise_beyond(chi: FloatArray, k: FloatArray, low: float, high: float) -> FloatArray:
    """Standard uncertainty of each point of χ(k), as its part at large distances tells.

    The noise may grow or fall slowly with k, as its mean square in a neighbourhood of each k is
    taken. It is blind to what repeats in R only slowly: the same whatever spline was subtracted.

    Parameters
    ----------
    chi : array (frames, points)
        Finite, on a uniform grid from k = 0.
    k : array (points,)
        1/angstrom
    low, high : float
        Range that is looked at (1/angstrom).

    Returns
    -------
    array (frames, points)
    """
    step = float(k[1] - k[0])
    high = min(high, float(k[-1]))
    window = make_window(k, low + 0.5 * _TAPER, high - 0.5 * _TAPER, _TAPER, "hanning")
    shape = window * k**2
    # As a matrix: how transforms of many rows round may hang on how many there are.
    filtered, share = _beyond(step, len(k))
    seen = np.matmul((chi * shape)[:, None, :], filtered)[:, 0]
    near = np.exp(-0.5 * ((k[:, None] - k) / _BREADTH) ** 2)
    power = np.matmul((seen**2)[:, None, :], near)[:, 0] / share
    variance = power / np.maximum(near @ shape**2, np.finfo(float).tiny)
    floor = _FLOOR * np.abs(chi).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(np.sqrt(variance), floor))


@lru_cache(maxsize=32)
def _beyond(step: float, n_points: int) -> tuple[FloatArray, float]:
    """The filter (points, points) that large distances pass, and their share of all distances."""
    size = scipy.fft.next_fast_len(4 * n_points, real=True)
    r_max = np.pi / (2.0 * step)
    band = (_LOW, _HIGH) if r_max > _HIGH else (_LOW_PART * r_max, _HIGH_PART * r_max)
    r = np.pi * np.arange(size // 2 + 1) / (step * size)
    inside = (r >= band[0]) & (r <= band[1])
    spectrum = scipy.fft.rfft(np.eye(n_points), n=size, axis=-1)
    seen = scipy.fft.irfft(spectrum * inside, n=size, axis=-1)[:, :n_points]
    return np.ascontiguousarray(seen), float((band[1] - band[0]) / r_max)
