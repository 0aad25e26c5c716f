"""Background of a powder pattern: Chebyshev polynomials, 1/2θ and broad humps, all linear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lineshapes import get_profile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """A sum of functions of 2θ, each times a coefficient in counts.

    Parameters
    ----------
    degree : int
        Of the Chebyshev polynomials of the first kind over the range used.
    inverse : bool
        Whether 1/2θ is added, for air scatter at low angles; 1 at the lower end of the range.
    humps : tuple of (float, float)
        Centre and fwhm (deg 2θ) of broad pseudo-Voigt maxima of unit height (half Gaussian,
        half Lorentzian), such as those of glass or carbon.
    """

    degree: int = 5
    inverse: bool = False
    humps: tuple[tuple[float, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        humps = (f"hump{i}" for i in range(1, len(self.humps) + 1))
        inverse = ("background_inverse",) if self.inverse else ()
        return (*(f"background{i}" for i in range(self.degree + 1)), *inverse, *humps)

    def functions(self, two_theta: FloatArray, low: float, high: float) -> FloatArray:
        """The functions (n, points) at 2θ (points,) for a range used from `low` to `high`."""
        scaled = (2.0 * two_theta - low - high) / (high - low)
        rows = list(np.polynomial.chebyshev.chebvander(scaled, self.degree).T)
        if self.inverse:
            first = max(low, 1e-3)
            rows.append(first / np.maximum(two_theta, first))
        hump = get_profile("pseudo_voigt")
        for center, fwhm in self.humps:
            curve = hump.value(two_theta, center, fwhm, 0.5)
            rows.append(curve / hump.value(np.array([center]), center, fwhm, 0.5))
        return np.array(rows)
