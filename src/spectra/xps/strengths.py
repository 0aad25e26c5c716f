"""Whether one Shirley strength for all lines of a window holds, by the fit that supposes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from spectra.fit.covariance import covariance
from spectra.fit.lines import Lines
from spectra.fit.losses import SQUARES
from spectra.fit.misfit import Misfit
from spectra.fit.model import Points, Sum
from spectra.fit.photolines import get_photoline
from spectra.fit.problem import Problem
from spectra.fit.scattered import ShirleySums
from spectra.fit.uncertainty import IMPROBABLE
from spectra.xps.build import Built
from spectra.xps.model import Model

if TYPE_CHECKING:
    from spectra.fit.batch import Errors, StackFit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Frames worked on at once, whose derivatives stay small. No answer depends on it.
_TOGETHER = 64
# Part of a strength's information that the other parameters must leave for it to be asked about.
_LEAST = 1e-5
# Bins in parts of the least width of a line.
_PART_OF_WIDTH = 0.5


@dataclass(frozen=True)
class Strengths:
    """What freeing the strengths would do to the fits of some frames.

    Attributes
    ----------
    gain : array (frames,)
        By how much χ² would fall, to first order.
    chance : array (frames,)
        Probability that it falls by so much where the strengths are equal.
    shift : array (frames, varied)
        How the varied parameters would move; 0 where it is species of one level that are asked
        about, whose strengths much else imitates.
    """

    gain: FloatArray
    chance: FloatArray
    shift: FloatArray

    @property
    def unequal(self) -> NDArray[np.bool_]:
        """Where equal strengths are improbable (frames,)."""
        return self.chance < IMPROBABLE

    def doubt(self, fits: StackFit, names: Sequence[str]) -> FloatArray:
        """What an improbable supposition adds to covariances (frames, n, n): its shift squared."""
        if not self.unequal.any():
            return np.zeros((len(fits), len(names), len(names)))
        moved = np.where(self.unequal[:, None], self.shift, 0.0)
        return replace(fits, covar=moved[:, :, None] * moved[:, None]).propagated(names)[1]

    def told(self, known: NDArray[np.bool_]) -> list[str]:
        """One text per frame where one strength does not hold, of those `known` to be fitted."""
        text = (
            "one Shirley strength for all does not hold (chi2 falls by {:.3g} with one each): "
            "compare with shirley_each = true"
        )
        bad = self.unequal & known
        pairs = zip(bad.tolist(), self.gain.tolist(), strict=True)
        return [text.format(gain) if wrong else "" for wrong, gain in pairs]


def _groups(model: Model, built: Built) -> list[list[int]]:
    """Species whose strengths are asked about together: those of a level, or each of one level.

    Empty where there is one group, or no strength that is fitted to all.
    """
    strength = built.params.get("shirley")
    if strength is None or strength.expr or not strength.vary:
        return []
    levels = list(dict.fromkeys(s.level for s in model.species))
    if len(levels) > 1:
        return [[k for k, s in enumerate(model.species) if s.level == v] for v in levels]
    areas = [built.params[f"{s.key}_area"] for s in model.species]
    return [[k] for k, p in enumerate(areas) if p.vary and not p.expr]


def weigh_strengths(
    model: Model,
    built: Built,
    x: FloatArray,
    fits: StackFit,
    left: Misfit,
    errors: Errors,
) -> Strengths:
    """Test one strength for all by the slopes of the likelihood where it was fitted.

    The score test of C. R. Rao, Proc. Camb. Phil. Soc. 44 (1948) 50: with g the gradient by the
    strengths that are freed and I their information beyond what the varied parameters imitate,
    gᵀ·I⁻¹·g is distributed as χ² where the strengths are equal; I⁻¹·g is what they would become,
    and the other parameters follow. It is divided by what the residuals widen variances by, or a
    wrong line shape would pass for unequal strengths.

    Parameters
    ----------
    built : Built
        With what all frames share free, as no frame's minimum is there.
    x : array (points,)
        The window.
    fits : StackFit
    left : Misfit
        What the fits leave behind.
    errors : {"counts", "given", "residual"}
        Where uncertainties come from.
    """
    n = len(fits)
    gain, rank = np.zeros(n), np.zeros(n, np.intp)
    shift = np.zeros((n, len(fits.var_names)))
    groups = _groups(model, built)
    good = np.flatnonzero(np.isfinite(fits.values).all(axis=1) & (len(groups) > 1))
    bins = _Bins.of(model, x)
    problem = Problem.of(
        *(built.model, built.params, bins.x, np.zeros_like(bins.x), None, "residual", SQUARES)
    )
    free = [n for n, p in built.params.items() if p.vary and not p.expr]
    own = [free.index(n) for n in fits.var_names]
    vary = np.ones((n, len(free)), bool)
    vary[:, own] = np.isfinite(np.einsum("rii->ri", fits.covar))
    for rows in (good[i : i + _TOGETHER] for i in range(0, good.size, _TOGETHER)):
        weights = left.weights[rows]
        weight = np.sqrt(bins.sums(weights**2))
        pulled = bins.sums(weights * left.residuals[rows]) / np.maximum(weight, 1e-300)
        some = replace(fits, values=fits.values[rows])
        slopes = problem.jacobian(some) * weight[:, None]
        thrown = _thrown(model, built, bins.x, groups[1:], some) * weight[:, None]
        gain[rows], rank[rows], moved = _score(slopes, thrown, pulled, vary[rows])
        shift[rows] = moved[:, own]
    scale = left.widening * (left.reduced if errors == "residual" else 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.maximum(np.nan_to_num(gain / scale), 0.0)
    chance = np.where(rank > 0, gammaincc(0.5 * np.maximum(rank, 1), 0.5 * gain), 1.0)
    several = len({s.level for s in model.species}) > 1
    return Strengths(gain, chance, shift if several else np.zeros_like(shift))


@dataclass(frozen=True)
class _Bins:
    """Neighbouring points taken together: what is looked at is smooth, and cheaper so.

    Attributes
    ----------
    x : array (bins,)
        Their mean places.
    starts : int array (bins,)
        Where they begin.
    """

    x: FloatArray
    starts: IntArray

    @classmethod
    def of(cls, model: Model, x: FloatArray) -> _Bins:
        """Bins of no more than half of the least width that a line may have."""
        least = min(species.widths[0] for species in model.species)
        count = max(1, int(_PART_OF_WIDTH * least / float(np.diff(x).max())))
        starts = np.arange(0, x.size, count)
        return cls(np.add.reduceat(x, starts) / np.diff(np.append(starts, x.size)), starts)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums (frames, bins) of values (frames, points)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=1))


def _thrown(
    model: Model, built: Built, x: FloatArray, groups: Sequence[Sequence[int]], fits: StackFit
) -> FloatArray:
    """Shirley backgrounds of strength 1 of each group (frames, groups, points)."""
    theta = fits.values[:, [fits.names.index(n) for n in built.names]]
    at = Points(x[None], x[None])
    out = np.empty((len(theta), len(groups), x.size))
    for i, group in enumerate(groups):
        lines = [
            Lines(
                get_photoline(model.species[k].profile), [replace(built.components[k], loss=None)]
            )
            for k in group
        ]
        out[:, i] = Sum(lines, len(built.names)).value(theta, at)
    return ShirleySums().apply(x, out)


def _score(
    slopes: FloatArray, thrown: FloatArray, residuals: FloatArray, vary: NDArray[np.bool_]
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Statistic and degrees of freedom (frames,) of the test, and the parameters' shift.

    Parameters
    ----------
    slopes, thrown : array (frames, varied, points), (frames, groups, points)
        Derivatives by parameters and strengths, over the residuals' uncertainties.
    residuals : array (frames, points)
    vary : bool array (frames, varied)
        Parameters that no bound holds.
    """
    over = thrown.transpose(0, 2, 1)
    inner = np.nan_to_num(covariance(np.matmul(slopes, slopes.transpose(0, 2, 1)), vary))
    cross = np.matmul(slopes, over)
    follow = np.matmul(inner, cross)
    whole = np.matmul(thrown, over)
    size = np.sqrt(np.maximum(np.einsum("rii->ri", whole), 1e-300))
    beyond = whole - np.matmul(cross.transpose(0, 2, 1), follow)
    values, vectors = np.linalg.eigh(beyond / size[:, :, None] / size[:, None])
    known = values > _LEAST
    # What the parameters could gain without the strengths is none of theirs.
    pull = np.matmul(thrown - np.matmul(follow.transpose(0, 2, 1), slopes), residuals[..., None])
    along = np.matmul(vectors.transpose(0, 2, 1), pull / size[..., None])[..., 0]
    step = np.where(known, along / np.where(known, values, 1.0), 0.0)
    freed = np.matmul(vectors, step[..., None]) / size[..., None]
    gain = np.where(known, along * step, 0.0).sum(axis=1)
    return gain, known.sum(axis=1), -np.matmul(follow, freed)[..., 0]
