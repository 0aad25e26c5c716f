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

FloatArray = NDArray[np.float64]


def part_level(weight: FloatArray, k_step: float) -> FloatArray:
    """Standard deviation of the parts of χ(R) for white noise of 1 in χ(k).

    Parameters
    ----------
    weight : array (…, k)
        k^w Ω(k), by its magnitude.
    """
    return np.asarray(k_step * np.sqrt(np.square(weight).sum(axis=-1) / (2.0 * np.pi)))
