"""The EXAFS equation for many frames at once, with exact derivatives by all it depends on.

A path of half length R (FEFF's ``reff``) contributes (M. Newville, Rev. Mineral. Geochem. 78
(2014) 33; J. J. Rehr and R. C. Albers, Rev. Mod. Phys. 72 (2000) 621, eq. 37), in the form in
which IFEFFIT and Larch evaluate it,

    χ(k) = Im[ N·S₀²·F(q)/(q·(R + ΔR)²) · exp(−2R·Im p − 2p²σ² + ⅔p⁴c₄)
               · exp(i·{2qR + Φ(q) + 2p·(ΔR − 2σ²/R) − ⁴⁄₃p³c₃}) ]

with q² = k² − E₀·2m/ħ², the complex wavenumber p² = (Re p + i/λ)² + i·E_i·2m/ħ², and F, Φ, Re p
and λ of FEFF at q by the interpolating cubic spline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.constants import electron_mass, elementary_charge, hbar
from scipy.interpolate import CubicSpline

from spectra.fit.expressions import Dual
from spectra.xas.paths.path import ScatteringPath

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.intp]

QUANTITIES = ("amplitude", "e0", "delta_r", "sigma2", "c3", "c4", "ei")
"""What a path depends on: N·S₀², E₀ (eV), ΔR (angstrom), σ² (angstrom²), c₃, c₄ and E_i (eV)."""

# 2m/ħ² in 1/(eV angstrom²): q² = k² − E₀ of it.
WAVENUMBER_PER_EV = 2.0 * electron_mass * elementary_charge / (hbar**2 * 1e20)
# Where q² is closer to zero than this it is moved there, as Larch does.
_SMALL = 1e-6

Quantities = Sequence[Dual]
"""One for each of `QUANTITIES`."""


@dataclass(frozen=True)
class PathCurves:
    """FEFF's curves of a path as cubic splines.

    Attributes
    ----------
    reff : float
        (angstrom)
    knots : array (knots,)
        k (1/angstrom)
    powers : array (4, 4, knots − 1)
        Coefficients of F, Φ, Re p and λ by falling powers of k from the knot below.
    """

    reff: float
    knots: FloatArray
    powers: FloatArray

    @classmethod
    def of(cls, path: ScatteringPath) -> PathCurves:
        """The splines of a path."""
        curves = (path.amplitude, path.phase, path.real_p, path.mean_free_path)
        powers = [CubicSpline(path.k, curve, bc_type="not-a-knot").c for curve in curves]
        return cls(path.reff, path.k, np.ascontiguousarray(np.stack(powers)))


@dataclass(frozen=True)
class Place:
    """Where on FEFF's grid the wavenumbers of some frames lie.

    Attributes
    ----------
    q : array (rows, points)
        1/angstrom; negative below the edge.
    slope : array (rows, points)
        ∂q/∂E₀.
    piece : int array (rows, points)
        Piece of the splines.
    step : array (rows, points)
        From the knot below.
    """

    q: FloatArray
    slope: FloatArray
    piece: IntArray
    step: FloatArray

    @classmethod
    def of(cls, knots: FloatArray, k: FloatArray, e0: FloatArray) -> Place:
        """At k (points,) for E₀ (rows,) or one for all."""
        square = k * k - WAVENUMBER_PER_EV * np.reshape(e0, (-1, 1))
        square = np.where(np.abs(square) < 1.5 * _SMALL, _SMALL, square)
        size = np.sqrt(np.abs(square))
        q = np.copysign(size, square)
        piece = np.searchsorted(knots[1:-1], q, side="right")
        return cls(q, -0.5 * WAVENUMBER_PER_EV / size, piece, q - knots[piece])

    def curve(self, powers: FloatArray, slope: bool) -> tuple[FloatArray, FloatArray | None]:
        """Value and, if wanted, derivative by q of a spline (4, pieces)."""
        a, b, c, d = (np.take(p, self.piece) for p in powers)
        x = self.step
        inner = a * x + b
        value = (inner * x + c) * x + d
        if not slope:
            return value, None
        return value, (2.0 * inner + a * x) * x + c


class Contribution:
    """χ(k) of one path in some frames, and its derivatives by `QUANTITIES`.

    Parameters
    ----------
    curves : PathCurves
    place : Place
        Of the k of the data for the path's E₀.
    quantities : sequence of Dual
        Values (rows,) or scalars; what has no slopes gets no derivatives.
    """

    def __init__(self, curves: PathCurves, place: Place, quantities: Quantities) -> None:
        self._reff, self._place, self._quantities = curves.reff, place, quantities
        columns = (np.reshape(np.asarray(q.value, dtype=float), (-1, 1)) for q in quantities)
        self._amplitude, _, self._dr, self._s2, self._c3, self._c4, self._ei = columns
        tracked = bool(quantities[1].slopes)
        spline = [place.curve(powers, tracked) for powers in curves.powers]
        (self._f, self._df), (phase, self._dphase), (rep, drep), (lam, dlam) = spline
        damping = 1.0 / lam
        self._p0: ComplexArray = rep + 1j * damping
        self._dp0: ComplexArray | None = None
        if drep is not None and dlam is not None:
            self._dp0 = drep - 1j * (damping * damping * dlam)
        self._pp = self._p0 * self._p0
        self._p = self._p0
        if quantities[6].slopes or np.any(self._ei):
            self._pp = self._pp + 1j * (WAVENUMBER_PER_EV * self._ei)
            self._p = np.sqrt(self._pp)
        self._wave = self._make_wave(phase)

    def _make_wave(self, phase: FloatArray) -> ComplexArray:
        """The wave of amplitude one."""
        reff, p, pp = self._reff, self._p, self._pp
        exponent = p * (2j * (self._dr - 2.0 * self._s2 / reff)) - pp * (2.0 * self._s2)
        if self._has(4):
            exponent -= p * pp * (4j / 3.0 * self._c3)
        if self._has(5):
            exponent += pp * pp * (2.0 / 3.0 * self._c4)
        exponent.real -= (2.0 * reff) * p.imag
        exponent.imag += (2.0 * reff) * self._place.q + phase
        size = np.exp(exponent.real)
        size *= self._f / (self._place.q * (reff + self._dr) ** 2)
        wave = np.empty(exponent.shape, dtype=complex)
        np.multiply(size, np.cos(exponent.imag), out=wave.real)
        np.multiply(size, np.sin(exponent.imag), out=wave.imag)
        return wave

    def _has(self, number: int) -> bool:
        """Whether a quantity is there at all."""
        quantity = self._quantities[number]
        return bool(quantity.slopes) or bool(np.any(quantity.value))

    @property
    def value(self) -> FloatArray:
        """χ(k) (rows, points)."""
        return np.asarray(self._amplitude * self._wave.imag)

    def slope(self, number: int) -> FloatArray:
        """∂χ/∂(a quantity) (rows, points)."""
        if number == 0:
            return self._wave.imag
        factor = (
            *(self._by_e0, self._by_delta_r, self._by_sigma2, self._by_c3, self._by_c4),
            self._by_ei,
        )[number - 1]()
        product = self._wave.real * factor.imag
        product += self._wave.imag * factor.real
        product *= self._amplitude
        return product

    # What follows are the derivatives of the logarithm of the wave.

    def _by_delta_r(self) -> ComplexArray:
        return np.asarray(2j * self._p - 2.0 / (self._reff + self._dr))

    def _by_sigma2(self) -> ComplexArray:
        return np.asarray(-2.0 * self._pp - (4j / self._reff) * self._p)

    def _by_c3(self) -> ComplexArray:
        return np.asarray((-4j / 3.0) * self._p * self._pp)

    def _by_c4(self) -> ComplexArray:
        return np.asarray((2.0 / 3.0) * self._pp * self._pp)

    def _by_ei(self) -> ComplexArray:
        return self._by_square(np.full(self._pp.shape, 1j * WAVENUMBER_PER_EV))

    def _by_square(self, change: ComplexArray) -> ComplexArray:
        """By p², which changes by `change`."""
        p, pp, reff = self._p, self._pp, self._reff
        change_p = change / (2.0 * p)
        by_p = 2j * (self._dr - 2.0 * self._s2 / reff) - 4.0 * self._s2 * p
        if self._has(4):
            by_p = by_p - 4j * self._c3 * pp
        if self._has(5):
            by_p = by_p + (8.0 / 3.0) * self._c4 * pp * p
        found: ComplexArray = np.asarray(by_p * change_p)
        found.real -= (2.0 * reff) * change_p.imag
        return found

    def _by_e0(self) -> ComplexArray:
        assert self._dp0 is not None
        assert self._df is not None
        assert self._dphase is not None
        by_q = self._by_square(2.0 * self._p0 * self._dp0)
        by_q.real += self._df / self._f - 1.0 / self._place.q
        by_q.imag += 2.0 * self._reff + self._dphase
        return np.asarray(by_q * self._place.slope)


def chi_of_path(path: ScatteringPath, k: FloatArray, **quantities: float) -> FloatArray:
    """χ(k) of one path.

    Parameters
    ----------
    path : ScatteringPath
    k : array (points,)
        1/angstrom.
    **quantities : float
        Those of `QUANTITIES`; the amplitude is the path's degeneracy and the others are zero by
        default.

    Returns
    -------
    array (points,)
    """
    values = {"amplitude": path.degeneracy} | quantities
    duals = [Dual(np.asarray(values.get(name, 0.0), dtype=float), {}) for name in QUANTITIES]
    curves = PathCurves.of(path)
    place = Place.of(curves.knots, k, duals[1].value)
    return np.asarray(Contribution(curves, place, duals).value[0])
