"""What is known of a sequence when its frames are refined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.damage import Normal
from spectra.results import Table
from spectra.stack import Noise
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.starts import Starts

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PatternPlan:
    """What a refinement needs to know about the sequence.

    ``start``, ``strengths`` and ``level`` are None in the plan of the whole sequence and stand
    in the part that is cut for a block; so does ``rest``, where the nodes have any.
    """

    table: Table
    model: PatternModel
    free: BoolArray
    starts: Starts
    noise: Noise
    normal: Normal
    masses: tuple[float, ...]
    attrs: dict[str, Any]
    n_frames: int
    start: FloatArray | None = None
    strengths: tuple[FloatArray, ...] | None = None
    level: FloatArray | None = None
    rest: FloatArray | None = None

    def cut(self, first: int, stop: int) -> PatternPlan:
        """The part for frames ``first:stop`` of the sequence."""
        frames = np.arange(first, stop, dtype=float)
        return replace(
            self,
            start=self.starts.at(frames),
            strengths=self.starts.strengths_at(frames),
            level=self.normal.level_at(frames),
            rest=self.starts.rest_at(frames),
        )

    def whole(self) -> PatternPlan:
        """The plan, cut for all frames if it has not been cut."""
        return self if self.start is not None else self.cut(0, self.n_frames)

    def cut_again(self, first: int, stop: int) -> PatternPlan:
        """The part for some frames of the block the plan was cut for."""
        plan = self.whole()
        assert plan.start is not None
        assert plan.strengths is not None
        assert plan.level is not None
        some = slice(first, stop)
        return replace(
            plan,
            start=plan.start[some],
            strengths=tuple(s[some] for s in plan.strengths),
            level=plan.level[some],
            rest=None if plan.rest is None else plan.rest[some],
        )
