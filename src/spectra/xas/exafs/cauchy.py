"""The Cauchy wavelet of a fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cauchy:
    """Cauchy wavelet: M. Muñoz, P. Argoul and F. Farges, Am. Mineral. 88 (2003) 694.

    Its Fourier transform is (aω)^n exp(−aω) for ω > 0 and scale a, highest at aω = n; R stands
    for the scale at which that is ω = 2R. The order n fixes the resolution, whatever R are looked
    at: a sine of one R spreads over about R/√n in R, a jump over about √n/(2R) in k (standard
    deviations of the modulus).

    Here the transform is 2 at ω = 2R, so that A·sin(2kR + φ) has the modulus A on its ridge,
    whatever n is.

    Parameters
    ----------
    order : float
        n.
    """

    order: float

    @property
    def published_factor(self) -> float:
        """What turns this modulus into that of the paper, 2π(aω)^n exp(−aω)/n!.

        Larch's ``cauchy_wavelet`` has it too, with the number of its R points for n.
        """
        n = self.order
        return float(np.exp(np.log(np.pi) + n * np.log(n) - n - gammaln(n + 1.0)))

    def response(self, omega: FloatArray, r: FloatArray) -> FloatArray:
        """Fourier transform (R, frequencies) at ω ≥ 0 (angstrom), for each R (angstrom)."""
        x = omega / np.maximum(2.0 * r[:, None], np.finfo(float).tiny)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            exponent = self.order * (np.log(x) + 1.0 - x)
        return np.asarray(2.0 * np.exp(np.nan_to_num(exponent, nan=-np.inf, neginf=-np.inf)))
