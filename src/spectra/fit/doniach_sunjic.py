"""The Doniach–Šunjić line convolved with a Gaussian, with its exact derivatives.

S. Doniach and M. Šunjić, J. Phys. C 3 (1970) 285, doi:10.1088/0022-3719/3/2/010, eq. 10. In the
time domain the line is t^−α·exp(−γt), and a Gaussian multiplies it by exp(−σ²t²/2), so that the
convolution is

    f(u) = Re[exp(−iπα/2)·W((γ − iu)/σ)]/(πσ·Γ(1 − α)),  W(s) = ∫₀^∞ t^−α·exp(−t²/2 − st)dt,

u = x − c on the axis of binding energy. It is the Voigt profile of unit area for α = 0; for
α > 0 its tail falls as u^(α − 1) and has no finite area.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Gradient = tuple[FloatArray, ...]

_SIGMA = float(1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0))))
# exp(−t²/2) is 1e-17 at the end of the integral; beyond |s| = _FAR the series holds 11 digits.
_END, _NODES, _FAR, _TERMS = 8.8, 72, 7.0, 24


def doniach_sunjic(
    x: FloatArray,
    center: FloatArray,
    fwhm_lorentz: FloatArray,
    asymmetry: FloatArray,
    fwhm_gauss: FloatArray,
) -> tuple[FloatArray, Gradient]:
    """Evaluate the line and its derivatives by centre, Lorentzian width 2γ, α and Gaussian width.

    `center` is the threshold of the unbroadened line; the maximum lies a little above it.
    """
    gamma, sigma, u = 0.5 * fwhm_lorentz, fwhm_gauss * _SIGMA, x - center
    s: ComplexArray = np.asarray((gamma - 1j * u) / sigma, dtype=np.complex128)
    alpha = np.broadcast_to(asymmetry, np.broadcast_shapes(np.shape(asymmetry), s.shape))
    w, by_s, by_alpha = _integral(s, asymmetry, alpha)
    turn = np.exp(-0.5j * np.pi * asymmetry)
    norm = np.exp(-gammaln(1.0 - asymmetry)) / (np.pi * sigma)
    g = norm * (turn * w).real
    inner = turn * by_s / sigma
    by_u, by_gamma = norm * inner.imag, norm * inner.real
    own = norm * (turn * (by_alpha - 0.5j * np.pi * w)).real + g * digamma(1.0 - asymmetry)
    by_sigma = -(g + u * by_u + gamma * by_gamma) / sigma
    return g, (-by_u, 0.5 * by_gamma, own, by_sigma * _SIGMA)


def _integral(
    s: ComplexArray, asymmetry: FloatArray, alpha: FloatArray
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """W(s) and its derivatives by s and α."""
    far = np.abs(s) > _FAR
    t, _ = _nodes()
    weights, slopes = _weights(asymmetry)
    near = np.where(far, _FAR, s)
    wave = np.exp(-0.5 * t**2 - near[..., None] * t)
    value = (wave * weights).sum(axis=-1)
    by_s = -(wave * (weights * t)).sum(axis=-1)
    by_alpha = (wave * slopes).sum(axis=-1)
    if far.any():
        found = _series(s[far], alpha[far])
        for out, part in zip((value, by_s, by_alpha), found, strict=True):
            out[far] = part
    return value, by_s, by_alpha


def _series(s: ComplexArray, alpha: FloatArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """The same for large |s|: Σ (−½)ᵏ/k!·Γ(2k + 1 − α)/s^(2k + 1 − α), up to its least term."""
    log = np.log(s)
    term = np.exp(gammaln(1.0 - alpha) - (1.0 - alpha) * log)
    psi = digamma(1.0 - alpha)
    value, by_s, by_alpha = (np.zeros_like(term) for _ in range(3))
    inverse = 1.0 / s**2
    for k in range(_TERMS):
        power = 2 * k + 1 - alpha
        value += term
        by_s -= power * term / s
        by_alpha += term * (log - psi)
        psi = psi + 1.0 / power + 1.0 / (power + 1.0)
        grown = -0.5 / (k + 1) * power * (power + 1.0) * inverse
        term = np.where(np.abs(grown) < 1.0, term * grown, 0.0)
    return value, by_s, by_alpha


@lru_cache(maxsize=1)
def _nodes() -> tuple[FloatArray, FloatArray]:
    """Nodes (n,) on [0, end], and (2j + 1)·wₖ·Pⱼ(tₖ) (n, n) that turn moments into weights."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    table = np.polynomial.legendre.legvander(node, _NODES - 1)
    order = 2.0 * np.arange(_NODES) + 1.0
    return 0.5 * _END * (node + 1.0), 0.5 * weight[:, None] * order * table


def _weights(alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights (..., n) of ∫₀^end t^−α·f(t)dt = Σ wₖ·f(tₖ), and their derivatives by α.

    Exact for polynomials of degree n − 1, by the moments of shifted Legendre polynomials,
    ∫₀¹ v^−α·Pⱼ(v)dv = (−1)ʲ·(α)ⱼ/(1 − α)ⱼ₊₁ (Gradshteyn and Ryzhik, eq. 7.127).
    """
    a = np.asarray(alpha, dtype=float)
    moments, slopes = np.empty((*a.shape, _NODES)), np.empty((*a.shape, _NODES))
    moment = 1.0 / (1.0 - a)
    slope = moment**2
    for j in range(_NODES):
        moments[..., j], slopes[..., j] = moment, slope
        ratio = -(a + j) / (j + 2.0 - a)
        by_a = -1.0 / (j + 2.0 - a) + ratio / (j + 2.0 - a)
        moment, slope = moment * ratio, slope * ratio + moment * by_a
    _, turn = _nodes()
    scale = (_END ** (1.0 - a))[..., None]
    weights = scale * (moments @ turn.T)
    return weights, scale * (slopes @ turn.T) - np.log(_END) * weights
