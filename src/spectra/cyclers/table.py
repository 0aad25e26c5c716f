"""Tables of cyclers as text: columns found by their names, units by their headers.

Reads what BioLogic, Arbin, Neware and LAND programs export as flat tables of records, and any
table like them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.cyclers.record import Cycler
from spectra.errors import ReaderError, SettingError

FloatArray = NDArray[np.float64]

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("test_time", "total_time", "elapsed_time", "time", "elapsed", "test"),
        *("总时间", "测试时间", "时间"),
    ),
    "date": (
        "date_time",
        "datetime",
        "absolute_time",
        "realtime",
        "real_time",
        "date",
        "绝对时间",
        "日期",
    ),
    "voltage": ("ewe", "voltage", "potential", "ecell", "volt", "e", "u", "电压"),
    "current": ("i", "current", "cur", "电流"),
    "capacity": ("q-qo", "capacity", "q", "charge", "容量"),
    "step": ("step_type", "state", "status", "step_name", "工步类型", "工步状态", "状态"),
}
_UNITS: Mapping[str, Mapping[str, float]] = {
    "time": {"s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 1e-3, "min": 60}
    | {"h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400},
    "voltage": {"v": 1, "mv": 1e-3, "volt": 1, "volts": 1},
    "current": {"a": 1, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "na": 1e-9},
    "capacity": {"mah": 1, "ah": 1e3, "uah": 1e-3, "µah": 1e-3, "c": 1 / 3.6},
}
_CLOCK = re.compile(r"(?:(\d+)\s*(?:d|-|\s)\s*)?(\d+):(\d\d?):(\d\d?(?:[.,]\d+)?)")
_DATES = (
    *("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
    *("%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"),
)
_DISCHARGE = re.compile(r"d(is)?\.?_?\s?ch|放电", re.IGNORECASE)
_CHARGE = re.compile(r"ch(ar)?g|充电", re.IGNORECASE)


@dataclass(frozen=True)
class TextTable:
    """Lines of a table, with the number of its first line in the file."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    first_line: int
    decimal_comma: bool


