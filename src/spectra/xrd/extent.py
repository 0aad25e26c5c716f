"""How far a quantity really goes along a noisy sequence.

The largest minus the smallest of many noisy values is too large, and so is that of a smooth
curve through them: its extremes stand where the noise happened to help. Here two smooth curves
are put through every other value (Whittaker smoothers whose strength generalised
cross-validation chooses); one tells where the extremes are, the other how far they lie apart,
and the other way round. The uncertainty comes from repeating that on simulated data. Sequences
of fewer than sixty frames take the plain range, less its bias in the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

FloatArray = NDArray[np.float64]

_STRENGTHS = 10.0 ** np.arange(-2.0, 16.1, 0.5)
_SAMPLES = 300
_SEED = 20_240_601
_KNOTS = 400
_CROSSED = 60


@dataclass(frozen=True)
class Extent:
    """Range of a smooth course.

    Attributes
    ----------
    value, stderr : float
        Largest minus smallest, without the bias of picking; never below zero.
    p_value : float
        Probability of the scatter if nothing changed at all.
    highest, lowest : int
        Where the curve is highest and lowest.
    effective_parameters : float
        Trace of the smoother.
    """

    value: float
    stderr: float
    p_value: float
    highest: int
    lowest: int
    effective_parameters: float


def find_extent(value: FloatArray, error: FloatArray) -> Extent:
    """Return the range of the course that values (frames,) with given errors follow.

    The smoother minimises Σw(y − z)² + λΣ(Δ³z)² (P. H. C. Eilers, Anal. Chem. 75 (2003) 3631,
    eq. 3–6), λ by generalised cross-validation (P. Craven and G. Wahba, Numer. Math. 31 (1979)
    377). The bootstrap is parametric and its seed is fixed, so that the answer repeats.
    """
    weight = 1.0 / error**2
    mean = (weight * value).sum() / weight.sum()
    chi2 = float((weight * (value - mean) ** 2).sum())
    p_value = float(gammaincc(0.5 * (len(value) - 1), 0.5 * chi2))
    y, sigma = _thin(value - mean, error)
    smoothers = _smoothers(sigma)
    curve, trace = _best(y[None], sigma, smoothers)
    course = curve[0]
    noise = np.random.default_rng(_SEED).standard_normal((_SAMPLES, len(y))) * sigma
    crossed = len(y) >= _CROSSED
    span = _crossed_range if crossed else _plain_range
    found = float(span(y[None], sigma)[0])
    repeated = span(course[None] + noise, sigma)
    if not crossed:
        found = 2.0 * found - float(repeated.mean())
    scale = len(value) / len(y)
    return Extent(
        value=max(found, 0.0),
        stderr=float(repeated.std(ddof=1)),
        p_value=p_value,
        highest=min(int(course.argmax() * scale), len(value) - 1),
        lowest=min(int(course.argmin() * scale), len(value) - 1),
        effective_parameters=float(trace[0]),
    )


def _plain_range(y: FloatArray, sigma: FloatArray) -> FloatArray:
    """Largest minus smallest value of each row."""
    return np.asarray(np.ptp(y, axis=1))


def _crossed_range(y: FloatArray, sigma: FloatArray) -> FloatArray:
    """Range of each row (rows,), its places found in one half of the frames, read in the other."""
    halves = [np.arange(i, y.shape[1], 2) for i in (0, 1)]
    curves = [_best(y[:, h], sigma[h], _smoothers(sigma[h]))[0] for h in halves]
    rows = np.arange(len(y))
    total = np.zeros(len(y))
    for places, values in (curves, curves[::-1]):
        last = values.shape[1] - 1
        top = np.minimum(places.argmax(axis=1), last)
        bottom = np.minimum(places.argmin(axis=1), last)
        total += 0.5 * (values[rows, top] - values[rows, bottom])
    return total


def _thin(value: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Average neighbours so that at most `_KNOTS` points are left to be smoothed."""
    if len(value) <= _KNOTS:
        return value, error
    groups = np.array_split(np.arange(len(value)), _KNOTS)
    weights = [1.0 / error[g] ** 2 for g in groups]
    means = [float((w * value[g]).sum() / w.sum()) for g, w in zip(groups, weights, strict=True)]
    return np.array(means), np.array([float(w.sum() ** -0.5) for w in weights])


def _smoothers(sigma: FloatArray) -> list[tuple[FloatArray, float]]:
    """Smoother matrices and their traces for all strengths, the parabola last."""
    n = len(sigma)
    weight = np.median(sigma) ** 2 / sigma**2
    if n < 6:
        return [(np.eye(n), float(n))]
    third = np.diff(np.eye(n), 3, axis=0)
    penalty = third.T @ third
    out = []
    # Beyond n⁶/1000 a curve is a parabola already, and the system ill-conditioned.
    for strength in _STRENGTHS[1e-3 * float(n) ** 6 > _STRENGTHS]:
        hat = np.linalg.solve(np.diag(weight) + strength * penalty, np.diag(weight))
        out.append((hat, float(np.trace(hat))))
    return out


def _best(
    y: FloatArray, sigma: FloatArray, smoothers: list[tuple[FloatArray, float]]
) -> tuple[FloatArray, FloatArray]:
    """Curves (rows, points) of the smoothers of least GCV score, and their traces (rows,)."""
    n = y.shape[1]
    best = np.full(len(y), np.inf)
    curve, trace = np.empty_like(y), np.empty(len(y))
    for hat, size in smoothers:
        smooth = y @ hat.T
        misfit = (((y - smooth) / sigma) ** 2).sum(axis=1)
        # The factor 1.4 guards against the known tendency to follow noise (Y.-J. Kim and
        # C. Gu, J. R. Stat. Soc. B 66 (2004) 337).
        room = max(n - 1.4 * size, 1e-9) if len(smoothers) > 1 else 1.0
        score = misfit / room**2
        better = score < best
        best[better], curve[better], trace[better] = score[better], smooth[better], size
    return curve, trace
