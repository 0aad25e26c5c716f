"""Where standard uncertainties come from, and how they travel."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaln, xlogy

FloatArray = NDArray[np.float64]

IMPROBABLE = 1e-3
_LEVERAGE = 0.95


def point_sigma(y: FloatArray, errors: FloatArray | None, noise: str) -> FloatArray:
    """Give the standard uncertainty of every point of some spectra.

    Parameters
    ----------
    y : array (frames, points)
        Intensities; NaN where not measured.
    errors : array (frames, points), optional
        Uncertainties that came with the data; used for ``noise="given"``.
    noise : {"counts", "given", "unknown"}
        Counts: the root of the running mean of seven points (at least one count), which does
        not follow the noise itself. Unknown: one value per spectrum from its second
        differences.

    Returns
    -------
    array (frames, points)
        NaN where a point must not be used.
    """
    if noise == "given":
        if errors is None:
            raise ValueError("noise='given' needs errors")
        return np.where(errors > 0, errors, np.nan)
    if noise == "counts":
        from scipy.ndimage import uniform_filter1d

        finite = np.isfinite(y)
        smooth = uniform_filter1d(np.where(finite, y, 0.0), 7, axis=1, mode="nearest")
        mean = smooth
        # Where all is measured the share is one, to the last bit.
        if not finite.all():
            share = uniform_filter1d(finite.astype(float), 7, axis=1, mode="nearest")
            mean = smooth / np.maximum(share, 1e-6)
        return np.where(finite, np.sqrt(np.maximum(mean, 1.0)), np.nan)
    level = np.maximum(estimate_noise(y), np.finfo(float).tiny)
    return np.where(np.isfinite(y), level[:, None], np.nan)


def estimate_noise(y: FloatArray) -> FloatArray:
    """Estimate the standard deviation of white noise on smooth spectra (frames,).

    From the median absolute second difference, which a slope does not touch and a few peaks
    hardly do: the second difference of noise σ has the standard deviation √6·σ. NaN with
    fewer than ten such differences.
    """
    second = np.abs(y[:, :-2] - 2.0 * y[:, 1:-1] + y[:, 2:])
    enough = np.isfinite(second).sum(axis=1) >= 10
    level = np.full(len(y), np.nan)
    if enough.any():
        level[enough] = np.nanmedian(second[enough], axis=1) / (0.6744897501960817 * np.sqrt(6.0))
    return level


def misfit_scale(
    chi2: FloatArray, dof: NDArray[np.intp] | FloatArray, *, absolute: bool
) -> FloatArray:
    """Factor on a covariance that misfit calls for (frames,).

    With relative weights (`absolute` False) it is χ²/dof, always. With known uncertainties it
    is 1 unless χ² is improbable (p < 0.001); then the model or the uncertainties are wrong
    and the covariance is widened by χ²/dof (R. T. Birge, Phys. Rev. 40 (1932) 207). Scaling
    only then keeps correct uncertainties correct.

    Parameters
    ----------
    chi2 : array (...)
    dof : array (...)
    absolute : bool

    Returns
    -------
    array (...)
        NaN without degrees of freedom where weights are relative, else 1 there.
    """
    positive = dof > 0
    safe = np.where(positive, dof, 1)
    reduced = chi2 / safe
    if not absolute:
        return np.where(positive, reduced, np.nan)
    probability = gammaincc(0.5 * safe, 0.5 * np.where(np.isfinite(chi2), chi2, 0.0))
    return np.where(positive & (probability < IMPROBABLE), reduced, 1.0)


def deviance_scale(
    deviance: FloatArray, mean: FloatArray, use: NDArray[np.bool_], dof: NDArray[np.intp]
) -> FloatArray:
    """Factor on a covariance that the misfit of counts calls for (frames,).

    As `misfit_scale` of known uncertainties has it, with what the deviance of few counts is by
    chance in place of what χ² is: a point of mean m has E[D] and var[D] of its own, about 1.2 and
    2.5 at m = 2 and less than 1 below 0.5. The sum is taken for a multiple of χ² that has its mean
    and variance (F. E. Satterthwaite, Biometrics 2 (1946) 110); of many counts it is χ² itself.

    Parameters
    ----------
    deviance : array (frames,)
        −2·ln of the Poisson likelihood over that of a perfect fit.
    mean : array (frames, points)
        Fitted counts.
    use : bool array (frames, points)
        Points that were fitted.
    dof : int array (frames,)
    """
    log, expected, spread = _deviances()
    at = np.log(np.maximum(np.nan_to_num(mean), 1e-300))
    # Sums of rows, which do not hang on how many there are.
    middle = np.where(use, np.interp(at, log, expected), 0.0).sum(axis=1)
    variance = np.where(use, np.interp(at, log, spread), 0.0).sum(axis=1)
    share = dof / np.maximum(use.sum(axis=1), 1)
    safe = np.where(middle > 0, middle, 1.0)
    freedom = np.where(middle > 0, share * 2.0 * safe**2 / np.maximum(variance, 1e-300), dof)
    usual = safe * np.where(share > 0, share, 1.0)
    return misfit_scale(deviance * freedom / usual, freedom, absolute=True)


@lru_cache(maxsize=1)
def _deviances() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ln m, and mean and variance of 2·(k·ln(k/m) − k + m) over Poisson's distribution of mean m.

    From 1000 on they are those of χ² of one degree of freedom.
    """
    mean = np.geomspace(1e-3, 1e3, 601)[:, None]
    k = np.arange(1400.0)
    probability = np.exp(xlogy(k, mean) - mean - gammaln(k + 1.0))
    deviance = 2.0 * (xlogy(k, k / mean) - k + mean)
    expected = (probability * deviance).sum(axis=1)
    spread = (probability * (deviance - expected[:, None]) ** 2).sum(axis=1)
    expected[-1], spread[-1] = 1.0, 2.0
    return np.log(mean[:, 0]), expected, spread


def propagate(gradient: FloatArray, cov: FloatArray) -> FloatArray:
    """Variance gᵀ·C·g of a function with gradient g (..., P) of parameters with C (..., P, P)."""
    # Not einsum: the order of its sums, and so the last bit, hangs on how many rows there are.
    spread = np.matmul(cov, gradient[..., :, None])
    return np.asarray(np.matmul(gradient[..., None, :], spread)[..., 0, 0])


def robust_covariance(jacobian: FloatArray, residual: FloatArray) -> FloatArray:
    """Covariance of an unweighted fit whose points need not scatter alike.

    (JᵀJ)⁻¹·Jᵀ·diag(rᵢ²/(1 − hᵢ)²)·J·(JᵀJ)⁻¹ with hᵢ the leverage of a point: HC3 of J. G.
    MacKinnon and H. White, J. Econometrics 29 (1985) 305, nearly the jackknife's.

    Parameters
    ----------
    jacobian : array (points, P)
        Derivatives by the parameters that were determined; what they do not tell apart is as
        little uncertain as can be.
    residual : array (points,)

    Returns
    -------
    array (P, P)
    """
    q, r = np.linalg.qr(jacobian)
    leverage = (q**2).sum(axis=1)
    # A point that the fit goes through by itself says nothing of its scatter.
    square = (residual / (1.0 - np.minimum(leverage, _LEVERAGE))) ** 2
    solved = np.linalg.pinv(r) @ q.T
    return np.asarray((solved * square) @ solved.T)
