"""Points of a spectrum in ascending order, repeated ones averaged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Ordering:
    """How recorded points become those of an axis.

    Parameters
    ----------
    index : int array (kept,)
        Recorded points in ascending order.
    starts : int array (points,)
        Where in `index` each point of the axis begins; what lies between is averaged.
    note : str
        What had to be done.
    """

    index: IntArray
    starts: IntArray
    note: str = ""

    @cached_property
    def unchanged(self) -> bool:
        """Whether the recorded points are in order as far as they go, each once."""
        own = np.arange(len(self.index))
        return np.array_equal(self.index, own) and len(self.starts) == len(own)

    def apply(self, values: FloatArray) -> FloatArray:
        """Recorded values (..., recorded) on the axis (..., points)."""
        recorded = np.asarray(values, dtype=float)
        if self.unchanged and len(self.index) == recorded.shape[-1]:
            return recorded
        taken = recorded[..., self.index]
        if len(self.starts) == len(self.index):
            return taken
        counts = np.diff(self.starts, append=len(self.index))
        sums: FloatArray = np.add.reduceat(taken, self.starts, axis=-1)
        return sums / counts


def order_points(x: FloatArray) -> Ordering:
    """Find the ascending order of positions (recorded,).

    Positions that are not finite are left out, equal ones are averaged, and those out of
    order are sorted; all of this is noted, except that a falling axis is turned round.
    """
    kept = np.flatnonzero(np.isfinite(x))
    index = kept[np.argsort(x[kept], kind="stable")]
    new = np.diff(x[index], prepend=-np.inf) > 0
    notes = []
    if len(kept) < len(x):
        notes.append(f"{len(x) - len(kept)} points without a position are left out")
    step = np.diff(x[kept])
    if not ((step >= 0).all() or (step <= 0).all()):
        notes.append("points out of order are sorted")
    if repeated := int(len(new) - new.sum()):
        notes.append(f"{repeated} repeated points are averaged")
    return Ordering(index, np.flatnonzero(new), "; ".join(notes))
