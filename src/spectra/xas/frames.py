"""Which frames can be worked on, and together: those with the same measured points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.results import Results, Table
from spectra.status import Status
from spectra.xas.polynomials import alike

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

FEWEST_POINTS = 12
# A step or peak below this many standard uncertainties is none.
SIGNIFICANT = 5.0
# Equal values one after the other, all at the spectrum's maximum, that no noise would make.
_PLATEAU = 4
# Steps of the last digit that the values beside a rounded maximum lie lower at most.
_DIGITS = 2.5
# Frames at a time: what is looked at stays in the processor's cache.
_ROWS = 240


class Verdicts:
    """Status and message of every frame of a block; the first that is said stays.

    Parameters
    ----------
    block : Stack
    """

    def __init__(self, block: Any) -> None:
        self.status = np.array(block.status, dtype=np.int8)
        self.messages = list(block.messages)
        self._names = block.names

    @property
    def good(self) -> BoolArray:
        """Frames of which nothing bad is known."""
        return np.asarray(self.status == Status.OK)

    def mark(self, rows: IntArray, status: Status, message: Any) -> None:
        """Give frames a status; `message` is a text, or makes one from its place in `rows`."""
        for i, row in enumerate(rows.tolist()):
            if self.status[row] == Status.OK:
                self.status[row] = status
                text = message(i) if callable(message) else message
                self.messages[row] = f"{self._names[row]}: {text}"

    def note(self, rows: IntArray, message: str) -> None:
        """Add a remark to frames without changing their status."""
        for row in rows.tolist():
            old = self.messages[row]
            self.messages[row] = f"{old}; {message}" if old else message

    def results(
        self, table: Table, columns: dict[str, NDArray[Any]], block: Any, attrs: Mapping[str, Any]
    ) -> Results:
        """The results of the block, with these statuses and messages."""
        return Results(
            table=table,
            columns=columns,
            status=self.status,
            messages=tuple(self.messages),
            names=block.names,
            variables=block.variables,
            attrs=attrs,
        )


def widen_by_shift(columns: Any, block: Any, names: tuple[str, ...]) -> None:
    """Add the uncertainty of the energies themselves to that of energies read off them.

    `xas.Align` leaves it as the standard uncertainty of the variable ``energy_shift``.

    Parameters
    ----------
    columns : mapping of array (frames, …)
        Their ``…_stderr`` (eV) are replaced.
    block : Stack
    names : tuple of str
    """
    shift = block.variables.get("energy_shift")
    if shift is None or shift.stderr is None:
        return
    common = np.nan_to_num(np.asarray(shift.stderr, dtype=float))
    for name in names:
        own = columns[f"{name}_stderr"]
        columns[f"{name}_stderr"] = np.hypot(own, common.reshape(-1, *(1,) * (own.ndim - 1)))


def few_of(source: Stack, most: int = 65) -> Stack:
    """Some frames from all of a sequence, in memory."""
    few = np.linspace(0, len(source) - 1, min(most, len(source))).astype(int)
    return source[np.unique(few)].load()


def source_attrs(source: Any) -> dict[str, Any]:
    """What results say of the stack they come from: its title, quantity, and whose the noise is."""
    return {
        "title": source.title,
        "quantity": source.quantity,
        "errors": "residual" if source.noise == "unknown" else source.noise,
    }


def require_energies(name: str, source: Any) -> None:
    """Refuse a stack that is not one of absorption spectra over energies.

    Raises
    ------
    StackError
    """
    if source.axis.name != "energy" or source.axis.unit != "eV":
        raise StackError(
            f"{name} needs spectra over energy in eV; the axis is {source.axis.name} "
            f"({source.axis.unit or 'no unit'})"
        )


def screen(y: FloatArray, verdicts: Verdicts) -> BoolArray:
    """Mark frames that hold no spectrum; give which points of the others are finite.

    A frame without enough points is bad input, one whose values are all alike has no signal,
    and one whose highest value is repeated by the three points after its first saturated the
    detector, unless its values are rounded as coarsely.
    """
    # Both ends are finite only if all values are: mostly there is nothing more to ask.
    rows = np.arange(len(y))
    first, top, lowest = _ends(y)
    whole = bool(np.isfinite(top).all() and np.isfinite(lowest).all())
    finite = np.broadcast_to(True, y.shape) if whole else np.isfinite(y)
    count = np.full(len(y), y.shape[1]) if whole else finite.sum(axis=1)
    bad = np.flatnonzero(count < FEWEST_POINTS)
    verdicts.mark(
        bad,
        Status.BAD_INPUT,
        lambda i: f"{count[bad[i]]} measured points; at least {FEWEST_POINTS} are needed",
    )
    if y.shape[1] < FEWEST_POINTS:
        return finite
    filled = y
    if not whole:
        filled = np.where(finite, y, -np.inf)
        first, lowest = filled.argmax(axis=1), np.where(finite, y, np.inf).min(axis=1)
        top = filled[rows, first]
    verdicts.mark(np.flatnonzero(lowest == top), Status.NO_SIGNAL, "all values are the same")
    flat = first + _PLATEAU <= y.shape[1]
    for step in range(1, _PLATEAU):
        if not flat.any():
            break
        flat &= filled[rows, np.minimum(first + step, y.shape[1] - 1)] == top
    saturated = np.flatnonzero(flat)
    saturated = saturated[~_rounded(filled[saturated])]
    verdicts.mark(
        saturated,
        Status.SATURATED,
        lambda i: (
            f"the highest value, {top[saturated[i]]:g}, is repeated from point number "
            f"{first[saturated[i]]} on: the detector saturated; measure with less flux or correct "
            "its dead time"
        ),
    )
    return finite


def _rounded(y: FloatArray) -> BoolArray:
    """Whether the highest values are those of a smooth maximum written with few digits.

    Beside such a one the values lie a step of the last digit lower or two; a detector that
    saturates cuts a flank.
    """
    out = np.zeros(len(y), dtype=bool)
    for i, row in enumerate(y):
        values = row[np.isfinite(row)]
        levels = np.unique(values)
        if levels.size < 2:
            continue
        highest = values == levels[-1]
        flanks = np.abs(np.diff(values))[highest[1:] != highest[:-1]]
        out[i] = flanks.max() < _DIGITS * np.diff(levels).min()
    return out


def _ends(y: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Where each frame is highest, and its highest and lowest value, (frames,) each."""
    first, top, lowest = np.empty(len(y), dtype=np.intp), np.empty(len(y)), np.empty(len(y))
    for start in range(0, len(y), _ROWS):
        some = slice(start, start + _ROWS)
        part = y[some]
        part.argmax(axis=1, out=first[some])
        part.min(axis=1, out=lowest[some])
        top[some] = part[np.arange(len(part)), first[some]]
    return first, top, lowest


