"""Anisotropic microstrain after Stephens, for any Laue group and setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from spectra.symmetry import IntArray
from spectra.xrd.lattice import metric
from spectra.xrd.profile.terms import (
    BY_TWO_THETA,
    DEGREES,
    Coefficient,
    Declared,
    FloatArray,
    Theta,
)
from spectra.xrd.profile.widths import Contribution

# Powers H, K, L of the fifteen terms in the order of Stephens' table 1, and the factors he
# writes before them.
_POWERS = (
    *((4, 0, 0), (0, 4, 0), (0, 0, 4), (2, 2, 0), (2, 0, 2), (0, 2, 2)),
    *((3, 1, 0), (1, 0, 3), (0, 3, 1), (1, 3, 0), (3, 0, 1), (0, 1, 3)),
    *((2, 1, 1), (1, 2, 1), (1, 1, 2)),
)
_FACTORS = (1, 1, 1, 3, 3, 3, 2, 2, 2, 2, 2, 2, 4, 4, 4)
# S are of the order of (strain × 1/d²)².
_UNIT = 1e-6
_START = 1e-3


@dataclass(frozen=True, eq=False)
class StephensStrain(Declared):
    """Microstrain that hangs on the direction in the crystal.

    The variance of M = 1/d² over the sample is σ²(M) = ΣS_HKL·h^H·k^K·l^L, H + K + L = 4, and
    a line has the width Γ_A = (180/π)·√σ²(M)/M·tanθ, with M = (2·sinθ/λ)² by Bragg's law. Of
    it Γ_L takes ζ·Γ_A and Γ_G² takes ((1 − ζ)·Γ_A)². P. W. Stephens, J. Appl. Cryst. 32 (1999)
    281, doi:10.1107/S0021889898006001, with σ as a full width at half maximum. S are in
    1e-6/angstrom⁴ with the factors 3, 2 and 4 of his table 1.

    Parameters
    ----------
    free : tuple of str
        Names of the independent S, e.g. ("s400", "s004", "s220", "s202").
    start_values : tuple of float
        An isotropic start.
    polynomials : array (R, n)
        σ²(M) of each line for each S being 1.
    """

    free: tuple[str, ...]
    start_values: tuple[float, ...]
    polynomials: FloatArray

    @classmethod
    def of(
        cls, hkl: ArrayLike, rotations: IntArray, cell: ArrayLike, strain: float = _START
    ) -> StephensStrain:
        """Return the term of a phase for given lines.

        Parameters
        ----------
        hkl : array (R, 3)
        rotations : int array (n, 3, 3)
            Of the Laue group, see `Operations.laue`.
        cell : array (6,)
            For the start.
        strain : float
            Isotropic full width of Δd/d to start from.
        """
        names, combination = free_strains(rotations)
        start = _isotropic(cell, combination) * (2.0 * strain) ** 2 / _UNIT
        monomials = _monomials(np.asarray(hkl, dtype=float))
        # Summed over the last axis, so that a line's value hangs on no other.
        polynomials = (monomials[:, None, :] * combination[None]).sum(axis=-1)
        return cls(names, tuple(float(v) for v in start), polynomials)

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The independent S and the Lorentzian share ζ."""
        unit = "1e-6/angstrom^4"
        terms = (
            Coefficient(n, unit, f"Stephens' S_{n[1:]}", s)
            for n, s in zip(self.free, self.start_values, strict=True)
        )
        share = Coefficient("stephens_eta", "", "Lorentzian share of the strain", 1.0, 0.0, 1.0)
        return (*terms, share)

    def evaluate(
        self, values: FloatArray, two_theta: FloatArray, wavelength: ArrayLike
    ) -> Contribution:
        """Widths of lines.

        Where the sum is not positive, which no distribution of cells has, the width and its
        derivatives are zero.

        Parameters
        ----------
        values : array (rows, n)
        two_theta : array (rows, R)
            Deg; by Bragg's law for `wavelength`.
        wavelength : float or array (R,)
            Angstrom.

        Returns
        -------
        Contribution
        """
        numbers = np.asarray(values, dtype=float)
        strains, share = numbers[..., None, :-1] * _UNIT, numbers[..., -1, None]
        variance = (self.polynomials * strains).sum(axis=-1)
        positive = variance > 0.0
        safe = np.where(positive, variance, 1.0)
        angle = Theta.of(two_theta)
        s, c = angle.sine, angle.cosine
        # tanθ/M = λ²/(4·sinθ·cosθ)
        lever = np.where(positive, DEGREES * np.asarray(wavelength) ** 2 / (4.0 * s * c), 0.0)
        slope = -(c * c - s * s) / (s * c) * BY_TWO_THETA
        width = np.sqrt(safe) * lever
        by_strains = (0.5 * width / safe)[..., None] * self.polynomials * _UNIT
        rest = 1.0 - share
        gauss2 = (rest * width) ** 2
        by_gauss = (2.0 * rest**2 * width)[..., None] * by_strains
        by_lorentz = share[..., None] * by_strains
        return Contribution(
            gauss2,
            share * width,
            np.concatenate([by_gauss, (-2.0 * rest * width**2)[..., None]], axis=-1),
            np.concatenate([by_lorentz, width[..., None]], axis=-1),
            2.0 * gauss2 * slope,
            share * width * slope,
        )


