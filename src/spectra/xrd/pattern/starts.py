"""Where the refinement of each frame starts: between the nodes of a sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.settle import rounded

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Starts have mantissas of so many bits (4e-6 of a cell): what a node owes to other frames by its
# last digits does not reach the bits of a result.
_BITS = 17


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
    """

    frames: FloatArray
    theta: FloatArray
    known: BoolArray
    strengths: tuple[FloatArray, ...] = ()
    present: BoolArray | None = None

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
