"""Noise of χ(k) and χ(R), from high R or from uncertainties that were given.

M. Newville, B. I. Boyanov and D. E. Sayers, J. Synchrotron Rad. 6 (1999) 264: nothing scatters
back from beyond some 15 Å, so what χ(R) has there is noise, and noise that is white in k has the
same level at all R. With noise of standard deviation ε_k in χ(k), the mean square of |χ(R)| is

    ε_R² = (δk²/π) Σ_n k_n^2w Ω(k_n)² ε_k²,

which for a window of 1 between two k is their ε_k = ε_R √(π(2w + 1)/(δk (kmax^(2w+1) −
kmin^(2w+1)))). The sum holds for tapered windows too.

All noise that nobody gave is read off the same R. Larch looks at 15 to 30 Å; the last of these are
the first that interpolation onto the grid of k damps, and are left out here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.xas.exafs.fourier import N_FFT, r_grid
from spectra.xas.exafs.windows import make_window
from spectra.xas.polynomials import Real, products

HIGH_R = (15.0, 25.0)
"""R (angstrom) at which there is nothing but noise."""

# Where steps of k are too coarse to reach so far: parts of the largest R.
_PARTS = (0.5, 0.8)
# High R is looked at at every sixth point of its grid at most, of at least so many.
_EVERY, _FEWEST = 6, 40
# All of χ(k) is that from here on (1/angstrom), if there are so many points of it.
_FROM, _FEWEST_K = 3.0, 20
# Width (1/angstrom, standard deviation) over which the strength of noise at each k is averaged.
_BREADTH = 1.5
_TAPER = 1.0
# Of a spectrum without noise, so that weights stay finite: parts of its largest value.
_FLOOR = 1e-7

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.intp]


def part_level(weight: FloatArray, k_step: float) -> FloatArray:
    """Standard deviation of the parts of χ(R) for white noise of 1 in χ(k).

    Parameters
    ----------
    weight : array (…, k)
        k^w Ω(k), by its magnitude.
    """
    return np.asarray(k_step * np.sqrt(np.square(weight).sum(axis=-1) / (2.0 * np.pi)))


def high_r_band(k_step: float) -> tuple[float, float]:
    """`HIGH_R`, or parts of the largest R where steps of k do not tell so much (angstrom)."""
    r_max = np.pi / (2.0 * k_step)
    return HIGH_R if r_max > HIGH_R[1] else (_PARTS[0] * r_max, _PARTS[1] * r_max)


def high_r_points(
    name: str, noise_range: tuple[float, float], k_step: float, count: int
) -> IntArray:
    """Points of χ(R) that tell the noise: its grid is finer than what they differ by.

    Parameters
    ----------
    name : str
        Of who asks, for messages.
    noise_range : (low, high)
        Angstrom.
    k_step : float
        1/angstrom.
    count : int
        Points of χ(k) that are transformed.

    Raises
    ------
    SettingError
        If `noise_range` holds too few.
    """
    whole = r_grid(k_step, np.inf)
    first, last = np.searchsorted(whole, noise_range).tolist()
    if noise_range[1] > whole[-1] + whole[1] or last - first < _FEWEST:
        low, high = noise_range
        raise SettingError(
            f"{name}: noise_range = [{low:g}, {high:g}] holds too few points of χ(R), "
            f"which ends at {whole[-1]:.4g} angstrom with steps of k of {k_step:g} 1/angstrom"
        )
    return np.arange(first, last, min(max(N_FFT // count, 1), _EVERY))


def waves_to(places: IntArray, used: slice) -> ComplexArray:
    """exp(−2ikR) at points of k and points of χ(R), by their numbers: (k, R)."""
    turns = np.outer(np.arange(used.start, used.stop), places) % N_FFT
    return np.asarray(np.exp(-2j * np.pi / N_FFT * np.arange(N_FFT))[turns])


def white_level(
    chi: NDArray[Real], weight: FloatArray, k_step: float, used: slice, places: IntArray
) -> NDArray[Real]:
    """Standard deviation of χ(k), white in k, that the level at high R tells (frames,).

    Parameters
    ----------
    chi : array (frames, points)
        At the points `used` of the grid; worked on in its precision.
    weight : array (points,)
        k^w Ω(k) there.
    places : int array
        Of `high_r_points`.
    """
    waves = _level_waves(
        weight.tobytes(), k_step, used.start, used.stop, places.tobytes(), chi.dtype
    )
    level = np.sqrt(np.square(products(chi, waves)).mean(axis=1))
    return np.asarray(level / chi.dtype.type(part_level(weight, k_step)))


@lru_cache(maxsize=64)
def _level_waves(
    weight: bytes, k_step: float, start: int, stop: int, places: bytes, dtype: Any
) -> NDArray[Any]:
    """Cosines and sines (points, 2·R) that χ(k) is multiplied by."""
    waves = waves_to(np.frombuffer(places, dtype=np.intp), slice(start, stop))
    waves = waves * (np.frombuffer(weight) * k_step / np.sqrt(np.pi))[:, None]
    return np.hstack([waves.real, waves.imag]).astype(dtype, copy=False)


def white_level_of_all(chi: NDArray[Real], k_step: float) -> NDArray[Real]:
    """The same from k = 3 1/angstrom to the end, without weight.

    The window is a sine squared, whose transform falls off fast enough for shells not to reach
    that far.

    Parameters
    ----------
    chi : array (frames, points)
        From k = 0.
    k_step : float
        1/angstrom.

    Returns
    -------
    array (frames,)
        NaN where the range is too short.
    """
    first = int(np.ceil(_FROM / k_step))
    count = chi.shape[1] - first
    if count < _FEWEST_K:
        return np.full(len(chi), np.nan, chi.dtype)
    window = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    places = high_r_points("noise", high_r_band(k_step), k_step, count)
    return white_level(chi[:, first:], window, k_step, slice(first, chi.shape[1]), places)


def level_by_k(chi: FloatArray, k: FloatArray, low: float, high: float) -> FloatArray:
    """Standard uncertainty of each point of χ(k), as its part at high R tells.

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
    """The filter (points, points) that high R pass, and their share of all R."""
    size = scipy.fft.next_fast_len(4 * n_points, real=True)
    low, high = high_r_band(step)
    r = np.pi * np.arange(size // 2 + 1) / (step * size)
    spectrum = scipy.fft.rfft(np.eye(n_points), n=size, axis=-1)
    seen = scipy.fft.irfft(spectrum * ((r >= low) & (r <= high)), n=size, axis=-1)[:, :n_points]
    return np.ascontiguousarray(seen), 2.0 * step * (high - low) / np.pi