def free_strains(rotations: IntArray) -> tuple[tuple[str, ...], FloatArray]:
    """Independent S of a Laue group (Stephens' table 1, for any setting).

    Found as the quartic forms that all rotations leave as they are, exactly, in fractions. The
    S that come first in the table are taken as the independent ones.

    Parameters
    ----------
    rotations : int array (n, 3, 3)
        Acting on reflections as h·R.

    Returns
    -------
    names : tuple of str
        E.g. "s400".
    combination : array (free, 15)
        The coefficient of each monomial h^H·k^K·l^L for each S being 1.
    """
    average = [[Fraction(0)] * 15 for _ in range(15)]
    for rotation in rotations.tolist():
        for i, row in enumerate(_substituted(rotation)):
            average[i] = [
                a + Fraction(b, len(rotations)) for a, b in zip(average[i], row, strict=True)
            ]
    # Row i of `average` is the form that monomial i averages to; as coefficients of S.
    rows = [[v / f for v, f in zip(row, _FACTORS, strict=True)] for row in average]
    reduced, pivots = _echelon(rows)
    names = tuple("s" + "".join(str(p) for p in _POWERS[i]) for i in pivots)
    forms = [[v * f for v, f in zip(row, _FACTORS, strict=True)] for row in reduced]
    return names, np.array([[float(v) for v in row] for row in forms])


def _substituted(rotation: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each monomial of h·R as a form of h: (15, 15)."""
    linear = [{_unit(i): rotation[i][j] for i in range(3) if rotation[i][j]} for j in range(3)]
    out = []
    for powers in _POWERS:
        form = {(0, 0, 0): 1}
        for j, power in enumerate(powers):
            for _ in range(power):
                form = _times(form, linear[j])
        out.append([form.get(p, 0) for p in _POWERS])
    return out


def _unit(i: int) -> tuple[int, int, int]:
    return cast(tuple[int, int, int], tuple(int(i == j) for j in range(3)))


def _times(
    a: dict[tuple[int, int, int], int], b: dict[tuple[int, int, int], int]
) -> dict[tuple[int, int, int], int]:
    out: dict[tuple[int, int, int], int] = {}
    for p, v in a.items():
        for q, w in b.items():
            key = (p[0] + q[0], p[1] + q[1], p[2] + q[2])
            out[key] = out.get(key, 0) + v * w
    return out


def _echelon(rows: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form without zero rows, and its pivot columns."""
    rows = [list(r) for r in rows]
    pivots: list[int] = []
    for column in range(len(rows[0])):
        top = len(pivots)
        found = next((i for i in range(top, len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        rows[top], rows[found] = rows[found], rows[top]
        pivot = rows[top][column]
        rows[top] = [v / pivot for v in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                factor = row[column]
                rows[i] = [v - factor * w for v, w in zip(row, rows[top], strict=True)]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def _monomials(hkl: FloatArray) -> FloatArray:
    """h^H·k^K·l^L (R, 15)."""
    powers = np.array(_POWERS)
    return np.asarray(np.prod(hkl[:, None, :] ** powers[None], axis=-1))


def _isotropic(cell: ArrayLike, combination: FloatArray) -> FloatArray:
    """S (free,) for which σ²(M) is M²."""
    tensor, _ = metric(cell)
    inverse = np.linalg.inv(tensor)
    axes = {_unit(i): i for i in range(3)}
    square = np.zeros(15)
    for p, i in axes.items():
        for q, j in axes.items():
            for r, k in axes.items():
                for t, m in axes.items():
                    total = (
                        p[0] + q[0] + r[0] + t[0],
                        p[1] + q[1] + r[1] + t[1],
                        p[2] + q[2] + r[2] + t[2],
                    )
                    square[_POWERS.index(total)] += inverse[i, j] * inverse[k, m]
    return np.asarray(np.linalg.lstsq(combination.T, square, rcond=None)[0])