def decode(path: Path, data: bytes) -> str:
    """Text in UTF-8, UTF-16 (with its mark), GB 18030 (Chinese exports) or Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise ReaderError(
                path, "UTF-16 text that breaks off", remedy="export the record again"
            ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        chinese = data.decode("gb18030")
    except UnicodeDecodeError:
        return data.decode("latin-1")
    known = any(
        name in chinese for names in _NAMES.values() for name in names if ord(name[0]) > 255
    )
    return chinese if known else data.decode("latin-1")


def split_table(path: Path, lines: list[str], first_line: int = 1) -> TextTable:
    """Split lines into a header and rows, by tabs, semicolons or commas.

    Raises
    ------
    ReaderError
        If there are fewer than two rows.
    """
    numbered = [
        (i, line)
        for i, line in enumerate(lines, first_line)
        if line.strip() and not line.startswith("#")
    ]
    if len(numbered) < 3:
        raise ReaderError(
            path,
            f"{len(numbered)} lines",
            expected="a header and at least two rows",
            remedy="export the table of records",
        )
    head = numbered[0][1]
    separator = max(("\t", ";", ","), key=head.count)
    try:
        header = [h.strip() for h in next(csv.reader(io.StringIO(head), delimiter=separator))]
        rows = list(csv.reader((line for _, line in numbered[1:]), delimiter=separator))
    except (csv.Error, StopIteration) as error:
        raise ReaderError(path, f"not a table ({error})", where=f"line {numbered[0][0]}") from None
    comma = separator != "," and any("," in line for _, line in numbered[1:5])
    return TextTable(path, header, rows, numbered[1][0], comma)


def read_table(table: TextTable, columns: Mapping[str, str], start: float | None = None) -> Cycler:
    """Make a record of a table.

    Parameters
    ----------
    table : TextTable
    columns : mapping
        Names of columns that are not recognised.
    start : float, optional
        Absolute time (s) at which the relative times begin.

    Raises
    ------
    ReaderError
        If a column or unit is not understood, or the time runs backwards.
    """
    place = {name: _find(table.header, name, columns) for name in _NAMES}
    timed = place["time"] is not None or place["date"] is not None
    if not timed or (place["voltage"] is None and place["current"] is None):
        raise ReaderError(
            table.path,
            f"columns {', '.join(table.header)}",
            expected="time and voltage or current",
            remedy="name them: columns={'time': ..., 'voltage': ...}",
        )
    time, absolute = _times(table, place["time"], place["date"], start)
    keep = np.isfinite(time)
    keep[keep] &= np.concatenate([[True], np.diff(time[keep]) > 0])
    if keep.sum() < 2:
        raise ReaderError(table.path, "fewer than two moments", expected="a record over some time")
    values = {
        name: _numbers(table, at, name)[keep]
        for name in ("voltage", "current", "capacity")
        if (at := place[name]) is not None
    }
    nothing = np.full(int(keep.sum()), np.nan)
    current = values.get("current", nothing)
    if place["step"] is not None:
        steps = [row[place["step"]] if place["step"] < len(row) else "" for row in table.rows]
        current = _signed(current, [s for s, k in zip(steps, keep, strict=True) if k])
    return Cycler(
        time=time[keep],
        voltage=values.get("voltage", nothing),
        current=current,
        capacity=values.get("capacity"),
        absolute=absolute,
        source=str(table.path),
    )


def parse_date(text: str) -> float | None:
    """Seconds since 1970 of a date without zone; None if it is none."""
    plain, _, fraction = text.strip().partition(".")
    if not fraction.isdigit():
        plain, fraction = text.strip(), ""
    for form in _DATES:
        try:
            whole = datetime.strptime(f"{plain} +0000", f"{form} %z").timestamp()
        except ValueError:
            continue
        return whole + (float(f"0.{fraction}") if fraction else 0.0)
    return None


def _find(header: list[str], name: str, given: Mapping[str, str]) -> int | None:
    """Index of a column by its given name, or by what such columns are called."""
    if name in given:
        if given[name] not in header:
            raise SettingError(f"no column {given[name]!r}; there are {', '.join(header)}")
        return header.index(given[name])
    if name == "date" and "time" in given:
        return None
    for wanted in _NAMES[name]:
        for i, title in enumerate(header):
            if _plain(title) == wanted:
                return i
    return None


def _plain(title: str) -> str:
    """Name of a column without its unit: ``<I>/mA`` is i, ``(Q-Qo)/mA.h`` is q-qo."""
    text = title.strip().strip("\"'").lower()
    if text.startswith(("(", "<", "|")):
        text = re.sub(r"[<>()|]", "", text.split("/")[0])
    return re.split(r"[/(\[（]", text)[0].strip(" <>|").replace(" ", "_")


def _unit(title: str) -> str:
    """Unit in a column's header, or nothing."""
    text = title.strip().strip("\"'")
    found = re.search(r"/\s*([^/()\[\]]+)$|[(\[（]([^)\]）]*)[)\]）]\s*$", text)
    unit = next((part for part in found.groups() if part), "") if found else ""
    return unit.lower().replace("μ", "µ").replace(".", "").replace("·", "").replace(" ", "")


def _factor(table: TextTable, at: int, name: str) -> float:
    unit = _unit(table.header[at])
    known = _UNITS[name]
    if unit in known or not unit:
        return known.get(unit, 1.0)
    raise ReaderError(
        table.path,
        f"the unit {unit!r} of the column {table.header[at]!r} is not known",
        expected=f"one of {', '.join(known)}",
        remedy="write the unit in the header of the column",
    )


def _text(table: TextTable, row: int, at: int) -> str:
    return table.rows[row][at].strip() if at < len(table.rows[row]) else ""


