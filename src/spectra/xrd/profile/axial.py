"""Axial divergence: how far lines are smeared out of the equatorial plane.

L. W. Finger, D. E. Cox and A. P. Jephcoat, J. Appl. Cryst. 27 (1994) 892,
doi:10.1107/S0021889894004218, after B. van Laar and W. B. Yelon, J. Appl. Cryst. 17 (1984) 47.
A sample of half height S and a detector slit of half height H at the distance L: a pair of
points that differ by h = u·L in height sees the line of 2θ at 2φ, cos 2φ = cos 2θ·√(1 + u²),
and the number of pairs is a trapezoid W(u), constant up to |S − H|/L and zero from (S + H)/L.
Their integral over 2φ becomes, over u, of the weight W(u)/((1 + u²)·sin 2φ), which
has no singularity.

The line is its own profile at K shifted positions with K weights: the Gauss quadrature of the
weight W(u) for functions of u², as 2φ is. Its nodes hang on S/H alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal

from spectra.errors import SettingError
from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]

NODES = (1, 2, 4, 8, 16, 32, 64)
_PANEL = 160
# Nodes a refinement can afford.
_MOST = 16
_DEGREES = 180.0 / np.pi


@dataclass(frozen=True)
class AxialNodes:
    """Shifted positions of lines, K for each.

    Attributes
    ----------
    shift : array (rows, L, K)
        To be added to 2θ (deg); negative below 90°.
    weight : array (rows, L, K)
        Of sum 1.
    shift_by_values, weight_by_values : array (rows, L, K, 2)
        Derivatives by the two values of the divergence: here S/L and H/L.
    shift_by_two_theta, weight_by_two_theta : array (rows, L, K)
        Derivatives by 2θ, per deg.
    """

    shift: FloatArray
    weight: FloatArray
    shift_by_values: FloatArray
    weight_by_values: FloatArray
    shift_by_two_theta: FloatArray
    weight_by_two_theta: FloatArray


class AxialTerm(Protocol):
    """What axial divergence is made of: two values, and the lines they split a line into."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]: ...

    def nodes(self, two_theta: FloatArray, values: FloatArray, count: int) -> AxialNodes: ...

    def needed(
        self, two_theta: ArrayLike, values: ArrayLike, fwhm: ArrayLike, tolerance: float
    ) -> NDArray[np.int64]: ...


def axial_nodes(two_theta: ArrayLike, s_l: ArrayLike, h_l: ArrayLike, count: int) -> AxialNodes:
    """Nodes of axial divergence.

    Without divergence all shifts are zero, and so is their derivative by S/L and H/L: a
    refinement of them must start above zero. Pairs of heights that see no line because 2θ is
    below that of the cone (tan 2θ < u) count nothing.

    Parameters
    ----------
    two_theta : array (rows, L)
        Deg, between 0 and 180.
    s_l, h_l : array (rows,)
        Half heights of sample and detector slit over the radius of the diffractometer.
    count : int
        K, one of 1, 2, 4 … 64; see `nodes_needed`.

    Returns
    -------
    AxialNodes
    """
    if count not in NODES:
        raise SettingError(f"{count} nodes; expected one of {', '.join(map(str, NODES))}")
    s, h = (np.abs(np.asarray(v, dtype=float))[..., None, None] for v in (s_l, h_l))
    angle = np.radians(np.asarray(two_theta, dtype=float))[..., None]
    total = s + h
    safe = np.where(total > 0.0, total, 1.0)
    skew = np.where(total > 0.0, (s - h) / safe, 0.0)
    node, weight, node_slope, weight_slope = _rule(count, skew**2)
    u = total * node
    # total·∂(skew²)/∂S = 2·skew·(1 − skew), and by H the same with −(1 + skew).
    turns = (2.0 * skew * (1.0 - skew), -2.0 * skew * (1.0 + skew))
    root = np.sqrt(1.0 + u * u)
    cosine = np.cos(angle) * root
    seen = np.abs(cosine) < 1.0
    cosine = np.where(seen, cosine, 0.0)
    sine = np.sqrt(1.0 - cosine * cosine)
    # 2φ − 2θ without the loss of digits of a difference of arccosines
    numerator = -np.cos(angle) * u * u / (root + 1.0)
    shift = 2.0 * np.arcsin(
        np.clip(numerator / (2.0 * np.sin(0.5 * (angle + np.arccos(cosine)))), -1.0, 1.0)
    )
    raw = np.where(seen, weight / (root * root * sine), 0.0)
    bottom = raw.sum(axis=-1, keepdims=True)
    bottom = np.where(bottom > 0.0, bottom, 1.0)
    norm = raw / bottom
    by_u = np.where(seen, -np.cos(angle) * u / (root * sine), 0.0)
    by_angle = np.where(seen, np.sin(angle) * root / sine, 1.0)
    cotangent = cosine / sine
    slopes: list[tuple[FloatArray, FloatArray]] = []
    for turn in turns:
        u_slope = node + node_slope * turn
        phi_slope = by_u * u_slope
        log_slope = weight_slope / weight * turn / safe
        log_slope = log_slope - 2.0 * u / (root * root) * u_slope - cotangent * phi_slope
        slopes.append((_DEGREES * phi_slope, _normalised(norm, log_slope)))
    return AxialNodes(
        _DEGREES * np.where(seen, shift, 0.0),
        norm,
        np.stack([shift_slope for shift_slope, _ in slopes], axis=-1),
        np.stack([of_weight for _, of_weight in slopes], axis=-1),
        np.where(seen, by_angle - 1.0, 0.0),
        _normalised(norm, -cotangent * by_angle) / _DEGREES,
    )


