"""What a misfit costs: least squares, counting statistics, robust losses.

A loss sees model values f, data y and the points' weights 1/σ², and gives the cost of each
spectrum and, per point, the information ω with which the solver weighs it: the descent
direction is Σ ω·(y − f)·∂f/∂θ and the Hessian Σ ω·∂f/∂θ·∂f/∂θᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
RobustName = Literal["soft_l1", "huber", "cauchy", "arctan"]


class Loss(Protocol):
    """Cost per spectrum and information per point."""

    def cost_and_information(
        self, value: FloatArray, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give cost (rows,) and ω (rows, points) at model values (rows, points)."""
        ...


@dataclass(frozen=True)
class Squares:
    """Cost Σ (y − f)²/σ²: least squares."""

    def cost_and_information(
        self, value: FloatArray, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give χ² (rows,) and 1/σ² (rows, points)."""
        misfit = y - value
        return np.einsum("rn,rn->r", misfit * weight, misfit), weight


@dataclass(frozen=True)
class Counts:
    """The likelihood of Poisson counts: deviance 2·Σ [f − y + y·ln(y/f)].

    Its minimum is the estimate of maximum likelihood, which has none of the bias that weights
    of 1/N bring at low counts (W. Cash, Astrophys. J. 228 (1979) 939, doi:10.1086/156922;
    K. Mighell, Astrophys. J. 518 (1999) 380, doi:10.1086/307253). Below `floor` expected
    counts, where a background may be fitted through zero, the likelihood is continued as that
    of a normal variate with the variance `floor`; value and slope join. Of the weights only
    whether they are zero counts.

    Parameters
    ----------
    floor : float
    """

    floor: float = 0.25

    def cost_and_information(
        self, value: FloatArray, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give the deviance (rows,) and 1/f (rows, points)."""
        safe = np.maximum(value, self.floor)
        misfit = y - safe
        # y·ln(y/f) + f − y, from what is small itself; without counts f alone is left.
        part = misfit / safe
        np.maximum(part, np.finfo(part.dtype).eps - 1.0, out=part)
        np.log1p(part, out=part)
        part *= y
        part -= misfit
        part *= 2.0
        low = value < self.floor
        if low.any():
            further = (y - value) ** 2 - (y - self.floor) ** 2
            part += np.where(low, further / self.floor, 0.0)
        information = np.divide(1.0, safe, out=safe)
        # Factors of one change no bit: whether they are left out may hang on the neighbours.
        use = weight > 0
        if not use.all():
            part, information = np.where(use, part, 0.0), np.where(use, information, 0.0)
        return part.sum(axis=1), information


@dataclass(frozen=True)
class Robust:
    """Cost C²·Σ ρ(z), z = ((y − f)/Cσ)²: outliers count less.

    The names and functions of `scipy.optimize.least_squares`: ``soft_l1`` 2(√(1 + z) − 1),
    ``huber`` z up to 1, then 2√z − 1, ``cauchy`` ln(1 + z), ``arctan`` arctan z.

    Parameters
    ----------
    name : {"soft_l1", "huber", "cauchy", "arctan"}
    scale : float
        C, in standard uncertainties (or in the unit of y without weights): where a residual
        begins to count less.
    """

    name: RobustName
    scale: float = 1.0

    def cost_and_information(
        self, value: FloatArray, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give C²·Σρ (rows,) and ρ′(z)/σ² (rows, points)."""
        z = (y - value) ** 2 * weight / self.scale**2
        rho, slope = self.rho(z)[:2]
        return self.scale**2 * rho.sum(axis=1), slope * weight

    def sandwich(
        self, value: FloatArray, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give what the covariance of an M-estimate needs, both (rows, points).

        ψ′ and ψ² of P. J. Huber, Robust Statistics (1981), eq. 6.5, in units of 1/σ²: the
        covariance is A⁻¹·B·A⁻¹ with A = Σψ′·∂f∂fᵀ and B = Σψ²·∂f∂fᵀ.
        """
        z = (y - value) ** 2 * weight / self.scale**2
        _, slope, bend = self.rho(z)
        return (slope + 2.0 * z * bend) * weight, slope**2 * z * self.scale**2 * weight

    def rho(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give ρ, ρ′ and ρ″ at z, each of the shape of z."""
        if self.name == "soft_l1":
            root = np.sqrt(1.0 + z)
            return 2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3
        if self.name == "huber":
            far = z > 1.0
            root = np.sqrt(np.where(far, z, 1.0))
            return (
                np.where(far, 2.0 * root - 1.0, z),
                np.where(far, 1.0 / root, 1.0),
                np.where(far, -0.5 / root**3, 0.0),
            )
        if self.name == "cauchy":
            bottom = 1.0 + z
            return np.log1p(z), 1.0 / bottom, -1.0 / bottom**2
        bottom = 1.0 + z**2
        return np.arctan(z), 1.0 / bottom, -2.0 * z / bottom**2


SQUARES = Squares()
