"""Where standard uncertainties come from, and how they travel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

FloatArray = NDArray[np.float64]

IMPROBABLE = 1e-3


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


def misfit_scale(chi2: FloatArray, dof: NDArray[np.intp], *, absolute: bool) -> FloatArray:
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


def propagate(gradient: FloatArray, cov: FloatArray) -> FloatArray:
    """Variance gᵀ·C·g of a function with gradient g (..., P) of parameters with C (..., P, P)."""
    # Not einsum: the order of its sums, and so the last bit, hangs on how many rows there are.
    spread = np.matmul(cov, gradient[..., :, None])
    return np.asarray(np.matmul(gradient[..., None, :], spread)[..., 0, 0])
