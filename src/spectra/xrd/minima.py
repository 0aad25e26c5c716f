"""Several minima of the likelihood of cells, and their average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance
from spectra.xrd.likelihood import Frames, Likelihood, State

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Cost of a minimum that does not count.
NEVER = 1e9


@dataclass(frozen=True)
class Minimum:
    """Minima of the likelihood, one per frame: parameters, their covariance, and the cost."""

    theta: FloatArray
    cov: FloatArray
    cost: FloatArray

    @classmethod
    def of(cls, likelihood: Likelihood, frames: Frames, tau: FloatArray, state: State) -> Minimum:
        normal = likelihood.weigh(frames, tau, state)[0]
        cov = covariance(normal, np.ones(state.theta.shape, bool))
        cost = likelihood.cost(frames, tau, state)
        return cls(state.theta, np.where(np.isfinite(cov), cov, 0.0), cost)

    def likeness(self, rows: IntArray, other: Minimum, one: int, two: int) -> FloatArray:
        """exp(−d²/2) for the distance d of the difference of two parameters, in uncertainties."""
        cov = self.cov[rows]
        variance = cov[:, one, one] + cov[:, two, two] - 2.0 * cov[:, one, two]
        mine = self.theta[rows, one] - self.theta[rows, two]
        off = mine - (other.theta[:, one] - other.theta[:, two])
        return np.asarray(np.exp(-0.5 * off**2 / np.maximum(variance, 1e-300)))

    def put(self, rows: IntArray, other: Minimum) -> Minimum:
        """Give a copy with the frames `rows` of another; the rest does not count."""
        theta, cov = self.theta.copy(), self.cov.copy()
        cost = np.full(len(self.cost), NEVER)
        theta[rows], cov[rows], cost[rows] = other.theta, other.cov, other.cost
        return Minimum(theta, cov, cost)


def posterior(cost: FloatArray, log_prior: FloatArray) -> FloatArray:
    """Weights (minima, frames) that sum to one, from costs and priors of that shape."""
    log_weight = log_prior - 0.5 * cost
    weight = np.exp(log_weight - log_weight.max(axis=0))
    total = np.zeros(weight.shape[1])
    for one in weight:
        total += one
    return np.asarray(weight / total)


def mix(weight: FloatArray, values: list[FloatArray]) -> FloatArray:
    """Sum values (minima of (frames, ...)) by their weights (minima, frames).

    One after the other: the order, and so the last bit, must not hang on how many frames there
    are.
    """
    total = np.zeros(values[0].shape)
    for w, value in zip(weight, values, strict=True):
        total += w.reshape(-1, *[1] * (value.ndim - 1)) * value
    return total


def outer(vector: FloatArray) -> FloatArray:
    """Products v·vᵀ (rows, P, P) of vectors (rows, P)."""
    return np.asarray(vector[:, :, None] * vector[:, None, :])
