"""What Rietveld, Pawley and Le Bail refinements have in common: all but the intensities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.damage import Normal
from spectra.fit.losses import SQUARES, Counts
from spectra.fit.uncertainty import misfit_scale
from spectra.reference import load_phase
from spectra.results import Results, Table
from spectra.stack import Noise, Stack
from spectra.status import Status
from spectra.xrd.pattern.constrained import ConstrainedPattern
from spectra.xrd.pattern.fractions import impossible, with_standard
from spectra.xrd.pattern.intensities import bragg_factors
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.modelling import PatternModelling
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.refine import Refined, refine, refine_in_stages
from spectra.xrd.pattern.stages import Stage, at_bounds, check_free, make_stages
from spectra.xrd.pattern.starts import Starts
from spectra.xrd.pattern.statistics import agreement
from spectra.xrd.pattern.table import Filler, pattern_table
from spectra.xrd.pattern.tiles import Tiles
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.samples import NodeData, Samples
from spectra.xrd.screen import Screened, check_points, choose_noise, screen

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

RefineFrames = Callable[
    [PatternObjective, IntArray, "PatternPlan"],
    tuple[PatternObjective, Refined, FloatArray | None],
]

# Points of a tile: lines are a few points wide, and a tail is smooth over so many.
TILE = 128
_FEWEST_POINTS = 50
# Long sequences get so many more nodes, so many frames apart at least.
_FINE_NODES = 64
_FINE_SPACING = 4
# What nodes learnt of second derivatives is handed on where it stays below some megabytes.
_FEW_PARAMETERS = 128
# Parameters that a message names.
_MOST_NAMED = 6


@dataclass(frozen=True, kw_only=True)
class WholePattern(PatternModelling):
    """Course of a whole-pattern refinement; see its children."""

    def prepare(self, source: Stack) -> PatternPlan:
        """Refine a few frames of the sequence, from the cells given.

        Raises
        ------
        StackError
            If the axis is not 2θ, has too few points in the range, or no frame can be used.
        SettingError
            If the radiation is not known, a phase has no line in the range, or a parameter
            named does not exist.
        """
        if source.axis.name != "two_theta":
            raise StackError(
                f"{self.name} works on patterns over two_theta, not over {source.axis.name!r}"
            )
        inside = self.used(np.asarray(source.x))
        check_points(source, inside, _FEWEST_POINTS, self.name, self._range())
        noise = choose_noise(source, self.errors, self.name)
        phases = [load_phase(p) for p in self.phases]
        self._check_names(phases)
        samples = Samples.read(source, noise, self.coarse_frames, self._range())
        normal = samples.learn() if len(samples.frame) else None
        nodes = samples.nodes(normal) if normal else []
        if normal is None or not nodes:
            low, high = self._range()
            raise StackError(
                f"{self.name}: none of the {source.n_frames} frames has a usable signal between "
                f"{low:g} and {high:g} deg"
            )
        measurement, model = self.first_model(source, phases, samples.x, nodes[0].y)
        free = self._chosen(model)
        check_free(model.layout, free)
        self._standard(model)
        stages = make_stages(model.layout, free, self.cell_error)
        starts = self._walk(model, stages, samples.x, nodes, noise)
        starts = self._between(model, free, starts, source, noise, normal)
        attrs = {
            "axis": {"name": source.axis.name, "unit": source.axis.unit},
            "title": source.title,
            "errors": {"counts": "counts", "given": "given", "unknown": "residual"}[noise],
            "wavelength": model.emission[0].wavelength,
            "stages": [s.name for s in stages],
            "coarse_frames": len(nodes),
            "literature": {p.name: list(p.cell) for p in phases},
            "space_groups": {p.name: p.space_group for p in phases},
            "standards": [],
            "phases": [p.to_plain() for p in phases],
            "measurement": measurement.to_plain(),
            "held": {
                p.name: float(s)
                for p, s, f in zip(
                    model.layout.parameters, model.layout.start.tolist(), free, strict=True
                )
                if not f
            },
        }
        masses = tuple(p.cell_mass for p in phases)
        table = self._table(model, free)
        return PatternPlan(
            table, model, free, starts, noise, normal, masses, attrs, source.n_frames
        )

    def narrow(self, plan: PatternPlan, start: int, stop: int) -> PatternPlan:
        """Give the starts for frames ``start:stop``."""
        return plan.cut(start, stop)

    def narrow_block(self, plan: PatternPlan, start: int, stop: int) -> PatternPlan:
        """Give the starts for some frames of the block the plan was cut for."""
        return plan.cut_again(start, stop)

    def table(self, plan: PatternPlan) -> Table:
        """Declare the table of refined patterns."""
        return plan.table

    def fit(self, block: Stack, plan: PatternPlan) -> Results:
        """Refine all frames of a block."""
        return self.fit_with(block, plan, self._refine_frames)

    def observe(self, block: Stack, plan: PatternPlan) -> tuple[Screened, PatternObjective]:
        """Judge the frames of a block; those that can be used as an objective."""
        assert plan.level is not None
        cropped = block.crop(*self._range())
        seen = screen(cropped, plan.noise, plan.normal, plan.level)
        return seen, self.objective(plan.model, cropped.x, seen.y, seen.sigma, plan.noise)

    def fit_with(self, block: Stack, plan: PatternPlan, refine_frames: RefineFrames) -> Results:
        """Refine all frames of a block in a way of one's own.

        Parameters
        ----------
        block : Stack
        plan : PatternPlan
        refine_frames : callable
            Refines the frames of an objective, whose numbers in the block it is told; returns
            the objective, the answer, and a covariance (rows, P, P) that is added to that of
            the answer, or None.
        """
        plan = plan.whole()
        seen, objective = self.observe(block, plan)
        columns = plan.table.empty(len(block))
        columns["phase_status"][:] = PhaseStatus.NOT_DETERMINED
        status, messages = seen.status.copy(), list(seen.messages)
        if seen.rows.size:
            objective, result, shared = refine_frames(objective, seen.rows, plan)
            texts = self._fill(columns, seen.rows, objective, result, plan, shared)
            for i, row in enumerate(seen.rows.tolist()):
                bounds = at_bounds(plan.model.layout, result.theta[i], result.at_bound[i])
                status[row], messages[row] = _verdict(
                    *(int(result.status[i]), int(result.iterations[i]), result.present[i]),
                    *(bounds, texts[i], seen.damage[i]),
                )
        return Results(
            table=plan.table,
            columns=columns,
            status=status,
            messages=tuple(messages),
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _refine_frames(
        self, objective: PatternObjective, rows: IntArray, plan: PatternPlan
    ) -> tuple[PatternObjective, Refined, None]:
        """Refine frames, each by itself."""
        assert plan.start is not None
        assert plan.strengths is not None
        strengths = tuple(s[rows] for s in plan.strengths)
        start = plan.start[rows]
        likely = strengths or self._likely(objective, start)
        rest = None if plan.rest is None else plan.rest[rows]
        return *self._refine(objective, start, plan.free, strengths, likely, rest), None

    def _refine(
        self,
        objective: PatternObjective,
        start: FloatArray,
        free: BoolArray,
        strengths: tuple[FloatArray, ...],
        likely: tuple[FloatArray, ...],
        rest: FloatArray | None = None,
    ) -> tuple[PatternObjective, Refined]:
        """Refine some frames from their starts.

        Of each phase, `strengths` (rows, R) are held ones to start with, and `likely` are
        intensities (rows, R) that are expected if it is there; neither if atoms give them.
        `rest` (rows, P, P) is what is known of second derivatives.
        """
        return objective, refine(objective, start, free, self.keep, rest)

    def _approach(
        self, objective: PatternObjective, start: FloatArray, stages: tuple[Stage, ...]
    ) -> tuple[PatternObjective, FloatArray]:
        """Bring one frame near its minimum from far away."""
        return objective, refine_in_stages(objective, start, stages)

    def _table(self, model: PatternModel, free: BoolArray) -> Table:
        table = pattern_table(model, free)
        return with_standard(table) if self.standard else table

    def _fill(
        self,
        columns: dict[str, NDArray[Any]],
        rows: IntArray,
        objective: PatternObjective,
        result: Refined,
        plan: PatternPlan,
        shared: FloatArray | None,
    ) -> list[str]:
        """Write the refined frames; what is to be said of each."""
        curve = objective.curve(result.theta)
        y, weight = (
            objective.tiles.join(v[objective.rows]) for v in (objective.y, objective.weight)
        )
        n_free = (result.free & ~objective.tied).sum(axis=1)
        figures = agreement(y, curve, weight, n_free)
        dof = np.maximum((weight > 0).sum(axis=1) - n_free, 1)
        chi2 = figures.gof**2 * dof
        scale = misfit_scale(chi2, dof, absolute=plan.noise != "unknown")
        cov = result.cov * scale[:, None, None]
        if shared is not None:
            cov = cov + shared
        columns["scaled"][rows] = np.sqrt(scale)
        standard = self._standard(plan.model)
        filler = Filler(plan.table, plan.model, plan.free, plan.masses, standard)
        # Six digits are enough for an R factor.
        bragg = bragg_factors(objective.in_single_precision(), result.theta)
        filler.fill(columns, rows, result, cov, figures, bragg)
        names = plan.table.coords["phase"]["name"].tolist()
        lacking = _not_determined(plan.model.layout.names, result, objective.tied)
        texts = []
        for row, unknown in zip(rows.tolist(), lacking, strict=True):
            parts = [
                f"{names[p]}: {PhaseStatus(s).label}"
                for p, s in enumerate(columns["phase_status"][row].tolist())
                if s != PhaseStatus.OK
            ]
            parts += filter(None, [unknown, impossible(columns, row) if standard else ""])
            texts.append("; ".join(parts))
        return texts

    def _standard(self, model: PatternModel) -> tuple[int, float] | None:
        """Number and weighed share of the internal standard.

        Raises
        ------
        SettingError
            If phases have no scale.
        """
        for name, share in self.standard.items():
            if f"{name}.scale" not in model.layout.names:
                raise SettingError(
                    f"{self.name}: standard = {self.standard!r}, but intensities that are not "
                    "those of atoms say nothing of masses; use xrd.Rietveld"
                )
            return [p.name for p in model.phases].index(name), share
        return None

    def _walk(
        self,
        model: PatternModel,
        stages: tuple[Stage, ...],
        x: FloatArray,
        nodes: list[NodeData],
        noise: Noise,
    ) -> Starts:
        """Refine the nodes one after the other, each from where the one before ended."""
        theta = model.layout.start[None]
        thetas, knowns, strengths, present, rests = [], [], [], [], []
        for node in nodes:
            sigma = node.sigma[None]
            objective = self.objective(model, x, node.y[None], sigma, "given")
            likely = self._likely(objective, theta)
            objective, near = self._approach(objective, theta, stages)
            before = self._strengths(objective)
            objective, result = self._refine(objective, near, stages[-1].free, before, likely)
            known = result.free[0] & ~result.at_bound[0]
            knowns.append(known)
            here = result.present[0]
            after = zip(self._strengths(objective), before, here, strict=False)
            strengths.append([own if there else old for own, old, there in after])
            present.append(here)
            rests.append(result.rest[0])
            # Where a phase that is not there was looked for means nothing.
            theta = np.where(result.free | ~stages[-1].free, result.theta, theta)
            thetas.append(theta[0])
        return Starts(
            np.array([n.frame for n in nodes]),
            np.array(thetas),
            np.array(knowns),
            tuple(np.concatenate(s) for s in zip(*strengths, strict=True)),
            np.array(present),
            np.array(rests) if model.layout.size <= _FEW_PARAMETERS else None,
        )

    def _between(
        self,
        model: PatternModel,
        free: BoolArray,
        starts: Starts,
        source: Stack,
        noise: Noise,
        normal: Normal,
    ) -> Starts:
        """Refine more nodes of a long sequence, each from between those that are known."""
        count = min(_FINE_NODES, source.n_frames // _FINE_SPACING)
        if count < 2 * self.coarse_frames:
            return starts
        samples = Samples.read(source, noise, count, self._range())
        nodes = samples.nodes(normal)
        frames = np.array([n.frame for n in nodes])
        y, sigma = np.array([n.y for n in nodes]), np.array([n.sigma for n in nodes])
        objective = self.objective(model, samples.x, y, sigma, "given")
        start, before = starts.at(frames), starts.strengths_at(frames)
        likely = before or self._likely(objective, start)
        objective, result = self._refine(
            objective, start, free, before, likely, starts.rest_at(frames)
        )
        arrived = np.isin(result.status, (Status.OK, Status.AT_BOUND))[:, None]
        known = result.free & ~result.at_bound & arrived
        rest = np.where(arrived[:, :, None], result.rest, 0.0)
        after = zip(self._strengths(objective), before, result.present.T, strict=False)
        strengths = tuple(np.where(there[:, None], own, old) for own, old, there in after)
        present = result.present & arrived
        return starts.joined(Starts(frames, result.theta, known, strengths, present, rest))

    def _strengths(self, objective: PatternObjective) -> tuple[FloatArray, ...]:
        """Strengths that are no parameters; none by default."""
        return ()

    def _likely(self, objective: PatternObjective, theta: FloatArray) -> tuple[FloatArray, ...]:
        """Intensities of each phase at parameters (rows, P), not looking at a pattern."""
        return ()

    def objective(
        self, model: PatternModel, x: FloatArray, y: FloatArray, sigma: FloatArray, noise: Noise
    ) -> PatternObjective:
        """What is minimised for patterns y (rows, points) at x (points,), deg."""
        use = self.used(x) & np.isfinite(y) & np.isfinite(sigma) & (sigma > 0)
        weight = np.where(use, 1.0 / np.where(use, sigma, 1.0) ** 2, 0.0)
        loss = Counts() if noise == "counts" else SQUARES
        made = PatternObjective.of(model, Tiles.of(x, min(TILE, x.size)), y, weight, loss)
        if model.ties is None or model.restraints is None:
            return made
        return ConstrainedPattern(**vars(made), ties=model.ties, restraints=model.restraints)


def _not_determined(names: Sequence[str], result: Refined, tied: BoolArray) -> list[str]:
    """Name what was refined in each frame without being determined by it."""
    unknown = ~np.isfinite(np.einsum("rii->ri", result.cov))
    unknown &= result.free & ~result.at_bound & ~tied
    said = []
    for row in unknown:
        found = [names[p] for p in np.flatnonzero(row).tolist()]
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        said.append(f"not determined: {', '.join(found[:_MOST_NAMED])}{more}" if found else "")
    return said


def _verdict(
    code: int, evaluations: int, present: BoolArray, bounds: list[str], text: str, damage: str
) -> tuple[Status, str]:
    """Status and message of a refined frame."""
    status = Status(code)
    if status == Status.AT_BOUND and not bounds:
        status = Status.OK
    if not present.any():
        status = Status.LOST
    if damage:
        status = Status.BAD_INPUT
    slow = f"not converged after {evaluations} evaluations" if code == Status.NOT_CONVERGED else ""
    held = f"at bound: {', '.join(bounds)}" if bounds else ""
    return status, "; ".join(filter(None, (damage, slow, held, text)))
