"""Noise of χ(k) and χ(R), from high R or from uncertainties that were given.

M. Newville, B. I. Boyanov and D. E. Sayers, J. Synchrotron Rad. 6 (1999) 264: nothing scatters
back from beyond some 15 Å, so what χ(R) has there is noise, and noise that is white in k has the
same level at all R. With noise of standard deviation ε_k in χ(k), the mean square of |χ(R)| is

    ε_R² = (δk²/π) Σ_n k_n^2w Ω(k_n)² ε_k²,

which for a window of 1 between two k is their ε_k = ε_R √(π(2w + 1)/(δk (kmax^(2w+1) −
kmin^(2w+1)))). The sum holds for tapered windows too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.xas.exafs.fourier import N_FFT, r_grid
from spectra.xas.polynomials import products

# High R is looked at at every sixth point of its grid, of at least so many.
_EVERY, _FEWEST = 6, 40

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


def high_r_points(name: str, noise_range: tuple[float, float], k_step: float) -> IntArray:
    """Points of χ(R) that tell the noise: its grid is finer than what they differ by.

    Raises
    ------
    SettingError
        If `noise_range` (angstrom) holds too few.
    """
    whole = r_grid(k_step, np.inf)
    first, last = np.searchsorted(whole, noise_range).tolist()
    if noise_range[1] > whole[-1] + whole[1] or last - first < _FEWEST:
        low, high = noise_range
        raise SettingError(
            f"{name}: noise_range = [{low:g}, {high:g}] holds too few points of χ(R), "
            f"which ends at {whole[-1]:.4g} angstrom with steps of k of {k_step:g} 1/angstrom"
        )
    return np.arange(first, last, _EVERY)


def waves_to(places: IntArray, used: slice) -> ComplexArray:
    """exp(−2ikR) at points of k and points of χ(R), by their numbers: (k, R)."""
    turns = np.outer(np.arange(used.start, used.stop), places) % N_FFT
    return np.asarray(np.exp(-2j * np.pi / N_FFT * np.arange(N_FFT))[turns])


def white_level(
    chi: FloatArray, weight: FloatArray, k_step: float, used: slice, places: IntArray
) -> FloatArray:
    """Standard deviation of χ(k), white in k, that the level at high R tells (frames,).

    Parameters
    ----------
    chi : array (frames, points)
        At the points `used` of the grid.
    weight : array (points,)
        k^w Ω(k) there.
    places : int array
        Of `high_r_points`.
    """
    waves = waves_to(places, used) * (weight * k_step / np.sqrt(np.pi))[:, None]
    parts = products(chi, np.hstack([waves.real, waves.imag]))
    level = np.sqrt(np.square(parts).mean(axis=1))
    return np.asarray(level / part_level(weight, k_step))
