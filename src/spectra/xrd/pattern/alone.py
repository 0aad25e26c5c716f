"""All frames of a sequence refined by themselves, before they are refined together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.joint import Blocks
from spectra.stack import Stack
from spectra.status import Status
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.refine import Refined, refine
from spectra.xrd.pattern.wholepattern import WholePattern

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Values of patterns that are kept in memory instead of being read again for every pass.
_KEPT = 20_000_000


@dataclass(frozen=True)
class Alone:
    """All frames, each refined by itself; parameters as in the plan of the refinement.

    Attributes
    ----------
    refinement : WholePattern
    source : Stack
    plan : PatternPlan
    theta, stderr : array (frames, P)
    free : bool array (frames, P)
    cost, scale : array (frames,)
        χ², and the factor on the covariance that misfit calls for.
    good : bool array (frames,)
        Refined, and nothing wrong with the frame.
    kept : dict
        Patterns of blocks by their first frame, where memory allows to keep them.
    """

    refinement: WholePattern
    source: Stack
    plan: PatternPlan
    theta: FloatArray
    stderr: FloatArray
    free: BoolArray
    cost: FloatArray
    scale: FloatArray
    good: BoolArray
    kept: dict[int, tuple[IntArray, PatternObjective]]

    def blocks(self, chosen: IntArray) -> Blocks:
        """What gives some of the frames block by block, as `Problem.blocks`."""
        number = np.full(len(self.good), -1)
        number[chosen] = np.arange(len(chosen))

        def walk() -> Iterator[tuple[IntArray, PatternObjective]]:
            for first, block in self.source.blocks(self.refinement.block_size):
                stop = first + len(block)
                if not (number[first:stop] >= 0).any():
                    continue
                if first in self.kept:
                    rows, objective = self.kept[first]
                else:
                    cut = self.plan.cut_again(first, stop)
                    seen, objective = self.refinement.observe(block.load(), cut)
                    rows = seen.rows
                mine = number[first + rows]
                yield mine[mine >= 0], objective.take(np.flatnonzero(mine >= 0))

        return walk


def refine_alone(method: WholePattern, source: Stack, plan: PatternPlan) -> Alone:
    """Refine every frame by itself."""
    shape = source.n_frames, plan.model.layout.size
    assert plan.start is not None
    out = Alone(
        *(method, source, plan, plan.start.copy(), np.full(shape, np.nan)),
        *(np.zeros(shape, bool), np.full(shape[0], np.nan), np.ones(shape[0])),
        *(np.zeros(shape[0], bool), {}),
    )
    keep = source.n_frames * source.n_points <= _KEPT
    for first, block in source.blocks(method.block_size):
        caught: list[tuple[IntArray, PatternObjective, Refined]] = []

        def catch(
            objective: PatternObjective,
            rows: IntArray,
            cut: PatternPlan,
            caught: list[tuple[IntArray, PatternObjective, Refined]] = caught,
        ) -> tuple[PatternObjective, Refined, None]:
            assert cut.start is not None
            rest = None if cut.rest is None else cut.rest[rows]
            result = refine(objective, cut.start[rows], cut.free, method.keep, rest)
            caught.append((rows, objective, result))
            return objective, result, None

        found = method.fit_with(block.load(), plan.cut_again(first, first + len(block)), catch)
        for rows, objective, result in caught:
            at = first + rows
            scale = found["scaled"][rows] ** 2
            out.theta[at], out.free[at], out.cost[at] = result.theta, result.free, result.cost
            out.scale[at] = np.where(np.isfinite(scale), scale, 1.0)
            variance = np.einsum("rii->ri", result.cov) * out.scale[at][:, None]
            out.stderr[at] = np.sqrt(variance)
            out.good[at] = np.isin(found.status[rows], (Status.OK, Status.AT_BOUND))
            if keep:
                out.kept[first] = rows, objective
    return out
