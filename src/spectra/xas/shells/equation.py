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
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.errors import SettingError
from spectra.fit.expressions import Dual
from spectra.units import EV_PER_K2
from spectra.xas.paths.path import ScatteringPath

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

QUANTITIES = ("amplitude", "e0", "delta_r", "sigma2", "c3", "c4", "ei")
"""What a path depends on: N·S₀², E₀ (eV), ΔR (angstrom), σ² (angstrom²), c₃, c₄ and E_i (eV)."""

# 2m/ħ² in 1/(eV angstrom²): q² = k² − E₀ of it.
_PER_EV = 1.0 / EV_PER_K2
# Where q² is closer to zero than this it is moved there, as Larch does.
_SMALL = 1e-6
# Exponents above this would overflow.
_LARGEST = 100.0

Quantities = Sequence[Dual]
"""One for each of `QUANTITIES`."""


@dataclass(frozen=True, eq=False)
class Medium:
    """FEFF's complex wavenumber as cubic splines; all paths of one calculation have the same.

    Attributes
    ----------
    knots : array (knots,)
        k (1/angstrom)
    powers : array (2, 4, knots − 1)
        Coefficients of Re p and λ by falling powers of k from the knot below.
    """

    knots: FloatArray
    powers: FloatArray

    @property
    def key(self) -> bytes:
        """What media that are the same have in common."""
        return self.knots.tobytes() + self.powers.tobytes()


@dataclass(frozen=True, eq=False)
class PathCurves:
    """FEFF's curves of a path as cubic splines.

    Attributes
    ----------
    reff : float
        (angstrom)
    medium : Medium
    powers : array (2, 4, knots − 1)
        Coefficients of F and Φ, as those of the medium.
    """

    reff: float
    medium: Medium
    powers: FloatArray

    @classmethod
    def of(cls, path: ScatteringPath) -> PathCurves:
        """The splines of a path."""

        def splines(*curves: FloatArray) -> FloatArray:
            made = [CubicSpline(path.k, curve, bc_type="not-a-knot").c for curve in curves]
            return np.ascontiguousarray(np.stack(made))

        medium = Medium(path.k, splines(path.real_p, path.mean_free_path))
        return cls(path.reff, medium, splines(path.amplitude, path.phase))