@dataclass(frozen=True)
class AxialHeights:
    """Axial divergence of the diffracted beam, by the heights of sample and detector slit."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The two heights."""
        return (
            Coefficient("s_l", "", "half height of the sample over the radius", 0.0, 0.0, 0.2),
            Coefficient("h_l", "", "half height of the slit over the radius", 0.0, 0.0, 0.2),
        )

    def nodes(self, two_theta: FloatArray, values: FloatArray, count: int) -> AxialNodes:
        """`axial_nodes` for heights (rows, 2)."""
        return axial_nodes(two_theta, values[:, 0], values[:, 1], count)

    def needed(
        self, two_theta: ArrayLike, values: ArrayLike, fwhm: ArrayLike, tolerance: float
    ) -> NDArray[np.int64]:
        """`nodes_needed` of lines (L,) for heights (2,)."""
        s_l, h_l = np.asarray(values, dtype=float)
        if s_l + h_l == 0.0:
            return np.ones(np.shape(two_theta), np.int64)
        angle, width = np.asarray(two_theta)[None], np.asarray(fwhm)[None]
        needed = nodes_needed(angle, np.array([s_l]), np.array([h_l]), width, tolerance)
        return np.asarray(np.minimum(needed[0], _MOST))


def _normalised(weight: FloatArray, log_slope: FloatArray) -> FloatArray:
    """Derivative of weights of sum 1 from that of their logarithms before normalisation."""
    mean = (weight * log_slope).sum(axis=-1, keepdims=True)
    return np.asarray(weight * (log_slope - mean))


def nodes_needed(
    two_theta: ArrayLike,
    s_l: ArrayLike,
    h_l: ArrayLike,
    fwhm: ArrayLike,
    tolerance: float = 1e-6,
) -> NDArray[np.int64]:
    """Least K of 1, 2, 4 … 64 for an error below `tolerance` of the height of a line.

    The error of a Gauss quadrature falls as ρ^(−2K), with ρ = z + √(1 + z²) for a profile with
    poles at ±iΓ/2 and z = Γ/Δ, Δ the greatest shift (L. N. Trefethen, SIAM Rev. 50 (2008) 67);
    near the beam, where the shifts bend, Δ counts more.

    Parameters
    ----------
    two_theta : array (rows, L)
        Deg.
    s_l, h_l : array (rows,)
    fwhm : array (rows, L)
        Deg.
    tolerance : float

    Returns
    -------
    int array (rows, L)
    """
    angle = np.radians(np.asarray(two_theta, dtype=float))
    total = np.asarray(np.abs(s_l) + np.abs(h_l), dtype=float)[..., None]
    cosine = np.minimum(np.abs(np.cos(angle)) * np.sqrt(1.0 + total**2), 1.0)
    spread = (np.arccos(np.abs(np.cos(angle))) - np.arccos(cosine)) * _DEGREES
    # Twice the linear estimate tells how near the pole of 2φ at tan 2θ = u is.
    bend = np.minimum((total / np.abs(np.tan(angle))) ** 2, 1.0)
    width = np.asarray(fwhm, dtype=float)
    with np.errstate(divide="ignore"):
        rate = 2.0 * np.arcsinh(width / np.maximum(spread, 1e-12))
        rate = np.minimum(rate, np.where(bend < 1.0, 2.0 * np.arccosh(2.0 / bend - 1.0), 1e-3))
    return count_for(rate, tolerance)


