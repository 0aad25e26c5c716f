"""A straight line through points that are uncertain in both coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_ROUNDS = 200
_SETTLED = 1e-13


@dataclass(frozen=True)
class FittedLine:
    """y = intercept + slope·x, the covariance of both (2, 2), χ² and degrees of freedom."""

    intercept: float
    slope: float
    cov: FloatArray
    chi2: float
    dof: int


def fit_line(
    x: FloatArray, y: FloatArray, x_stderr: FloatArray, y_stderr: FloatArray
) -> FittedLine:
    """Fit the line of maximum likelihood to points with errors in both coordinates.

    D. York, N. M. Evensen, M. L. Martínez and J. De Basabe Delgado, Am. J. Phys. 72 (2004) 367,
    equations (13), doi:10.1119/1.1632486, with uncorrelated errors.

    Parameters
    ----------
    x, y : array (n,)
        n of 2 or more, with two different x.
    x_stderr, y_stderr : array (n,)
        Standard uncertainties; one of each pair may be zero.

    Returns
    -------
    FittedLine

    Raises
    ------
    ValueError
        If the points do not make a line, or both uncertainties of one are zero.
    """
    if len(x) < 2 or np.ptp(x) == 0:
        raise ValueError("a line needs two points at different x")
    if (np.hypot(x_stderr, y_stderr) <= 0).any():
        raise ValueError("each point needs an uncertainty in x or y")
    slope = float(np.polyfit(x, y, 1)[0])
    for _ in range(_ROUNDS):
        before = slope
        weight = 1.0 / (y_stderr**2 + (slope * x_stderr) ** 2)
        u, v = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
        beta = weight * (u * y_stderr**2 + slope * v * x_stderr**2)
        slope = float((weight * beta * v).sum() / (weight * beta * u).sum())
        if abs(slope - before) <= _SETTLED * abs(slope):
            break
    weight = 1.0 / (y_stderr**2 + (slope * x_stderr) ** 2)
    middle, level = np.average(x, weights=weight), np.average(y, weights=weight)
    beta = weight * ((x - middle) * y_stderr**2 + slope * (y - level) * x_stderr**2)
    adjusted = middle + beta
    centre = float(np.average(adjusted, weights=weight))
    variance = 1.0 / float((weight * (adjusted - centre) ** 2).sum())
    cov = np.array(
        [
            [1.0 / weight.sum() + centre**2 * variance, -centre * variance],
            [-centre * variance, variance],
        ]
    )
    intercept = float(level - slope * middle)
    chi2 = float((weight * (y - intercept - slope * x) ** 2).sum())
    return FittedLine(intercept, slope, cov, chi2, len(x) - 2)
