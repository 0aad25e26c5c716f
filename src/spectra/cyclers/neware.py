"""Neware exports (BTS, BTSDA) as text or CSV, flat or nested.

The flat *record* layer of BTSDA, as listed by the documentation of PyProBE and cellpy:
``DataPoint, Cycle Index, Step Index, Step Type, Time, Total Time, Current(A), Voltage(V),
Capacity(Ah), Chg. Cap.(Ah), DChg. Cap.(Ah), …, Date``; in Chinese, as published with the
280 Ah LFP data set: ``数据序号, 循环号, 工步号, 工步类型, 时间, 总时间, 电流(A), 电压(V), 容量(Ah),
充电容量(Ah), 放电容量(Ah), …, 绝对时间``. Older versions: ``Cycle ID, Step ID, Record ID,
Time(h:min:s.ms), Voltage(V), Current(mA), …, Realtime`` (BEEP's column list) and ``Cycle, Step,
Status, Cur(A), …, Absolute time`` (cloud-instruments/DqDv.Parser, MIT).

The nested layout has three lines of titles, for cycles, steps and records; titles and lines of
steps are set in by one cell, those of records by two. ``Time`` starts anew in every step, and
so does ``Capacity``; older versions write currents without sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spectra.cyclers.generic import read_table
from spectra.cyclers.layout import Layout, build
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, Table, cells_of, separator_of
from spectra.cyclers.units import Title
from spectra.errors import ReaderError

LAYOUT = Layout(
    maker="Neware",
    names={
        "time": ("total time", "cumulative time", "test time", "总时间", "累计时间", "测试时间"),
        "date": (
            "date",
            "realtime",
            "real time",
            "absolute time",
            "datetime",
            "date time",
            "绝对时间",
            "系统时间",
            "日期时间",
        ),
        "step_time": ("time", "relative time", "step time", "时间", "相对时间", "工步时间"),
        "voltage": ("voltage", "vol", "电压"),
        "current": ("current", "cur", "电流"),
        "charged": ("chg cap", "capacitance chg", "capacity chg", "cap chg", "充电容量"),
        "discharged": ("dchg cap", "capacitance dchg", "capacity dchg", "cap dchg", "放电容量"),
        "capacity": ("capacity", "cap", "容量"),
        "state": (
            "step type",
            "step name",
            "status",
            "state",
            "工步类型",
            "工步名称",
            "工步状态",
            "状态",
        ),
        "cycle": ("cycle index", "cycle id", "cycle", "循环号", "循环序号", "循环"),
    },
)
_CYCLE = LAYOUT.names["cycle"]
_STEP = ("step index", "step id", "step", "step number", "工步号", "工步序号", "工步", "步次")
_STEP_TYPE = {"step type", "step name", "工步类型", "工步名称", "工步状态"}
_MANY = 2


def matches(lines: list[Line]) -> bool:
    """Whether the first lines hold Neware's titles, flat or nested."""
    if is_nested(lines):
        return True
    if not lines:
        return False
    header = cells_of(lines[0][1], separator_of(lines[0][1]))
    names = {Title.parse(text).name for text in header}
    counted = bool(names & set(_CYCLE)) and bool(names & set(_STEP))
    return (counted or bool(names & _STEP_TYPE)) and LAYOUT.recognises(header)


def is_nested(lines: list[Line]) -> bool:
    """Whether three lines of titles begin the file: of cycles, steps and records."""
    if len(lines) <= _MANY:
        return False
    separator = separator_of(lines[2][1])
    cycle, step, record = (cells_of(line, separator) for _, line in lines[:3])
    return (
        Title.parse(cycle[0]).name in _CYCLE
        and _depth(step) == 1
        and Title.parse(step[1]).name in _STEP
        and _depth(record) >= _MANY
    )


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read a Neware table, flat or nested."""
    if not is_nested(lines):
        return read_table(path, lines, columns, LAYOUT)
    separator = separator_of(lines[2][1])
    return build(_flattened(path, lines, separator), LAYOUT, columns)


def _flattened(path: Path, lines: list[Line], separator: str) -> Table:
    """Records with the number of their cycle and the name of their step in front."""
    _, step_titles, titles = (cells_of(line, separator) for _, line in lines[:3])
    depth = _depth(titles)
    named = [i for i, t in enumerate(step_titles) if Title.parse(t).name in LAYOUT.names["state"]]
    cycle, state = "", ""
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, line in lines[3:]:
        cells = cells_of(line, separator)
        level = _depth(cells)
        if level == 0:
            cycle, state = cells[0], ""
        elif level == 1:
            state = cells[named[0]] if named and named[0] < len(cells) else ""
        elif not cycle:
            raise ReaderError(
                path,
                "a record before the first cycle",
                where=f"line {number}",
                expected="lines of a cycle, a step and records, in this order",
                remedy="export again, with all three layers or the record layer alone",
            )
        else:
            rows.append([cycle, state, *cells[depth:]])
            numbers.append(number)
    header = ["Cycle ID", "Step Name", *titles[depth:]]
    return Table(path, header, rows, numbers, separator).checked()


def _depth(cells: list[str]) -> int:
    """Number of empty cells in front."""
    return next((i for i, cell in enumerate(cells) if cell), len(cells))
