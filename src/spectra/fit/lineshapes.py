"""Line shapes of unit area, each with its exact derivatives.

Every profile is a function g(x; center, *shape) with ∫g dx = 1, evaluated with broadcasting:
x has shape (..., points), the parameters (..., 1) or scalars. Derivatives come with respect
to the centre and then to each shape parameter.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, wofz

from spectra.errors import SettingError
from spectra.fit.fano import breit_wigner_fano, fano_summit
from spectra.fit.pseudo_voigt import (
    GAUSS,
    LN2,
    fill_pseudo_voigt,
    mix_pseudo_voigt,
    pseudo_voigt,
    pseudo_voigt_alone,
    split_pseudo_voigt,
)

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]

_SIGMA = float(1.0 / (2.0 * np.sqrt(2.0 * LN2)))
_POSITIVE = (1e-12, np.inf)
_FAR = -300.0
# Exponents of Gaussians that are nothing even in single precision, where less would underflow.
_UNDERFLOW = -80.0
# Γ⁵ = Γ_G⁵ + c₁Γ_G⁴Γ_L + … + Γ_L⁵ of Thompson, Cox and Hastings.
_TCH = (2.69269, 2.42843, 4.47163, 0.07842)
# Width of a Voigt profile from those of its parts: J. J. Olivero and R. L. Longbothum,
# J. Quant. Spectrosc. Radiat. Transf. 17 (1977) 233; good to 0.02 %.
_OLIVERO = (0.5346, 0.2166)


@dataclass(frozen=True)
class ProfileBasis:
    """Functions of x whose combinations are the profile and its derivatives.

    Factors that hold for a whole spectrum need not be multiplied into every point: the normal
    equations are formed from these functions and mixed afterwards.

    Parameters
    ----------
    count : int
        How many.
    valued : int
        Of how many, the first, the profile itself is made.
    fill : callable
        (x, center, *shape, out) writes them into the arrays of the sequence `out`.
    mixing : callable
        (area, *shape) to the coefficients (..., count, 2 + shapes) of area·∂g/∂center, of g
        itself (the derivative by the area), and of area·∂g/∂shape.
    """

    count: int
    valued: int
    fill: Callable[..., None]
    mixing: Callable[..., FloatArray]


@dataclass(frozen=True)
class Profile:
    """A line shape of unit area.

    Parameters
    ----------
    name : str
    shape_names : tuple of str
        Parameters after the centre. The first is a width in the unit of x.
    bounds : mapping
        Allowed range of each.
    defaults : mapping
        Where those that are not widths start.
    evaluate : callable
        (x, center, *shape) to g and its gradient.
    width : callable
        (*shape) to the full width at half maximum and its gradient.
    basis : ProfileBasis, optional
        A cheaper way to the same value and derivatives, for fits.
    alone : callable, optional
        A cheaper way to the value alone.
    summit : callable, optional
        (*shape) to where the maximum lies from the centre, and its gradient, of a line whose
        maximum is elsewhere.

    Examples
    --------
    >>> gaussian = get_profile("gaussian")
    >>> float(gaussian.value(np.array([5.0]), 5.0, 2.0)[0].round(6))
    0.469719
    """

    name: str
    shape_names: tuple[str, ...]
    bounds: Mapping[str, tuple[float, float]]
    defaults: Mapping[str, float]
    evaluate: Callable[..., tuple[FloatArray, Gradient]]
    width: Callable[..., tuple[FloatArray, Gradient]]
    basis: ProfileBasis | None = None
    alone: Callable[..., FloatArray] | None = None
    summit: Callable[..., tuple[FloatArray, Gradient]] | None = None

    def value(self, x: ArrayLike, center: ArrayLike, *shape: ArrayLike) -> FloatArray:
        """Profile at x: (..., points)."""
        arguments = (np.asarray(v, dtype=float) for v in (x, center, *shape))
        return self.evaluate(*arguments)[0] if self.alone is None else self.alone(*arguments)

    def value_and_gradient(
        self, x: ArrayLike, center: ArrayLike, *shape: ArrayLike
    ) -> tuple[FloatArray, Gradient]:
        """Profile and its derivatives by the centre and each shape parameter."""
        return self.evaluate(*(np.asarray(v, dtype=float) for v in (x, center, *shape)))

    def peak_height_and_gradient(self, *shape: ArrayLike) -> tuple[FloatArray, Gradient]:
        """Value at the maximum for unit area, and its derivatives by the shape parameters."""
        columns = [np.asarray(s, dtype=float)[..., None] for s in shape]
        zero = np.zeros(np.broadcast_shapes(*(c.shape for c in columns)))
        # By the envelope theorem the maximum's place adds nothing to the derivatives.
        at = zero if self.summit is None else self.summit(*columns)[0]
        height, gradient = self.evaluate(at, zero, *columns)
        return height[..., 0], tuple(np.broadcast_to(g, height.shape)[..., 0] for g in gradient[1:])


def _gaussian(x: FloatArray, center: FloatArray, fwhm: FloatArray) -> tuple[FloatArray, Gradient]:
    """Evaluate g = (2/w)·√(ln 2/π)·exp(−4 ln 2·(x − c)²/w²)."""
    inverse = 1.0 / fwhm
    t = (x - center) * inverse
    t2 = t * t
    g = (GAUSS * inverse) * np.exp(np.maximum(-4.0 * LN2 * t2, _FAR))
    slope = (8.0 * LN2) * t
    return g, (g * slope * inverse, g * (slope * t - 1.0) * inverse)


def _lorentzian(x: FloatArray, center: FloatArray, fwhm: FloatArray) -> tuple[FloatArray, Gradient]:
    """Evaluate g = (2/πw)/(1 + 4(x − c)²/w²)."""
    inverse = 1.0 / fwhm
    t = (x - center) * inverse
    bottom = 1.0 / (1.0 + 4.0 * t * t)
    g = (2.0 / np.pi * inverse) * bottom
    slope = 8.0 * t * bottom
    return g, (g * slope * inverse, g * (slope * t - 1.0) * inverse)


def _gaussian_alone(x: FloatArray, center: FloatArray, fwhm: FloatArray) -> FloatArray:
    """Evaluate the same without derivatives."""
    g = np.asarray((x - center) * (1.0 / fwhm))
    g = np.asarray(g * g)
    g *= -4.0 * LN2
    np.maximum(g, _FAR, out=g)
    np.exp(g, out=g)
    g *= GAUSS * (1.0 / fwhm)
    return g


def _fill_gaussian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, out: Sequence[FloatArray]
) -> None:
    """Write G = exp(−t² ln 2), t·G and t²·G with t = 2(x − c)/w."""
    bell, by_t, by_t2 = out
    np.subtract(x, center, out=by_t)
    by_t *= 2.0 / fwhm
    np.multiply(by_t, by_t, out=by_t2)
    np.multiply(by_t2, -LN2, out=bell)
    np.maximum(bell, _UNDERFLOW, out=bell)
    np.exp(bell, out=bell)
    by_t *= bell
    by_t2 *= bell


def _mix_gaussian(area: FloatArray, fwhm: FloatArray) -> FloatArray:
    """Coefficients (..., 3, 3) of what `_fill_gaussian` writes, as `ProfileBasis.mixing`."""
    inverse = 1.0 / fwhm
    top = GAUSS * inverse
    mixing = np.zeros((*area.shape, 3, 3))
    mixing[..., 1, 0] = 4.0 * LN2 * inverse * top * area
    mixing[..., 0, 1] = top
    mixing[..., 0, 2] = -area * top * inverse
    mixing[..., 2, 2] = 2.0 * LN2 * area * top * inverse
    return mixing


def _lorentzian_alone(x: FloatArray, center: FloatArray, fwhm: FloatArray) -> FloatArray:
    """Evaluate the same without derivatives."""
    g = np.asarray((x - center) * (1.0 / fwhm))
    g = np.asarray(g * g)
    g *= 4.0
    g += 1.0
    np.divide(2.0 / np.pi * (1.0 / fwhm), g, out=g)
    return g


def _fill_lorentzian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, out: Sequence[FloatArray]
) -> None:
    """Write L = 1/(1 + t²), t·L² and L² with t = 2(x − c)/w."""
    bell, by_t, square = out
    np.subtract(x, center, out=by_t)
    by_t *= 2.0 / fwhm
    np.multiply(by_t, by_t, out=bell)
    bell += 1.0
    np.divide(1.0, bell, out=bell)
    np.multiply(bell, bell, out=square)
    by_t *= square


def _mix_lorentzian(area: FloatArray, fwhm: FloatArray) -> FloatArray:
    """Coefficients (..., 3, 3) of what `_fill_lorentzian` writes, as `ProfileBasis.mixing`.

    As t²·L² = L − L², w·∂g/∂w = (2/πw)·(2t²L² − L) = (2/πw)·(L − 2L²).
    """
    inverse = 1.0 / fwhm
    top = 2.0 / np.pi * inverse
    mixing = np.zeros((*area.shape, 3, 3))
    mixing[..., 1, 0] = 4.0 * area * top * inverse
    mixing[..., 0, 1] = top
    mixing[..., 0, 2] = area * top * inverse
    mixing[..., 2, 2] = -2.0 * area * top * inverse
    return mixing


def _pearson7(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, exponent: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate g = N·(1 + k·t²)^−m, t = 2(x − c)/w, k = 2^(1/m) − 1, N = 2√k·Γ(m)/(√π·Γ(m − ½)·w).

    M. M. Hall et al., J. Appl. Cryst. 10 (1977) 66. Lorentzian for m = 1, Gaussian for m → ∞.
    """
    m, w = exponent, fwhm
    k = np.expm1(LN2 / m)
    k_slope = -LN2 / m**2 * (1.0 + k)
    t = 2.0 * (x - center) / w
    inside = k * t * t
    log_bottom = np.log1p(inside)
    norm = 2.0 * np.sqrt(k / np.pi) / w * np.exp(gammaln(m) - gammaln(m - 0.5))
    g = norm * np.exp(-m * log_bottom)
    slope = 2.0 * m * k * t / (1.0 + inside)
    by_center = g * slope * 2.0 / w
    by_width = g * (slope * t - 1.0) / w
    log_norm_slope = 0.5 * k_slope / k + digamma(m) - digamma(m - 0.5)
    by_m = g * (log_norm_slope - log_bottom - m * t * t * k_slope / (1.0 + inside))
    return g, (by_center, by_width, by_m)