class Wavenumbers:
    """Wavenumbers of some frames at some E₀ and E_i: q and the complex p, with ∂p/∂E₀.

    Parameters
    ----------
    medium : Medium
    k : array (points,)
        1/angstrom
    e0, ei : Dual
        (rows,) or one for all (eV). Derivatives are worked out by what has slopes.
    """

    def __init__(self, medium: Medium, k: FloatArray, e0: Dual, ei: Dual) -> None:
        square = k * k - _PER_EV * np.reshape(e0.value, (-1, 1))
        square = np.where(np.abs(square) < 1.5 * _SMALL, _SMALL, square)
        size = np.sqrt(np.abs(square))
        self.q = np.copysign(size, square)
        self._piece = np.searchsorted(medium.knots[1:-1], self.q, side="right")
        self._step = self.q - np.take(medium.knots, self._piece)
        self.tracked = bool(e0.slopes)
        real, by_real = self.curve(medium.powers[0])
        path_length, by_length = self.curve(medium.powers[1])
        damping = 1.0 / path_length
        self.q_by_e0 = -0.5 * _PER_EV / size
        p = real + 1j * damping
        shift = np.reshape(np.asarray(ei.value, dtype=float), (-1, 1))
        inner = p
        if ei.slopes or shift.any():
            p = np.sqrt(p * p + 1j * _PER_EV * shift)
        self.p, self.square = p, p * p
        self.p_by_q: ComplexArray | None = None
        if by_real is not None and by_length is not None:
            change = by_real - 1j * (damping * damping * by_length)
            self.p_by_q = np.asarray(change if p is inner else change * inner / p, dtype=complex)
        self.p_by_ei: ComplexArray | None = None
        if ei.slopes:
            self.p_by_ei = np.asarray(0.5j * _PER_EV / p)

    def curve(self, powers: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Value at q of a spline (4, pieces), and its derivative if E₀ has slopes."""
        a, b, c, d = (np.take(p, self._piece) for p in powers)
        x = self._step
        a *= x
        inner = a + b
        value = (inner * x + c) * x + d
        if not self.tracked:
            return value, None
        inner += inner
        inner += a
        inner *= x
        inner += c
        return value, inner


class Contribution:
    """χ(k) of one path in some frames, and its derivatives by `QUANTITIES`.

    With w the wave of amplitude one, χ = N·S₀²·Im w, and a derivative is N·S₀²·Im(w·∂ln w).

    Parameters
    ----------
    curves : PathCurves
    at : Wavenumbers
        Of the medium of `curves`, for the path's E₀ and E_i.
    quantities : sequence of Dual
        Values (rows,) or scalars; what has no slopes gets no derivatives.
    """

    def __init__(self, curves: PathCurves, at: Wavenumbers, quantities: Quantities) -> None:
        self._reff, self._at, self._quantities = curves.reff, at, quantities
        columns = [np.reshape(np.asarray(q.value, dtype=float), (-1, 1)) for q in quantities]
        self._amplitude, _, self._dr, self._s2, self._c3, self._c4, _ = columns
        # What multiplies 2i·p in the exponent.
        self._way = self._dr - 2.0 * self._s2 / self._reff
        self._f, self._f_by_q = at.curve(curves.powers[0])
        phase, self._phase_by_q = at.curve(curves.powers[1])
        self.re, self.im = self._make_wave(phase)

    def _make_wave(self, phase: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Real and imaginary part of the wave."""
        reff, at = self._reff, self._at
        p, square = at.p, at.square
        decay = (2.0 * reff + 2.0 * self._way) * p.imag + (2.0 * self._s2) * square.real
        angle = (2.0 * self._way) * p.real - (2.0 * self._s2) * square.imag
        angle += (2.0 * reff) * at.q
        angle += phase
        if self._has(4) or self._has(5):
            more = square * (p * (-4j / 3.0 * self._c3) + square * (2.0 / 3.0 * self._c4))
            decay -= more.real
            angle += more.imag
        # A step of the fit may try any σ².
        size = np.exp(np.minimum(-decay, _LARGEST))
        size *= self._f / (at.q * (reff + self._dr) ** 2)
        return size * np.cos(angle), size * np.sin(angle)

    def _has(self, number: int) -> bool:
        """Whether a quantity is there at all."""
        quantity = self._quantities[number]
        return bool(quantity.slopes) or bool(np.any(quantity.value))

    @property
    def value(self) -> FloatArray:
        """χ(k) (rows, points)."""
        return np.asarray(self._amplitude * self.im)

    def slope(self, number: int) -> FloatArray:
        """∂χ/∂(a quantity) (rows, points)."""
        if number == 0:
            return self.im
        slopes = (
            *(self._by_e0, self._by_delta_r, self._by_sigma2, self._by_c3, self._by_c4),
            self._by_ei,
        )
        found = slopes[number - 1]()
        found *= self._amplitude
        return found

    @cached_property
    def _moved(self) -> tuple[FloatArray, FloatArray]:
        """w·p."""
        p = self._at.p
        return self.re * p.real - self.im * p.imag, self.re * p.imag + self.im * p.real

    def _times(self, factor: ComplexArray) -> FloatArray:
        """Im(w·factor)."""
        product = self.re * factor.imag
        product += self.im * factor.real
        return product

    def _by_delta_r(self) -> FloatArray:
        return np.asarray(2.0 * self._moved[0] - (2.0 / (self._reff + self._dr)) * self.im)

    def _by_sigma2(self) -> FloatArray:
        re, im = self._moved
        p = self._at.p
        found = re * p.imag
        found += im * p.real
        found *= -2.0
        found -= (4.0 / self._reff) * re
        return np.asarray(found)

    def _by_c3(self) -> FloatArray:
        return self._times(np.asarray((-4j / 3.0) * self._at.p * self._at.square))

    def _by_c4(self) -> FloatArray:
        return self._times(np.asarray((2.0 / 3.0) * self._at.square**2, dtype=complex))

    def _by_ei(self) -> FloatArray:
        change = self._at.p_by_ei
        assert change is not None
        return self._times(np.asarray(self._by_p(change)))

    def _by_p(self, change: ComplexArray) -> ComplexArray:
        """∂ln w where p changes by `change`."""
        p, square = self._at.p, self._at.square
        by_p = 2j * self._way - 4.0 * self._s2 * p
        if self._has(4) or self._has(5):
            by_p = by_p + square * (p * (8.0 / 3.0 * self._c4) - 4j * self._c3)
        by_p = by_p * change
        by_p.real -= (2.0 * self._reff) * change.imag
        return np.asarray(by_p)

    def _by_e0(self) -> FloatArray:
        at = self._at
        assert at.p_by_q is not None
        assert self._f_by_q is not None
        assert self._phase_by_q is not None
        by_q = self._by_p(at.p_by_q)
        by_q.real += self._f_by_q / self._f - 1.0 / at.q
        by_q.imag += 2.0 * self._reff + self._phase_by_q
        found = self._times(by_q)
        found *= at.q_by_e0
        return found


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

    Raises
    ------
    SettingError
        If reff + delta_r is not above 0.
    """
    values = {"amplitude": path.degeneracy} | quantities
    if not path.reff + values.get("delta_r", 0.0) > 0:
        raise SettingError(
            f"path {path.label!r}: delta_r = {values['delta_r']:g} angstrom leaves nothing of its "
            f"length, reff = {path.reff:g}; expected R = reff + delta_r above 0"
        )
    duals = [Dual(np.asarray(values.get(name, 0.0), dtype=float), {}) for name in QUANTITIES]
    curves = PathCurves.of(path)
    at = Wavenumbers(curves.medium, k, duals[1], duals[6])
    return np.asarray(Contribution(curves, at, duals).value[0])
