"""What residuals say of a model: structure that it leaves behind, and what its parameters buy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

STRONG_EVIDENCE = 6.0
"""ΔBIC from which on evidence is strong: R. E. Kass and A. E. Raftery, J. Am. Stat. Assoc. 90
(1995) 773, doi:10.1080/01621459.1995.10476572, p. 777."""

_TINY = 1e-300
# Standard deviations that noise does not reach but once in a thousand times, to one side.
_FAR = 3.1


def abbe_criterion(residual: FloatArray, use: BoolArray) -> FloatArray:
    """½Σ(rᵢ₊₁ − rᵢ)²/Σrᵢ²: 1 for noise, towards 0 for what a model leaves behind.

    Half of the ratio of the mean square successive difference to the variance (J. von Neumann, Ann.
    Math. Stat. 12 (1941) 367), known as Abbe's criterion to those who fit core levels.

    Parameters
    ----------
    residual : array (rows, points)
        Over standard uncertainties, zero where there is no point.
    use : bool array (rows, points)

    Returns
    -------
    array (rows,)
    """
    both = use[:, 1:] & use[:, :-1]
    steps = np.where(both, residual[:, 1:] - residual[:, :-1], 0.0)
    # The number of neighbours is one less than that of points, or fewer.
    pairs = np.maximum(both.sum(axis=1), 1) / np.maximum(use.sum(axis=1), 1)
    total = np.maximum((residual**2).sum(axis=1), _TINY)
    return np.asarray(0.5 * (steps**2).sum(axis=1) / total / pairs)


def abbe_limit(count: IntArray) -> FloatArray:
    """Abbe criterion below which residuals are hardly noise (p about 0.001).

    Of noise it has the mean 1 and the variance (n − 2)/(n² − 1) (J. von Neumann, Ann. Math. Stat.
    12 (1941) 367).

    Parameters
    ----------
    count : int array (rows,)
        Points n.
    """
    n = np.maximum(count, 3).astype(float)
    return np.asarray(1.0 - _FAR * np.sqrt((n - 2.0) / (n**2 - 1.0)))


def information_criterion(
    chi2: FloatArray, count: IntArray, parameters: int, *, scale_known: bool
) -> FloatArray:
    """Bayesian information criterion: the lesser of two models' is the better supported.

    χ² + p·ln n, or n·ln(χ²/n) + p·ln n with residuals of unknown scale (G. Schwarz, Ann. Stat. 6
    (1978) 461).

    Parameters
    ----------
    chi2 : array (rows,)
    count : int array (rows,)
        Points n.
    parameters : int
        p.
    scale_known : bool
        Whether the residuals are over standard uncertainties that are known.

    Returns
    -------
    array (rows,)
    """
    n = np.maximum(count, 1)
    cost = chi2 if scale_known else count * np.log(np.maximum(chi2, _TINY) / n)
    return np.asarray(cost + parameters * np.log(n))


def akaike_weights(cost: FloatArray, parameters: IntArray) -> FloatArray:
    """Shares of models in what is expected of new data, by Akaike's criterion (rows, models).

    exp(−Δ/2) of χ² + 2p over their sum (K. P. Burnham and D. R. Anderson, Model Selection and
    Multimodel Inference, 2nd ed. (2002), sect. 2.9).

    Parameters
    ----------
    cost : array (rows, models)
        χ², over what misfit multiplies variances by (ibid., sect. 2.5); infinite for models that
        are not to count. Rows of such models alone have shares of zero.
    parameters : int array (models,)
        p.

    Examples
    --------
    >>> akaike_weights(np.array([[10.0, 8.0]]), np.array([3, 4])).tolist()
    [[0.5, 0.5]]
    """
    criterion = cost + 2.0 * parameters
    least = criterion.min(axis=1, keepdims=True)
    share = np.exp(-0.5 * (criterion - np.where(np.isfinite(least), least, 0.0)))
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), _TINY))