def count_for(rate: FloatArray, tolerance: float) -> NDArray[np.int64]:
    """Least K of `NODES` for errors that fall as exp(−rate·K)."""
    needed = np.log(1.0 / tolerance) / rate
    steps = np.array(NODES)
    return np.asarray(steps[np.minimum(np.searchsorted(steps, needed), len(steps) - 1)])


def _rule(count: int, skew2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Nodes u/(S + H) and weights (..., K), and their derivatives by ((S − H)/(S + H))²."""
    series, slopes = _series(count)
    x = 2.0 * skew2[..., 0] - 1.0
    # Nodes last in memory too: the order of later sums over them must not hang on the rows.
    values, derivatives = (
        np.ascontiguousarray(np.moveaxis(chebyshev.chebval(x, c), 0, -1), dtype=np.float64)
        for c in (series, slopes)
    )
    derivatives = 2.0 * derivatives
    return (
        values[..., :count],
        values[..., count:],
        derivatives[..., :count],
        derivatives[..., count:],
    )


@cache
def _series(count: int) -> tuple[FloatArray, FloatArray]:
    """Chebyshev series (terms, 2K) of nodes and weights in skew², and of their derivatives."""
    # So many that nodes and weights are good to 1e-13, also where S or H vanishes.
    terms = max(24, 10 * count)
    points = chebyshev.chebpts1(terms)
    table = np.array([np.concatenate(_gauss(count, 0.5 * (p + 1.0))) for p in points])
    series = 2.0 / terms * (chebyshev.chebvander(points, terms - 1).T @ table)
    series[0] *= 0.5
    return series, chebyshev.chebder(series)


@lru_cache(maxsize=1)
def _legendre() -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre rule on (0, 1), exact for all that `_gauss` integrates."""
    x, w = np.polynomial.legendre.leggauss(_PANEL)
    return 0.5 * (x + 1.0), 0.5 * w


def _gauss(count: int, skew2: float) -> tuple[FloatArray, FloatArray]:
    """Gauss rule for functions of u² under the trapezoid, as nodes u and weights of sum 1."""
    edge = np.sqrt(skew2)
    x, w = _legendre()
    u = np.concatenate([edge * x, edge + (1.0 - edge) * x])
    measure = np.concatenate([edge * w * (1.0 - edge), (1.0 - edge) * w * (1.0 - edge) * (1.0 - x)])
    square, weight = gauss_rule(count, u * u, measure / measure.sum())
    return np.sqrt(square), weight


def gauss_rule(count: int, v: FloatArray, measure: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gauss rule, nodes and weights of sum 1, for functions of v under a discrete weight.

    Stieltjes' procedure (W. Gautschi, Orthogonal Polynomials (2004), ch. 2.2), then G. H. Golub
    and J. H. Welsch, Math. Comp. 23 (1969) 221.
    """
    diagonal, off = np.empty(count), np.empty(count)
    before, now = np.zeros_like(v), np.ones_like(v)
    norm_before = 1.0
    for k in range(count):
        norm = (measure * now**2).sum()
        diagonal[k] = (measure * v * now**2).sum() / norm
        off[k] = norm / norm_before
        before, now = now, (v - diagonal[k]) * now - (off[k] if k else 0.0) * before
        norm_before = norm
    values, vectors = eigh_tridiagonal(diagonal, np.sqrt(off[1:]))
    return np.asarray(values, dtype=float), np.asarray(vectors[0] ** 2, dtype=float)
