"""How well a region's model describes the frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]


def misfit_statistics(fits: StackFit, frames: Frames) -> dict[str, FloatArray]:
    """Reduced χ², standard deviation and Abbe criterion of the residuals, and the BIC.

    The residuals are in their standard uncertainties. Abbe's criterion, which issue 7 asks for, is
    ½Σ(rᵢ₊₁ − rᵢ)²/Σrᵢ²: 1 for noise, towards 0 for what the model leaves behind.
    The BIC is χ² + p·ln n (G. Schwarz, Ann. Stat. 6 (1978) 461), with residuals of unknown scale
    n·ln(χ²/n) + p·ln n; the lesser of two models' is the better supported.
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
    both = use[:, 1:] & use[:, :-1]
    steps = np.where(both, scaled[:, 1:] - scaled[:, :-1], 0.0)
    # The number of neighbours is one less than that of points, or fewer.
    pairs = np.maximum(both.sum(axis=1), 1) / np.maximum(n, 1)
    total = np.maximum((scaled**2).sum(axis=1), 1e-300)
    spent = len(fits.var_names) * np.log(np.maximum(n, 1))
    unknown = n * np.log(np.maximum(square, 1e-300) / np.maximum(n, 1))
    return {
        "reduced_chi2": reduced,
        "residual_sd": np.sqrt((scaled**2).sum(axis=1) / np.maximum(n, 1)),
        "abbe": 0.5 * (steps**2).sum(axis=1) / total / pairs,
        "bic": (unknown if frames.errors == "residual" else square) + spent,
    }
