"""Multivariate curve resolution by alternating least squares, under constraints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from spectra.xas.mixture.bounded import Normal, solve, solve_bounded
from spectra.xas.mixture.frames import row_products

# A lack of fit of rounding alone.
_EXACT = 1e-12

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Constraints:
    """What concentrations and spectra obey.

    Parameters
    ----------
    concentrations, spectra : bool
        Whether they are not negative.
    closed : bool
        Whether the concentrations of a frame add up to one.
    unimodal : bool
        Whether each concentration has one maximum along the sequence.
    """

    concentrations: bool
    spectra: bool
    closed: bool
    unimodal: bool


@dataclass(frozen=True)
class Resolved:
    """Concentrations (frames, k), spectra (k, points), and how these were reached.

    ``lack`` is the lack of fit after every round, as a share of the data.
    """

    concentration: FloatArray
    spectra: FloatArray
    lack: tuple[float, ...]
    converged: bool


def project(
    y: FloatArray,
    weight: FloatArray,
    spectra: FloatArray,
    allowed: BoolArray,
    constraints: Constraints,
) -> FloatArray:
    """Concentrations (frames, k) of given spectra, each frame by itself.

    Parameters
    ----------
    y, weight : array (frames, points)
    spectra : array (k, points)
    allowed : bool array (frames, k)
        Which components a frame may hold.
    constraints : Constraints
    """
    return _shared_out(normal_of(y, weight, spectra, constraints), allowed, constraints)


def _shared_out(normal: Normal, allowed: BoolArray, constraints: Constraints) -> FloatArray:
    """Concentrations (frames, k) from normal equations."""
    found = np.zeros_like(normal.moment)
    way = solve_bounded if constraints.concentrations else solve
    for pattern in np.unique(allowed, axis=0):
        rows = np.flatnonzero((allowed == pattern).all(axis=1))
        members = tuple(np.flatnonzero(pattern).tolist())
        found[rows] = way(normal[rows], members)[0]
    return found


def normal_of(
    y: FloatArray, weight: FloatArray, spectra: FloatArray, constraints: Constraints
) -> Normal:
    """Normal equations of the concentrations of every frame."""
    size = len(spectra)
    i, j = np.triu_indices(size)
    gram = np.empty((len(y), size, size))
    pairs = np.ascontiguousarray((spectra[i] * spectra[j]).T)
    gram[:, i, j] = gram[:, j, i] = row_products(weight, pairs)
    moment = row_products(weight * y, np.ascontiguousarray(spectra.T))
    square = (weight * y**2).sum(axis=1)
    return Normal(gram, moment, square, size, constraints.closed)


def resolve(
    data: FloatArray,
    spectra: FloatArray,
    allowed: BoolArray,
    constraints: Constraints,
    *,
    rounds: int,
    tolerance: float,
) -> Resolved:
    """Alternate between concentrations and spectra until the lack of fit stands still.

    R. Tauler, Chemom. Intell. Lab. Syst. 30 (1995) 133. Non-negative least squares are exact;
    closure is part of them and not a scaling afterwards; unimodality is the isotonic
    regression to both sides of the maximum.

    Parameters
    ----------
    data : array (frames, points)
    spectra : array (k, points)
        First estimates.
    allowed : bool array (frames, k)
    constraints : Constraints
    rounds : int
        At most.
    tolerance : float
        Relative change of the lack of fit at which it is found.
    """
    total = float((data**2).sum())
    lack: list[float] = []
    concentration = np.zeros((len(data), len(spectra)))
    for _ in range(rounds):
        concentration = _concentrations_of(data, spectra, allowed, constraints)
        if constraints.unimodal:
            concentration = one_maximum(concentration, closed=constraints.closed)
        spectra = _spectra_of(data, concentration, spectra, constraints)
        residual = data - concentration @ spectra
        lack.append(float(np.sqrt((residual**2).sum() / total)))
        still = len(lack) > 1 and abs(lack[-2] - lack[-1]) <= tolerance * lack[-1]
        if still or lack[-1] < _EXACT:
            return Resolved(concentration, spectra, tuple(lack), True)
    return Resolved(concentration, spectra, tuple(lack), False)


def bootstrapped(
    data: FloatArray,
    found: Resolved,
    allowed: BoolArray,
    constraints: Constraints,
    *,
    times: int,
    seed: int,
    rounds: int,
    tolerance: float,
) -> FloatArray:
    """Spectra (times, k, points) of series with residuals drawn anew, frame by frame.

    Whole residual spectra are drawn with replacement, so that errors that go together along the
    energy stay together. Every series starts from the spectra found: what scatters is
    the noise, and not the choice among the answers that fit alike (see `rotational_bands`).
    """
    draw = np.random.default_rng(seed)
    fitted = found.concentration @ found.spectra
    residual = data - fitted
    n, p = data.shape
    k = len(found.spectra)
    residual *= np.sqrt(n * p / max(n * p - k * (n + p - k), 1))
    spectra = np.empty((times, *found.spectra.shape))
    for i in range(times):
        again = fitted + residual[draw.integers(n, size=n)]
        spectra[i] = resolve(
            again, found.spectra, allowed, constraints, rounds=rounds, tolerance=tolerance
        ).spectra
    return spectra


def one_maximum(concentration: FloatArray, *, closed: bool) -> FloatArray:
    """The nearest concentrations that rise to their maximum and fall after it."""
    shaped = np.empty_like(concentration)
    for j, column in enumerate(concentration.T):
        top = int(np.argmax(column))
        shaped[: top + 1, j] = isotonic_regression(column[: top + 1]).x
        shaped[top:, j] = isotonic_regression(column[top:], increasing=False).x
    if closed:
        total = shaped.sum(axis=1, keepdims=True)
        shaped /= np.where(total > 0, total, 1.0)
    return shaped


def _concentrations_of(
    data: FloatArray, spectra: FloatArray, allowed: BoolArray, constraints: Constraints
) -> FloatArray:
    """Concentrations (frames, k) of given spectra, all frames with the same weights."""
    gram = (spectra @ spectra.T)[None]
    square = (data**2).sum(axis=1)
    normal = Normal(gram, data @ spectra.T, square, len(spectra), constraints.closed)
    return _shared_out(normal, allowed, constraints)


def _spectra_of(
    data: FloatArray, concentration: FloatArray, before: FloatArray, constraints: Constraints
) -> FloatArray:
    """Spectra (k, points) of given concentrations; a component that is nowhere keeps its own."""
    k = len(before)
    present = (concentration != 0).any(axis=0)
    gram = (concentration.T @ concentration)[None]
    moment = data.T @ concentration
    normal = Normal(gram, moment, (data**2).sum(axis=0), k, closed=False)
    members = tuple(np.flatnonzero(present).tolist())
    way = solve_bounded if constraints.spectra else solve
    found = np.ascontiguousarray(way(normal, members)[0].T)
    found[~present] = before[~present]
    return found
