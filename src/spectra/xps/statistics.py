"""How well a region's model describes the frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.misfit import Misfit
from spectra.fit.residuals import abbe_limit

FloatArray = NDArray[np.float64]


def misfit_statistics(left: Misfit, errors: str) -> dict[str, FloatArray]:
    """Reduced χ², standard deviation and Abbe criterion of the residuals, and the BIC.

    Parameters
    ----------
    left : Misfit
    errors : str
        Where "residual", the standard deviation is one of residuals scaled by the reduced χ².
    """
    square = (left.residuals**2).sum(axis=1)
    if errors == "residual":
        square = square / np.maximum(left.reduced, 1e-300)
    return {
        "reduced_chi2": left.reduced,
        "residual_sd": np.sqrt(square / np.maximum(left.use.sum(axis=1), 1)),
        "abbe": left.abbe,
        "bic": left.bic,
    }


def not_noise(left: Misfit) -> NDArray[np.bool_]:
    """Whether the residuals of each frame hold more than noise, by χ² or Abbe's criterion."""
    return (left.abbe < abbe_limit(left.use.sum(axis=1))) | (left.scale > 1.0)
