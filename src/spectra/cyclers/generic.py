"""Any table with time, voltage or current, and units in the titles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spectra.cyclers.layout import Layout, build
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, Table, cells_of, separator_of
from spectra.errors import ReaderError

LAYOUT = Layout(
    maker="",
    names={
        "time": (
            "unix time",
            "time",
            "elapsed",
            "elapsed time",
            "test time",
            "testtime",
            "total time",
            "test",
            "run time",
        ),
        "date": (
            "date",
            "date time",
            "date and time",
            "datetime",
            "timestamp",
            "absolute time",
            "systime",
        ),
        "voltage": ("ewe", "voltage", "potential", "ecell", "e", "u"),
        "current": ("current", "i"),
        "capacity": ("q qo", "capacity", "q", "charge"),
        "charged": ("charging capacity", "charge capacity"),
        "discharged": ("discharging capacity", "discharge capacity"),
        "state": ("state", "status", "step type", "mode"),
        "cycle": ("cycle number", "cycle index", "cycle"),
    },
    net=True,
)
_SEARCHED = 100


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read a table whose titles are the first line that has a time and a voltage or current.

    Lines that begin with ``#`` are comments. The capacity is taken as net charge since the
    start.
    """
    return read_table(path, lines, columns, LAYOUT)


def read_table(path: Path, lines: list[Line], columns: Mapping[str, str], layout: Layout) -> Cycler:
    """Read a plain table in a maker's layout."""
    lines = [line for line in lines if not line[1].startswith("#")]
    if not lines:
        raise ReaderError(path, "no lines", expected="titles and at least two rows")
    first, separator = _titles(lines, columns, layout)
    header = cells_of(lines[first][1], separator)
    return build(Table.from_lines(path, header, lines[first + 1 :], separator), layout, columns)


def _titles(lines: list[Line], columns: Mapping[str, str], layout: Layout) -> tuple[int, str]:
    """Place of the line of titles, the first if none is recognised, and its separator."""
    for i, (_, line) in enumerate(lines[:_SEARCHED]):
        separator = separator_of(line)
        header = cells_of(line, separator)
        named = [name.split(" [")[0] in header or name in header for name in columns.values()]
        if layout.recognises(header) or (named and all(named)):
            return i, separator
    return 0, separator_of(lines[0][1])
