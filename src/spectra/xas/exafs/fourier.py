"""Fourier transforms between χ(k) and χ(R), for any number of frames at once."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

N_FFT = 2048
_ROOT_PI = float(np.sqrt(np.pi))


def r_grid(k_step: float, r_max: float, n_fft: int = N_FFT) -> FloatArray:
    """R (angstrom) of the points that `forward` gives, up to `r_max`."""
    step = np.pi / (k_step * n_fft)
    return np.asarray(step * np.arange(int(min(n_fft / 2, 1.01 + r_max / step))))


def forward(
    weighted: FloatArray | ComplexArray, k_step: float, r_points: int, n_fft: int = N_FFT
) -> ComplexArray:
    """χ(R) of χ(k) that has its weight and window.

    χ(R_m) = δk/√π Σ_n χ(k_n) k_n^w Ω(k_n) exp(−2πi·n·m/N), R_m = m·π/(N·δk): the transform of
    IFEFFIT and Larch (M. Newville, J. Synchrotron Rad. 8 (2001) 322, in the sign and scale of
    Larch's ``xftf_fast``).

    Parameters
    ----------
    weighted : array (…, k)
        On a uniform grid from k = 0; zero where nothing was measured.
    k_step : float
        δk, 1/angstrom.
    r_points : int
        How many points of χ(R), from R = 0.
    n_fft : int
        N.

    Returns
    -------
    complex array (…, r_points)
        In angstrom^-(w + 1) of the weight w.
    """
    if np.iscomplexobj(weighted):
        spectrum = scipy.fft.fft(weighted, n=n_fft, axis=-1)
    else:
        spectrum = scipy.fft.rfft(np.real(weighted), n=n_fft, axis=-1)
    return np.asarray((k_step / _ROOT_PI) * spectrum[..., :r_points])


def backward(
    windowed: ComplexArray, k_step: float, q_points: int, n_fft: int = N_FFT
) -> ComplexArray:
    """χ(q) of χ(R) that has its window; its real part is the part of k^w·χ from those R.

    χ(q_n) = (2√π/δk)·(1/N) Σ_m χ(R_m) Ω(R_m) exp(+2πi·n·m/N): Larch's ``xftr`` for complex χ(R).

    Parameters
    ----------
    windowed : complex array (…, R)
        From R = 0, as `forward` gives them.
    k_step : float
        Of the χ(k) that it came from (1/angstrom).
    q_points : int
        How many points of χ(q), from q = 0 in steps of `k_step`.
    n_fft : int

    Returns
    -------
    complex array (…, q_points)
    """
    spectrum = scipy.fft.ifft(windowed, n=n_fft, axis=-1)[..., :q_points]
    return np.asarray((2.0 * _ROOT_PI / k_step) * spectrum)
