"""Backgrounds that the model's own peaks throw: each electron may lose energy on its way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from spectra.fit.lines import Lines
from spectra.fit.model import Points

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Scattering(Protocol):
    """A linear map of a spectrum to the background that it throws, of unit strength."""

    def apply(self, x: FloatArray, curves: FloatArray) -> FloatArray:
        """Backgrounds of curves (..., points) on an axis (points,) of binding energy."""
        ...


@dataclass(frozen=True)
class ShirleySums:
    """Integral of the peaks at lower binding energy, by the trapezoidal rule over the points.

    D. A. Shirley, Phys. Rev. B 5 (1972) 4709, doi:10.1103/PhysRevB.5.4709. For peaks whose
    integral has a formula `spectra.fit.lines.Lines` is better.
    """

    def apply(self, x: FloatArray, curves: FloatArray) -> FloatArray:
        step = np.diff(x).astype(curves.dtype, copy=False)
        out = np.zeros_like(curves)
        np.cumsum(0.5 * (curves[..., 1:] + curves[..., :-1]) * step, axis=-1, out=out[..., 1:])
        return out


@dataclass(frozen=True)
class TougaardLosses:
    """Convolution of the peaks with T/((C + C′T²)² + D·T²), T the energy lost (eV), above a gap.

    With C′ = 1, D = 0 two parameters remain: S. Tougaard, Surf. Sci. 216 (1989) 343. Three: with
    D, S. Hajati et al., Surf. Sci. 600 (2006) 3015. Four with C′ free: R. Hesse et al., Surf.
    Interface Anal. 43 (2011) 1514. The strength B is fitted.

    Parameters
    ----------
    c : float
        eV².
    curvature : float
        C′.
    d : float
        eV².
    gap : float
        Energy (eV) below which nothing can be lost.
    """

    c: float = 1643.0
    curvature: float = 1.0
    d: float = 0.0
    gap: float = 0.0

    def apply(self, x: FloatArray, curves: FloatArray) -> FloatArray:
        kernel = _kernel(self, np.ascontiguousarray(x).tobytes()).astype(curves.dtype, copy=False)
        # Row by row: in one product of all rows the last bits of each hang on how many there are.
        rows = curves[..., None, :] if curves.ndim == 2 else curves
        return np.asarray(np.matmul(rows, kernel)).reshape(curves.shape)

    def cross_section(self, loss: FloatArray) -> FloatArray:
        """Its value (1/eV³) at energy losses (eV); zero below the gap."""
        bottom = (self.c + self.curvature * loss**2) ** 2 + self.d * loss**2
        return np.where(loss > max(self.gap, 0.0), loss / bottom, 0.0)


@lru_cache(maxsize=32)
def _kernel(losses: TougaardLosses, axis: bytes) -> FloatArray:
    """Matrix (points, points): what a curve at the first throws on the second."""
    x = np.frombuffer(axis)
    weight = np.gradient(x) if x.size > 1 else np.ones_like(x)
    weight[0], weight[-1] = 0.5 * weight[0], 0.5 * weight[-1]
    return weight[:, None] * losses.cross_section(x[None, :] - x[:, None])


def lines_alone(
    peaks: Sequence[Lines], theta: FloatArray, at: Points, like: FloatArray
) -> FloatArray:
    """Curves of families of lines without what they throw, of the shape and kind of `like`."""
    curve = np.zeros_like(like)
    for lines in peaks:
        lines.add_value(theta, at, curve)
    return curve


def fill_lines(
    peaks: Sequence[Lines],
    columns: IntArray,
    theta: FloatArray,
    at: Points,
    curve: FloatArray,
    slopes: FloatArray,
) -> None:
    """Add families of lines to `curve`, and write their derivatives by some rising columns."""
    slopes[...] = 0.0
    for lines in peaks:
        own = np.empty((len(slopes), lines.columns.size, slopes.shape[2]), slopes.dtype)
        lines.add_value_and_slopes(theta, at, curve, own)
        slopes[:, np.searchsorted(columns, lines.columns)] += own


@dataclass(frozen=True)
class Scattered:
    """Peaks with the backgrounds that they throw: a term f = S + Σ bₘ·Kₘ(S) of a model.

    Parameters
    ----------
    peaks : sequence of Lines
        They may share columns.
    scatterings : sequence of Scattering
        None for the sum of the peaks alone.
    strengths : int array (scatterings,)
        Where their strengths b stand among the parameters.
    """

    peaks: Sequence[Lines]
    scatterings: Sequence[Scattering]
    strengths: IntArray
    columns: IntArray = field(init=False)

    def __post_init__(self) -> None:
        columns = np.unique(np.concatenate([lines.columns for lines in self.peaks]))
        object.__setattr__(self, "columns", np.concatenate([columns, self.strengths]))

    def without(self, columns: frozenset[int]) -> Scattered:
        """The same without the peaks' derivatives by some columns."""
        return replace(self, peaks=[lines.without(columns) for lines in self.peaks])

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add peaks and backgrounds to `total`."""
        curve = lines_alone(self.peaks, theta, at, total)
        total += curve
        for scattering, column in zip(self.scatterings, self.strengths, strict=True):
            total += theta[:, column, None] * scattering.apply(at.x[0], curve)

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add them to `total` and write the derivatives."""
        n = self.columns.size - self.strengths.size
        curve, inner = np.zeros_like(total), slopes[:, :n]
        fill_lines(self.peaks, self.columns[:n], theta, at, curve, inner)
        total += curve
        thrown = [scattering.apply(at.x[0], inner) for scattering in self.scatterings]
        for i, scattering in enumerate(self.scatterings):
            strength = theta[:, self.strengths[i], None].astype(slopes.dtype, copy=False)
            slopes[:, n + i] = scattering.apply(at.x[0], curve)
            total += strength * slopes[:, n + i]
            inner += strength[:, None] * thrown[i]
        return None


@dataclass(frozen=True)
class WindowPolynomial:
    """A polynomial in u, which runs from −1 to 1 over a window: a term of a model.

    Parameters
    ----------
    columns : int array (degree + 1,)
    low, high : float
        Ends of the window.
    """

    columns: IntArray
    low: float
    high: float

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the polynomial."""
        powers = self.powers(at.x[0])
        # Not one product of matrices, whose last bits hang on how many rows there are.
        for i, column in enumerate(self.columns.tolist()):
            total += theta[:, column, None] * powers[i]

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the polynomial and write its derivatives, the powers."""
        powers = self.powers(at.x[0]).astype(slopes.dtype, copy=False)
        slopes[...] = powers
        for i, column in enumerate(self.columns.tolist()):
            total += theta[:, column, None].astype(slopes.dtype, copy=False) * powers[i]
        return None

    def powers(self, x: FloatArray) -> FloatArray:
        """What the coefficients multiply (degree + 1, points)."""
        return np.asarray(self._scaled(x) ** np.arange(self.columns.size)[:, None])

    def _scaled(self, x: FloatArray) -> FloatArray:
        return (2.0 * x - self.low - self.high) / (self.high - self.low)


@dataclass(frozen=True)
class WindowChebyshev(WindowPolynomial):
    """The same by coefficients of Chebyshev polynomials of u, which hang on one another less."""

    def powers(self, x: FloatArray) -> FloatArray:
        """What the coefficients multiply (degree + 1, points)."""
        powers = chebyshev.chebvander(self._scaled(x), max(self.columns.size - 1, 0))
        return np.ascontiguousarray(powers.T[: self.columns.size], dtype=float)
