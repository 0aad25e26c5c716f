"""Frames side by side: points first, so that sums over points are of whole rows of frames.

Frames stand in parts of always as many. A sum or product over the points of a part then takes the
same steps for every frame, and the bits of a frame's results do not hang on the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.xas.polynomials import TOGETHER

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Across:
    """Values of frames that share their points.

    Attributes
    ----------
    values : array (parts, points, TOGETHER)
        The last frame fills what is left of the last part.
    count : int
        How many frames there are.
    """

    values: FloatArray
    count: int

    @classmethod
    def of(cls, y: NDArray[np.floating]) -> Across:
        """Turn frames (frames, points) over; there is at least one."""
        whole, rest = divmod(len(y), TOGETHER)
        values = np.empty((whole + bool(rest), y.shape[1], TOGETHER))
        shape = (whole, TOGETHER, y.shape[1])
        values[:whole] = y[: whole * TOGETHER].reshape(shape).transpose(0, 2, 1)
        if rest:
            values[-1] = y[-1][:, None]
            values[-1, :, :rest] = y[-rest:].T
        return cls(values, len(y))

    def frames(self, first: int = 0, last: int | None = None) -> FloatArray:
        """Points `first` to `last` of all frames (frames, points)."""
        some = self.values[:, first:last]
        turned = np.ascontiguousarray(some.transpose(0, 2, 1))
        return turned.reshape(-1, some.shape[1])[: self.count]

    def each(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Numbers (…, parts, TOGETHER) as one per frame: (…, frames)."""
        return numbers.reshape(*numbers.shape[:-2], -1)[..., : self.count]

    def beside(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """One number per frame (frames,) as (parts, TOGETHER); the last one is repeated."""
        short = -self.count % TOGETHER
        whole = np.concatenate([numbers, np.repeat(numbers[-1:], short)]) if short else numbers
        return whole.reshape(-1, TOGETHER)

    def at(self, k: IntArray) -> FloatArray:
        """The value of each frame at a point of its own (frames,)."""
        return np.asarray(self.near(np.arange(self.count), k, np.zeros(1, dtype=np.intp))[0])

    def near(self, rows: IntArray, k: IntArray, offsets: IntArray) -> FloatArray:
        """Values of some frames, each about a point of its own: (offsets, rows)."""
        part, lane = np.divmod(rows, TOGETHER)
        place = (part * self.values.shape[1] + k) * TOGETHER + lane
        return np.asarray(np.take(self.values, place + TOGETHER * offsets[:, None]))

    def sums(self, first: int, weights: FloatArray, rows: IntArray | slice) -> FloatArray:
        """Sums over points from `first` on by weights (sums, points): (sums, rows), ascending."""
        values = self.values[:, first : first + weights.shape[1]]
        if isinstance(rows, slice):
            return np.asarray(self.each(np.matmul(weights, values).transpose(1, 0, 2))[:, rows])
        out = np.empty((len(weights), len(rows)))
        ends = np.searchsorted(rows, np.arange(len(values) + 1) * TOGETHER).tolist()
        for part, (begin, end) in enumerate(pairwise(ends)):
            if begin < end:
                lanes = rows[begin:end] - part * TOGETHER
                out[:, begin:end] = (weights @ values[part])[:, lanes]
        return out

    def highest(self, first: int, last: int) -> tuple[IntArray, FloatArray]:
        """First of the highest points from `first` to `last`, and its value (frames,)."""
        some = self.values[:, first:last]
        return self.each(first + some.argmax(axis=1)), self.each(some.max(axis=1))


def first_true(mask: NDArray[np.bool_]) -> IntArray:
    """First true point of each frame, of (…, points, frames); as many as there are if none is."""
    count = mask.shape[-2]
    # A maximum over whole rows of frames is much faster than a search along each frame.
    back = (mask * np.arange(count, 0, -1, dtype=np.int32)[:, None]).max(axis=-2)
    return np.asarray(count - back.astype(np.intp))


def last_true(mask: NDArray[np.bool_]) -> IntArray:
    """Last true point of each frame, of (…, points, frames); −1 if none is."""
    number = np.arange(1, mask.shape[-2] + 1, dtype=np.int32)[:, None]
    return np.asarray((mask * number).max(axis=-2).astype(np.intp) - 1)
