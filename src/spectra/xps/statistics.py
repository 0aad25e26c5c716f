"""How well a region's model describes the frames."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit
from spectra.fit.residuals import abbe_criterion, abbe_limit, information_criterion
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]


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
    frames: Frames, statistics: Mapping[str, FloatArray], scale: FloatArray
) -> NDArray[np.bool_]:
    """Whether the residuals of each frame hold more than noise, by χ² or Abbe's criterion.

    Parameters
    ----------
    frames : Frames
    statistics : mapping of str to array (frames,)
        Those of `misfit_statistics`.
    scale : array (frames,)
        `Frames.scale` of the fits.
    """
    count = np.isfinite(frames.y).sum(axis=1)
    return (statistics["abbe"] < abbe_limit(count)) | (scale > 1.0)
