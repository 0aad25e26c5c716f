"""How far a quantity really goes along a noisy sequence.

The largest minus the smallest of many noisy values is too large. Here a course is put through
them first: a smooth curve (a Whittaker smoother whose strength generalised cross-validation
chooses) or straight stretches with sharp turns (`kinks`), whichever cross-validates better. In
long sequences it is put through every other value; one half tells where the extremes are, the
other how far they lie apart, and the other way round. What bias is left, and the uncertainty,
come from repeating that on data simulated from the course.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from spectra.xrd.kinks import find_turns, fit_turns

FloatArray = NDArray[np.float64]

_STRENGTHS = 10.0 ** np.arange(-2.0, 16.1, 0.5)
# Guards against the known tendency of cross-validation to follow noise (Y.-J. Kim and C. Gu,
# J. R. Stat. Soc. B 66 (2004) 337).
_GUARD = 1.4
_SAMPLES = 300
_SEED = 20_240_601
_KNOTS = 400
# Fewest values for a cross-check between halves, and for a curve at all.
_CROSSED = 60
_CURVED = 10


@dataclass(frozen=True)
class Extent:
    """Range of a course.

    Attributes
    ----------
    value, stderr : float
        Largest minus smallest, without the bias of picking; never below zero.
    p_value : float
        Probability of the scatter if nothing changed at all.
    highest, lowest : int
        Where the curve is highest and lowest.
    effective_parameters : float
        Trace of the smoother, or parameters of the straight stretches.
    """

    value: float
    stderr: float
    p_value: float
    highest: int
    lowest: int
    effective_parameters: float


@dataclass(frozen=True)
class _Course:
    """A course through values (points,) and how to draw the like through others.

    Attributes
    ----------
    sigma, curve : array (points,)
    turns : array (turns,)
        Places of sharp turns, in points; empty for a smooth curve.
    parameters : float
    """

    sigma: FloatArray
    curve: FloatArray
    turns: FloatArray
    parameters: float

    def draw(self, y: FloatArray, part: slice) -> FloatArray:
        """Curves of this kind through some points of y (rows, points)."""
        y, sigma = y[:, part], self.sigma[part]
        if self.turns.size:
            return fit_turns(y, sigma, self.turns / (part.step or 1))[0]
        return _smooth(y, sigma)[0]

    def span(self, y: FloatArray) -> FloatArray:
        """Range of each row (rows,) of y (rows, points), evaluated in the same way."""
        n = y.shape[1]
        if n < _CURVED:
            return np.asarray(np.ptp(y, axis=1))
        if n < _CROSSED:
            return np.asarray(np.ptp(self.draw(y, slice(None)), axis=1))
        return _crossed_range(self.draw(y, slice(0, None, 2)), self.draw(y, slice(1, None, 2)))


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
    course = _find_course(y, sigma)
    noise = np.random.default_rng(_SEED).standard_normal((_SAMPLES, len(y))) * sigma
    found, *repeated = course.span(np.concatenate([y[None], course.curve + noise])).tolist()
    bias = float(np.mean(repeated)) - float(np.ptp(course.curve))
    scale = len(value) / len(y)
    return Extent(
        value=max(found - bias, 0.0),
        stderr=float(np.std(repeated, ddof=1)),
        p_value=p_value,
        highest=min(int(course.curve.argmax() * scale), len(value) - 1),
        lowest=min(int(course.curve.argmin() * scale), len(value) - 1),
        effective_parameters=course.parameters,
    )


def _find_course(y: FloatArray, sigma: FloatArray) -> _Course:
    """Choose the kind of course by generalised cross-validation."""
    n, none = len(y), np.empty(0)
    if n < _CURVED:
        # Too few for a curve: the values themselves, drawn together by as much as their
        # scatter is noise (W. James and C. Stein, Proc. 4th Berkeley Symp. 1 (1961) 361).
        chi2 = float(((y / sigma) ** 2).sum())
        kept = max(0.0, 1.0 - (n - 3) / chi2) if n > 3 and chi2 > 0 else 1.0
        return _Course(sigma, kept * y, none, float(n))
    curve, trace, smooth_score = _smooth(y[None], sigma)
    turns, score = find_turns(y, sigma)
    if turns.size and score < smooth_score[0]:
        stretches = fit_turns(y[None], sigma, turns)[0][0]
        return _Course(sigma, stretches, turns, 2.0 + 2.0 * turns.size)
    return _Course(sigma, curve[0], none, float(trace[0]))


def _crossed_range(first: FloatArray, second: FloatArray) -> FloatArray:
    """Range of each row (rows,), its places taken from one half and its values from the other."""
    rows = np.arange(len(first))
    total = np.zeros(len(first))
    for places, values in ((first, second), (second, first)):
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


def _smooth(y: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smooth curves (rows, points) of least GCV score, their traces and scores (rows,).

    In the basis in which weight and penalty are both diagonal (A. Demmler and C. Reinsch, Numer.
    Math. 24 (1975) 375), a strength only shrinks each coefficient.
    """
    n = y.shape[1]
    difference = np.diff(np.eye(n), 3, axis=0) * (sigma / np.median(sigma))
    _, singular, basis = np.linalg.svd(difference)
    stiffness = np.concatenate([singular**2, np.zeros(3)])
    coefficients = (y / sigma) @ basis.T
    best, chosen = np.full(len(y), np.inf), np.zeros(len(y), np.intp)
    shrinkage = 1.0 / (1.0 + _STRENGTHS[:, None] * stiffness)
    for k, shrunk in enumerate(shrinkage):
        misfit = ((coefficients * (1.0 - shrunk)) ** 2).sum(axis=1)
        score = misfit / max(n - _GUARD * float(shrunk.sum()), 1e-9) ** 2
        better = score < best
        best[better], chosen[better] = score[better], k
    curve = (coefficients * shrinkage[chosen]) @ basis * sigma
    return curve, shrinkage[chosen].sum(axis=1), best
