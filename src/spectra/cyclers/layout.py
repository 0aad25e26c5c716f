"""From a table of cells to a `Cycler`: which column is what, in whatever units."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectra.cyclers import clock
from spectra.cyclers.record import BoolArray, Cycler
from spectra.cyclers.text import Table
from spectra.cyclers.units import Title
from spectra.errors import DataWarning, ReaderError, SettingError

FloatArray = NDArray[np.float64]

# Roles whose column a unit belongs to, and the quantity whose units it may have.
_QUANTITY = {
    "time": "time",
    "step_time": "time",
    "voltage": "voltage",
    "current": "current",
    "capacity": "capacity",
    "charged": "capacity",
    "discharged": "capacity",
}
_ROLES = (*_QUANTITY, "date", "state", "cycle")
_EPOCH = 3e8  # Seconds: nobody's cell has cycled for ten years.
_CLOCKS_AGREE = 2.0
_CLOCKS_DRIFT = 1e-5


@dataclass(frozen=True)
class Layout:
    """What a maker calls the columns.

    Attributes
    ----------
    maker : str
    names : mapping
        Role -> names as `Title.name`, the first found is taken. Roles: ``time`` (since the
        start), ``date``, ``step_time`` (from 0 in every step), ``voltage``, ``current``,
        ``capacity`` (per step, or net charge if `net`), ``charged`` and ``discharged``
        (counters), ``state`` (words for charge and discharge), ``cycle``.
    day_first : bool or None
        Order of dates such as 03/04/2024; None if the maker's is not known.
    net : bool
        Whether ``capacity`` is the net charge since the start.
    """

    maker: str
    names: Mapping[str, tuple[str, ...]]
    day_first: bool | None = None
    net: bool = False
    started: float | None = field(default=None)

    def find(self, titles: list[Title], role: str) -> int | None:
        """Index of the column of a role.

        Charges per gram and currents per area yield to a plain column; without one, such a
        current is taken, so that its unit is refused aloud, and such a charge is passed over.
        """
        quantity = _QUANTITY.get(role, "")
        called = [
            i
            for name in self.names.get(role, ())
            for i, title in enumerate(titles)
            if title.is_called(name, quantity)
        ]
        plain = [i for i in called if not (quantity and titles[i].is_specific)]
        if quantity == "capacity":
            called = []
        return next(iter(plain + called), None)

    def recognises(self, header: list[str]) -> bool:
        """Whether a header has a time, and a voltage or a current."""
        titles = [Title.parse(text) for text in header]
        has = {role for role in _ROLES if self.find(titles, role) is not None}
        return bool(has & {"time", "date", "step_time"}) and bool(has & {"voltage", "current"})


def build(table: Table, layout: Layout, columns: Mapping[str, str]) -> Cycler:
    """Make a `Cycler` of a table.

    Raises
    ------
    ReaderError
        If a column is missing or not readable, a unit not known, or the time runs backwards.
    SettingError
        If `columns` names a role or a column that there is not.
    """
    places = _places(table, layout, columns)
    _check_decimals(table, places)
    time, absolute = _time(table, places, layout)
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        raise _runs_backwards(table, time, int(back[0]), absolute)
    nothing = np.full(len(time), np.nan)
    values: dict[str, FloatArray] = {
        role: _quantity(table, *places[role], role)
        for role in ("voltage", "current", "capacity", "charged", "discharged")
        if role in places
    }
    voltage = values.get("voltage", nothing)
    current = _signed(values.get("current", nothing), _discharging(table, places))
    counted = _net_charge(values, current, layout)
    started = layout.started
    if started is not None and not absolute:
        time, absolute = started + time, True
    cycle = _optional(table, places)
    keep = np.concatenate([[True], np.diff(time) > 0])
    return Cycler(
        time=time[keep],
        voltage=voltage[keep],
        current=current[keep],
        capacity=None if counted is None else counted[keep],
        absolute=absolute,
        source=str(table.path),
        maker=layout.maker,
        started=started if started is not None else (float(time[0]) if absolute else None),
        cycle=None if cycle is None else cycle[keep],
        mean_current="current" in places and "<" in places["current"][1].text,
    )


Places = dict[str, tuple[int, Title]]


def _places(table: Table, layout: Layout, columns: Mapping[str, str]) -> Places:
    """Column and title of every role that the table has."""
    unknown = set(columns) - set(_ROLES)
    if unknown:
        raise SettingError(
            f"columns= knows no {', '.join(sorted(unknown))}; it knows {', '.join(_ROLES)}"
        )
    titles = [Title.parse(text) for text in table.header]
    places: Places = {}
    for role in _ROLES:
        if role in columns:
            places[role] = _named(table, titles, columns[role])
            continue
        if "time" in columns and role in ("date", "step_time"):
            continue
        at = layout.find(titles, role)
        if at is not None:
            places[role] = (at, titles[at])
    if not {"time", "date", "step_time"} & set(places) or not {"voltage", "current"} & set(places):
        raise ReaderError(
            table.path,
            f"columns {', '.join(table.header)}",
            expected="time and voltage or current",
            remedy="name them with their units: columns={'time': '... [s]', 'voltage': '... [V]'}",
        )
    return places


def _named(table: Table, titles: list[Title], name: str) -> tuple[int, Title]:
    """Place of a column that the user named, perhaps with the unit in brackets behind."""
    if name in table.header:
        at = table.header.index(name)
        return at, titles[at]
    bare = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", name)
    if bare and bare[1] in table.header:
        at = table.header.index(bare[1])
        return at, Title(table.header[at], titles[at].name, bare[2].strip())
    raise SettingError(f"{table.path}: no column {name!r}; there are {', '.join(table.header)}")


def _check_decimals(table: Table, places: Places) -> None:
    """Refuse a table with decimal points in one column and commas in another."""
    marks = {
        table.decimal_mark(at): title.text
        for role, (at, title) in places.items()
        if role in ("voltage", "current", "capacity", "charged", "discharged")
    }
    if "," in marks and "." in marks:
        raise ReaderError(
            table.path,
            f"decimal commas in column {marks[',']!r}, points in column {marks['.']!r}",
            where=f"line {table.lines[0]}",
            expected="one decimal mark in the whole table",
            remedy="export again with one decimal mark and without thousands separators",
        )


def _quantity(table: Table, at: int, title: Title, role: str) -> FloatArray:
    return table.numbers(at) * title.factor(_QUANTITY[role], str(table.path), role)


def _time(table: Table, places: Places, layout: Layout) -> tuple[FloatArray, bool]:
    """Times (s), and whether they count from 1970: dates, made finer by the elapsed time."""
    date = _dates(table, places, layout)
    if "time" in places:
        elapsed, absolute = _times(table, *places["time"], layout)
        if absolute or date is None:
            return elapsed, absolute
        return _joined_clocks(date, elapsed), True
    if date is not None:
        return date, True
    if "step_time" not in places:
        raise ReaderError(
            table.path,
            f"no date can be read in column {places['date'][1].text!r}",
            where=table.where(0, places["date"][0]),
            expected="a date and a time of day such as 2024-03-01 12:00:00, or another time",
        )
    step, _ = _times(table, *places["step_time"], layout)
    lost = np.where(np.diff(step) < 0, step[:-1], 0.0)
    return step + np.concatenate([[0.0], np.cumsum(lost)]), False


def _joined_clocks(date: FloatArray, elapsed: FloatArray) -> FloatArray:
    """Dates, with the fractions of a second that only the elapsed time has.

    Dates are often written to the second. Where both clocks tell the same course, to 2 s and
    the drift of a computer's clock, the elapsed time is taken from the first date on;
    otherwise the test was paused, and the dates stand.
    """
    late = (date - date[0]) - (elapsed - elapsed[0])
    if np.all(np.abs(late) <= _CLOCKS_AGREE + _CLOCKS_DRIFT * np.abs(elapsed - elapsed[0])):
        return np.asarray(date[0] + (elapsed - elapsed[0]))
    return date


def _dates(table: Table, places: Places, layout: Layout) -> FloatArray | None:
    """Dates of the column for them; None if it holds something else but another clock is there."""
    if "date" not in places:
        return None
    at, title = places["date"]
    if clock.is_date(next((cell for cell in table.cells(at) if cell), "")):
        return _times(table, at, title, layout)[0]
    if "time" in places or "step_time" in places:
        warnings.warn(
            f"{table.where(0, at)} of {table.path}: {table.cells(at)[0]!r} is not a date with a "
            "time of day; the record's clock stays relative",
            DataWarning,
            stacklevel=2,
        )
    return None


def _times(table: Table, at: int, title: Title, layout: Layout) -> tuple[FloatArray, bool]:
    """A column of dates, clocks or numbers in seconds, and whether it counts from 1970."""
    cells = table.cells(at)
    first = next((cell for cell in cells if cell), "")
    if clock.is_date(first):
        day_first = _date_order(table, at, layout)
        values = [clock.date_seconds(cell, day_first=day_first) for cell in cells]
        time = np.array([np.nan if v is None else v for v in values])
        kind = "a date with a time of day"
    elif clock.is_clock(first):
        seconds = [clock.clock_seconds(cell) for cell in cells]
        time = np.array([np.nan if v is None else v for v in seconds])
        kind = "a time such as 1:02:03 or 1-02:03:04"
    else:
        time = _quantity(table, at, title, "time")
        kind = "a time"
    bad = np.flatnonzero(~np.isfinite(time))
    if bad.size:
        raise ReaderError(
            table.path,
            f"{cells[bad[0]]!r}",
            where=table.where(int(bad[0]), at),
            expected=kind,
            remedy="delete the line, or name another column: columns={'time': ...}",
        )
    return time, clock.is_date(first) or bool(time[0] > _EPOCH)


def _date_order(table: Table, at: int, layout: Layout) -> bool:
    """Whether the day comes first; told by the dates, else by the maker, else by their dots."""
    cells = table.cells(at)
    told = clock.day_first(cells)
    if told is None:
        told = layout.day_first
    if told is not None:
        return told
    dotted = "." in cells[0].split(":")[0]
    warnings.warn(
        f"{table.where(0, at)} of {table.path}: {cells[0]!r} is read "
        f"{'day' if dotted else 'month'} first, which the file does not tell; dates such as "
        "2024-03-01 leave no doubt",
        DataWarning,
        stacklevel=2,
    )
    return dotted


def _runs_backwards(table: Table, time: FloatArray, i: int, absolute: bool) -> ReaderError:
    before, after = time[i], time[i + 1]
    shown = (
        f"{clock.written(before)} to {clock.written(after)}"
        if absolute
        else f"{before:g} to {after:g} s"
    )
    return ReaderError(
        table.path,
        f"the time falls from {shown}",
        where=f"line {table.lines[i + 1]}",
        expected="increasing times",
        remedy="read the parts of the record as files of their own, joined by "
        "read_cycler([first, second]); if a computer's clock was set back, name the elapsed "
        "time: columns={'time': ...}",
    )


def _discharging(table: Table, places: Places) -> BoolArray | None:
    """Rows whose state says discharge, in the words of Neware and LAND."""
    if "state" not in places:
        return None
    words = [cell.lower().replace(" ", "_") for cell in table.cells(places["state"][0])]
    return np.array(
        [
            "dchg" in word or "dischar" in word or "放电" in word or re.match(r"d(_|$)", word)
            for word in words
        ],
        dtype=bool,
    )


def _signed(current: FloatArray, discharging: BoolArray | None) -> FloatArray:
    """Current with the sign of the step, where the cycler wrote only its size."""
    if discharging is None or (np.nan_to_num(current) < 0).any():
        return current
    return np.where(discharging, -current, current)


def _net_charge(
    values: Mapping[str, FloatArray], current: FloatArray, layout: Layout
) -> FloatArray | None:
    """Net charge since the start (mAh), of counters that start anew in steps or cycles."""
    if "charged" in values and "discharged" in values:
        net = _unrolled(values["charged"]) - _unrolled(values["discharged"])
        return net - net[np.isfinite(net)][0] if np.isfinite(net).any() else net
    if "capacity" not in values:
        return None
    if layout.net:
        return values["capacity"]
    total = _unrolled(values["capacity"])
    known = np.isfinite(total)
    passed = np.diff(total[known], prepend=total[known][:1])
    total[known] = np.cumsum(passed * np.sign(np.nan_to_num(current[known])))
    return total


def _unrolled(counter: FloatArray) -> FloatArray:
    """A counter that is set back now and then, made to go on from where it was."""
    known = np.isfinite(counter)
    count = np.abs(counter[known])
    step = np.diff(count, prepend=0.0)
    total = np.full(len(counter), np.nan)
    total[known] = np.cumsum(np.where(step < 0, count, step))
    return total


def _optional(table: Table, places: Places) -> FloatArray | None:
    """Numbers of the cycles; None where they are not numbers, as nothing hangs on them."""
    if "cycle" not in places:
        return None
    try:
        return table.numbers(places["cycle"][0])
    except ReaderError:
        return None
