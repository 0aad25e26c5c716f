"""Group neighbouring peaks and choose the window in which each group is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.cutting import Windows

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

MAX_GROUP = 12


@dataclass(frozen=True)
class Expectation:
    """Where peaks are expected in each of some frames, arrays (frames, peaks).

    Attributes
    ----------
    center, fwhm : array
    shape : array (frames, peaks, further shape parameters)
    shape_free : bool array (peaks,)
        Peaks strong enough for a free shape.
    expected : bool array
        Whether the peak is looked for at all.
    merged_with : int array
        Where it is not: the peak that stands for it, or -1.
    reach, search : array
        How far the centre may move in the fit, and shifts tried before it.
    tail : array
        Distance to the centre of the Kα2 component (0 for single lines).
    """

    center: FloatArray
    fwhm: FloatArray
    shape: FloatArray
    shape_free: BoolArray
    expected: BoolArray
    merged_with: IntArray
    reach: FloatArray
    search: FloatArray
    tail: FloatArray

    def take(self, rows: IntArray) -> Expectation:
        """Return the expectation for some of the frames."""
        return Expectation(
            center=self.center[rows],
            fwhm=self.fwhm[rows],
            shape=self.shape[rows],
            shape_free=self.shape_free,
            expected=self.expected[rows],
            merged_with=self.merged_with[rows],
            reach=self.reach[rows],
            search=self.search[rows],
            tail=self.tail[rows],
        )

    def same_places(self, other: Expectation) -> BoolArray:
        """Frames in which all peaks are expected, equally wide, at the same places (frames,)."""
        same = np.ones(len(self.center), bool)
        for name in ("center", "fwhm", "search"):
            same &= (getattr(self, name) == getattr(other, name)).all(axis=1)
        return same

    def replaced(self, rows: BoolArray, other: Expectation) -> Expectation:
        """Return the expectation with the frames `rows` (bool) of another."""
        changed = {
            name: np.where(rows.reshape(-1, *[1] * (mine.ndim - 1)), getattr(other, name), mine)
            for name, mine in vars(self).items()
            if name != "shape_free"
        }
        return replace(self, **changed)


@dataclass(frozen=True)
class Grouping:
    """Rule for groups and windows, in units of the fwhm.

    Parameters
    ----------
    link : float
        Peaks closer than this many widths are fitted together.
    window : float
        Window on either side of the outermost peaks.
    low, high : float
        Ends of the usable axis.
    """

    link: float
    window: float
    low: float
    high: float

    def windows(self, expectation: Expectation) -> list[tuple[IntArray, Windows]]:
        """Return the members (rows, K) and windows of all groups, for each group size K."""
        out = []
        e = expectation
        for frame, members, low, high in self._groups(e):
            at = (frame[:, None], members)
            windows = Windows(
                frame=frame,
                center=e.center[at],
                fwhm=e.fwhm[at],
                shape=e.shape[at],
                shape_free=e.shape_free[members],
                reach=e.reach[at],
                search=e.search[at].max(axis=1),
                low=low,
                high=high,
            )
            out.append((members, windows))
        return out

    def _groups(self, e: Expectation) -> list[tuple[IntArray, IntArray, FloatArray, FloatArray]]:
        """Frame (rows,), members (rows, K), low and high (rows,), for each K that occurs."""
        n_frames, n_peaks = e.center.shape
        if n_peaks == 0 or not e.expected.any():
            return []
        order = np.argsort(np.where(e.expected, e.center, np.inf), axis=1, kind="stable")
        rows = np.arange(n_frames)[:, None]
        center, fwhm = e.center[rows, order], e.fwhm[rows, order]
        valid, right = e.expected[rows, order], (e.center + e.tail)[rows, order]
        gap = center[:, 1:] - right[:, :-1]
        width = 0.5 * (fwhm[:, 1:] + fwhm[:, :-1])
        cut = self._cuts(gap / width, valid)
        starts = np.concatenate([valid[:, :1], cut & valid[:, 1:]], axis=1)
        number = np.cumsum(starts, axis=1) - 1
        flat = (rows * n_peaks + number)[valid]
        size = np.bincount(flat, minlength=n_frames * n_peaks)
        first = np.argwhere(starts)
        frame, column = first[:, 0], first[:, 1]
        k_of = size[frame * n_peaks + number[frame, column]]
        before = np.where(column > 0, right[frame, np.maximum(column - 1, 0)], -np.inf)
        last = column + k_of - 1
        after_column = np.minimum(last + 1, n_peaks - 1)
        has_after = (last + 1 < n_peaks) & valid[frame, after_column]
        after = np.where(has_after, center[frame, after_column], np.inf)
        low = center[frame, column] - self.window * fwhm[frame, column]
        high = right[frame, last] + self.window * fwhm[frame, last]
        low = np.maximum(low, 0.5 * (before + center[frame, column]))
        high = np.minimum(high, 0.5 * (after + right[frame, last]))
        low, high = np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)
        groups = []
        for k in np.unique(k_of):
            use = np.flatnonzero(k_of == k)
            members = order[frame[use, None], column[use, None] + np.arange(k)]
            groups.append((frame[use], members, low[use], high[use]))
        return groups

    def _cuts(self, distance: FloatArray, valid: BoolArray) -> BoolArray:
        """Where to cut between neighbours; long chains are cut at their widest gaps."""
        cut = (distance > self.link) | ~valid[:, 1:]
        limit = self.link
        for _ in range(6):
            limit *= 0.7
            number = np.cumsum(np.pad(cut, ((0, 0), (1, 0))), axis=1, dtype=np.intp)
            size = np.stack([np.bincount(n, minlength=number.shape[1]) for n in number])
            long = np.take_along_axis(size, number, axis=1)[:, 1:] > MAX_GROUP
            long &= valid[:, 1:]
            if not long.any():
                break
            cut |= long & (distance > limit)
        return cut
