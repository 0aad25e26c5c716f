"""What a watch has worked out, a line per frame: written through at once, read again later."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from spectra.arrivals import Key
from spectra.errors import StoreError, reason
from spectra.results import Results, Table

MOST_LABELS = 12
"""Most entries of a column, such as peaks, that are kept of a frame."""

_VERSION = 1
# What says how strong the entries of a dimension are, the first that a table has.
_STRENGTHS = ("area", "height", "intensity")

Value = tuple[float | None, float | None]


@dataclass(frozen=True)
class Row:
    """One frame of the watch.

    Parameters
    ----------
    key : Key
    name : str
    lag : float
        Seconds since the frame was last seen not to be there, when it had been worked on.
    done : float
        When that was (s since 1970).
    status : dict of str to int
        Code of `spectra.status.Status` by step.
    messages : dict of str to str
        By step, where there is something to say; of the frame itself under "".
    values : dict of str to (value, standard uncertainty)
        By ``step/column`` or ``step/column[label]``; None where there is no number.
    """

    key: Key
    name: str
    lag: float
    done: float
    status: dict[str, int]
    messages: dict[str, str]
    values: dict[str, Value]

    @property
    def failed(self) -> bool:
        """Whether the frame, or a step on it, has no trusted numbers."""
        return "" in self.messages or any(code not in (0, 4) for code in self.status.values())


class Journal:
    """Rows of a watch in a file of JSON lines; a context manager that closes it.

    A line is written whole and forced to the disk before the frame counts as done. What a
    crash leaves of a last line is cut off.

    Parameters
    ----------
    path : Path
    identity : str
        What the watch is of; the journal of another is begun anew.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self._identity = identity
        try:
            self.rows, end = _read(path, identity)
            self._file = path.open("r+b" if end else "wb")
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._write([{"watch": _VERSION, "of": identity}])
        except OSError as error:
            raise StoreError(f"{path}: {reason(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, rows: list[Row]) -> None:
        """Keep rows.

        Raises
        ------
        StoreError
            If they cannot be written.
        """
        try:
            self._write([_to_plain(row) for row in rows])
        except OSError as error:
            raise StoreError(
                f"{self.path}: {reason(error)}; the measurements are safe: watch again to go on"
            ) from None
        self.rows += rows

    def _write(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        self._file.write(text.encode())
        self._file.flush()
        os.fsync(self._file.fileno())


def values_of(step: str, results: Results, sample: Results | None = None) -> list[dict[str, Value]]:
    """The numbers of each frame that a journal keeps: columns of at most one further dimension.

    Of a dimension with many entries, such as peaks, those are kept that `chosen_entries` names.

    Parameters
    ----------
    step : str
    results : Results
    sample : Results, optional
        Frames of the same table that say which entries are the strongest; by default `results`.
        With the same sample, all frames keep the same entries.

    Returns
    -------
    list of dict
        One per frame.
    """
    found: list[dict[str, Value]] = [{} for _ in range(len(results))]
    for column in results.table.columns:
        values = results[column.name]
        if len(column.dims) > 1 or values.dtype.kind not in "fi":
            continue
        errors = results.columns.get(f"{column.name}_stderr")
        labels, kept = [""], [0]
        if column.dims:
            coords = next(iter(results.table.coords[column.dims[0]].values()))
            labels = [f"[{label}]" for label in coords]
            kept = chosen_entries(results if sample is None else sample, column.dims[0])
        shape = (len(results), len(labels))
        both = values.reshape(shape), None if errors is None else errors.reshape(shape)
        for i, row in enumerate(found):
            for j in kept:
                error = None if both[1] is None else _finite(both[1][i, j])
                row[f"{step}/{column.name}{labels[j]}"] = (_finite(both[0][i, j]), error)
    return found


def strength_of(table: Table, dim: str) -> str:
    """The column that says which entries of a dimension are strong, e.g. ``area``; "" if none."""
    known = {c.name for c in table.columns if c.dims == (dim,)}
    return next((name for name in _STRENGTHS if name in known), "")


def chosen_entries(results: Results, dim: str) -> list[int]:
    """Entries of a dimension that are shown, in their order: all, or the strongest or first 12."""
    size = results.table.size(dim)
    if size <= MOST_LABELS:
        return list(range(size))
    name = strength_of(results.table, dim)
    if not name:
        return list(range(MOST_LABELS))
    strength = np.nansum(np.abs(results[name].reshape(len(results), size)), axis=0)
    return sorted(np.argsort(-strength, kind="stable")[:MOST_LABELS].tolist())


def _finite(value: np.generic) -> float | None:
    number = float(value.item())
    return number if math.isfinite(number) else None


def _to_plain(row: Row) -> dict[str, Any]:
    key = row.key
    return {
        "file": key.file,
        "frame": key.frame,
        "state": list(key.state),
        "name": row.name,
        "lag": round(row.lag, 3),
        "done": round(row.done, 3),
        "status": row.status,
        "messages": row.messages,
        "values": row.values,
    }


def _from_plain(line: dict[str, Any]) -> Row:
    key = Key(str(line["file"]), int(line["frame"]), tuple(int(n) for n in line["state"]))
    values = {name: (pair[0], pair[1]) for name, pair in line["values"].items()}
    told = line["status"], line["messages"]
    return Row(key, line["name"], float(line["lag"]), float(line["done"]), *told, values)


def _read(path: Path, identity: str) -> tuple[list[Row], int]:
    """Rows of an earlier watch of the same, and where its last whole line ends."""
    rows: list[Row] = []
    end = 0
    if not path.exists():
        return rows, end
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        try:
            content = json.loads(line)
            if not line.endswith(b"\n"):
                break
            if number == 0 and content != {"watch": _VERSION, "of": identity}:
                return [], 0
            if number:
                rows.append(_from_plain(content))
        except (ValueError, KeyError, TypeError, IndexError):
            break
        end += len(line)
    return rows, end
