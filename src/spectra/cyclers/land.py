"""LAND (LANHE, LANdt) text and CSV exports.

Titles, after the LandParser of cloud-instruments/DqDv.Parser (MIT) and tables published by
users: ``Index, TestTime (or TestTime/Sec.), StepTime/Sec., Voltage/V, Current/mA,
Capacity/mAh, SCapacity/mAh/g, Energy/mWh, SysTime, State``, or in Chinese ``记录序号, 测试时间,
电压/V, 电流/mA, 容量/mAh, 系统时间, 状态``. ``TestTime`` is days-hours:minutes:seconds. States are
``R``, ``C_CC``, ``C_CV``, ``D_CC`` …; currents may lack their sign. The capacity starts anew in
every step. An export by steps puts a step's titles (``Index, Mode, Period, …``), its line, and
the record's titles again before every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spectra.cyclers.layout import Layout, build
from spectra.cyclers.record import Cycler
from spectra.cyclers.text import Line, Table, cells_of, separator_of
from spectra.cyclers.units import Title

LAYOUT = Layout(
    maker="LAND",
    names={
        "time": ("testtime", "测试时间"),
        "date": ("systime", "系统时间", "绝对时间"),
        "step_time": ("steptime", "工步时间", "步骤时间"),
        "voltage": ("voltage", "电压"),
        "current": ("current", "电流"),
        "capacity": ("capacity", "容量"),
        "state": ("state", "stepstatus", "状态", "工作模式"),
        "cycle": ("cycleno", "cycle index", "循环序号", "循环号"),
    },
)
_SEARCHED = 20
_STEP_TITLES = {"mode", "period"}


def matches(lines: list[Line]) -> bool:
    """Whether one of the first lines holds LAND's titles."""
    return any(_is_titles(line) for _, line in lines[:_SEARCHED])


def read(path: Path, lines: list[Line], columns: Mapping[str, str]) -> Cycler:
    """Read a LAND table, flat or by steps."""
    first = next(i for i, (_, line) in enumerate(lines) if _is_titles(line))
    separator = separator_of(lines[first][1])
    header = cells_of(lines[first][1], separator)
    rows = _records(lines[first + 1 :])
    return build(Table.from_lines(path, header, rows, separator), LAYOUT, columns)


def _is_titles(line: str) -> bool:
    names = _names(line)
    return bool(names & {"testtime", "测试时间"}) and LAYOUT.recognises(
        cells_of(line, separator_of(line))
    )


def _names(line: str) -> set[str]:
    return {Title.parse(text).name for text in cells_of(line, separator_of(line))}


def _records(lines: list[Line]) -> list[Line]:
    """Lines of the record, without the titles and lines of the steps between them."""
    kept: list[Line] = []
    in_step = False
    for number, line in lines:
        if line.lstrip()[:1].isdigit():
            if not in_step:
                kept.append((number, line))
        elif _is_titles(line):
            in_step = False
        elif _names(line) >= _STEP_TITLES:
            in_step = True
        elif not in_step:
            kept.append((number, line))
    return kept
