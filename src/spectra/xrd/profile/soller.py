"""Axial divergence of a Bragg-Brentano diffractometer, where both beams diverge.

A ray that leaves the source inclined by α to the equatorial plane and reaches the detector
inclined by β is counted at 2φ, where cos 2θ = cos α·cos β·cos 2φ + sin α·sin β. To second order
(R. W. Cheary and A. Coelho, J. Appl. Cryst. 31 (1998) 851, doi:10.1107/S0021889898006876)

    2φ − 2θ = αβ/sin 2θ − (α² + β²)/2·cot 2θ = (α + β)²/4·tan θ − (α − β)²/4·cot θ:

a tail to low angles from the difference, one to high angles from the sum. A Soller slit lets
rays pass as a triangle of half width Δ, so that the difference of two has the density of a
cubic spline over ±2Δ, and so has the sum. Where the heights of source, specimen and slit limit
the rays rather than the slits, α and β go against each other, and the sum spreads less.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.xrd.profile.axial import AxialNodes, count_for, gauss_rule
from spectra.xrd.profile.terms import BY_TWO_THETA, DEGREES, Coefficient, Theta

FloatArray = NDArray[np.float64]

_PANEL = 160
# The sum bends lines by far less than their width, except near 180°.
_OF_SUM = 4
# Nodes of the difference a refinement can afford.
_MOST = 32


@dataclass(frozen=True)
class SollerSlits:
    """Axial divergence of both beams, by the apertures Δ of the difference and of the sum.

    Parameters
    ----------
    with_sum : bool
        Whether the sum spreads at all.
    """

    with_sum: bool = True

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The two apertures."""
        return (
            Coefficient("soller", "rad", "aperture of Soller slits, of α − β", 0.0, 0.0, 0.2),
            Coefficient("soller_sum", "rad", "aperture of Soller slits, of α + β", 0.0, 0.0, 0.2),
        )

    def nodes(self, two_theta: FloatArray, values: FloatArray, count: int) -> AxialNodes:
        """Shifted positions of lines.

        Parameters
        ----------
        two_theta : array (rows, L)
            Deg.
        values : array (rows, 2)
            Apertures of difference and sum, rad.
        count : int
            K, as `needed` gives it.

        Returns
        -------
        AxialNodes
        """
        of_sum = _OF_SUM if self.with_sum else 1
        square, weight = _spline_rule(count // of_sum)
        square_sum, weight_sum = _spline_rule(of_sum)
        low, high = (np.repeat(square, of_sum), np.tile(square_sum, count // of_sum))
        both = np.repeat(weight, of_sum) * np.tile(weight_sum, count // of_sum)
        angle = Theta.of(two_theta)
        tangent = angle.tangent[..., None]
        minus, plus = (np.asarray(values, dtype=float)[:, i, None, None] for i in range(2))
        left, right = DEGREES * low / tangent, DEGREES * high * tangent
        secant2 = 1.0 + tangent**2
        shape = (*np.shape(two_theta), count)
        return AxialNodes(
            shift=plus**2 * right - minus**2 * left,
            weight=np.broadcast_to(both, shape),
            shift_by_values=np.stack([-2.0 * minus * left, 2.0 * plus * right], axis=-1),
            weight_by_values=np.zeros((*shape, 2)),
            shift_by_two_theta=DEGREES
            * BY_TWO_THETA
            * secant2
            * (plus**2 * high + minus**2 * low / tangent**2),
            weight_by_two_theta=np.zeros(shape),
        )

    def needed(
        self, two_theta: ArrayLike, values: ArrayLike, fwhm: ArrayLike, tolerance: float
    ) -> NDArray[np.int64]:
        """How many nodes (L,) lines at 2θ (L,) of these widths (L,), deg, need."""
        minus, plus = np.asarray(values, dtype=float)
        if minus == 0.0 and plus == 0.0:
            return np.ones(np.shape(two_theta), np.int64)
        tangent = np.tan(np.radians(0.5 * np.asarray(two_theta, dtype=float)))
        spread = DEGREES * minus**2 / tangent
        with np.errstate(divide="ignore"):
            rate = 2.0 * np.arcsinh(np.asarray(fwhm, dtype=float) / np.maximum(spread, 1e-12))
        return np.minimum(count_for(rate, tolerance), _MOST) * (_OF_SUM if self.with_sum else 1)


@cache
def _spline_rule(count: int) -> tuple[FloatArray, FloatArray]:
    """Gauss rule for functions of (u/2)² under the cubic spline over −2 < u < 2."""
    x, w = np.polynomial.legendre.leggauss(_PANEL)
    x, w = 0.5 * (x + 1.0), 0.5 * w
    u = np.concatenate([x, 1.0 + x])
    density = np.concatenate([2.0 / 3.0 - x**2 + 0.5 * x**3, (1.0 - x) ** 3 / 6.0])
    measure = np.concatenate([w, w]) * density
    return gauss_rule(count, 0.25 * u * u, measure / measure.sum())
