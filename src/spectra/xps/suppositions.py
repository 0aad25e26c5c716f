"""What a region's fit supposes of its background: one Shirley strength, and no other kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lines import Component, Lines
from spectra.fit.losses import SQUARES
from spectra.fit.misfit import Misfit
from spectra.fit.model import Points, Sum
from spectra.fit.photolines import get_photoline
from spectra.fit.problem import Problem
from spectra.fit.scattered import ShirleySums, TougaardLosses, WindowPolynomial
from spectra.fit.score import Scores, Slopes
from spectra.fit.uncertainty import IMPROBABLE
from spectra.xps.bins import Bins
from spectra.xps.build import Background, Built
from spectra.xps.model import Model

if TYPE_CHECKING:
    from spectra.fit.batch import Errors, StackFit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# No background is quite right: what is said of one is not said once in a thousand frames.
_CERTAIN = 1e-5
_OF_STRENGTHS = (
    "one Shirley strength for all does not hold (chi2 falls by {:.3g} with one each): compare with "
    "shirley_each = true"
)
_OF_BACKGROUND = (
    "the background is of another kind (chi2 falls by {:.3g}): compare with a higher degree and "
    "with shirley, tougaard or shirley_tougaard"
)
# Frames worked on at once, whose derivatives stay small. No answer depends on it.
_TOGETHER = 128
# Bins in parts of the least width that a line starts with.
_PART_OF_WIDTH = 0.35


@dataclass(frozen=True)
class Suppositions:
    """What is gained by giving up what a region's fits suppose.

    Attributes
    ----------
    strengths : Scores
        By a Shirley strength for each level, or for each species where there is one level. Only
        the first is in `doubt`: much else imitates unequal strengths of one level.
    backgrounds : Scores
        By a further power of the polynomial, and what the lines throw that is not in the model.
    """

    strengths: Scores
    backgrounds: Scores

    def doubt(self, fits: StackFit, names: Sequence[str]) -> FloatArray:
        """What unequal strengths add to covariances (frames, n, n): their shift squared."""
        unequal = self.strengths.improbable(IMPROBABLE)
        if not unequal.any():
            return np.zeros((len(fits), len(names), len(names)))
        moved = np.where(unequal[:, None], self.strengths.shift, 0.0)
        return replace(fits, covar=moved[:, :, None] * moved[:, None]).propagated(names)[1]

    def told(self, known: BoolArray, points: int) -> list[str]:
        """One text per frame where one does not hold, of those `known` to be fitted.

        Parameters
        ----------
        known : bool array (frames,)
        points : int
            Of the window.
        """
        unequal = self.strengths.improbable(IMPROBABLE) & known
        wrong = self.backgrounds.improbable(_CERTAIN) & known
        # The one that says more for what it costs, as the Bayesian information criterion has it.
        paid = (self.backgrounds.rank - self.strengths.rank) * np.log(points)
        unequal &= ~(wrong & (self.backgrounds.gain - self.strengths.gain > paid))
        said = [""] * len(known)
        for i in np.flatnonzero(wrong).tolist():
            said[i] = _OF_BACKGROUND.format(float(self.backgrounds.gain[i]))
        for i in np.flatnonzero(unequal).tolist():
            said[i] = _OF_STRENGTHS.format(float(self.strengths.gain[i]))
        return said


def weigh_suppositions(
    model: Model,
    built: Built,
    background: Background,
    x: FloatArray,
    fits: StackFit,
    left: Misfit,
    errors: Errors,
) -> Suppositions:
    """Test what fits suppose of the background, by the slopes of the likelihood where they are.

    Gains are divided by what residuals widen variances by, as far as they do not explain them, or
    a wrong line shape would pass for a wrong background.

    Parameters
    ----------
    model : Model
    built : Built
        With what all frames share free, as no frame's minimum is there.
    background : Background
    x : array (points,)
        The window.
    fits : StackFit
    left : Misfit
        What the fits leave behind.
    errors : {"counts", "given", "residual"}
        Where uncertainties come from.
    """
    bins = Bins.of(x, _PART_OF_WIDTH * min(species.width for species in model.species))
    problem = Problem.of(
        *(built.model, built.params, bins.x, np.zeros_like(bins.x), None, "residual", SQUARES)
    )
    free = [n for n, p in built.params.items() if p.vary and not p.expr]
    own = [free.index(n) for n in fits.var_names]
    vary = np.ones((len(fits), len(free)), bool)
    vary[:, own] = np.isfinite(np.einsum("rii->ri", fits.covar))
    groups = _groups(model, built)
    rest = [k for k in range(len(model.species)) if not any(k in group for group in groups)]
    parts = [*groups, rest] if rest else groups
    found = [Scores.none(len(fits), len(own)) for _ in range(2)]
    good = np.flatnonzero(np.isfinite(fits.values).all(axis=1) & (left.reduced > 0))
    for rows in (good[i : i + _TOGETHER] for i in range(0, good.size, _TOGETHER)):
        weights = left.weights[rows]
        weight = np.sqrt(bins.sums(weights**2))
        pulled = bins.sums(weights * left.residuals[rows]) / np.maximum(weight, 1e-300)
        some = replace(fits, values=fits.values[rows])
        slopes = Slopes.of(problem.jacobian(some) * weight[:, None], vary[rows], pulled)
        lines = _lines(model, built, parts, bins.x, some)
        # One strength less than there are is freed: the common one is free already.
        thrown = ShirleySums().apply(bins.x, lines[:, 1 : len(groups)])
        asked = thrown, _other_backgrounds(background, lines, bins.x)
        for scores, more in zip(found, asked, strict=True):
            if more.shape[1]:
                one = slopes.score(more * weight[:, None])
                scores.gain[rows] = _beyond_misfit(one.gain, left, errors, rows)
                scores.rank[rows] = one.rank
                scores.shift[rows] = one.shift[:, own]
    strengths, backgrounds = found
    if len({species.level for species in model.species}) < 2:
        strengths = replace(strengths, shift=np.zeros_like(strengths.shift))
    return Suppositions(strengths, backgrounds)


def _beyond_misfit(gain: FloatArray, left: Misfit, errors: Errors, rows: IntArray) -> FloatArray:
    """Gains of some frames over what they leave of the misfit."""
    widening = left.widening[rows]
    if errors == "residual":
        return gain / left.reduced[rows] / widening
    square = (left.residuals[rows] ** 2).sum(axis=1)
    excess = square * (1.0 - 1.0 / left.reduced[rows])
    explained = np.where(excess > 0, np.minimum(gain / np.where(excess > 0, excess, 1.0), 1.0), 0.0)
    return np.asarray(gain / (1.0 + (widening - 1.0) * (1.0 - explained)))


def _groups(model: Model, built: Built) -> list[list[int]]:
    """Species whose strengths are asked about together: those of a level, or each of one level.

    Empty where no strength is fitted to all.
    """
    strength = built.params.get("shirley")
    if strength is None or strength.expr or not strength.vary:
        return []
    levels = list(dict.fromkeys(s.level for s in model.species))
    if len(levels) > 1:
        return [[k for k, s in enumerate(model.species) if s.level == v] for v in levels]
    areas = [built.params[f"{s.key}_area"] for s in model.species]
    return [[k] for k, p in enumerate(areas) if p.vary and not p.expr]


def _lines(
    model: Model, built: Built, parts: Sequence[Sequence[int]], x: FloatArray, fits: StackFit
) -> FloatArray:
    """Lines (frames, parts, points) of species of each part, without what they throw."""
    theta = fits.values[:, [fits.names.index(n) for n in built.names]]
    at = Points(x[None], x[None])
    out = np.empty((len(theta), len(parts), x.size))
    for i, part in enumerate(parts):
        alike: dict[str, list[Component]] = {}
        for k in part:
            alike.setdefault(model.species[k].profile, []).append(
                replace(built.components[k], loss=None)
            )
        families = [Lines(get_photoline(name), own) for name, own in alike.items()]
        out[:, i] = Sum(families, len(built.names)).value(theta, at)
    return out


def _other_backgrounds(background: Background, lines: FloatArray, x: FloatArray) -> FloatArray:
    """Derivatives (frames, n, points) by backgrounds that the model has not."""
    whole = lines.sum(axis=1)
    column = np.zeros(background.degree + 2, np.intp)
    power = WindowPolynomial(column, background.low, background.high).powers(x)[-1]
    more = [np.broadcast_to(power, whole.shape)]
    if not background.shirley:
        more.append(ShirleySums().apply(x, whole))
    if not background.tougaard:
        more.append(TougaardLosses(*background.losses).apply(x, whole))
    return np.stack(more, axis=1)
