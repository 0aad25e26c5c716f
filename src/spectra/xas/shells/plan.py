"""What each block of frames needs to know before it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.results import Table
from spectra.xas.shells.model import Model
from spectra.xas.shells.sequence import Shared

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class ShellsPlan:
    """Paths, parameters, and what was fitted to all frames.

    Attributes
    ----------
    model : Model
    table : Table
    n_idp : float
    shared : Shared
    shares : tuple of float
        Part of each restraint that counts in each frame.
    frames : int array (frames,)
        Numbers of the frames.
    start : array (frames, P)
    joined : bool array (frames,)
        Frames that had a part in what is shared.
    share : float
        Part of the coefficients in common that counts as varied in each frame.
    attrs : dict
    """

    model: Model
    table: Table
    n_idp: float
    shared: Shared
    shares: tuple[float, ...]
    frames: IntArray
    start: FloatArray
    joined: BoolArray
    share: float
    attrs: dict[str, Any]

    def take(self, start: int, stop: int) -> ShellsPlan:
        """The part for frames one after the other."""
        return self.rows(np.arange(start, stop))

    def rows(self, rows: IntArray) -> ShellsPlan:
        """The part for some frames."""
        return replace(
            self, frames=self.frames[rows], start=self.start[rows], joined=self.joined[rows]
        )

    def starts(self) -> FloatArray:
        """Where the fit of each frame starts, what is shared in its place (frames, P)."""
        common = self.shared.common
        values, _ = common.evaluate(self.frames.astype(float), self.shared.beta)
        return common.place(self.start, values, np.ones(values.shape, bool))

    def own(self, free: BoolArray) -> BoolArray:
        """Slots that frames have for themselves, of those they depend on (rows, P)."""
        own = free.copy()
        own[:, self.shared.common.columns] = False
        return own

    def varied(self, free: BoolArray) -> FloatArray:
        """Numbers of varied parameters (rows,)."""
        common = self.share * np.count_nonzero(self.shared.fitted)
        return np.asarray(self.own(free).sum(axis=1) + common)


def free_slots(model: Model, active: BoolArray) -> BoolArray:
    """Slots that the paths in a frame, or restraints, depend on (rows, P)."""
    uses = model.used()
    return np.asarray((active[:, :, None] & uses[:-1]).any(axis=1) | uses[-1])


def restraint_shares(model: Model, n_frames: int) -> tuple[float, ...]:
    """How much of each restraint counts in each of some frames.

    One on what only frames together have is one fact, and not one for each frame.
    """
    shared = {p.name for p in model.parameters.slots if p.shared}
    own = {p.name for p in model.parameters.slots} - shared
    found = []
    for restraint in model.restraints:
        open_ = set(restraint.expression.names)
        while (
            more := {
                n
                for name in open_
                if name in model.parameters.expressions
                for n in model.parameters.expressions[name].names
            }
            - open_
        ):
            open_ |= more
        found.append(1.0 if open_ & own else 1.0 / n_frames)
    return tuple(found)
