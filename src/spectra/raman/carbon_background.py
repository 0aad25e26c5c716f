"""Which of several backgrounds a spectrum of carbon has, and what that choice is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.fit.residuals import akaike_weights
from spectra.fit.score import gain_of_terms
from spectra.fit.uncertainty import IMPROBABLE
from spectra.raman.series import Fitted, Series, further_terms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

CONTRADICTED = -2.0 * float(np.log(IMPROBABLE))
"""χ² of two degrees of freedom that chance exceeds once in a thousand times."""

# Counts below which a fitted curve has no variance of its own.
_LEAST_CURVE = 0.25
# Derivatives worked on at once, which stay in the caches. No answer depends on it.
_CHUNK = 200_000


@dataclass(frozen=True)
class Degrees:
    """The degree of the background that is told, and how much the others have to say.

    The degree is that of least χ² + 2p, and each counts by its Akaike weight. The Bayesian
    criterion would keep the lower degree much longer: a curvature of two of its uncertainties
    moves areas by as many of theirs, and a nuisance is to do no harm, not to be found out.
    χ² is over what misfit widens variances of the highest degree by.

    Attributes
    ----------
    which : int array (rows,)
        Number of the fit that is told.
    weights : array (rows, degrees)
    """

    which: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, fits: Sequence[Fitted], degrees: Sequence[int], count: IntArray) -> Degrees:
        """Weigh fits of one model of bands.

        Parameters
        ----------
        fits : sequence of Fitted
            On backgrounds of rising degrees, all else alike.
        degrees : sequence of int
        count : int array (rows,)
            Points of each spectrum.
        """
        converged = np.stack([fit.converged for fit in fits], axis=1)
        sound = np.stack([fit.sound for fit in fits], axis=1)
        widening = np.ones(len(count))
        for fit in fits:
            widening = np.where(fit.converged, fit.widening, widening)
        bic = np.stack([fit.bic for fit in fits], axis=1)
        own = np.array([fit.values.shape[1] for fit in fits])
        cost = np.where(converged, bic - own * np.log(count)[:, None], np.inf)
        cost, p = cost / widening[:, None], np.array(degrees)
        excluded = sound.any(axis=1, keepdims=True) & ~sound
        which = np.where(excluded, np.inf, cost + 2.0 * p).argmin(axis=1)
        return cls(which, akaike_weights(cost, p))

    def told(self, arrays: Sequence[FloatArray]) -> FloatArray:
        """Of one array for each degree, the rows of that which is told."""
        return np.asarray(np.stack(arrays)[self.which, np.arange(len(self.which))])

    def doubt(self, values: Sequence[FloatArray]) -> FloatArray:
        """What the choice is worth: how far the other degrees' values lie off (rows, …).

        The root of the mean square, Σ w·(v − told)². To be added to the uncertainty in
        quadrature, as Burnham and Anderson (ibid., sect. 4.3) add it to variances.
        """
        value, told = np.stack(values, axis=1), self.told(values)
        with np.errstate(invalid="ignore", over="ignore"):
            square = (value - told[:, None]) ** 2
        square = np.where(np.isfinite(square), square, 0.0)
        weights = self.weights.reshape(self.weights.shape + (1,) * (value.ndim - 2))
        return np.asarray(np.sqrt((weights * square).sum(axis=1)))


def padded(fits: Fitted, count: int) -> Fitted:
    """Fits with as many background coefficients more as make `count` parameters, all zero."""
    more = count - fits.values.shape[1]
    if more == 0:
        return fits
    row, square = ((0, 0), (0, more)), ((0, 0), (0, more), (0, more))
    return replace(
        fits,
        values=np.pad(fits.values, row),
        held=np.pad(fits.held, row),
        cov=np.pad(fits.cov, square),
    )


def gain_of_more_degrees(series: Series, model: BandModel, fits: Fitted) -> FloatArray:
    """What two further degrees of the background would lessen χ² by (rows,).

    Over what the misfit widens variances by; above `CONTRADICTED` the data contradict the
    background. NaN where that is not known.
    """
    terms = further_terms(model, series.x)
    gain = np.full(len(series.y), np.nan)
    cov = np.nan_to_num(fits.cov) / fits.widening[:, None, None]
    # Of unknown noise the residuals say how large it is.
    unknown = series.errors == "residual"
    scale = fits.chi2_reduced if unknown else np.ones(len(gain))
    size = max(1, _CHUNK // (len(model.names) * series.x.size))
    rows = np.flatnonzero(fits.converged)
    for first in range(0, rows.size, size):
        part = rows[first : first + size]
        curve, slopes = model.value_and_slopes(series.x, fits.values[part])
        weights = None if series.weights is None else series.weights[part]
        omega = np.where(np.isfinite(series.y[part]), _information(weights, series, curve), 0.0)
        omega /= scale[part, None]
        found = gain_of_terms(
            terms, fits.further[part] / scale[part, None], omega, slopes, cov[part]
        )
        gain[part] = found / fits.widening[part]
    return gain


def _information(weights: FloatArray | None, series: Series, curve: FloatArray) -> FloatArray:
    """1/σ² of points (rows, points), but for the scale of unknown noise."""
    if series.errors == "counts":
        return np.asarray(1.0 / np.maximum(curve, _LEAST_CURVE))
    return np.ones_like(curve) if weights is None else np.nan_to_num(weights) ** 2
