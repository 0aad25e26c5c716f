"""Noise of χ(k) told by χ(R) where no atoms are seen any more."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.xas.exafs.fourier import N_FFT
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]

# Part of the transform's R that is looked at: 15.7 to 25.1 angstrom at steps of 0.05 1/angstrom.
_LOW, _HIGH = 0.5, 0.8
_FROM = 3.0
_FEWEST = 20


def white_level(chi: NDArray[np.float32], k_step: float) -> FloatArray:
    """Standard deviation of white noise of χ(k) from χ(R) at high R.

    From k = 3 1/angstrom to the end χ is transformed without weight under a sine squared, whose
    transform falls off fast enough for shells not to reach that far; for white noise of variance
    σ² the mean of |χ(R)|² is σ²·δk²/π·Σ Ω² (M. Newville, B. I. Boyanov, D. E. Sayers,
    J. Synchrotron Rad. 6 (1999) 264, in the sense of eq. 7).

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
    points = chi.shape[1]
    first = int(np.ceil(_FROM / k_step))
    count = points - first
    if count < _FEWEST:
        return np.full(len(chi), np.nan)
    waves = _waves(points, first)
    parts = products(chi[:, first:], waves)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", parts, parts)), dtype=float)


@lru_cache(maxsize=64)
def _waves(points: int, first: int) -> NDArray[np.float32]:
    """Cosines and sines (points − first, 2·R) whose sum of squares is σ² for such noise."""
    count = points - first
    window = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    index = np.arange(int(_LOW * N_FFT / 2), int(_HIGH * N_FFT / 2), max(1, N_FFT // count))
    angle = 2.0 * np.pi / N_FFT * np.outer(np.arange(first, points), index)
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * window[:, None]
    waves /= np.sqrt(len(index) * (window**2).sum())
    return np.asarray(waves, dtype=np.float32)
