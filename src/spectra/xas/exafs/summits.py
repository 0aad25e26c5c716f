"""Maxima of |χ(R)| between the points of its grid, with uncertainties from the noise of χ(k)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]

# Terms of the series about a point of the grid: half a step of it is 0.03 Å at most, the reach
# in k some 8 1/Å, so that the last term is of the order 1e-8.
_TERMS = 8
_NEWTON = 4


@dataclass(frozen=True)
class Summits:
    """One maximum of each frame.

    Attributes
    ----------
    found : bool array (frames,)
    r, height : array (frames,)
    r_variance, height_variance : array (frames,)
    """

    found: BoolArray
    r: FloatArray
    height: FloatArray
    r_variance: FloatArray
    height_variance: FloatArray


@dataclass(frozen=True)
class SummitFinder:
    """The highest maximum of |χ(R)| between two points of its grid.

    About a point R_i of the grid χ(R) = Σ_n A_n χ(k_n) exp(−2i k_n R) is a power series in
    R − R_i, whose coefficients are such sums again; the maximum of its modulus is found by
    Newton's method, so that it does not hang on the grid. Its uncertainties follow from those of
    χ(k) to first order; the parts that oscillate as exp(−4i k R) are left out of the sums of
    variances, where they nearly cancel.

    Parameters
    ----------
    k : array (points,)
        Points of the window (1/angstrom).
    weight : complex array (points,)
        A_n: k^w Ω(k) δk/√π, and the factor of a phase correction.
    r : array (R,)
        Grid, from 0.
    first, last : int
        Points between which a maximum may be; the last is not one of them.
    waves : complex array (R, points)
        A_n exp(−2i k_n R) at these points.
    """

    k: FloatArray
    weight: ComplexArray
    r: FloatArray
    first: int
    last: int
    waves: ComplexArray

    @cached_property
    def _power(self) -> FloatArray:
        return np.asarray(np.abs(self.weight) ** 2)

    @cached_property
    def _centred(self) -> FloatArray:
        return self.k - float((self._power * self.k).sum() / self._power.sum())

    @cached_property
    def _terms(self) -> ComplexArray:
        """(−2i κ_n)^j/j! with κ from the centre of the weights (points, terms)."""
        order = np.arange(_TERMS)
        faculties = np.array([factorial(j) for j in order.tolist()], dtype=float)
        return np.asarray((-2j * self._centred[:, None]) ** order / faculties)

    @cached_property
    def _moments(self) -> FloatArray:
        """|A_n|² κ_n^j/2 (points, 3)."""
        return np.asarray(0.5 * self._power[:, None] * self._centred[:, None] ** np.arange(3))

    def find(
        self, real: FloatArray, imag: FloatArray, chi: FloatArray, variance: FloatArray
    ) -> Summits:
        """Maxima of some frames.

        Parameters
        ----------
        real, imag : array (frames, R)
            Of χ(R).
        chi : array (frames, points)
            Of which they are the transforms.
        variance : array (frames, points) or (frames, 1)
            Of `chi`.
        """
        some = slice(self.first, self.last)
        place = (np.square(real[:, some]) + np.square(imag[:, some])).argmax(axis=1)
        found = (place > 0) & (place < self.last - self.first - 1)
        c = np.matmul((self.waves[place] * chi)[:, None, :], self._terms)[:, 0].T
        step = float(self.r[1] - self.r[0])
        x = np.zeros(len(chi))
        for _ in range(_NEWTON):
            value, slope, bend = _derivatives(c, x)
            rise = (value.conj() * slope).real
            turn = np.abs(slope) ** 2 + (value.conj() * bend).real
            x = np.clip(x - rise / np.where(turn < 0, turn, -np.inf), -step, step)
        value, slope, bend = _derivatives(c, x)
        turn = np.abs(slope) ** 2 + (value.conj() * bend).real
        found &= (turn < 0) & (np.abs(x) < step)
        if variance.shape[1] == 1:
            m = variance * self._moments.sum(axis=0)
        else:
            m = np.matmul(variance[:, None, :], self._moments)[:, 0]
        size = np.abs(value) ** 2
        spread = np.abs(slope) ** 2 * m[:, 0] + 4.0 * size * m[:, 2]
        spread += 4.0 * (slope * value.conj()).imag * m[:, 1]
        square = np.where(found, turn, 1.0) ** 2
        r = self.r[self.first + place] + x
        return Summits(found, r, np.sqrt(size), spread / square, m[:, 0])


def _derivatives(c: ComplexArray, x: FloatArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Value, slope and curvature of Σ c_j x^j, (terms, frames) at (frames,)."""
    value, slope, bend = np.zeros((3, len(x)), dtype=complex)
    for row in c[::-1]:
        bend = bend * x + 2.0 * slope
        slope = slope * x + value
        value = value * x + row
    return value, slope, bend
