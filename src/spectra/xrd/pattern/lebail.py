"""Le Bail refinement of a sequence: intensities as they are shared out, again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase
from spectra.results import Table
from spectra.xrd.crystal.reflections import Reflections
from spectra.xrd.pattern.amplitude import Amplitude, HeldStrengths
from spectra.xrd.pattern.freed import Freed
from spectra.xrd.pattern.intensities import share_out
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.presence import Limits, refine_present
from spectra.xrd.pattern.refine import Refined, refine, take_steps
from spectra.xrd.pattern.sharing import SHARES, approach_by_sharing
from spectra.xrd.pattern.stages import Stage
from spectra.xrd.pattern.table import with_intensities
from spectra.xrd.pattern.wholepattern import WholePattern
from spectra.xrd.profile.instrument import Instrument

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Rounds of sharing out and refining; they end when χ² gains less than this.
_ROUNDS = 20
_GAIN = 3e-5
_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class LeBail(WholePattern):
    """Refine cells and widths from whole patterns without a structure, frame by frame.

    A. Le Bail, H. Duroy and J. L. Fourquet, Mater. Res. Bull. 23 (1988) 447. What stands above
    the background is shared out among the reflections, then cells, widths, background and
    `corrections` are refined with these intensities, and so on. That ends where intensities as
    parameters would, so the uncertainties are those of a `Pawley` refinement there; with `ties`
    they are those for given intensities, and too small where reflections overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import LeBail
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> refined = LeBail(phases="Si", profile=("w",))(stack)
    >>> refined["a"].round(2).tolist()
    [[5.43]]
    """

    name: ClassVar[str] = "xrd.LeBail"
    block_size: ClassVar[int] = 32

    def _amplitude(self, phase: Phase, listed: Reflections, instrument: Instrument) -> Amplitude:
        known = np.nan_to_num(listed.structure_factor2, nan=1.0)
        return HeldStrengths((listed.multiplicity * np.maximum(known, 1e-3 * known.max()))[None])

    def _free(self, phase: PhaseModel) -> tuple[str, ...]:
        return ()

    def _refine(
        self,
        objective: PatternObjective,
        start: FloatArray,
        free: BoolArray,
        strengths: tuple[FloatArray, ...],
        likely: tuple[FloatArray, ...],
        rest: FloatArray | None = None,
    ) -> tuple[PatternObjective, Refined]:
        held = _with_strengths(objective, strengths) if strengths else objective
        limits = Limits(self.keep, 2.0 * self.cell_error)
        settle = partial(self._settle, rest)
        held, result = refine_present(held, start, free, likely, limits, settle)
        if held.tied.any():
            return held, result
        freed = Freed.of(held, result.theta, result.free, result.present)
        return held, replace(result, cov=freed.covariance(result.at_bound))

    def _settle(
        self,
        rest: FloatArray | None,
        held: PatternObjective,
        patterns: NDArray[np.intp],
        start: FloatArray,
        vary: BoolArray,
    ) -> tuple[PatternObjective, Refined]:
        """Refine some patterns, their phases given."""
        rows, theta = np.arange(len(start)), start.copy()
        cost = np.full(len(start), np.inf)
        for _ in range(_ROUNDS):
            for _ in range(SHARES):
                held = _shared(held, held.take(patterns[rows]), theta[rows])
            part = held.take(patterns[rows])
            step = take_steps(part, theta[rows], vary[rows], max_iterations=_STEPS)
            theta[rows] = step.theta
            gained = cost[rows] - step.chi2 > _GAIN * step.chi2
            cost[rows] = step.chi2
            rows = rows[gained]
            if rows.size == 0:
                break
        known = None if rest is None else rest[patterns]
        return held, refine(held.take(patterns), theta, vary, self.keep, known)

    def _approach(
        self, objective: PatternObjective, start: FloatArray, stages: tuple[Stage, ...]
    ) -> tuple[PatternObjective, FloatArray]:
        return approach_by_sharing(
            objective, start, stages, lambda held, theta: (_shared(held, held, theta), theta)
        )

    def _table(self, model: PatternModel, free: BoolArray) -> Table:
        return with_intensities(super()._table(model, free), model, stderr=False)

    def _fill(
        self,
        columns: dict[str, NDArray[Any]],
        rows: NDArray[np.intp],
        objective: PatternObjective,
        result: Refined,
        plan: PatternPlan,
        shared: FloatArray | None,
    ) -> list[str]:
        # What a phase that is lost had of them is not known.
        columns["intensity"][rows] = np.concatenate(
            [
                np.where(result.present[:, p, None], own, np.nan)
                for p, own in enumerate(self._strengths(objective))
            ],
            axis=1,
        )
        return super()._fill(columns, rows, objective, result, plan, shared)

    def _likely(self, objective: PatternObjective, theta: FloatArray) -> tuple[FloatArray, ...]:
        return tuple(
            np.broadcast_to(_held(p).strengths[:1], (len(theta), len(p.hkl)))
            for p in objective.model.phases
        )

    def _strengths(self, objective: PatternObjective) -> tuple[FloatArray, ...]:
        return tuple(_held(p).strengths[objective.rows] for p in objective.model.phases)


def _held(phase: PhaseModel) -> HeldStrengths:
    assert isinstance(phase.amplitude, HeldStrengths)
    return phase.amplitude


def _with_strengths(
    objective: PatternObjective, strengths: tuple[FloatArray, ...]
) -> PatternObjective:
    """The same objective with strengths (patterns, R) of each phase."""
    return replace(objective, model=objective.model.with_strengths(strengths))


def _shared(whole: PatternObjective, part: PatternObjective, theta: FloatArray) -> PatternObjective:
    """Share out intensities in the rows of `part`, whose parameters are `theta`."""
    strengths = []
    for phase, shared in zip(whole.model.phases, share_out(part, theta), strict=True):
        count = len(whole.y)
        own = _held(phase).strengths
        new = np.broadcast_to(own, (count, own.shape[1])).copy()
        new[part.rows] *= shared.ratio
        strengths.append(new)
    return _with_strengths(whole, tuple(strengths))
