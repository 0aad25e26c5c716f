"""Heat and motion of vibrations after Einstein and Debye, as functions of temperature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import factorial, zeta

FloatArray = NDArray[np.float64]

# θ/T beyond which exp(−θ/T) is nothing.
_FROZEN = 500.0
# θ/T up to which the integrals of Debye are summed by Gauss, and beyond which as series.
_SERIES = 4.0
_GAUSS = np.polynomial.legendre.leggauss(24)


def heat(t: FloatArray, theta: float, kind: str) -> tuple[FloatArray, FloatArray]:
    """Heat of a vibration over Boltzmann's constant, T·D(θ/T), and its derivative by θ.

    Without the motion at absolute zero: D(x) is Einstein's x/(eˣ − 1) or Debye's
    (3/x³)·∫₀ˣ s³/(eˢ − 1)ds, both 1 for T far above θ.

    Parameters
    ----------
    t : array (n,)
        Kelvin, above zero.
    theta : float
        Characteristic temperature, kelvin.
    kind : {"einstein", "debye"}

    Returns
    -------
    value : array (n,)
        Kelvin.
    by_theta : array (n,)
    """
    x = theta / t
    bose = x / np.expm1(np.minimum(x, _FROZEN))
    if kind == "einstein":
        # d(θ/(eˣ − 1))/dθ = (1/(eˣ − 1))·(1 − x·eˣ/(eˣ − 1))
        return t * bose, bose / x * (1.0 - x - bose)
    integral = _bose_integral(x, 3)
    value = 3.0 * t / x**3 * integral
    # d/dθ = (1/T)·d/dx
    return value, 3.0 * bose / x - 3.0 * value / (x * t)


def motion(t: FloatArray, theta: float, kind: str) -> tuple[FloatArray, FloatArray]:
    """Mean square displacement of a vibration, T·D(θ/T), and its derivative by θ.

    With the motion at absolute zero: D(x) is Einstein's (x/2)·coth(x/2), or Debye's φ(x) + x/4
    with φ(x) = (1/x)·∫₀ˣ s/(eˢ − 1)ds, both 1 for T far above θ (B. T. M. Willis and A. W. Pryor,
    Thermal Vibrations in Crystallography (1975)). Parameters and returns as for `heat`.
    """
    x = theta / t
    bose = x / np.expm1(np.minimum(x, _FROZEN))
    if kind == "einstein":
        # coth(x/2) = 1 + 2/(eˣ − 1)
        return t * (0.5 * x + bose), 0.5 + bose / x * (1.0 - x - bose)
    phi = _bose_integral(x, 1) / x
    return t * (phi + 0.25 * x), (bose - phi) / x + 0.25


def _bose_integral(x: FloatArray, power: int) -> FloatArray:
    """∫₀ˣ sᵖ/(eˢ − 1)ds, element by element."""
    out = np.empty_like(x)
    small = x <= _SERIES
    half = 0.5 * x[small, None]
    s = half * (1.0 + _GAUSS[0])
    out[small] = (half * _GAUSS[1] * s**power / np.expm1(s)).sum(axis=1)
    # The whole integral to infinity without the tail, term by term of Σ exp(−ks).
    far, k = x[~small, None], np.arange(1.0, 16.0)
    tail = far / k + 1.0 / k**2 if power == 1 else _cubic_tail(far, k)
    total = float(factorial(power) * zeta(power + 1))
    out[~small] = total - (np.exp(-k * far) * tail).sum(axis=1)
    return out


def _cubic_tail(x: FloatArray, k: FloatArray) -> FloatArray:
    return x**3 / k + 3.0 * x**2 / k**2 + 6.0 * x / k**3 + 6.0 / k**4