def _voigt(
    x: FloatArray, center: FloatArray, fwhm_gauss: FloatArray, fwhm_lorentz: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate g = Re w(z)/(σ√(2π)), z = (x − c + iγ)/(σ√2): the convolution of both, exactly.

    B. H. Armstrong, J. Quant. Spectrosc. Radiat. Transf. 7 (1967) 61; w′(z) = 2i/√π − 2z·w(z).
    """
    sigma = fwhm_gauss * _SIGMA
    gamma = 0.5 * fwhm_lorentz
    root = sigma * np.sqrt(2.0)
    z = (x - center + 1j * gamma) / root
    w = wofz(z)
    slope = 2j / np.sqrt(np.pi) - 2.0 * z * w
    norm = 1.0 / (sigma * np.sqrt(2.0 * np.pi))
    g = norm * w.real
    by_center = -norm * slope.real / root
    by_sigma = -(g + norm * (slope * z).real) / sigma
    by_gamma = -norm * slope.imag / root
    return g, (by_center, by_sigma * _SIGMA, 0.5 * by_gamma)


def _tch(
    x: FloatArray, center: FloatArray, fwhm_gauss: FloatArray, fwhm_lorentz: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Pseudo-Voigt with the width and mixing of a Voigt of the given parts.

    P. Thompson, D. E. Cox and J. B. Hastings, J. Appl. Cryst. 20 (1987) 79,
    doi:10.1107/S0021889887087090: Γ⁵ = Γ_G⁵ + 2.69269Γ_G⁴Γ_L + … + Γ_L⁵ and
    η = 1.36603q − 0.47719q² + 0.11116q³, q = Γ_L/Γ.
    """
    (total, total_slopes), (eta, eta_slopes) = tch_parts(fwhm_gauss, fwhm_lorentz)
    g, (by_center, by_width, by_eta) = pseudo_voigt(x, center, total, eta)
    return g, (
        by_center,
        *(by_width * a + by_eta * b for a, b in zip(total_slopes, eta_slopes, strict=True)),
    )


def tch_parts(
    fwhm_gauss: FloatArray, fwhm_lorentz: FloatArray
) -> tuple[tuple[FloatArray, Gradient], tuple[FloatArray, Gradient]]:
    """Total width and mixing of Thompson, Cox and Hastings, each with its gradient.

    P. Thompson, D. E. Cox and J. B. Hastings, J. Appl. Cryst. 20 (1987) 79. Either width may
    be 0; of both only one.
    """
    a, b = fwhm_gauss, fwhm_lorentz
    c1, c2, c3, c4 = _TCH
    power5 = a * (a * (a * (a * (a + c1 * b) + c2 * b**2) + c3 * b**3) + c4 * b**4) + b**5
    total = np.asarray(power5) ** 0.2
    inverse = 0.2 * total / power5
    b2 = b * b
    by_a = a * (a * (a * (5.0 * a + 4.0 * c1 * b) + 3.0 * c2 * b2) + 2.0 * c3 * b * b2)
    by_a = (by_a + c4 * b2 * b2) * inverse
    by_b = a * (a * (a * (c1 * a + 2.0 * c2 * b) + 3.0 * c3 * b2) + 4.0 * c4 * b * b2)
    by_b = (by_b + 5.0 * b2 * b2) * inverse
    q = b / total
    eta = q * (1.36603 + q * (-0.47719 + 0.11116 * q))
    eta_slope = 1.36603 + q * (-2 * 0.47719 + 3 * 0.11116 * q)
    q_a, q_b = -q * by_a / total, (1.0 - q * by_b) / total
    return (total, (by_a, by_b)), (eta, (eta_slope * q_a, eta_slope * q_b))


def _own_width(fwhm: FloatArray, *others: FloatArray) -> tuple[FloatArray, Gradient]:
    w = fwhm
    return w, (np.ones_like(w), *(np.zeros_like(w) for _ in others))


def _voigt_width(fwhm_gauss: FloatArray, fwhm_lorentz: FloatArray) -> tuple[FloatArray, Gradient]:
    a, b = fwhm_gauss, fwhm_lorentz
    root = np.sqrt(_OLIVERO[1] * b**2 + a**2)
    return _OLIVERO[0] * b + root, (a / root, _OLIVERO[0] + _OLIVERO[1] * b / root)


def _tch_width(fwhm_gauss: FloatArray, fwhm_lorentz: FloatArray) -> tuple[FloatArray, Gradient]:
    return tch_parts(fwhm_gauss, fwhm_lorentz)[0]


_FWHM = {"fwhm": _POSITIVE}
_ETA = {"eta": (0.0, 1.0)}
_TWO_WIDTHS = {"fwhm_gauss": _POSITIVE, "fwhm_lorentz": (0.0, np.inf)}

PROFILES: Mapping[str, Profile] = {
    p.name: p
    for p in (
        Profile(
            *("gaussian", ("fwhm",), _FWHM, {}, _gaussian, _own_width),
            ProfileBasis(3, 1, _fill_gaussian, _mix_gaussian),
            _gaussian_alone,
        ),
        Profile(
            *("lorentzian", ("fwhm",), _FWHM, {}, _lorentzian, _own_width),
            ProfileBasis(3, 1, _fill_lorentzian, _mix_lorentzian),
            _lorentzian_alone,
        ),
        Profile(
            *("pseudo_voigt", ("fwhm", "eta"), _FWHM | _ETA, {"eta": 0.5}),
            *(pseudo_voigt, _own_width),
            ProfileBasis(4, 2, fill_pseudo_voigt, mix_pseudo_voigt),
            pseudo_voigt_alone,
        ),
        Profile(
            *("split_pseudo_voigt", ("fwhm", "asymmetry", "eta")),
            *(_FWHM | {"asymmetry": (-0.9, 0.9)} | _ETA, {"asymmetry": 0.0, "eta": 0.5}),
            *(split_pseudo_voigt, _own_width),
        ),
        Profile(
            *("pearson7", ("fwhm", "exponent"), _FWHM | {"exponent": (0.6, 100.0)}),
            *({"exponent": 1.8}, _pearson7, _own_width),
        ),
        Profile("voigt", ("fwhm_gauss", "fwhm_lorentz"), _TWO_WIDTHS, {}, _voigt, _voigt_width),
        Profile("tch", ("fwhm_gauss", "fwhm_lorentz"), _TWO_WIDTHS, {}, _tch, _tch_width),
        Profile(
            *("breit_wigner_fano", ("fwhm", "coupling"), _FWHM | {"coupling": (-0.9, 0.9)}),
            *({"coupling": 0.0}, breit_wigner_fano, _own_width),
            summit=fano_summit,
        ),
    )
}


def get_profile(name: str) -> Profile:
    """Return the profile of a name.

    Raises
    ------
    SettingError
        For an unknown name, with the nearest known one.
    """
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name, PROFILES, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise SettingError(f"no profile {name!r}; {hint}There are {', '.join(PROFILES)}")
