"""Where the refinement of each frame starts: between the nodes of a sequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.settle import rounded

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Starts have mantissas of so many bits (4e-6 of a cell): what a node owes to other frames by its
# last digits does not reach the bits of a result.
_BITS = 17
_AROUND = 2


@dataclass(frozen=True)
class Starts:
    """Parameters refined at the nodes of a sequence.

    Attributes
    ----------
    frames : array (nodes,)
        Frame numbers.
    theta : array (nodes, P)
    known : bool array (nodes, P)
        Parameters that the node determined; those of an absent phase are not.
    strengths : tuple of array (nodes, R)
        Strengths of the reflections of each phase, where they are not parameters.
    present : bool array (nodes, phases), optional
        Which nodes show a phase; all of them if not given.
    rest : array (nodes, P, P), optional
        What was learnt there of second derivatives, see `fit.secant`.
    """

    frames: FloatArray
    theta: FloatArray
    known: BoolArray
    strengths: tuple[FloatArray, ...] = ()
    present: BoolArray | None = None
    rest: FloatArray | None = None

    def joined(self, others: Starts) -> Starts:
        """These nodes and `others`, which stand for those at the same frames."""
        kept = ~np.isin(self.frames, others.frames)
        order = np.argsort(np.concatenate([self.frames[kept], others.frames]))

        def both(own: FloatArray, new: FloatArray) -> FloatArray:
            return np.asarray(np.concatenate([own[kept], new])[order])

        return Starts(
            both(self.frames, others.frames),
            both(self.theta, others.theta),
            np.concatenate([self.known[kept], others.known])[order],
            tuple(both(*pair) for pair in zip(self.strengths, others.strengths, strict=True)),
            _both_or_none(both, self.present, others.present),
            _both_or_none(both, self.rest, others.rest),
        )

    def at(self, frames: FloatArray) -> FloatArray:
        """Parameters (frames, P) interpolated between the nodes that know them."""
        out = np.empty((len(frames), self.theta.shape[1]))
        for p in range(out.shape[1]):
            known = self.known[:, p]
            use = known if known.any() else np.ones_like(known)
            out[:, p] = np.interp(frames, self.frames[use], self.theta[use, p])
        # What no node refined stands exactly where it was put.
        held = ~self.known.any(axis=0) & (self.theta == self.theta[0]).all(axis=0)
        return np.asarray(np.where(held, self.theta[0], rounded(out, _BITS)))

    def strengths_at(self, frames: FloatArray) -> tuple[FloatArray, ...]:
        """Strengths (frames, R) of each phase at the nearest node that shows it."""
        away = np.abs(frames[:, None] - self.frames)
        found = []
        for number, own in enumerate(self.strengths):
            shown = np.ones(len(own), bool) if self.present is None else self.present[:, number]
            hidden = ~shown if shown.any() else np.zeros_like(shown)
            found.append(own[np.where(hidden, np.inf, away).argmin(axis=1)])
        return tuple(found)

    def rest_at(self, frames: FloatArray) -> FloatArray | None:
        """What is known of second derivatives (frames, P, P): medians of nodes around.

        One node has learnt only what lay on its way, and may stand where a sequence jumps.
        """
        if self.rest is None:
            return None
        nodes, of = np.unique(self._nearest(frames), return_inverse=True)
        around = (self.rest[max(0, n - _AROUND) : n + _AROUND + 1] for n in nodes.tolist())
        medians = np.array([np.median(some, axis=0) for some in around])
        return np.asarray(rounded(medians, _BITS)[of])

    def _nearest(self, frames: FloatArray) -> NDArray[np.intp]:
        return np.asarray(np.abs(frames[:, None] - self.frames).argmin(axis=1))


def _both_or_none(both: Callable[[FloatArray, FloatArray], FloatArray], own: Any, new: Any) -> Any:
    """Two arrays joined, unless one is missing."""
    return None if own is None or new is None else both(own, new)
