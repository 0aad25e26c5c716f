"""The line before the edge, subtracted, and the ratio of two maxima with all covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.across import Across
from spectra.xas.maxima import Maxima
from spectra.xas.noise import Noise
from spectra.xas.polynomials import Scale, fit_weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A straight line before the edge of each frame, the same points for all.

    Attributes
    ----------
    coefficients : array (frames, 2)
    covariance : array (frames, 2, 2)
    """

    coefficients: FloatArray
    covariance: FloatArray

    def across(self, scale: Scale, one: FloatArray, other: FloatArray) -> FloatArray:
        """Covariance of the line's values at two energies of each frame."""
        u, v = scale.at(one), scale.at(other)
        c = self.covariance
        return np.asarray(c[:, 0, 0] + (u + v) * c[:, 0, 1] + u * v * c[:, 1, 1])


def subtract_line(
    scale: Scale, y: Across, noise: Noise, first: int, last: int
) -> tuple[Line, Across]:
    """Fit a line to points `first` to `last`, unweighted; give it, and all points less the line."""
    weights = fit_weights(scale.u[first:last], 1)
    covariance = noise.covariances(first, weights, after=False)
    found = np.matmul(weights, y.values[:, first:last])
    powers, over = scale.powers(scale.x, 2), np.empty_like(y.values)
    # Part by part, both passes are made in the cache.
    for part, coefficients, out in zip(y.values, found, over, strict=True):
        np.matmul(powers, coefficients, out=out)
        np.subtract(part, out, out=out)
    line = Line(y.each(found.transpose(1, 0, 2)).T, covariance)
    return line, Across(over, y.count)


def height_variance(scale: Scale, line: Line, maxima: Maxima) -> FloatArray:
    """Variance of a height over the line: the points' and the line's."""
    return maxima.height_variance + line.across(scale, maxima.energy, maxima.energy)


def ratio_variance(
    scale: Scale, line: Line, upper: Maxima, lower: Maxima, ratio: FloatArray
) -> FloatArray:
    """Variance of the ratio of two heights over the same line.

    With r = P/M both heights less the line l, dr = (dP − r dM − dl(E_P) + r dl(E_M))/M. That the
    maxima's positions are uncertain does not matter to first order, the slope there being zero.
    """
    own = upper.height_variance + ratio**2 * lower.height_variance
    at, below = upper.energy, lower.energy
    shared = line.across(scale, at, at) - 2.0 * ratio * line.across(scale, at, below)
    shared = shared + ratio**2 * line.across(scale, below, below)
    return np.asarray((own + shared) / lower.height**2)
