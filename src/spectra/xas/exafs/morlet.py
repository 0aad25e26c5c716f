"""The Morlet wavelet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Morlet:
    """Morlet wavelet: H. Funke, A. C. Scheinost and M. Chukalina, Phys. Rev. B 71 (2005) 094110.

    (exp(iκu) − exp(−κ²σ²/2)) exp(−u²/(2σ²)) with u = (k' − k)/a and the scale a = κ/(2R): it
    oscillates as exp(2iRk') under a Gaussian of standard deviation κσ/(2R) in k; in R a sine
    spreads over R/(κσ). The second term makes its mean vanish. Only κσ matters for the
    resolution; it stands to the order n of a Cauchy wavelet as κσ = √n.

    Its Fourier transform is 2 at ω = 2R, so that A·sin(2kR + φ) has the modulus A on its ridge;
    negative frequencies are left out.

    Parameters
    ----------
    kappa, sigma : float
    """

    kappa: float
    sigma: float

    def response(self, omega: FloatArray, r: FloatArray) -> FloatArray:
        """Fourier transform (R, frequencies) at ω ≥ 0 (angstrom), for each R (angstrom)."""
        width = self.kappa * self.sigma
        with np.errstate(over="ignore"):
            x = omega / np.maximum(2.0 * r[:, None], np.finfo(float).tiny)
            exponent = 0.5 * width**2
            own = np.exp(-exponent * (x - 1.0) ** 2) - np.exp(-exponent * (1.0 + x**2))
        return np.asarray(2.0 * own / (1.0 - np.exp(-2.0 * exponent)))
