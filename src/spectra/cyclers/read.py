"""Read cyclers' logs: the maker is told by the content, and logs that go on are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.cyclers import arbin, basytec, biologic, generic, land, maccor, neware
from spectra.cyclers.clock import written
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, numbered_lines, read_text
from spectra.errors import ReaderError, SettingError

_Reader = Callable[[Path, list[Line], Mapping[str, str]], Cycler]
_MAKERS: tuple[tuple[Callable[[list[Line]], bool], _Reader], ...] = (
    (biologic.matches, biologic.read),
    (basytec.matches, basytec.read),
    (arbin.matches, arbin.read),
    (maccor.matches, maccor.read),
    (land.matches, land.read),
    (neware.matches, neware.read),
)


def read_cycler(
    path: str | Path | Sequence[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    max_gap: float | None = None,
) -> Cycler:
    """Read a cycler's log, or several that continue each other.

    BioLogic ``.mpt``, Arbin, Basytec, LAND, Maccor, Neware and Novonix text exports (English or
    Chinese) are told by their content, anything else is read as a table with units in its titles
    (tabs, semicolons or commas; decimal points or commas; UTF-8, UTF-16, Latin-1 or GB18030).

    Parameters
    ----------
    path : path or sequence of paths
        Several logs are joined on absolute time, in whichever order they are given. What lies
        between them is a gap; the counted charge and the numbers of cycles go on.
    columns : mapping, optional
        Titles of columns that are not recognised, or whose unit is not in the title: then it
        is put in brackets behind, e.g. ``{"voltage": "Vcell/V", "current": "I [mA]"}``.
        Known: time, date, step_time, voltage, current, capacity, charged, discharged, state,
        cycle.
    max_gap : float, optional
        s; intervals of the record longer than this are gaps, in which nothing is known. By
        default those much longer than is usual around them, see `Cycler.gaps`.

    Raises
    ------
    ReaderError
        If a file is not readable, a column is missing (the ones found are listed), a unit is
        missing or unknown, the time runs backwards, or logs overlap.
    SettingError
        If `columns` or `max_gap` make no sense.
    """
    if max_gap is not None and not max_gap > 0:
        raise SettingError(f"max_gap is {max_gap}; give a time above 0 s, or None")
    paths = [path] if isinstance(path, str | Path) else list(path)
    if not paths:
        raise SettingError("no file of the cycler is given")
    records = [_read_one(Path(p), columns or {}) for p in paths]
    record = records[0] if len(records) == 1 else _join(records)
    return replace(record, max_gap=max_gap)


def _read_one(path: Path, columns: Mapping[str, str]) -> Cycler:
    lines = numbered_lines(read_text(path))
    for matches, read in _MAKERS:
        if matches(lines):
            return read(path, lines, columns)
    return generic.read(path, lines, columns)


def _join(records: list[Cycler]) -> Cycler:
    """One record of several, in the order of their times."""
    for record in records:
        if not record.absolute:
            raise ReaderError(
                record.source,
                "its clock is relative (since a start)",
                expected="dates, or a start in the header, in every log that is joined",
                remedy="export with dates, or align the logs one by one with offset=",
            )
    records = sorted(records, key=lambda record: float(record.time[0]))
    for one, two in pairwise(records):
        if two.time[0] <= one.time[-1]:
            raise ReaderError(
                two.source,
                f"begins {written(two.time[0])}, before {one.source} ends "
                f"({written(one.time[-1])})",
                expected="logs that do not overlap",
                remedy="give each log once, and only logs of one channel",
            )
    starts = list(accumulate(len(record.time) for record in records))[:-1]
    return Cycler(
        time=np.concatenate([record.time for record in records]),
        voltage=np.concatenate([record.voltage for record in records]),
        current=np.concatenate([record.current for record in records]),
        capacity=_going_on([record.capacity for record in records], records, step=0.0),
        absolute=True,
        source=" + ".join(record.source for record in records),
        maker=" + ".join(dict.fromkeys(record.maker for record in records if record.maker)),
        started=records[0].started,
        cycle=_going_on([record.cycle for record in records], records, step=1.0),
        joints=tuple(starts),
        mean_current=all(record.mean_current for record in records),
    )


def _going_on(
    counters: list[NDArray[np.float64] | None], records: list[Cycler], *, step: float
) -> NDArray[np.float64] | None:
    """A counter that starts anew in every log, made to go on; None if no log has it."""
    if all(counter is None for counter in counters):
        return None
    parts, reached = [], 0.0
    for counter, record in zip(counters, records, strict=True):
        if counter is None or not np.isfinite(counter).any():
            parts.append(np.full(len(record.time), np.nan))
            continue
        known = counter[np.isfinite(counter)]
        parts.append(counter - known[0] + reached if parts else counter)
        reached = float(parts[-1][np.isfinite(parts[-1])][-1]) + step
    return np.concatenate(parts)
