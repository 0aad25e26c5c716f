"""Patterns beside a smooth curve: spikes and steps, judged around each point of the axis.

Near each place a spectrum is taken for a polynomial plus a pattern (a spike at one or more
points, or a step). By one orthogonal decomposition per place, which is the same for all
spectra, the sum of squares that the pattern explains beyond the polynomial and the sum of
squares that neither explains are quadratic forms of the spectrum: deleted residuals, externally
studentised, as in Belsley, Kuh and Welsch, Regression Diagnostics (Wiley, 1980), ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.stats import chi2

from spectra.fit.medians import median_of_finite

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_DEGREE = 3
_AROUND = 41
_MARGIN = 2


@dataclass(frozen=True)
class Patterns:
    """The linear forms of a pattern at each place.

    Parameters
    ----------
    sources : int array (places, points)
        Points around each place.
    explains : array (places, points, columns)
        Orthonormal forms of what the pattern explains beyond the polynomial.
    rest : array (places, points, k)
        Orthonormal forms of what is left, k degrees of freedom.
    triangle : array (places, columns, columns)
        From coefficients of the pattern to its forms.
    enclosed : bool array (places,)
        Whether enough points stand on either side of the pattern.
    """

    sources: IntArray
    explains: FloatArray
    rest: FloatArray
    triangle: FloatArray
    enclosed: BoolArray

    def judge(self, spectra: FloatArray) -> Judged:
        """Judge the pattern at each place of each spectrum (frames, points).

        Places that have a NaN near give NaN.
        """
        forms = _apply(spectra, self.sources, self.explains)
        left = (_apply(spectra, self.sources, self.rest) ** 2).sum(axis=2)
        noise = np.sqrt(left / self.rest.shape[2])
        strength = np.sqrt((forms**2).mean(axis=2))
        return Judged(self, forms, strength, noise, _typical(noise, self.rest.shape[2]))

    def coefficients(self, forms: FloatArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients of the pattern at one place each, and their errors at unit noise.

        Parameters
        ----------
        forms : array (n, columns)
        places : int array (n,)

        Returns
        -------
        value, unit_error : array (n, columns)
        """
        inverse = np.linalg.inv(self.triangle[places])
        value = np.einsum("nab,nb->na", inverse, forms)
        return value, np.sqrt((inverse**2).sum(axis=2))


@dataclass(frozen=True)
class Judged:
    """How a pattern stands out at each place of each spectrum.

    Parameters
    ----------
    patterns : Patterns
    forms : array (frames, places, columns)
    strength : array (frames, places)
        Root mean square of the forms: an amplitude, in units of the spectrum.
    noise : array (frames, places)
        What is left near the place itself, structure that no cubic follows included.
    typical : array (frames, places)
        Noise further around, by a running median that a few odd points do not move.
    """

    patterns: Patterns
    forms: FloatArray
    strength: FloatArray
    noise: FloatArray
    typical: FloatArray

    def stands_out(self, threshold: float, contrast: float) -> BoolArray:
        """Where the pattern exceeds the noise around, and clears the curve when taken out.

        Places too near to the ends are left alone: there spikes, steps and curves look the same.
        """
        with np.errstate(invalid="ignore"):
            out: BoolArray = (self.strength > threshold * self.typical) & (
                self.strength > contrast * self.noise
            )
        return out & self.patterns.enclosed


def spike_patterns(x: FloatArray, width: int, points: int) -> Patterns:
    """Spikes at `width` neighbouring points, each of its own height; one place per first point."""
    n = len(x)
    places = np.arange(n - width + 1)
    sources = _around((places + (width - 1) / 2).astype(float), n, points)
    columns = sources[:, :, None] == (places[:, None] + np.arange(width))[:, None, :]
    enclosed = (places >= _MARGIN) & (places + width + _MARGIN <= n)
    return _decomposed(x, sources, columns.astype(float), enclosed)


def step_patterns(x: FloatArray, points: int) -> Patterns:
    """Steps between neighbouring points: place i lies between the points i and i + 1."""
    n = len(x)
    places = np.arange(n - 1)
    sources = _around((places + 0.5).astype(float), n, points)
    after = (sources > places[:, None])[:, :, None].astype(float)
    enclosed = (places + 1 >= points // 2) & (places + 1 + points // 2 <= n)
    return _decomposed(x, sources, after, enclosed)


def _around(middle: FloatArray, n: int, points: int) -> IntArray:
    first = np.clip(np.round(middle - (points - 1) / 2).astype(int), 0, n - points)
    return np.asarray(first[:, None] + np.arange(points))


def _decomposed(
    x: FloatArray, sources: IntArray, pattern: FloatArray, enclosed: BoolArray
) -> Patterns:
    near = x[sources]
    middle, half = near.mean(axis=1, keepdims=True), np.ptp(near, axis=1)[:, None] / 2
    powers = ((near - middle) / half)[:, :, None] ** np.arange(_DEGREE + 1)
    q, r = np.linalg.qr(np.concatenate([powers, pattern], axis=2), mode="complete")
    low, high = powers.shape[2], powers.shape[2] + pattern.shape[2]
    return Patterns(sources, q[:, :, low:high], q[:, :, high:], r[:, low:high, low:high], enclosed)


def _apply(spectra: FloatArray, sources: IntArray, forms: FloatArray) -> FloatArray:
    """Linear forms at each place of each spectrum (frames, places, forms)."""
    out = np.zeros((len(spectra), len(sources), forms.shape[2]))
    for k in range(sources.shape[1]):
        out += spectra[:, sources[:, k], None] * forms[:, k]
    return out


def _typical(noise: FloatArray, freedom: int) -> FloatArray:
    """Running median along each spectrum, as the standard deviation of normal noise."""
    known = np.isfinite(noise)
    # Places next to a hole have no noise of their own; a spectrum without any is never judged.
    middle = np.nan_to_num(median_of_finite(noise, 1), nan=np.inf)
    filled = np.where(known, noise, middle[:, None])
    smooth: FloatArray = median_filter(filled, size=(1, min(_AROUND, noise.shape[1])))
    return smooth / float(np.sqrt(chi2.median(freedom) / freedom))
