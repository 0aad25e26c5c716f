"""Which combination of standards explains a spectrum, and with how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from spectra.xas.mixture.frames import Frames
from spectra.xas.mixture.shifted import Mixing

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

PENALTIES = ("none", "aic", "bic", "hamilton")

_REJECTED = 0.05


@dataclass(frozen=True)
class Ranking:
    """Figures of every combination in every frame, each (frames, combinations).

    NaN where the combination would need a weight that is not positive: it is then the same as
    a smaller one. ``best`` (frames,) is the index of the combination chosen.
    """

    aic: FloatArray
    bic: FloatArray
    hamilton: FloatArray
    r_factor: FloatArray
    best: IntArray


def rank(frames: Frames, mixing: Mixing, tried: Sequence[tuple[int, ...]], penalty: str) -> Ranking:
    """Fit all combinations and rank them in each frame.

    With σ known −2·ln L is χ²; with an unknown one it is n·ln(χ²/n), n points (K. P. Burnham
    and D. R. Anderson, Model Selection and Multimodel Inference, 2nd ed., 2002, section 2.2).
    """
    shape = (len(frames.y), len(tried))
    chi2, squares = np.full(shape, np.nan), np.full(shape, np.nan)
    parameters = np.zeros(len(tried))
    for i, members in enumerate(tried):
        mixture = mixing.fit(frames, members)
        residual = np.where(frames.weight > 0, frames.y - mixing.curve(mixture), 0.0)
        # A single standard of closed mixtures has weight one by definition.
        right = (mixture.weight[:, list(members)] > 0).all(axis=1)
        chi2[right, i] = (frames.weight * residual**2).sum(axis=1)[right]
        squares[right, i] = (residual**2).sum(axis=1)[right]
        parameters[i] = len(members) - mixing.closed + mixing.n_shifts(members)
    count = frames.count[:, None].astype(float)
    tiny = np.finfo(float).tiny
    deviance = chi2
    if not frames.known:
        deviance = count * np.log(np.maximum(chi2, tiny) / np.maximum(count, 1.0))
    aic = deviance + 2.0 * parameters
    bic = deviance + parameters * np.log(np.maximum(count, 1.0))
    hamilton = _hamilton(chi2, parameters, count)
    norm = np.maximum((frames.y**2).sum(axis=1), tiny)[:, None]
    best = {"aic": aic, "bic": bic, "hamilton": _smallest(chi2, hamilton, parameters)}[penalty]
    return Ranking(
        _less_least(aic),
        _less_least(bic),
        hamilton,
        squares / norm,
        np.argmin(np.where(np.isfinite(best), best, np.inf), axis=1),
    )


def _less_least(values: FloatArray) -> FloatArray:
    least = np.where(np.isfinite(values), values, np.inf).min(axis=1, keepdims=True)
    return values - np.where(np.isfinite(least), least, np.nan)


def _hamilton(chi2: FloatArray, parameters: FloatArray, count: FloatArray) -> FloatArray:
    """Probability of so large a ratio of R factors to the best fit's, if both were right.

    Hamilton's R(b, n−m) is √(1 + b·F/(n−m)): the ratio of χ² has the tail
    I_x((n−m)/2, b/2) at x = χ²_best/χ².
    """
    finite = np.where(np.isfinite(chi2), chi2, np.inf)
    top = np.argmin(finite, axis=1)
    least = np.take_along_axis(finite, top[:, None], axis=1)
    extra = np.maximum(parameters[top][:, None] - parameters[None, :], 1.0)
    left = np.maximum(count - parameters[top][:, None], 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(chi2 > 0, least / chi2, 1.0)
    ratio = np.where(np.isfinite(ratio), np.clip(ratio, 0.0, 1.0), 0.0)
    return np.where(np.isfinite(chi2), betainc(0.5 * left, 0.5 * extra, ratio), np.nan)


def _smallest(chi2: FloatArray, hamilton: FloatArray, parameters: FloatArray) -> FloatArray:
    """A figure that is least for the smallest combination not rejected, then for the best fit."""
    worst = np.where(np.isfinite(chi2), chi2, 0.0).max(axis=1, keepdims=True)
    place = parameters + 0.5 * chi2 / np.maximum(worst, np.finfo(float).tiny)
    return np.where(hamilton >= _REJECTED, place, np.nan)
