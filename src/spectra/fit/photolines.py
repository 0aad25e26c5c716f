"""Line shapes of photoemission, of unit area, each with its exact derivatives.

The axis is the binding energy: tails run to higher x. Shapes of other fields are in
`spectra.fit.lineshapes`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, erfc, erfcx, gammaln

from spectra.errors import SettingError
from spectra.fit.doniach_sunjic import doniach_sunjic
from spectra.fit.lineshapes import PROFILES, Profile
from spectra.fit.pseudo_voigt import GAUSS, LN2, pseudo_voigt
from spectra.fit.summit import half_maximum, summit

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]

_SIGMA = float(1.0 / (2.0 * np.sqrt(2.0 * LN2)))
_POSITIVE = (1e-12, np.inf)
# Areas of a Gaussian and a Lorentzian of unit height and fwhm.
_AREA_GAUSS, _AREA_LORENTZ = 1.0 / GAUSS, 0.5 * np.pi
# Nodes and weights of a convolution with a Gaussian of unit standard deviation.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_WEIGHTS = _WEIGHTS / np.sqrt(2.0 * np.pi)

WIDTHS = frozenset({"fwhm", "width", "fwhm_gauss", "fwhm_lorentz", "tail"})
"""Names of shape parameters that are lengths on the axis: a broader line has all of them larger."""


def share_of_area(mixing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lorentzian share of the area of a sum mixed by heights, and its derivative."""
    gauss, lorentz = (1.0 - mixing) * _AREA_GAUSS, mixing * _AREA_LORENTZ
    whole = gauss + lorentz
    return lorentz / whole, _AREA_GAUSS * _AREA_LORENTZ / whole**2


