"""How positions scatter about a cell: counting, a common floor, and peaks that are wrong.

A residual r of standard deviation s is taken to come from (1 − w)·N(0, s²) + w·N(0, s² + b²):
a peak is right, or, with the small probability w, it shows something else within about its
width b (contaminated normal errors: J. W. Tukey in Contributions to Probability and Statistics,
Stanford 1960, 448; G. E. P. Box and G. C. Tiao, Biometrika 55 (1968) 119). No limit decides:
the probability of being right falls smoothly, and with it the weight.

Where the positions scatter more than their uncertainties say, an unknown variance τ² is added to
every one. It is not estimated but averaged over, by its restricted likelihood (H. D. Patterson
and R. Thompson, Biometrika 58 (1971) 545) times a prior: τ = 0 with a large probability, so that
correct uncertainties stay as they are; the rest spread evenly over ln τ up to the uncertainties'
own size and falling off beyond as 1/τ². For equal uncertainties the mean of s² + τ² then
approaches s²·χ²/dof where χ² is large, as by R. C. Paule and J. Mandel, J. Res. Natl. Bur. Stand.
87 (1982) 377.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Standard deviation of wrong positions, in fwhm.
WRONG_WIDTH = 0.4
# Largest floor, in fwhm, and how many are tried besides none.
_LARGEST = 0.2
_LEVELS = 11


def floors(sigma: FloatArray, fwhm: FloatArray, used: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Floors τ to average over (levels, frames), from the largest to none, and ln of their prior.

    The prior of the floors above zero sums to one; that of none is not among them.

    Parameters
    ----------
    sigma, fwhm : array (frames, tracks)
    used : bool array (frames, tracks)
    """
    count = np.maximum(used.sum(axis=1), 1)
    precision = np.where(used, 1.0 / np.where(used, sigma, 1.0) ** 2, 0.0).sum(axis=1) / count
    some = precision > 0
    typical = np.where(some, 1.0 / np.sqrt(np.where(some, precision, 1.0)), 1.0)
    width = np.where(used, fwhm, 0.0).sum(axis=1) / count
    low = 0.5 * typical
    ratio = np.maximum(_LARGEST * width / low, 4.0)
    power = np.linspace(1.0, 0.0, _LEVELS)[:, None]
    tau = low * ratio**power
    prior = 1.0 / (1.0 + (tau / typical) ** 2)
    return np.concatenate([tau, np.zeros((1, len(low)))]), np.log(prior / prior.sum(axis=0))


def judge(
    residual: FloatArray, variance: FloatArray, fwhm: FloatArray, wrong: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probability of being right, effective variance and −2 ln likelihood of each residual.

    The effective variance is what the step of an EM algorithm weighs by (A. P. Dempster,
    N. M. Laird and D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1).

    Parameters
    ----------
    residual, variance, fwhm : array (...)
    wrong : array (...)
        Prior probability of being wrong, within 0 to 1.
    """
    broad = variance + (WRONG_WIDTH * fwhm) ** 2
    with np.errstate(divide="ignore"):
        right_log = np.log1p(-wrong) - 0.5 * (np.log(variance) + residual**2 / variance)
        wrong_log = np.log(wrong) - 0.5 * (np.log(broad) + residual**2 / broad)
    total = np.logaddexp(right_log, wrong_log)
    right = np.exp(right_log - total)
    return right, 1.0 / (right / variance + (1.0 - right) / broad), -2.0 * total
