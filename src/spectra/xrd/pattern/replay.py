"""The curves of a refinement again, from its results and the patterns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError
from spectra.fit.uncertainty import point_sigma
from spectra.reference import load_phase
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status
from spectra.xrd.pattern.lebail import LeBail
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.wholepattern import WholePattern

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """One frame: each array (points,); the weight is zero where a point was left out."""

    two_theta: FloatArray
    observed: FloatArray
    calculated: FloatArray
    background: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class Replay:
    """Patterns as they were refined. Build it with `Replay.of`.

    Attributes
    ----------
    method : WholePattern
    results : Results
    stack : Stack
        Within the range that was refined.
    model : PatternModel
    """

    method: WholePattern
    results: Results
    stack: Stack
    model: PatternModel

    @classmethod
    def of(cls, method: WholePattern, results: Results, stack: Stack) -> Replay:
        """Make the model of a refinement again.

        Parameters
        ----------
        method : WholePattern
            With the settings that gave the results.
        results : Results
        stack : Stack
            The patterns, all frames.

        Raises
        ------
        ResultsError
            If the stack has other frames, or no frame that can be used, or the method's model
            lacks what was refined.
        """
        if len(stack) != len(results):
            raise ResultsError(
                f"{len(results)} frames of results, but {len(stack)} patterns; "
                "give the stack that was refined"
            )
        # What a Le Bail refinement shares out is not among its results.
        if isinstance(method, LeBail):
            raise ResultsError(
                f"{method.name}: its calculated patterns are not kept; export without patterns"
            )
        good = np.flatnonzero(results.ok() & (stack.status == Status.OK))
        if not good.size:
            raise ResultsError("no frame was refined; there is no calculated pattern")
        cropped = stack.crop(*method._range())
        phases = [load_phase(p) for p in results.attrs["phases"]]
        first = np.asarray(cropped[int(good[0])].signal, dtype=float)[0]
        model = method._model(stack, phases, cropped.x, first)
        known = {*model.layout.names}
        missing = [n for n in results.table.coords["refined"]["name"].tolist() if n not in known]
        if missing:
            raise ResultsError(
                f"{method.name}: the parameter {missing[0]!r} of the results is none of the "
                "method's; give the method with the settings that were used"
            )
        return cls(method, results, cropped, model.starting(results.attrs["held"]))

    def curves(self, frame: int) -> Curves:
        """Observed and calculated pattern of a frame."""
        noise = self.method._noise(self.stack)
        one = self.stack[frame]
        y = np.asarray(one.signal, dtype=float)
        errors = None if one.errors is None else np.asarray(one.errors)
        objective = self.method._objective(
            self.model, one.x, y, point_sigma(y, errors, noise), noise
        )
        theta = self.model.layout.start[None].copy()
        names = self.results.table.coords["refined"]["name"].tolist()
        at = np.array([self.model.layout.index(n) for n in names], dtype=np.intp)
        value = self.results["value"][frame]
        theta[0, at] = np.where(np.isfinite(value), value, theta[0, at])
        return Curves(
            two_theta=one.x,
            observed=y[0],
            calculated=objective.curve(theta)[0],
            background=objective.tiles.join(objective.background_of(theta))[0],
            weight=objective.tiles.join(objective.weight)[0],
        )
