"""The line of Breit, Wigner and Fano, with its exact derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def breit_wigner_fano(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, coupling: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """Evaluate g = (2/πw)·(1 + b·t)/(1 + t²), t = 2(x − c)/w, b = 2p/(1 − p²), p = 1/q.

    U. Fano, Phys. Rev. 124 (1961) 1866, as A. C. Ferrari and J. Robertson, Phys. Rev. B 61 (2000)
    14095, eq. 5, write it for carbon: I₀·(1 + p·t)²/(1 + t²), which is the constant I₀·p² and
    I₀·(1 − p²)·(1 + b·t)/(1 + t²). The constant is left to the background; the rest has the area
    1 as a principal value (the odd part has none). Lorentzian for p = 0; c is the undisturbed
    position, the maximum of the whole line stands at c + p·w/2.

    Parameters
    ----------
    x, center : array
    fwhm : array
        w, of the undisturbed line, in the unit of x.
    coupling : array
        p = 1/q, within (−1, 1); negative for a tail at low x.

    Returns
    -------
    value : array
    gradient : tuple of arrays
        By the centre, the width and the coupling.
    """
    inverse = 1.0 / fwhm
    t = 2.0 * (x - center) * inverse
    bottom = 1.0 / (1.0 + t * t)
    left = 1.0 / (1.0 - coupling * coupling)
    skew = 2.0 * coupling * left
    lorentzian = (2.0 / np.pi * inverse) * bottom
    g = lorentzian * (1.0 + skew * t)
    by_t = lorentzian * skew - 2.0 * t * bottom * g
    by_coupling = lorentzian * t * (2.0 * left * left * (1.0 + coupling * coupling))
    return g, (-2.0 * inverse * by_t, -inverse * (g + t * by_t), by_coupling)


def fano_summit(
    fwhm: FloatArray, coupling: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Where the line is highest, counted from its centre: p·w/2, and its derivatives by w and p.

    The whole line and what is left without the constant have their maximum at the same place;
    the latter is I₀ = A·(2/πw)/(1 − p²) high there, the I₀ of `breit_wigner_fano`.
    """
    return 0.5 * coupling * fwhm, (0.5 * coupling, 0.5 * fwhm)
