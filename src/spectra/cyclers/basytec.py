"""Basytec's text exports (Battery Test Software).

Layout as its files show it: lines that begin with ``~``, among them ``~Start of Test: 19.06.2023
17:56:53`` and, as the last, the titles ``~Time[s], DataSet, t-Step[s], …, Command, U[V], I[A],
…, Ah[Ah], …, Cyc-Count, …, State`` between tabs. Currents carry their sign; ``Ah`` is the
balance of charge since the start.
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

LAYOUT = Layout(
    maker="Basytec",
    names={
        "time": ("time",),
        "voltage": ("u",),
        "current": ("i",),
        "capacity": ("ah",),
        "cycle": ("cyc count",),
    },
    day_first=True,
    net=True,
)
_START = re.compile(r"~Start of Test:\s*(\S+ \S+)")


def matches(lines: list[Line]) -> bool:
    """Whether the first line names Basytec's system."""
    return bool(lines) and lines[0][1].startswith("~") and "Basytec" in lines[0][1]


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read a Basytec table; the start of the header makes its clock absolute.

    Raises
    ------
    ReaderError
        As `spectra.cyclers.layout.build`.
    """
    marked = next((i for i, (_, line) in enumerate(lines) if not line.startswith("~")), len(lines))
    header = lines[marked - 1][1].lstrip("~")
    separator = separator_of(header)
    found = _START.search("\n".join(line for _, line in lines[:marked]))
    started = clock.date_seconds(found[1], day_first=True) if found else None
    table = Table.from_lines(path, cells_of(header, separator), lines[marked:], separator)
    return build(table, replace(LAYOUT, started=started), columns)
