"""A cycler's record: what was measured when, where it has gaps, and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_REST = 0.02
# An interval this many times as long as nine of ten others is a gap, not slow sampling.
_GAP = 10.0


@dataclass(frozen=True)
class Cycler:
    """A cycler's record, arrays (rows,).

    Attributes
    ----------
    time : array
        s, increasing; since 1970 if `absolute`, else since the start.
    voltage, current : array
        V, A; NaN where not recorded. The current is positive on charging.
    capacity : array or None
        mAh as the cycler counted it.
    absolute : bool
        Absolute times are as the cycler's clock shows them, without a time zone.
    source : str
    """

    time: FloatArray
    voltage: FloatArray
    current: FloatArray
    capacity: FloatArray | None
    absolute: bool
    source: str = ""

    def charge(self) -> FloatArray:
        """Charge passed since the start (mAh), the current integrated on the record's own grid.

        Samples without a current are bridged by their neighbours; in gaps no charge passes.
        """
        known = np.isfinite(self.current)
        if known.sum() < 2:
            if self.capacity is None:
                return np.full(len(self.time), np.nan)
            return np.asarray(self.capacity - self.capacity[0])
        time, current = self.time[known], self.current[known]
        steps = 0.5 * (current[1:] + current[:-1]) * np.diff(time)
        steps[find_gaps(time)] = 0.0
        total = np.concatenate([[0.0], np.cumsum(steps)]) / 3.6
        return np.interp(self.time, time, total)

    def direction(self) -> FloatArray:
        """Direction at every row: +1 charging, -1 discharging, 0 at rest (below 2 % of the top)."""
        size = np.nanmax(np.abs(self.current)) if np.isfinite(self.current).any() else 0.0
        sign = np.where(np.abs(self.current) > _REST * size, np.sign(self.current), 0.0)
        return np.where(np.isfinite(sign), sign, 0.0)

    def half_cycle(self) -> FloatArray:
        """Number of the half cycle that a row belongs to, from 0; rests go with the last."""
        direction = self.direction()
        moving = direction != 0
        last = np.maximum.accumulate(np.where(moving, np.arange(len(direction)), 0))
        held = direction[last]
        turns = (held[1:] != held[:-1]) & (held[1:] != 0) & (held[:-1] != 0)
        return np.concatenate([[0.0], np.cumsum(turns)])


def find_gaps(time: FloatArray) -> BoolArray:
    """Tell which intervals (rows − 1,) of a record are gaps.

    Cyclers log at changes and at longest after a set interval; an interval of more than ten
    times what nine of ten stay below is one in which nothing was recorded.
    """
    steps = np.diff(time)
    if steps.size == 0:
        return np.zeros(0, bool)
    return np.asarray(steps > _GAP * np.quantile(steps, 0.9, method="lower"))


def join_records(parts: Sequence[Cycler]) -> Cycler:
    """Join logs of one cell that continue each other, in the order of their times.

    Raises
    ------
    ReaderError
        If there are several and their times are not absolute, or two of them overlap.
    """
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        if not part.absolute:
            raise ReaderError(
                part.source,
                "the log has no absolute times",
                expected="dates, to put it in its place among the others",
                remedy="give one log, or logs with a start time",
            )
    ordered = sorted(parts, key=lambda part: float(part.time[0]))
    for before, after in itertools.pairwise(ordered):
        if after.time[0] <= before.time[-1]:
            raise ReaderError(
                after.source,
                f"it starts {before.time[-1] - after.time[0]:g} s before {before.source} ends",
                expected="logs that follow each other",
                remedy="leave one of the two out",
            )
    capacity = [part.capacity for part in ordered if part.capacity is not None]
    whole = len(capacity) == len(ordered)
    return Cycler(
        time=np.concatenate([part.time for part in ordered]),
        voltage=np.concatenate([part.voltage for part in ordered]),
        current=np.concatenate([part.current for part in ordered]),
        capacity=np.concatenate(capacity) if whole else None,
        absolute=True,
        source=", ".join(part.source for part in ordered),
    )
