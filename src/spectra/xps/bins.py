"""Neighbouring points taken together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Bins:
    """Bins of a window: what is smooth is asked about more cheaply in them.

    Attributes
    ----------
    x : array (bins,)
        Their mean places.
    starts : int array (bins,)
        Where they begin.
    """

    x: FloatArray
    starts: IntArray

    @classmethod
    def of(cls, x: FloatArray, widest: float) -> Bins:
        """Bins no wider than a length."""
        count = max(1, int(widest / float(np.diff(x).max())))
        starts = np.arange(0, x.size, count)
        return cls(np.add.reduceat(x, starts) / np.diff(np.append(starts, x.size)), starts)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums (frames, bins) of values (frames, points)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=1))
