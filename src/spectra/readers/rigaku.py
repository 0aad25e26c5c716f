"""Rigaku RAS text files: every section of data a frame.

Sections stand between ``*RAS_HEADER_START`` and ``*RAS_INT_END``; header lines are
``*NAME "value"``, data lines 2θ, intensity and attenuation (SmartLab Guidance's export).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, noise_of, scaled_errors
from spectra.readers.text import ascending, decode
from spectra.readers.times import find_moment, iso_seconds

FloatArray = NDArray[np.float64]

_LINE = re.compile(r'\*(?P<name>\S+)\s+"?(?P<value>[^"]*)"?\s*$')
_DATE = "%m/%d/%Y %H:%M:%S"


def _sniff(head: bytes, path: Path) -> bool:
    return head.lstrip().startswith((b"*RAS_DATA_START", b"*RAS_HEADER_START"))


def read_ras(path: Path) -> list[Frame]:
    """Read every section."""
    lines = decode(path).splitlines()
    frames: list[Frame] = []
    facts: dict[str, str] = {}
    first: int | None = None
    for number, line in enumerate(lines):
        text = line.strip()
        if text == "*RAS_HEADER_START":
            facts = {}
        elif text == "*RAS_INT_START":
            first = number + 1
        elif text == "*RAS_INT_END":
            if first is None:
                raise ReaderError(
                    path, "an end of data without a beginning", where=f"line {number + 1}"
                )
            table = parse_table(path, lines[first:number], first + 1)
            frames.append(make_frame(table, facts, f"section {len(frames) + 1}"))
            first = None
        elif first is None and (found := _LINE.match(text)):
            facts[found["name"]] = found["value"].strip()
    if first is not None or not frames:
        raise ReaderError(
            path,
            "the data break off" if first is not None else "no section with data",
            where=f"line {len(lines)}",
            expected="*RAS_INT_END",
            remedy="the file is truncated: copy it again",
        )
    return frames


def parse_table(path: Path, lines: list[str], first: int = 1, member: str = "") -> FloatArray:
    """Columns 2θ, intensity and attenuation (1 where it is missing), (points, 3).

    Parameters
    ----------
    path : Path
    lines : list of str
    first : int
        Number of the first line, for messages.
    member : str
        Member of a zip file that the lines are from.

    Raises
    ------
    ReaderError
        For what is not a number, a missing column, or fewer than two points.
    """
    rows, numbers = [], []
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            row = [float(v) for v in line.split()]
        except ValueError:
            row = []
        if len(row) < 2:
            raise ReaderError(
                path,
                f"{line.strip()[:40]!r}",
                where=f"{member}, line {number}" if member else f"line {number}",
                expected="2θ and intensity",
            )
        rows.append((row[0], row[1], row[2] if len(row) > 2 else 1.0))
        numbers.append(number)
    if len(rows) < 2:
        raise ReaderError(
            path, f"{len(rows)} points", where=member or f"line {first}", expected="more"
        )
    table = np.array(rows)
    x, order = ascending(path, table[:, 0], numbers)
    return np.column_stack([x, table[order, 1:]])


def make_frame(table: FloatArray, facts: Mapping[str, str], name: str) -> Frame:
    """Make a frame of columns 2θ, intensity, attenuation and of what the header says.

    Parameters
    ----------
    table : array (points, 3)
    facts : mapping
        Header names without the star.
    name : str
    """
    x, y, attenuation = table.T
    attenuation = np.where(attenuation > 0, attenuation, 1.0)
    errors = None
    if (attenuation != 1).any():
        y = y * attenuation
        errors = scaled_errors(y, attenuation)
    per_time = "cps" in facts.get("MEAS_SCAN_UNIT_Y", "counts").lower()
    metadata: dict[str, float] = {}
    alpha1, alpha2 = (_number(facts.get(f"HW_XG_WAVE_LENGTH_ALPHA{i}")) for i in (1, 2))
    if alpha1 is not None and 0.1 < alpha1 < 10:
        metadata["wavelength"] = alpha1
        if alpha2 is not None and alpha1 < alpha2 < 1.05 * alpha1:
            metadata |= {"wavelength2": alpha2, "ratio": 0.5}
    variables: dict[str, tuple[float, str]] = {}
    started = _moment(facts.get("MEAS_SCAN_START_TIME"))
    ended = _moment(facts.get("MEAS_SCAN_END_TIME"))
    if started is not None:
        variables["time"] = (started, "s")
        if ended is not None and ended > started:
            variables["exposure"] = (ended - started, "s")
    noise = "unknown" if per_time and errors is None else noise_of(y, errors)
    return Frame(x, y, errors, noise, variables, metadata, name=name)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _moment(text: str | None) -> float | None:
    moment = find_moment(text or "", _DATE)
    return iso_seconds(text) if moment is None else moment


READER = Reader("rigaku_ras", (".ras",), _sniff, read_ras)
