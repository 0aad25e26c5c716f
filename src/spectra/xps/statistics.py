"""How well a region's model describes the frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, ndtr

from spectra.fit.batch import Errors, StackFit
from spectra.fit.misfit import Misfit
from spectra.fit.residuals import abbe_limit
from spectra.fit.uncertainty import IMPROBABLE

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Reduced χ² and its probability, by chance, below which residuals are less than noise; and counts
# from which on a point's square of them is 1 in the mean.
_CALM, _BY_CHANCE, _COUNTED = 0.5, 1e-6, 1.0
# What a point's residual is of the second largest where it is alone.
_ALONE = 1.5


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
        "chi2_reduced": left.reduced,
        "residual_sd": np.sqrt(square / np.maximum(left.use.sum(axis=1), 1)),
        "abbe": left.abbe,
        "bic": left.bic,
        "scaled": np.sqrt(left.widening),
    }


def not_noise(left: Misfit) -> NDArray[np.bool_]:
    """Whether the residuals of each frame hold more than noise, by χ² or Abbe's criterion."""
    return (left.abbe < abbe_limit(left.use.sum(axis=1))) | (left.scale > 1.0)


def less_than_noise(left: Misfit, fits: StackFit, errors: Errors) -> NDArray[np.bool_]:
    """Whether the residuals of each frame are far below what its uncertainties say.

    So they are of averages or rates that were taken for counts: uncertainties are too large then.
    """
    if errors == "residual":
        return np.zeros(len(left.residuals), bool)
    use = left.use & (fits.best_fit() >= _COUNTED) if errors == "counts" else left.use
    square = (np.where(use, left.residuals, 0.0) ** 2).sum(axis=1)
    dof = np.maximum(use.sum(axis=1) - len(fits.var_names), 1)
    chance = gammainc(0.5 * dof, 0.5 * np.where(np.isfinite(square), square, np.inf))
    return np.asarray((square < _CALM * dof) & (chance < _BY_CHANCE))


def lone_point(left: Misfit, fits: StackFit, y: FloatArray, errors: Errors) -> IntArray:
    """Which point of each frame (frames,) lies far off and alone, as spikes do; -1 for none.

    Its residual is improbable (p < 0.001 among all points, by Poisson's distribution for counts)
    and half as large again as any other: a model that is wrong leaves several.

    Parameters
    ----------
    y : array (frames, points)
        What was fitted.
    """
    size = np.abs(left.residuals)
    rows, which = np.arange(len(size)), size.argmax(axis=1)
    largest = size[rows, which]
    second = np.partition(size, -2, axis=1)[:, -2]
    mean, seen = fits.best_fit()[rows, which], np.nan_to_num(y[rows, which])
    scale = np.sqrt(left.reduced) if errors == "residual" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.asarray(2.0 * ndtr(-largest / scale))
    if errors == "counts":
        m, k = np.maximum(np.nan_to_num(mean), 1e-300), np.maximum(seen, 0.0)
        chance = np.where(k > m, gammainc(np.maximum(k, 1.0), m), gammaincc(k + 1.0, m))
    far = (chance * left.use.sum(axis=1) < IMPROBABLE) & (largest > _ALONE * second)
    return np.where(far, which, -1)
