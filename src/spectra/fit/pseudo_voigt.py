"""The pseudo-Voigt function, whole and split, with its exact derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]

LN2 = float(np.log(2.0))
# Height of a Gaussian of unit area times its fwhm.
GAUSS = float(2.0 * np.sqrt(LN2 / np.pi))
# (2(x − c)/w)² beyond which a Gaussian is nothing beside its maximum.
_NEAR = 60.0


def pseudo_voigt(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, eta: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate g = η·L + (1 − η)·G, both of the same fwhm.

    G. K. Wertheim et al., Rev. Sci. Instrum. 45 (1974) 1369.
    """
    out = [np.empty(np.broadcast_shapes(x.shape, center.shape, fwhm.shape)) for _ in range(4)]
    fill_pseudo_voigt(x, center, fwhm, eta, out)
    gauss, lorentz, by_t, by_width = out
    inverse = 1.0 / fwhm
    a, b = (GAUSS * inverse) * (1.0 - eta), (2.0 / np.pi * inverse) * eta
    g = a * gauss + b * lorentz
    mixing = (2.0 / np.pi * inverse) * lorentz - (GAUSS * inverse) * gauss
    return g, (4.0 * inverse * by_t, (2.0 * by_width - g) * inverse, mixing)


def pseudo_voigt_alone(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, eta: FloatArray
) -> FloatArray:
    """Evaluate the same without derivatives, in half the time."""
    inverse = 1.0 / fwhm
    t2 = np.asarray((x - center) * (2.0 * inverse))
    t2 = np.multiply(t2, t2, out=np.empty(np.broadcast_shapes(t2.shape, eta.shape)))
    g = np.empty_like(t2)
    _fill_gauss(t2, g)
    g *= (GAUSS * inverse) * (1.0 - eta)
    t2 += 1.0
    np.divide((2.0 / np.pi * inverse) * eta, t2, out=t2)
    g += t2
    return g


def fill_pseudo_voigt(
    x: FloatArray,
    center: FloatArray,
    fwhm: FloatArray,
    eta: FloatArray,
    out: Sequence[FloatArray],
) -> None:
    """Write G = exp(−t² ln 2), L = 1/(1 + t²), T = t·S and t·T, with t = 2(x − c)/w.

    g = a·G + b·L, and dg/dt = −2T with S = a·ln 2·G + b·L².
    """
    gauss, lorentz, by_t, by_width = out
    inverse = 1.0 / fwhm
    np.subtract(x, center, out=by_t)
    by_t *= 2.0 * inverse
    np.multiply(by_t, by_t, out=by_width)
    _fill_gauss(by_width, gauss)
    np.add(by_width, 1.0, out=lorentz)
    np.divide(1.0, lorentz, out=lorentz)
    slope = lorentz * lorentz
    slope *= 2.0 / np.pi * inverse * eta
    slope += gauss * (LN2 * GAUSS * inverse * (1.0 - eta))
    by_t *= slope
    by_width *= slope


def _fill_gauss(t2: FloatArray, out: FloatArray) -> None:
    """Write exp(−t² ln 2), zero where it is below 1e-18 of its maximum.

    Exponentials are dear, and of a long pattern a peak needs few.
    """
    near = t2 < _NEAR
    if 2 * np.count_nonzero(near) > near.size:
        np.multiply(t2, -LN2, out=out)
        # Far out the exponential would underflow, which takes ten times as long.
        np.maximum(out, -LN2 * _NEAR, out=out)
        np.exp(out, out=out)
        out *= near
        return
    inside = t2[near]
    inside *= -LN2
    np.exp(inside, out=inside)
    out[...] = 0.0
    out[near] = inside


def mix_pseudo_voigt(area: FloatArray, fwhm: FloatArray, eta: FloatArray) -> FloatArray:
    """Coefficients (..., 4, 4) of what `fill_pseudo_voigt` writes, as `ProfileBasis.mixing`."""
    inverse = 1.0 / fwhm
    g, b = GAUSS * inverse, 2.0 / np.pi * inverse
    mixing = np.zeros((*area.shape, 4, 4))
    mixing[..., 2, 0] = 4.0 * area * inverse
    mixing[..., 0, 1], mixing[..., 1, 1] = g * (1.0 - eta), b * eta
    mixing[..., :2, 2] = -(area * inverse)[..., None] * mixing[..., :2, 1]
    mixing[..., 3, 2] = 2.0 * area * inverse
    mixing[..., 0, 3], mixing[..., 1, 3] = -area * g, area * b
    return mixing


def split_pseudo_voigt(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, asymmetry: FloatArray, eta: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Pseudo-Voigt halves of full widths w(1 ± a), left (−) and right (+) of the maximum.

    With half widths in the ratio (1 − a):(1 + a) and one common height, the halves' areas are
    (1 ∓ a)/2, so that the total area is 1 and the fwhm is w.
    """
    a, w = asymmetry, fwhm
    side = np.where(x < center, -1.0, 1.0)
    factor = 1.0 + side * a
    g, (by_center, by_width, by_eta) = pseudo_voigt(x, center, w * factor, eta)
    return g * factor, (
        by_center * factor,
        by_width * factor**2,
        side * (g + by_width * w * factor),
        by_eta * factor,
    )
