"""Score tests: what a fit would gain by something that it does not have, without fitting again.

`Slopes.score` works all of it out from derivatives and residuals; `gain_of_terms` is the gain
alone, for fits that know already how χ² falls with terms common to all frames. Both are the test of
C. R. Rao, Proc. Camb. Philos. Soc. 44 (1948) 50.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from spectra.fit.covariance import covariance
from spectra.fit.uncertainty import propagate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Part of its information that the other parameters must leave for something to be asked about.
_LEAST = 1e-5


@dataclass(frozen=True)
class Scores:
    """What something more would do to the fits of some frames.

    Attributes
    ----------
    gain : array (frames,)
        By how much χ² would fall, to first order.
    rank : int array (frames,)
        Degrees of freedom.
    shift : array (frames, parameters)
        How the parameters would move.
    """

    gain: FloatArray
    rank: IntArray
    shift: FloatArray

    @classmethod
    def none(cls, frames: int, parameters: int) -> Scores:
        """Nothing gained."""
        blank = np.zeros(frames)
        return cls(blank, np.zeros(frames, np.intp), np.zeros((frames, parameters)))

    def improbable(self, chance: float) -> BoolArray:
        """Where as much is gained by chance with less than a probability (frames,)."""
        half = 0.5 * np.maximum(self.rank, 1)
        found = gammaincc(half, 0.5 * np.maximum(self.gain, 0.0))
        return np.asarray((self.rank > 0) & (found < chance))


@dataclass(frozen=True)
class Slopes:
    """Derivatives of fitted curves, and how their parameters follow.

    Attributes
    ----------
    slopes : array (frames, parameters, points)
        Over the uncertainties of the residuals.
    inverse : array (frames, parameters, parameters)
        Of their information; 0 for what a bound holds.
    residuals : array (frames, points)
    """

    slopes: FloatArray
    inverse: FloatArray
    residuals: FloatArray

    @classmethod
    def of(cls, slopes: FloatArray, vary: BoolArray, residuals: FloatArray) -> Slopes:
        """Those of parameters (frames, parameters) that vary."""
        information = np.matmul(slopes, slopes.transpose(0, 2, 1))
        return cls(slopes, np.nan_to_num(covariance(information, vary)), residuals)

    def score(self, more: FloatArray) -> Scores:
        """Test derivatives (frames, k, points) by k further parameters, where these are 0.

        With g the gradient by them and I their information beyond what the fitted ones imitate,
        gᵀ·I⁻¹·g is distributed as χ² where they are 0; I⁻¹·g is what they would become, and the
        fitted ones follow.
        """
        over = more.transpose(0, 2, 1)
        cross = np.matmul(self.slopes, over)
        follow = np.matmul(self.inverse, cross)
        whole = np.matmul(more, over)
        size = np.sqrt(np.maximum(np.einsum("rii->ri", whole), 1e-300))
        beyond = whole - np.matmul(cross.transpose(0, 2, 1), follow)
        values, vectors = np.linalg.eigh(beyond / size[:, :, None] / size[:, None])
        known = values > _LEAST
        # What the fitted ones could gain by themselves is no gain.
        own = more - np.matmul(follow.transpose(0, 2, 1), self.slopes)
        pull = np.matmul(own, self.residuals[..., None])[..., 0]
        along = np.matmul(vectors.transpose(0, 2, 1), (pull / size)[..., None])[..., 0]
        step = np.where(known, along / np.where(known, values, 1.0), 0.0)
        freed = np.matmul(vectors, step[..., None])[..., 0] / size
        gain = np.where(known, along * step, 0.0).sum(axis=1)
        return Scores(gain, known.sum(axis=1), -np.matmul(follow, freed[..., None])[..., 0])


def gain_of_terms(
    terms: FloatArray,
    slope: FloatArray,
    omega: FloatArray,
    jacobian: FloatArray,
    cov: FloatArray,
) -> FloatArray:
    """What further linear terms of a model would lessen χ² by, without a fit of them (rows,).

    The score statistic uᵀ·(T·ω·Tᵀ − T·ω·Jᵀ·C·J·ω·Tᵀ)⁻¹·u, χ² of as many degrees of freedom as
    there are terms where the model is right.

    Parameters
    ----------
    terms : array (terms, points)
        T.
    slope : array (rows, terms)
        u, Σ ω·T·r of the residuals r.
    omega : array (rows, points)
        ω = 1/σ² of the points.
    jacobian : array (rows, parameters, points)
        J, derivatives of the fitted model at its minimum.
    cov : array (rows, parameters, parameters)
        C, (J·ω·Jᵀ)⁻¹ of what is determined, zero else.

    Returns
    -------
    array (rows,)
        NaN where the parameters that are there imitate the terms.
    """
    weighted = terms.astype(jacobian.dtype) * omega[:, None].astype(jacobian.dtype, copy=False)
    mixed = np.matmul(weighted, jacobian.transpose(0, 2, 1)).astype(float)
    left = np.matmul(weighted, terms.T) - np.matmul(np.matmul(mixed, cov), mixed.transpose(0, 2, 1))
    return propagate(slope, covariance(left, np.ones(slope.shape, bool)))
