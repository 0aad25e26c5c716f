"""How uncertainties of frames hang together through what the frames share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.results import Results

FloatArray = NDArray[np.float64]


def covariance_with(
    results: Results,
    name: str,
    reference: int,
    *,
    covariance: str = "common_covariance",
    with_common: str = "with_common",
) -> FloatArray:
    """Covariance of a quantity in every frame with the same quantity in a reference frame.

    Methods whose frames share coefficients β (standards of a calibration, a common E₀) tell the
    derivatives g of the quantity by them and their covariance V, and, where the noise of a frame
    has moved β, c = cov(x, β); elsewhere c = V·g. Then

        cov(x_f, x_0) = c_fᵀ·g_0 + g_fᵀ·c_0 − g_fᵀ·V·g_0.

    Parameters
    ----------
    results : Results
    name : str
        A column, ``{name}_by_common`` telling its derivatives.
    reference : int
        The frame 0 of the equation.
    covariance : str
        Attribute with V.
    with_common : str
        Column ``{name}_{with_common}`` with c.

    Returns
    -------
    array (frames, ...)
        Of the shape of the column; zero where the results tell of nothing that frames share. What
        stands for the reference itself is the shared part alone.
    """
    by_common = results.columns.get(f"{name}_by_common")
    if by_common is None or covariance not in results.attrs:
        return np.zeros(results[name].shape)
    spread = np.nan_to_num(np.array(results.attrs[covariance], dtype=float))
    follows = np.matmul(by_common, spread)
    covaried = results.columns.get(f"{name}_{with_common}", follows)
    joint = (covaried - follows) * by_common[reference] + by_common * covaried[reference]
    return np.asarray(joint.sum(axis=-1), dtype=float)
