"""How positions scatter about a cell: counting, a common floor, and peaks that are wrong.

A residual r of standard deviation s is taken to come from (1 − w)·N(0, s²) + w/2b: a peak is
right, or, with the small probability w, it shows something else that may lie anywhere within
about its width b of the reflection (contaminated normal errors: J. W. Tukey in Contributions to
Probability and Statistics, Stanford 1960, 448; with a uniform density: J. D. Banfield and
A. E. Raftery, Biometrics 49 (1993) 803). No limit decides: the probability of being right falls
smoothly, and with it the weight.

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

# Peaks further from their reflection than this (fwhm) do not show it.
STRAY = 0.4
# Weights do not fall below this part.
_LEAST_RIGHT = 1e-12
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
    span = np.log(2.0) + 0.5 * np.log(fwhm**2 + variance)
    with np.errstate(divide="ignore"):
        right_log = np.log1p(-wrong) - 0.5 * (
            np.log(2.0 * np.pi * variance) + residual**2 / variance
        )
        total = np.logaddexp(right_log, np.log(wrong) - span)
    right = np.exp(right_log - total)
    return right, variance / np.maximum(right, _LEAST_RIGHT), -2.0 * total
