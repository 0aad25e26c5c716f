"""What a fit leaves behind, frame by frame, and what that says of its uncertainties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.residuals import abbe_criterion, information_criterion
from spectra.fit.uncertainty import deviance_scale, misfit_scale

if TYPE_CHECKING:
    from spectra.fit.batch import Errors, StackFit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Standard deviations of a correlation of white residuals (1/√n) that are no chance.
_CHANCE = 5.0
_LEAST_CURVE = 0.25
# Squares of residuals, in those of known uncertainties, that are rounding.
_EXACT = 1e-18


@dataclass(frozen=True)
class Misfit:
    """Residuals of fitted frames over their standard uncertainties, and figures made of them.

    Attributes
    ----------
    weights : array (rows, points)
        What residuals are multiplied by; zero where there is no point.
    residuals : array (rows, points)
        Of unknown scale where the errors are "residual".
    use : bool array (rows, points)
        Where there are any.
    reduced : array (rows,)
        Sum of their squares per degree of freedom, NaN without any.
    abbe : array (rows,)
        Abbe's criterion: 1 for noise, towards 0 for what the model leaves behind.
    bic : array (rows,)
        Bayesian information criterion, of the likelihood that was maximised.
    scale : array (rows,)
        What an improbable χ² multiplies variances by, else 1; 1 for errors found from residuals,
        which are in the covariances already.
    correlated : array (rows,)
        What residuals that hang together multiply variances by, else 1.
    """

    weights: FloatArray
    residuals: FloatArray
    use: BoolArray
    reduced: FloatArray
    abbe: FloatArray
    bic: FloatArray
    scale: FloatArray
    correlated: FloatArray

    @classmethod
    def of(
        cls, fits: StackFit, y: FloatArray, weights: FloatArray | None, errors: Errors
    ) -> Misfit:
        """Judge fits of frames.

        Parameters
        ----------
        fits : StackFit
        y : array (rows, points)
            NaN where not measured.
        weights : array (rows, points) or None
            1/σ; None for counts, and for noise that is alike at all points.
        errors : {"counts", "given", "residual"}
        """
        curve = fits.best_fit()
        use = np.isfinite(y)
        known = errors != "residual"
        if errors == "counts":
            weight = 1.0 / np.sqrt(np.maximum(curve, _LEAST_CURVE))
        else:
            weight = np.ones_like(curve) if weights is None else np.nan_to_num(weights)
        weight = np.where(use, weight, 0.0)
        scaled = np.where(use, y - curve, 0.0) * weight
        count, square = use.sum(axis=1), (scaled**2).sum(axis=1)
        abbe = abbe_criterion(scaled, use)
        scale = np.ones(len(y))
        if errors == "counts":
            scale = deviance_scale(fits.chi2, curve, use, fits.dof)
        elif errors == "given":
            scale = misfit_scale(fits.chi2, fits.dof, absolute=True)
        # Where the model meets the data exactly, what hangs together is rounding.
        exact = (square <= _EXACT * count) & known
        return cls(
            weight,
            scaled,
            use,
            np.where(fits.dof > 0, square / np.maximum(fits.dof, 1), np.nan),
            abbe,
            information_criterion(fits.chi2, count, len(fits.var_names), scale_known=known),
            scale,
            np.where(exact, 1.0, correlation_scale(abbe, count)),
        )

    @property
    def widening(self) -> FloatArray:
        """What variances are multiplied by, for both (rows,)."""
        return self.scale * self.correlated


def correlation_scale(abbe: FloatArray, count: IntArray) -> FloatArray:
    """Factor on variances where neighbouring residuals hang together, else 1 (rows,).

    n residuals of an autoregressive process of first order with correlation ρ say as much as
    n(1 − ρ)/(1 + ρ) independent ones (G. V. Bayley and J. M. Hammersley, J. R. Stat. Soc. Suppl.
    8 (1946) 184); Abbe's criterion is 1 − ρ. A ρ of less than five of its standard deviations
    under noise, 1/√n, is taken for chance.

    Parameters
    ----------
    abbe : array (rows,)
        Abbe's criterion.
    count : int array (rows,)
        Points n.

    Examples
    --------
    >>> correlation_scale(np.array([1.0, 0.5]), np.array([400, 400])).tolist()
    [1.0, 3.0]
    """
    rho = np.clip(1.0 - abbe, 0.0, 0.98)
    certain = rho > _CHANCE / np.sqrt(np.maximum(count, 1))
    return np.where(certain, (1.0 + rho) / (1.0 - rho), 1.0)