def cut(values: FloatArray, rows: IntArray, points: BoolArray) -> FloatArray:
    """Some rows at some points; all of them are not copied."""
    some = values if len(rows) == len(values) else values[rows]
    return some if points.all() else np.compress(points, some, axis=1)


def spectra_of(block: Any) -> tuple[FloatArray, FloatArray | None]:
    """Values (frames, points) of a block, and their uncertainties if any came with them."""
    errors = None if block.errors is None else np.asarray(block.errors, dtype=float)
    return np.asarray(block.signal, dtype=float), errors


def alike_spectra(
    y: FloatArray, errors: FloatArray | None, finite: BoolArray, rows: IntArray
) -> Iterator[tuple[BoolArray, IntArray, FloatArray, FloatArray | None]]:
    """The groups of `alike_points`, each with its values and uncertainties at these points."""
    for points, some in alike_points(finite, rows):
        sigma = None if errors is None else cut(errors, some, points)
        yield points, some, cut(y, some, points), sigma


def alike_points(finite: BoolArray, rows: IntArray) -> Iterator[tuple[BoolArray, IntArray]]:
    """Groups of frames with the same finite points: (points,), and which frames."""
    if rows.size == 0:
        return
    part = finite if len(rows) == len(finite) else finite[rows]
    if part.all():
        yield part[0], rows
        return
    # A frame without holes is told by its ends; unique rows of a table take much longer.
    first, last = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    holes = last - first - np.count_nonzero(part, axis=1)
    if not holes.any():
        for _, some in alike(first, last):
            yield part[some][0], rows[some]
        return
    packed = np.packbits(part, axis=1)
    _, one, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    for k, frame in enumerate(one.tolist()):
        yield part[frame], rows[np.flatnonzero(number.ravel() == k)]
