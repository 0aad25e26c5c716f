"""BioLogic EC-Lab and BT-Lab text files (.mpt).

Layout, after EC-Lab's own exports: line 1 ``EC-Lab ASCII FILE`` (or ``BT-Lab ASCII FILE``),
line 2 ``Nb header lines : N``; line N holds the titles, parted by tabs. Latin-1; decimal marks
and the separators of dates follow the computer's settings, but the month always comes first
(dates such as ``05.20.2022`` in published files). ``time/s`` counts from ``Acquisition started
on``; ``(Q-Qo)/mA.h`` is the net charge; ``<I>/mA`` is the mean current since the row before:
Σ⟨I⟩Δt equals (Q-Qo) to 1e-7 mAh in real logs, the trapezoidal rule does not.
The mass in the header is usually a default, and not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from spectra.cyclers import clock
from spectra.cyclers.layout import Layout, build
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, Table, cells_of
from spectra.errors import ReaderError

LAYOUT = Layout(
    maker="BioLogic",
    names={
        "time": ("time",),
        "voltage": ("ewe", "ecell", "ewe ece", "e"),
        "current": ("i",),
        "capacity": ("q qo",),
        "cycle": ("cycle number",),
    },
    day_first=False,
    net=True,
)
_MARKS = ("EC-Lab ASCII FILE", "BT-Lab ASCII FILE")
_OPEN_CIRCUIT = "open circuit voltage"


def matches(lines: list[Line]) -> bool:
    """Whether the first line is that of an .mpt file."""
    return bool(lines) and lines[0][1].strip() in _MARKS


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read an .mpt file; its time is absolute where the header tells when it started.

    Raises
    ------
    ReaderError
        If the header is cut, its length missing, or the table is not readable.
    """
    n_header = _header_length(path, lines)
    header = [(number, line) for number, line in lines if number < n_header]
    titles = [line for number, line in lines if number == n_header]
    rows = [(number, line) for number, line in lines if number > n_header]
    if not titles:
        raise ReaderError(
            path,
            f"the file ends at line {lines[-1][0]}",
            expected=f"titles in line {n_header} and rows below",
            remedy="the file is cut; export it again",
        )
    table = Table.from_lines(path, cells_of(titles[0], "\t"), rows, "\t")
    record = build(table, replace(LAYOUT, started=_started(path, header)), columns)
    if not np.isfinite(record.current).any() and _is_open_circuit(header):
        return replace(record, current=np.zeros(len(record.time)))
    return record


def _header_length(path: Path, lines: list[Line]) -> int:
    found = re.search(r":\s*(\d{1,6})\s*$", lines[1][1]) if len(lines) > 1 else None
    if found is None:
        raise ReaderError(
            path,
            repr(lines[1][1].strip()) if len(lines) > 1 else "the file ends",
            where="line 2",
            expected="'Nb header lines : N'",
            remedy="export the file again from EC-Lab as text",
        )
    return int(found[1])


def _started(path: Path, header: list[Line]) -> float | None:
    """Seconds since 1970 of the start of the acquisition."""
    for number, line in header:
        name, _, text = line.partition(" : ")
        if name.strip().lower() != "acquisition started on":
            continue
        moment = clock.date_seconds(text.strip(), day_first=False)
        if moment is None:
            raise ReaderError(
                path,
                f"{text.strip()!r}",
                where=f"line {number}, 'Acquisition started on'",
                expected="a date such as 07/26/2022 22:38:30.190, the month first",
            )
        return moment
    return None


def _is_open_circuit(header: list[Line]) -> bool:
    return any(line.strip().lower() == _OPEN_CIRCUIT for _, line in header)
