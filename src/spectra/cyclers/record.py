"""A cycler's record: voltage and current over time, its gaps, and the charge that passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_REST = 0.02
_NEIGHBOURS = 5
_MUCH_LONGER = 5.0
_NEVER_A_GAP = 1.0


@dataclass(frozen=True)
class Cycler:
    """A cycler's record, arrays (rows,).

    Attributes
    ----------
    time : array
        s, increasing; since 1970 if `absolute`, else since the start.
    voltage, current : array
        V, A (positive on charging); NaN where not recorded.
    capacity : array or None
        Net charge since the start (mAh) as the cycler counted it.
    absolute : bool
    source : str
        File or files.
    maker : str
        Whose layout the file has.
    started : float or None
        s since 1970 when the acquisition started, where the file tells.
    cycle : array or None
        Number of the cycle as the cycler counted it.
    joints : tuple of int
        Rows at which another log begins; what lies before such a row is a gap.
    mean_current : bool
        Whether a row's current is the mean since the row before (EC-Lab's ``<I>``), rather
        than a sample at its time.
    max_gap : float or None
        s; longer intervals are gaps. None: see `gaps`.
    """

    time: FloatArray
    voltage: FloatArray
    current: FloatArray
    capacity: FloatArray | None
    absolute: bool
    source: str = ""
    maker: str = ""
    started: float | None = None
    cycle: FloatArray | None = None
    joints: tuple[int, ...] = ()
    mean_current: bool = False
    max_gap: float | None = None

    def gaps(self, recorded: BoolArray | None = None) -> FloatArray:
        """Begin and end of the gaps of the record (s), shape (gaps, 2).

        An interval between two rows is a gap if it is longer than `max_gap`, or, without that,
        more than 5 times as long as is usual around it, and than 1 s. Usual is the second
        longest of the five intervals before it or of the five after it, whichever is longer:
        so that a change from samples each second to samples each minute is no gap, nor is
        sampling that slows down with the relaxing voltage, nor does one gap hide another. The
        seams of joined logs are gaps however short.

        Parameters
        ----------
        recorded : array of bool, optional
            Rows (rows,) that count; by default all. Rows without a value lengthen intervals.
        """
        time = self.time if recorded is None else self.time[recorded]
        if len(time) < 2:
            return np.empty((0, 2))
        is_gap = self._is_gap(time)
        return np.column_stack([time[:-1][is_gap], time[1:][is_gap]])

    def charge(self) -> FloatArray:
        """Charge since the start (mAh): the current integrated on the record's own grid.

        By the trapezoidal rule, or by rectangles where the current is the mean of its
        interval. Rows without a current are bridged; those inside a gap of the currents get
        NaN, and the integral goes on behind it with what the cycler's own counter tells, or,
        without one and between joined logs, as if nothing had passed (see `charge_stderr`).
        Without any current it is the counter's charge.
        """
        return self._integral()[0]

    def charge_stderr(self) -> FloatArray:
        """Standard uncertainty of the charge (mAh) by what may have passed in gaps.

        If the current beside a gap went on, ``|I|``·Δt was missed: a rectangular distribution of
        that half-width, hence ``|I|``·Δt/√3, summed in quadrature over the gaps before a row.
        """
        return self._integral()[1]

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

    def _is_gap(self, time: FloatArray) -> BoolArray:
        """Which of the intervals (len(time) - 1,) between some of the rows are gaps."""
        length = np.diff(time)
        limit = _usual_limit(length) if self.max_gap is None else np.full(1, self.max_gap)
        is_gap = np.asarray(length > limit)
        seams = np.searchsorted(time, self.time[list(self.joints)]) - 1
        is_gap[seams[(seams >= 0) & (seams < len(length))]] = True
        return is_gap

    def _integral(self) -> tuple[FloatArray, FloatArray]:
        """Charge and its standard uncertainty at every row (mAh)."""
        known = np.isfinite(self.current)
        if not known.any():
            return self._counted()
        time, current = self.time[known], self.current[known]
        length, is_gap = np.diff(time), self._is_gap(time)
        mean = current[1:] if self.mean_current else 0.5 * (current[1:] + current[:-1])
        missed = np.maximum(np.abs(current[1:]), np.abs(current[:-1])) * length / 3.6
        passed, told = self._told_by_counter(known, np.nanmax(np.abs(current)) * length / 3.6)
        steps = np.where(is_gap, np.where(told, passed, 0.0), mean * length / 3.6)
        unsure = np.where(is_gap & ~told, missed**2 / 3, 0.0)
        charge = np.concatenate([[0.0], np.cumsum(steps)])
        stderr = np.concatenate([[0.0], np.sqrt(np.cumsum(unsure))])
        inside = ~touches(self.gaps(known), self.time, self.time)
        inside &= (self.time >= time[0]) & (self.time <= time[-1])
        value = np.where(inside, np.interp(self.time, time, charge), np.nan)
        return value, np.where(inside, np.interp(self.time, time, stderr), np.nan)

    def _counted(self) -> tuple[FloatArray, FloatArray]:
        if self.capacity is None or not np.isfinite(self.capacity).any():
            nothing = np.full(len(self.time), np.nan)
            return nothing, nothing
        first = self.capacity[np.isfinite(self.capacity)][0]
        return self.capacity - first, np.where(np.isfinite(self.capacity), 0.0, np.nan)

    def _told_by_counter(
        self, known: BoolArray, possible: FloatArray
    ) -> tuple[FloatArray, BoolArray]:
        """What the counter counted from row to row of `known` (mAh), and whether it tells.

        It does not over a seam, where counting stopped, nor where it jumps by more than the
        record's largest current can have passed: then it was set back.
        """
        if self.capacity is None:
            return np.zeros(len(possible)), np.zeros(len(possible), bool)
        passed = np.diff(self.capacity[known])
        told = np.isfinite(passed) & (np.abs(np.nan_to_num(passed)) <= possible)
        log = np.searchsorted(self.joints, np.flatnonzero(known), side="right")
        return passed, told & (log[1:] == log[:-1])


def touches(gaps: FloatArray, begin: FloatArray, end: FloatArray) -> BoolArray:
    """Whether begin…end (n,) reaches into one of the gaps (gaps, 2), which are in order."""
    entered = np.searchsorted(gaps[:, 0], end, side="left")
    passed = np.searchsorted(gaps[:, 1], begin, side="right")
    return np.asarray(entered > passed)


def _usual_limit(length: FloatArray) -> FloatArray:
    """Length above which each interval (n,) is a gap, by the intervals around it (n,)."""
    none = np.full(_NEIGHBOURS, -np.inf)
    before = sliding_window_view(np.concatenate([none, length]), _NEIGHBOURS)[: len(length)]
    after = sliding_window_view(np.concatenate([length, none]), _NEIGHBOURS)[1:]
    usual = np.maximum(_second_longest(before), _second_longest(after))
    return np.where(usual > 0, np.maximum(_MUCH_LONGER * usual, _NEVER_A_GAP), np.inf)


def _second_longest(windows: FloatArray) -> FloatArray:
    """Second largest of each window, the largest where there is but one."""
    two = np.partition(windows, -2, axis=1)[:, -2:]
    return np.where(np.isfinite(two[:, 0]), two[:, 0], two[:, 1])
