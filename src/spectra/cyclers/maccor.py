"""Maccor text exports (MacTest, MIMS).

Layout as its files show it: a line with ``Date of Test:``, then titles ``Rec#, Cyc#, Step,
Test (Min), Step (Min), Amp-hr, Watt-hr, Amps, Volts, State, ES, DPt Time`` between tabs, or the
newer ``Rec, Cycle P, Cycle C, Step, TestTime, StepTime, Cap. [Ah], Ener. [Wh], Current [A],
Voltage [V], Md, ES, DPt Time``. Currents have no sign: states are ``C``, ``D``, ``R`` (rest),
``S`` and ``P`` (stopped). The capacity starts anew in every step. ``DPt Time`` is a date with a
time of day, or the time of day alone; then the day is that of the test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from spectra.cyclers import clock
from spectra.cyclers.layout import Layout, build
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, Table, cells_of, separator_of
from spectra.cyclers.units import Title

LAYOUT = Layout(
    maker="Maccor",
    names={
        "time": ("test", "testtime", "test time"),
        "date": ("dpt time",),
        "step_time": ("step time", "steptime"),
        "voltage": ("voltage",),
        "current": ("current",),
        "capacity": ("capacity", "cap"),
        "state": ("state", "md"),
        "cycle": ("cyc#", "cycle c", "cycle"),
    },
    day_first=False,
)
# Titles that are units and nothing else.
_SPELLED = {"Amps": "Current (A)", "Volts": "Voltage (V)", "Amp-hr": "Capacity (Ah)"}
_DAY = re.compile(r"Date of Test:?\s*(\d{1,2}/\d{1,2}/\d{4})")
_SEARCHED = 20


def matches(lines: list[Line]) -> bool:
    """Whether one of the first lines holds Maccor's titles."""
    return any(_is_titles(line) for _, line in lines[:_SEARCHED])


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read a Maccor table.

    Raises
    ------
    ReaderError
        As `spectra.cyclers.layout.build`.
    """
    first = next(i for i, (_, line) in enumerate(lines) if _is_titles(line))
    separator = separator_of(lines[first][1])
    header = [_SPELLED.get(cell, cell) for cell in cells_of(lines[first][1], separator)]
    table = Table.from_lines(path, header, lines[first + 1 :], separator)
    above = "\n".join(line for _, line in lines[:first])
    clocks = header.index("DPt Time") if "DPt Time" in header else None
    if clocks is None or not clock.is_clock(next(filter(None, table.cells(clocks)), "")):
        return build(table, LAYOUT, columns)
    names = {role: names for role, names in LAYOUT.names.items() if role != "date"}
    started = _start(above, table.cells(clocks))
    return build(table, replace(LAYOUT, names=names, started=started), columns)


def _start(above: str, clocks: list[str]) -> float | None:
    """Seconds since 1970 of the first row, from the day of the test and the time of day."""
    day = _DAY.search(above)
    moment = next(filter(None, clocks), "")
    return clock.date_seconds(f"{day[1]} {moment}") if day else None


def _is_titles(line: str) -> bool:
    names = {Title.parse(text).name for text in cells_of(line, separator_of(line))}
    return "dpt time" in names and bool(names & {"amps", "volts", "current", "voltage"})
