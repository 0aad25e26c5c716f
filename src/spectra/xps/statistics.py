"""How well a region's model describes the frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit
from spectra.fit.residuals import abbe_criterion, information_criterion
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]


def misfit_statistics(fits: StackFit, frames: Frames) -> dict[str, FloatArray]:
    """Reduced χ², standard deviation and Abbe criterion of the residuals, and the BIC.

    The residuals are in their standard uncertainties; see `spectra.fit.residuals`.
    """
    curve = fits.best_fit()
    use = np.isfinite(frames.y)
    residual = np.where(use, frames.y - curve, 0.0)
    if frames.weights is None:
        scaled = residual / np.sqrt(np.maximum(curve, 0.25))
    else:
        scaled = residual * np.nan_to_num(frames.weights)
    n = use.sum(axis=1)
    square = (scaled**2).sum(axis=1)
    reduced = np.where(fits.dof > 0, square / np.maximum(fits.dof, 1), np.nan)
    if frames.errors == "residual":
        scaled = scaled / np.sqrt(np.maximum(reduced, 1e-300))[:, None]
    known = frames.errors != "residual"
    return {
        "reduced_chi2": reduced,
        "residual_sd": np.sqrt((scaled**2).sum(axis=1) / np.maximum(n, 1)),
        "abbe": abbe_criterion(scaled, use),
        "bic": information_criterion(square, n, len(fits.var_names), scale_known=known),
    }
