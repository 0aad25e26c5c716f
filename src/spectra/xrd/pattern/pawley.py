"""Pawley refinement of a sequence: every intensity a parameter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase
from spectra.results import Table
from spectra.xrd.crystal.reflections import Reflections
from spectra.xrd.lattice import CellConstraint, inverse_d2
from spectra.xrd.pattern.amplitude import Amplitude, FreeStrengths
from spectra.xrd.pattern.freed import VAGUE, believed_precision, intensity_columns
from spectra.xrd.pattern.intensities import share_out
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective, Prior
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.presence import Limits, refine_present
from spectra.xrd.pattern.refine import Refined, refine
from spectra.xrd.pattern.sharing import SHARES, approach_by_sharing
from spectra.xrd.pattern.stages import Stage
from spectra.xrd.pattern.table import with_intensities
from spectra.xrd.pattern.wholepattern import WholePattern
from spectra.xrd.profile.instrument import Instrument

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Relative strain of a cell in which reflections of different families part.
_STRAIN = 0.01


@dataclass(frozen=True, kw_only=True)
class Pawley(WholePattern):
    """Refine cells, widths and all intensities from whole patterns, frame by frame.

    G. S. Pawley, J. Appl. Cryst. 14 (1981) 357. No structure is needed; the uncertainties of the
    cells hold what is lost because overlapping intensities are not known. So that those are
    determined at all, each intensity is believed beforehand to be what a Le Bail share-out
    gives, give or take all of it.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Pawley
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> refined = Pawley(phases="Si", profile=("w",))(stack)
    >>> refined["a"].round(2).tolist()
    [[5.43]]
    """

    name: ClassVar[str] = "xrd.Pawley"
    block_size: ClassVar[int] = 8

    def _amplitude(self, phase: Phase, listed: Reflections, instrument: Instrument) -> Amplitude:
        group = coincident(phase, listed)
        known = np.nan_to_num(listed.structure_factor2, nan=1.0) * listed.multiplicity
        known = np.maximum(known, 1e-3 * known.max())
        first = np.unique(group, return_index=True)[1]
        names = tuple(f"intensity({' '.join(map(str, hkl))})" for hkl in listed.hkl[first].tolist())
        return FreeStrengths(names, np.bincount(group, weights=known).astype(float), group)

    def _free(self, phase: PhaseModel) -> tuple[str, ...]:
        return tuple(c.name for c in phase.amplitude.coefficients)

    def _refine(
        self,
        objective: PatternObjective,
        start: FloatArray,
        free: BoolArray,
        strengths: tuple[FloatArray, ...],
        likely: tuple[FloatArray, ...],
        rest: FloatArray | None = None,
    ) -> tuple[PatternObjective, Refined]:
        limits = Limits(self.keep, 2.0 * self.cell_error)
        settle = partial(self._settle, rest)
        return refine_present(objective, start, free, likely, limits, settle)

    def _settle(
        self,
        rest: FloatArray | None,
        objective: PatternObjective,
        rows: NDArray[np.intp],
        start: FloatArray,
        vary: BoolArray,
    ) -> tuple[PatternObjective, Refined]:
        """Refine some patterns, their phases given."""
        part, theta = objective.take(rows), start
        for _ in range(SHARES):
            theta = _shared(part, theta)
        prior = _prior(part, theta)
        known = None if rest is None else rest[rows]
        result = refine(replace(part, prior=prior), theta, vary, self.keep, known)
        return replace(objective, prior=prior), result

    def _likely(self, objective: PatternObjective, theta: FloatArray) -> tuple[FloatArray, ...]:
        return tuple(theta[:, at] for at in intensity_columns(objective.model))

    def _approach(
        self, objective: PatternObjective, start: FloatArray, stages: tuple[Stage, ...]
    ) -> tuple[PatternObjective, FloatArray]:
        others = np.ones(objective.model.layout.size, bool)
        for columns in intensity_columns(objective.model):
            others[columns] = False
        rest = [replace(stage, free=stage.free & others) for stage in stages]
        return approach_by_sharing(
            objective, start, rest, lambda held, theta: (held, _shared(held, theta))
        )

    def _table(self, model: PatternModel, free: BoolArray) -> Table:
        return with_intensities(super()._table(model, free), model, stderr=True)

    def _fill(
        self,
        columns: dict[str, NDArray[Any]],
        rows: NDArray[np.intp],
        objective: PatternObjective,
        result: Refined,
        plan: PatternPlan,
        shared: FloatArray | None,
    ) -> list[str]:
        said = super()._fill(columns, rows, objective, result, plan, shared)
        _fill_intensities(columns, rows, plan)
        return said


def _shared(objective: PatternObjective, theta: FloatArray) -> FloatArray:
    """Parameters (rows, P) with intensities as the pattern shares them out."""
    out = theta.copy()
    columns = intensity_columns(objective.model)
    for at in columns:
        # Of what is to be shared out none gets a negative share.
        faint = VAGUE * np.maximum(out[:, at].max(axis=1, keepdims=True, initial=0.0), 0.0)
        out[:, at] = np.where(out[:, at] > 0.0, out[:, at], faint)
    for phase, at, shared in zip(
        objective.model.phases, columns, share_out(objective, out), strict=True
    ):
        assert isinstance(phase.amplitude, FreeStrengths)
        group, count = phase.amplitude.group, len(phase.amplitude.names)
        mean = np.zeros((len(theta), count))
        for row, ratio in zip(mean, shared.ratio, strict=True):
            row += np.bincount(group, weights=ratio, minlength=count) / np.bincount(group)
        out[:, at] *= mean
    return out


def _prior(objective: PatternObjective, theta: FloatArray) -> Prior:
    """Belief in the intensities of `theta` (rows, P)."""
    mean, precision = objective.prior.mean.copy(), objective.prior.precision.copy()
    for at in intensity_columns(objective.model):
        mean[objective.rows, at] = theta[:, at]
        precision[objective.rows, at] = believed_precision(theta[:, at])
    return Prior(mean, precision)


def _fill_intensities(
    columns: dict[str, NDArray[Any]], rows: NDArray[np.intp], plan: PatternPlan
) -> None:
    """Give each reflection its share of its group's parameter; NaN where that was not refined."""
    names = plan.table.coords["refined"]["name"].tolist()
    values, errors = columns["value"][rows], columns["value_stderr"][rows]
    first = 0
    for phase in plan.model.phases:
        assert isinstance(phase.amplitude, FreeStrengths)
        group = phase.amplitude.group
        share = 1.0 / np.bincount(group)[group]
        for r, name in enumerate(phase.amplitude.names):
            full = f"{phase.name}.{name}"
            if full not in names:
                continue
            at, own = names.index(full), np.flatnonzero(group == r)
            part = np.ix_(rows, first + own)
            columns["intensity"][part] = values[:, at, None] * share[own]
            columns["intensity_stderr"][part] = errors[:, at, None] * share[own]
        first += group.size


def coincident(phase: Phase, listed: Reflections) -> NDArray[np.intp]:
    """Group (R,) of each reflection: one for all that have one spacing in whatever cell."""
    constraint = CellConstraint.of(phase.crystal_system)
    free = constraint.free(phase.cell)
    count = free.size
    # As many cells as there are directions, none of them special.
    steps = 1.0 + _STRAIN * np.sqrt(np.arange(2.0, count + 2.0))[:, None] * np.eye(count)
    cells = constraint.cell(np.concatenate([free[None], free * steps]))
    q = inverse_d2(listed.hkl, cells)[0]
    keys = np.round(q / q[:1].max(), 9).T
    order = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    # Numbered as they come.
    first = np.unique(order, return_index=True)[1]
    rank = np.empty(len(first), np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[order])
