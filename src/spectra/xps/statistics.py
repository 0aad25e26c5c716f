"""How well a region's model describes the frames."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from spectra.fit.batch import StackFit
from spectra.fit.residuals import abbe_criterion, abbe_limit, information_criterion
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]

# Reduced χ² and its probability, by chance, below which residuals are less than noise; and counts
# from which on a point's square of them is 1 in the mean.
_CALM, _BY_CHANCE, _COUNTED = 0.5, 1e-6, 1.0


def standard_residuals(
    fits: StackFit, frames: Frames
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Residuals (frames, points) over their standard uncertainties, and where there are any.

    Returns
    -------
    residuals : array (frames, points)
        Of unknown scale where the frames' errors are "residual".
    use : bool array (frames, points)
    chi2 : array (frames,)
        Sum of their squares.
    """
    curve = fits.best_fit()
    use = np.isfinite(frames.y)
    residual = np.where(use, frames.y - curve, 0.0)
    if frames.weights is None:
        scaled = residual / np.sqrt(np.maximum(curve, 0.25))
    else:
        scaled = residual * np.nan_to_num(frames.weights)
    return scaled, use, (scaled**2).sum(axis=1)


def misfit_statistics(fits: StackFit, frames: Frames) -> dict[str, FloatArray]:
    """Reduced χ², standard deviation and Abbe criterion of the residuals, and the BIC.

    The residuals are in their standard uncertainties; see `spectra.fit.residuals`. The BIC is that
    of the likelihood which was maximised: of counts, the Poisson one.
    """
    scaled, use, square = standard_residuals(fits, frames)
    n = use.sum(axis=1)
    reduced = np.where(fits.dof > 0, square / np.maximum(fits.dof, 1), np.nan)
    known = frames.errors != "residual"
    if not known:
        scaled = scaled / np.sqrt(np.maximum(reduced, 1e-300))[:, None]
    return {
        "reduced_chi2": reduced,
        "residual_sd": np.sqrt((scaled**2).sum(axis=1) / np.maximum(n, 1)),
        "abbe": abbe_criterion(scaled, use),
        "bic": information_criterion(fits.chi2, n, len(fits.var_names), scale_known=known),
    }


def not_noise(
    fits: StackFit, frames: Frames, statistics: Mapping[str, FloatArray]
) -> NDArray[np.bool_]:
    """Whether the residuals of each frame hold more than noise, by χ² or Abbe's criterion."""
    count = np.isfinite(frames.y).sum(axis=1)
    return (statistics["abbe"] < abbe_limit(count)) | (frames.scale(fits) > 1.0)


def less_than_noise(fits: StackFit, frames: Frames) -> NDArray[np.bool_]:
    """Whether the residuals of each frame are far below what its uncertainties say.

    So they are of averages or rates that were taken for counts: uncertainties are too large then.
    """
    scaled, use, _ = standard_residuals(fits, frames)
    if frames.errors == "residual":
        return np.zeros(len(scaled), bool)
    if frames.errors == "counts":
        use = use & (fits.best_fit() >= _COUNTED)
    square = (np.where(use, scaled, 0.0) ** 2).sum(axis=1)
    dof = np.maximum(use.sum(axis=1) - len(fits.var_names), 1)
    chance = gammainc(0.5 * dof, 0.5 * np.where(np.isfinite(square), square, np.inf))
    return np.asarray((square < _CALM * dof) & (chance < _BY_CHANCE))
