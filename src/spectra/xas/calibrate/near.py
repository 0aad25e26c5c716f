"""A template as a polynomial of small shifts, so that few sums stand for all points of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class NearTemplate:
    """A cubic spline T and polynomials beside it, for shifts that cross no knot.

    Between knots T(E + s) = T + T′s + ½T″s² + ⅙T‴s³. Only T‴ differs on the two sides of a
    knot, so the points of all frames share one basis: T, T′, ½T″, ⅙T‴ for s ≥ 0 and for
    s < 0, and the polynomials. The columns of the fit are combinations of these, and its normal
    equations follow from the products of the basis with itself and with the spectra.

    Parameters
    ----------
    basis : array (points, 5 + powers)
    normal : array (5 + powers, 5 + powers)
        Products of the basis with itself.
    low, high : float
        Shifts between which no knot is crossed, eV.
    """

    basis: FloatArray
    normal: FloatArray
    low: float
    high: float

    @classmethod
    def of(cls, template: CubicSpline, energy: FloatArray, powers: FloatArray) -> NearTemplate:
        """That of a spline at energies (points,) and of polynomials there (points, powers)."""
        knots, cubic = template.x, template.c[0]
        last = len(cubic) - 1
        above = np.clip(np.searchsorted(knots, energy, side="right") - 1, 0, last)
        below = np.clip(np.searchsorted(knots, energy, side="left") - 1, 0, last)
        basis = np.column_stack(
            [
                template(energy),
                template(energy, 1),
                template(energy, 2) / 2,
                cubic[above],
                cubic[below],
                powers,
            ]
        )
        low, high = (knots[below] - energy).max(), (knots[above + 1] - energy).min()
        return cls(basis, basis.T @ basis, float(low), float(high))

    def holds(self, shift: FloatArray) -> NDArray[np.bool_]:
        """Whether shifts cross no knot."""
        return np.asarray((shift > self.low) & (shift < self.high))

    def mixing(self, shift: FloatArray) -> FloatArray:
        """Shares of the basis in T, its derivative and the polynomials (frames, basis, columns)."""
        size = self.basis.shape[1]
        mixing = np.zeros((len(shift), size, size - 3))
        mixing[:, 0, 0] = 1.0
        mixing[:, 1, 0], mixing[:, 1, 1] = shift, 1.0
        mixing[:, 2, 0], mixing[:, 2, 1] = shift**2, 2 * shift
        side = np.where(shift >= 0, 3, 4)
        frames = np.arange(len(shift))
        mixing[frames, side, 0], mixing[frames, side, 1] = shift**3, 3 * shift**2
        polynomials = np.arange(5, size)
        mixing[:, polynomials, polynomials - 3] = 1.0
        return mixing

    def project(self, spectra: FloatArray) -> FloatArray:
        """Products of spectra (frames, points) with the basis (frames, basis)."""
        # A product for each frame: that of one large matrix depends on how many frames there are.
        rows = np.ascontiguousarray(self.basis.T)
        return np.asarray((rows @ spectra[:, :, None])[:, :, 0])

    def expand(self, coefficients: FloatArray) -> FloatArray:
        """What coefficients (frames, basis) stand for (frames, points)."""
        rows = np.ascontiguousarray(self.basis.T)
        return np.asarray((coefficients[:, None, :] @ rows)[:, 0])