def _gl_sum(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, mixing: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate g ∝ (1 − m)·exp(−4 ln 2·u²/w²) + m/(1 + 4u²/w²), u = x − c.

    The SGL of CasaXPS (N. Fairley, CasaXPS Manual 2.3.15 (2009), line shapes): a pseudo-Voigt
    whose parts are mixed by their heights and not by their areas.
    """
    eta, slope = share_of_area(mixing)
    g, (by_center, by_width, by_eta) = pseudo_voigt(x, center, fwhm, eta)
    return g, (by_center, by_width, by_eta * slope)


def _gl_product(
    x: FloatArray, center: FloatArray, width: FloatArray, mixing: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate g ∝ exp(−4 ln 2·(1 − m)·u²/F²)/(1 + 4m·u²/F²), u = x − c.

    The GL of CasaXPS (N. Fairley, CasaXPS Manual 2.3.15 (2009), line shapes). F is the fwhm for
    m = 0 and 1 only. The area of exp(−at²)/(1 + bt²) is π/√b·exp(a/b)·erfc(√(a/b)): I. S.
    Gradshteyn and I. M. Ryzhik, Table of Integrals, eq. 3.466.1.
    """
    t = 2.0 * (x - center) / width
    t2 = t * t
    a, b = LN2 * (1.0 - mixing), mixing
    bottom = 1.0 / (1.0 + b * t2)
    bell = np.exp(-a * t2) * bottom
    area, by_mixing = _product_area(mixing)
    norm = 2.0 / (width * area)
    g = norm * bell
    steep = 2.0 * t * (a + b * bottom)
    by_t = g * steep
    return g, (
        2.0 * by_t / width,
        (by_t * t - g) / width,
        g * (t2 * (LN2 - bottom) - by_mixing / area),
    )


def _product_area(mixing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """∫exp(−at²)/(1 + bt²)dt with a = ln 2·(1 − m), b = m, and its derivative by m."""
    # At m = 1 the slope is infinite, as that of a square root.
    m = np.minimum(mixing, 1.0 - 1e-9)
    small = m < 1e-3
    b = np.where(small, 0.5, m)
    a = LN2 * (1.0 - m)
    q = np.sqrt(a / b)
    area = np.pi / np.sqrt(b) * erfcx(q)
    # erfcx′(q) = 2q·erfcx(q) − 2/√π
    by_a = (area - np.sqrt(np.pi / a)) / b
    slope = -0.5 * area / b - by_a * a / b - LN2 * by_a
    # Near a Gaussian, in powers of b: ∫t²ⁿ·exp(−at²)dt = Γ(n + ½)/a^(n + ½).
    root = np.sqrt(np.pi / a)
    s = m / (2.0 * a)
    series = root * (1.0 - s + 3.0 * s**2 - 15.0 * s**3)
    by_s = root * (-1.0 + 6.0 * s - 45.0 * s**2)
    grown = by_s * (0.5 / a + s * LN2 / a) + 0.5 * series * LN2 / a
    return np.where(small, series, area), np.where(small, grown, slope)


def _product_width(width: FloatArray, mixing: FloatArray) -> tuple[FloatArray, Gradient]:
    """Full width at half maximum of the product, by Newton's method."""
    a, b = LN2 * (1.0 - mixing), np.asarray(mixing, dtype=float)
    tau = np.ones(np.broadcast_shapes(np.shape(width), np.shape(mixing)))
    for _ in range(8):
        # a·τ + ln(1 + b·τ) = ln 2 holds at half maximum, τ = t²; it is concave in τ.
        tau = tau - (a * tau + np.log1p(b * tau) - LN2) / (a + b / (1.0 + b * tau))
    slope = -(tau / (1.0 + b * tau) - LN2 * tau) / (a + b / (1.0 + b * tau))
    root = np.sqrt(tau)
    return width * root, (root, 0.5 * width * slope / root)


def _exponential_tail(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, tail: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Gaussian of the given fwhm, convolved with exp(−u/τ)/τ for u > 0.

    E. Grushka, Anal. Chem. 44 (1972) 1733, doi:10.1021/ac60319a011, eq. 2. `center` is that of
    the Gaussian. The derivatives follow from τ·g′ = G − g, ∂g/∂σ = σ·g″ and homogeneity.
    """
    sigma, u = fwhm * _SIGMA, x - center
    t = u / sigma
    gauss = np.exp(-0.5 * t * t) / (np.sqrt(2.0 * np.pi) * sigma)
    z = (sigma / tail - t) / np.sqrt(2.0)
    near = z > -3.0
    inner = gauss * np.sqrt(0.5 * np.pi) * sigma / tail * erfcx(np.where(near, z, 0.0))
    power = np.where(near, 0.0, 0.5 * (sigma / tail) ** 2 - u / tail)
    outer = 0.5 / tail * np.exp(power) * erfc(z)
    g = np.where(near, inner, outer)
    by_u = (gauss - g) / tail
    by_sigma = sigma * (-t / sigma * gauss - by_u) / tail
    by_tail = -(g + u * by_u + sigma * by_sigma) / tail
    return g, (-by_u, by_sigma * _SIGMA, by_tail)


def _asymmetric_lorentzian(
    x: FloatArray,
    center: FloatArray,
    width: FloatArray,
    alpha: FloatArray,
    beta: FloatArray,
    fwhm_gauss: FloatArray,
) -> tuple[FloatArray, Gradient]:
    """LA(α, β, m): (1 + 4u²/F²)^−α above the centre and ^−β below, convolved with a Gaussian.

    The LA of CasaXPS (N. Fairley et al., Appl. Surf. Sci. Adv. 5 (2021) 100112,
    doi:10.1016/j.apsadv.2021.100112), with the Gaussian stated by its fwhm instead of by the
    number m. The convolution is a Gauss–Hermite sum of 64 terms, good to 1e-4 of the maximum for
    F of at least the Gaussian's fwhm and to 2e-3 for half of that; its derivatives are exact.
    """
    norm, by_alpha_norm, by_beta_norm = _lorentzian_sides(alpha, beta)
    sigma = fwhm_gauss * _SIGMA
    u = (x - center)[..., None] - sigma[..., None] * _NODES
    scale, a, b = width[..., None], alpha[..., None], beta[..., None]
    t = 2.0 * u / scale
    inside = 1.0 + t * t
    above = u > 0
    power = np.where(above, a, b)
    log = np.log(inside)
    bell = np.exp(-power * log) * (norm[..., None] / scale)
    by_u = -2.0 * power * t / inside * bell * 2.0 / scale
    g = bell @ _WEIGHTS
    steep = by_u @ _WEIGHTS
    by_alpha = np.where(above, -log * bell, 0.0) @ _WEIGHTS + by_alpha_norm / norm * g
    by_beta = np.where(above, 0.0, -log * bell) @ _WEIGHTS + by_beta_norm / norm * g
    by_gauss = -(by_u @ (_WEIGHTS * _NODES))
    by_width = -(g + (by_u * u) @ _WEIGHTS) / width
    return g, (-steep, by_width, by_alpha, by_beta, by_gauss * _SIGMA)


def _lorentzian_sides(
    alpha: FloatArray, beta: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Norm of the LA core for F = 1, and its derivatives.

    ∫(1 + v²)^−α dv from 0 to infinity is √π/2·Γ(α − ½)/Γ(α).
    """

    def side(power: FloatArray) -> tuple[FloatArray, FloatArray]:
        half = 0.25 * np.sqrt(np.pi) * np.exp(gammaln(power - 0.5) - gammaln(power))
        return half, half * (digamma(power - 0.5) - digamma(power))

    (above, by_alpha), (below, by_beta) = side(alpha), side(beta)
    norm = 1.0 / (above + below)
    return norm, -(norm**2) * by_alpha, -(norm**2) * by_beta


def _own_width(fwhm: FloatArray, *others: FloatArray) -> tuple[FloatArray, Gradient]:
    return fwhm, (np.ones_like(fwhm), *(np.zeros_like(fwhm) for _ in others))


_MIXING = {"mixing": (0.0, 1.0)}

PHOTOLINES: Mapping[str, Profile] = {
    p.name: p
    for p in (
        Profile(
            *("gl_sum", ("fwhm", "mixing"), {"fwhm": _POSITIVE} | _MIXING, {"mixing": 0.3}),
            *(_gl_sum, _own_width),
        ),
        Profile(
            *("gl_product", ("width", "mixing"), {"width": _POSITIVE} | _MIXING),
            *({"mixing": 0.3}, _gl_product, _product_width),
        ),
        Profile(
            *("exponential_tail", ("fwhm", "tail"), {"fwhm": _POSITIVE, "tail": _POSITIVE}),
            *({}, _exponential_tail, half_maximum(_exponential_tail)),
        ),
        Profile(
            *("asymmetric_lorentzian", ("width", "alpha", "beta", "fwhm_gauss")),
            {"width": _POSITIVE, "alpha": (0.55, 20.0), "beta": (0.55, 20.0)}
            | {"fwhm_gauss": (0.0, np.inf)},
            {"alpha": 1.0, "beta": 1.5},
            *(_asymmetric_lorentzian, half_maximum(_asymmetric_lorentzian)),
        ),
        Profile(
            *("doniach_sunjic", ("fwhm_lorentz", "asymmetry", "fwhm_gauss")),
            {"fwhm_lorentz": (0.0, np.inf), "asymmetry": (0.0, 0.6), "fwhm_gauss": _POSITIVE},
            {"asymmetry": 0.1},
            *(doniach_sunjic, half_maximum(doniach_sunjic)),
        ),
    )
}


def get_photoline(name: str) -> Profile:
    """Return the line shape of a name, of this module or of `spectra.fit.lineshapes`.

    Raises
    ------
    SettingError
        For an unknown name, with the nearest known one.

    Examples
    --------
    >>> get_photoline("gl_sum").shape_names
    ('fwhm', 'mixing')
    """
    known = {**PROFILES, **PHOTOLINES}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise SettingError(f"no line shape {name!r}; {hint}There are {', '.join(known)}")


def height_and_gradient(profile: Profile, *shape: ArrayLike) -> tuple[FloatArray, Gradient]:
    """Height of the maximum for unit area, and its derivatives by the shape parameters.

    The maximum of a skewed line does not lie at its centre.
    """
    if profile.name not in _SKEWED:
        return profile.peak_height_and_gradient(*shape)
    _, height, gradient = summit(profile.evaluate, *shape)
    return height, gradient


_SKEWED = frozenset({"exponential_tail", "asymmetric_lorentzian", "doniach_sunjic"})
