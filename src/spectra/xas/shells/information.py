"""How much EXAFS can say: independent points, and tests between models."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

FloatArray = NDArray[np.float64]


def _nyquist(span: float) -> float:
    return 2.0 * span / float(np.pi)


INDEPENDENT: Mapping[str, Callable[[float], float]] = {
    "nyquist": _nyquist,
    "larch": lambda span: _nyquist(span) + 1.0,
    "stern": lambda span: _nyquist(span) + 2.0,
}
"""Number of independent points from Δk·ΔR: 2ΔkΔR/π, +1 as Larch and IFEFFIT, or +2."""


def independent_points(
    k: tuple[float, float], r: tuple[float, float], definition: str = "larch"
) -> float:
    """Number of independent points of EXAFS in a range of k and R.

    Parameters
    ----------
    k, r : tuple of float
        1/angstrom, angstrom.
    definition : {"larch", "nyquist", "stern"}
        2ΔkΔR/π + 1 as IFEFFIT and Larch have it, without the 1, or with 2 (E. A. Stern, Phys.
        Rev. B 48 (1993) 9825).

    Returns
    -------
    float

    Examples
    --------
    >>> round(independent_points((3, 17), (1.4, 3.0)), 2)
    15.26
    """
    return INDEPENDENT[definition]((k[1] - k[0]) * (r[1] - r[0]))


def hamilton_probability(
    smaller: FloatArray, larger: FloatArray, n_idp: FloatArray, few: FloatArray, many: FloatArray
) -> FloatArray:
    """Probability that a fit gains as much by its further parameters if they mean nothing.

    The test of W. C. Hamilton, Acta Cryst. 18 (1965) 502, of the ratio of R factors, for EXAFS
    (L. Downward, C. H. Booth, W. W. Lukens and F. Bridges, AIP Conf. Proc. 882 (2007) 129): with
    n independent points, b = many − few constraints given up and χ² of both models,
    P = I_x((n − many)/2, b/2), x = χ²_many/χ²_few, where I is the regularised incomplete beta
    function.

    Parameters
    ----------
    smaller, larger : array
        χ² (or any multiple of it) of the model with `many` and with `few` parameters.
    n_idp : array
        Number of independent points.
    few, many : array
        Numbers of varied parameters.

    Returns
    -------
    array
        Small where the further parameters are needed; NaN where there is nothing to test.
    """
    dof, given_up = 0.5 * (n_idp - many), 0.5 * (many - few)
    usable = (dof > 0) & (given_up > 0) & (larger > 0) & np.isfinite(smaller)
    ratio = np.clip(np.where(usable, smaller, 1.0) / np.where(usable, larger, 1.0), 0.0, 1.0)
    found = betainc(np.where(usable, dof, 1.0), np.where(usable, given_up, 1.0), ratio)
    return np.where(usable, found, np.nan)