def _numbers(table: TextTable, at: int, name: str) -> FloatArray:
    """Numbers of a column in V, A or mAh; NaN where it is empty."""
    factor = _factor(table, at, name)
    values = np.empty(len(table.rows))
    for i in range(len(table.rows)):
        text = _text(table, i, at)
        try:
            values[i] = float(text.replace(",", ".") if table.decimal_comma else text or "nan")
        except ValueError:
            if not text:
                values[i] = np.nan
                continue
            raise _not_a_number(table, i, at, text) from None
    return np.where(np.isfinite(values), values, np.nan) * factor


def _not_a_number(table: TextTable, row: int, at: int, text: str) -> ReaderError:
    return ReaderError(
        table.path,
        f"{text[:40]!r}",
        where=f"row {row + 2} (line {table.first_line + row}), column {table.header[at]}",
        expected="a number",
        remedy="export the record again, or cut it off before this line",
    )


def _times(
    table: TextTable, at: int | None, date_at: int | None, start: float | None
) -> tuple[FloatArray, bool]:
    """Times (s), increasing, and whether they are absolute."""
    dates = None if date_at is None else _moments(table, date_at)[0]
    if at is None:
        assert dates is not None
        return _increasing(table, dates), True
    time, absolute = _moments(table, at)
    if absolute:
        return _increasing(table, time), True
    finite = time[np.isfinite(time)]
    if dates is not None and np.isfinite(dates).any():
        if (np.diff(finite) < 0).any():
            # The time of a step begins anew with each of them: the dates go through.
            return _increasing(table, dates), True
        first = int(np.flatnonzero(np.isfinite(dates) & np.isfinite(time))[0])
        return time - time[first] + dates[first], True
    time = _increasing(table, time)
    return (time, False) if start is None else (time + start, True)


def _moments(table: TextTable, at: int) -> tuple[FloatArray, bool]:
    """Times of a column in s, and whether they are dates."""
    values = np.empty(len(table.rows))
    dates, clocks, plain = False, False, False
    for i in range(len(table.rows)):
        text = _text(table, i, at)
        number = text.replace(",", ".") if table.decimal_comma else text
        try:
            values[i] = float(number) if text else np.nan
            plain |= bool(text)
            continue
        except ValueError:
            pass
        if clock := _CLOCK.fullmatch(text):
            days, hours, minutes, seconds = (
                float((g or "0").replace(",", ".")) for g in clock.groups()
            )
            values[i], clocks = ((days * 24 + hours) * 60 + minutes) * 60 + seconds, True
        elif (moment := parse_date(text)) is not None:
            values[i], dates = moment, True
        else:
            raise _not_a_number(table, i, at, text)
    if plain and not (dates or clocks):
        values = values * _factor(table, at, "time")
    finite = values[np.isfinite(values)]
    return values, dates or bool(finite.size and finite[0] > 3e8)


def _increasing(table: TextTable, time: FloatArray) -> FloatArray:
    known = np.flatnonzero(np.isfinite(time))
    back = np.flatnonzero(np.diff(time[known]) < 0)
    if back.size:
        i, j = known[back[0]], known[back[0] + 1]
        raise ReaderError(
            table.path,
            f"the time falls from {time[i]:g} to {time[j]:g} s",
            where=f"row {j + 1} (line {table.first_line + j})",
            expected="increasing times",
            remedy="export the total time or dates, or join the parts in their order",
        )
    return time


def _signed(current: FloatArray, steps: list[str]) -> FloatArray:
    """Give the current the sign of its step where the table has magnitudes only."""
    if not np.isfinite(current).any() or np.nanmin(current) < 0:
        return current
    sign = np.ones(len(current))
    for i, step in enumerate(steps):
        if _DISCHARGE.search(step):
            sign[i] = -1.0
        elif not _CHARGE.search(step):
            sign[i] = 1.0
    return current * sign
