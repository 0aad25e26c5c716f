"""Arbin exports (MITS Pro, CSV).

Layout: ``Data_Point, Test_Time(s), Date_Time, Step_Time(s), Step_Index, Cycle_Index,
Current(A), Voltage(V), Charge_Capacity(Ah), Discharge_Capacity(Ah), …`` as in the CALCE files
of the DiffCapAnalyzer project (data/ARBIN), or the same words with spaces (``Test Time (s)``)
as listed by the documentation of PyProBE. The capacities are counters of the whole test,
which a schedule may set back; the current carries its sign; dates put the month first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spectra.cyclers.generic import read_table
from spectra.cyclers.layout import Layout
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, cells_of, separator_of
from spectra.cyclers.units import Title

LAYOUT = Layout(
    maker="Arbin",
    names={
        "time": ("test time",),
        "date": ("date time", "datetime"),
        "step_time": ("step time",),
        "voltage": ("voltage",),
        "current": ("current",),
        "charged": ("charge capacity",),
        "discharged": ("discharge capacity",),
        "cycle": ("cycle index",),
    },
    day_first=False,
)


def matches(lines: list[Line]) -> bool:
    """Whether the first line holds Arbin's titles."""
    if not lines:
        return False
    names = {Title.parse(t).name for t in cells_of(lines[0][1], separator_of(lines[0][1]))}
    return {"step index", "charge capacity"} <= names and bool(names & {"test time", "date time"})


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read an Arbin table; the dates give the clock, the test time its fractions."""
    return read_table(path, lines, columns, LAYOUT)
