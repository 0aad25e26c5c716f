"""Line shapes together with their integral from below, each with exact derivatives.

An active Shirley background of a peak of area A is A·k·C(x), C the integral of the profile from
−∞ to x: the electrons of the peak that have lost energy, at higher binding energy. For these
shapes C has a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from spectra.fit.lineshapes import PROFILES
from spectra.fit.photolines import PHOTOLINES, share_of_area
from spectra.fit.pseudo_voigt import GAUSS, LN2

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]
WithIntegral = Callable[..., tuple[FloatArray, Gradient, FloatArray, Gradient]]
"""(x, center, *shape) to g, its derivatives by centre and shape, C, and its by shape alone.

The derivative of C by the centre is −g.
"""

_ROOT = float(np.sqrt(LN2))
# 2(x − c)/w from which on an error function is 1 to the last digit.
_NEAR = 7.2


def pseudo_voigt_with_integral(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, eta: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    """Pseudo-Voigt g and C = η·(½ + arctan(t)/π) + (1 − η)·½(1 + erf(t√ln 2)), t = 2(x − c)/w.

    In the precision of its arguments.
    """
    inverse = 1.0 / fwhm
    a, b = (GAUSS * inverse) * (1.0 - eta), (2.0 / np.pi * inverse) * eta
    t = (x - center) * (2.0 * inverse)
    t2 = t * t
    bell = np.exp(np.maximum(-LN2 * t2, -80.0))
    bottom = 1.0 / (1.0 + t2)
    g_gauss, g_lorentz = a * bell, b * bottom
    g = g_gauss + g_lorentz
    steep = LN2 * g_gauss + g_lorentz * bottom
    steep *= t
    by_width = (2.0 * steep * t - g) * inverse
    by_eta = (2.0 / np.pi * inverse) * bottom - (GAUSS * inverse) * bell
    gauss = _half_erf(t)
    difference = np.arctan(t) * (1.0 / np.pi) - gauss
    integral = gauss + eta * difference + 0.5
    return g, (4.0 * inverse * steep, by_width, by_eta), integral, (-0.5 * t * g, difference)


def _half_erf(t: FloatArray) -> FloatArray:
    """½·erf(t√ln 2); of a long spectrum few points need more than its sign."""
    out = np.copysign(np.asarray(0.5, t.dtype), t)
    near = np.abs(t) < _NEAR
    out[near] = 0.5 * erf(_ROOT * t[near])
    return out


def _gl_sum(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, mixing: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    eta, slope = share_of_area(mixing)
    found = pseudo_voigt_with_integral(x, center, fwhm, eta)
    g, (by_center, by_width, by_eta), integral, (wider, mixed) = found
    return g, (by_center, by_width, by_eta * slope), integral, (wider, mixed * slope)


def _gaussian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    g, gradient = PROFILES["gaussian"].evaluate(x, center, fwhm)
    t = 2.0 * (x - center) / fwhm
    return g, gradient, 0.5 + 0.5 * erf(_ROOT * t), (-0.5 * t * g,)


def _lorentzian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    g, gradient = PROFILES["lorentzian"].evaluate(x, center, fwhm)
    t = 2.0 * (x - center) / fwhm
    return g, gradient, 0.5 + np.arctan(t) / np.pi, (-0.5 * t * g,)


def _exponential_tail(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, tail: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    """C = Φ − τ·g, Φ the Gaussian's, since τ·g′ = G − g."""
    g, gradient = PHOTOLINES["exponential_tail"].evaluate(x, center, fwhm, tail)
    _, _, phi, (by_width,) = _gaussian(x, center, fwhm)
    return g, gradient, phi - tail * g, (by_width - tail * gradient[1], -g - tail * gradient[2])


WITH_INTEGRAL: Mapping[str, WithIntegral] = {
    "gaussian": _gaussian,
    "lorentzian": _lorentzian,
    "pseudo_voigt": pseudo_voigt_with_integral,
    "gl_sum": _gl_sum,
    "exponential_tail": _exponential_tail,
}
"""By the profile's name."""
