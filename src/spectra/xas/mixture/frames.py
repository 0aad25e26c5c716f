"""Normalised spectra as mixtures need them: a window, weights, and what can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.quality import judge_frames
from spectra.results import Results, Table
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
Window = tuple[float, float]

# A point that fewer of the frames have is left out of a window.
_SHARED = 0.5
_BLOCK = 512


@dataclass(frozen=True)
class Frames:
    """Frames of a block within a window.

    Parameters
    ----------
    y : array (frames, points)
        Normalised absorption; zero where a point is not used.
    weight : array (frames, points)
        1/σ² where uncertainties are given, else 1; zero where a point is not used.
    known : bool
        Whether uncertainties are given.
    status : int8 array (frames,)
    messages : list of str
    """

    y: FloatArray
    weight: FloatArray
    known: bool
    status: NDArray[np.int8]
    messages: list[str]

    @property
    def usable(self) -> BoolArray:
        """Which frames can be worked on."""
        return np.asarray(self.status == Status.OK)

    @property
    def count(self) -> IntArray:
        """Number of points used (frames,)."""
        return np.asarray(np.count_nonzero(self.weight > 0, axis=1))

    def take(self, rows: IntArray) -> Frames:
        """Some of the frames."""
        messages = [self.messages[i] for i in rows.tolist()]
        return Frames(self.y[rows], self.weight[rows], self.known, self.status[rows], messages)


def check_window(window: Window | None, method: str) -> Window | None:
    """A window as two increasing numbers (eV).

    Raises
    ------
    SettingError
    """
    if window is None:
        return None
    low, high = (float(v) for v in window)
    if not low < high:
        raise SettingError(f"{method}: window = {window!r}; expected two increasing energies")
    return low, high


def points_of(
    stack: Stack, window: Window | None, needed: int, method: str, covered: BoolArray | None = None
) -> IntArray:
    """Points of the axis inside a window that at least half of the good frames have.

    Parameters
    ----------
    stack : Stack
    window : (float, float), optional
        In eV.
    needed : int
        How many there must be at least.
    method : str
    covered : bool array (points,), optional
        Where standards have something to say.

    Raises
    ------
    StackError
        If there are too few.
    """
    low, high = window or (-np.inf, np.inf)
    inside = (stack.x >= low) & (stack.x <= high)
    if covered is not None:
        inside &= covered
    finite, good = np.zeros(stack.n_points), 0
    for _, block in stack.blocks(_BLOCK):
        there = np.isfinite(np.asarray(block.signal[:]))[block.status == Status.OK]
        finite += np.count_nonzero(there, axis=0)
        good += int(np.count_nonzero(there.any(axis=1)))
    points = np.flatnonzero(inside & (finite >= max(_SHARED * good, 1)))
    if len(points) < needed:
        raise StackError(
            f"{method}: {len(points)} usable points between {low:g} and {high:g} eV; at least "
            f"{needed} are needed (the axis runs from {stack.x[0]:g} to {stack.x[-1]:g} eV)"
        )
    return points


def frames_of(block: Stack, points: IntArray, *, complete: bool) -> Frames:
    """Take the points of a window from a block.

    Parameters
    ----------
    block : Stack
        In memory.
    points : int array (p,)
    complete : bool
        Whether a frame must have every point.
    """
    # Copies in rows: products over points must run the same way whatever the block's size.
    known = block.noise == "given"
    y = np.ascontiguousarray(np.take(np.asarray(block.signal, dtype=float), points, axis=1))
    weight = np.ones_like(y)
    if known:
        errors = np.take(np.asarray(block.errors, dtype=float), points, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(errors > 0, 1.0 / errors**2, 0.0)
    used = np.isfinite(y) & np.isfinite(weight) & (weight > 0)
    status, judged = judge_frames(np.where(used, y, np.nan))
    messages = list(judged)
    for i in np.flatnonzero(block.status != Status.OK):
        status[i], messages[i] = block.status[i], block.messages[i] or "the frame is not usable"
    if complete:
        for i in np.flatnonzero((status == Status.OK) & ~used.all(axis=1)):
            missing = np.count_nonzero(~used[i])
            status[i] = Status.BAD_INPUT
            messages[i] = f"{missing} of {len(points)} points are missing; narrow the window"
    good = (status == Status.OK)[:, None] & used
    return Frames(
        np.where(good, y, 0.0),
        np.where(good, weight, 0.0),
        known,
        status,
        messages,
    )


def finish(
    table: Table,
    columns: Mapping[str, NDArray[Any]],
    frames: Frames,
    block: Stack,
    attrs: Mapping[str, Any],
) -> Results:
    """Results of a block; frames without numbers are empty."""
    empty = table.empty(len(block))
    lost = ~np.isin(frames.status, (Status.OK, Status.AT_BOUND, Status.NOT_CONVERGED))
    for name, values in columns.items():
        out = empty[name]
        out[~lost] = values[~lost]
    return Results(
        table=table,
        columns=empty,
        status=frames.status.astype(np.int8),
        messages=tuple(frames.messages),
        names=block.names,
        variables=block.variables,
        attrs=attrs,
    )


def row_products(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Products of rows (n, p) with a matrix (p, k) or one per row (n, p, k): (n, k).

    Each row by itself, so that the last bit does not hang on how many there are.
    """
    return np.asarray(np.matmul(rows[:, None, :], matrix)[:, 0, :])
