"""Bruker UXD (.uxd), text: ranges of settings ``_KEY=value``, each followed by its intensities.

Layout as Bruker's XCH converter and DIFFRAC write it: comments begin with ``;``; the lines above
the first ``_DRIVE`` hold for all ranges (``_DATEMEASURED``, ``_WL1``, ``_ANODE``); a range begins
with ``_DRIVE`` and its intensities with ``_COUNTS`` or ``_CPS`` (many in a line, from ``_START``
in steps of ``_STEPSIZE``) or with ``_2THETACOUNTS``, ``_2THETACPS`` or ``_2THETACOUNTSTIME``
(position, intensity, and perhaps time, line by line).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, noise_of, tube
from spectra.readers.text import ascending, decode
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_SETTING = re.compile(r"_(\w+)\s*=\s*'?([^']*)'?\s*$")
_DATA = re.compile(r"_(2THETA)?(COUNTS|CPS)(TIME)?\s*$")
_START = re.compile(rb"(?:\s*;[^\n]*\n)*\s*_(?:FILEVERSION|SAMPLE|DRIVE)\s*=")
_OVER_TWO_THETA = ("COUPLED", "LOCKED COUPLED", "2THETA", "DETECTOR", "THETA/2THETA", "TWOTHETA")


@dataclass
class _Range:
    """Settings and the lines of the intensities of a range; where these begin, and their kind."""

    settings: dict[str, str]
    kind: re.Match[str] | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)


def _sniff(head: bytes, path: Path) -> bool:
    return _START.match(head) is not None


def read_uxd(path: Path) -> list[Frame]:
    """Read every range over 2θ.

    Raises
    ------
    ReaderError
        If there is none, a range is over something else, or a line is damaged.
    """
    ranges = [r for r in _ranges(decode(path).splitlines()) if r.kind is not None]
    if not ranges:
        raise ReaderError(
            path,
            "no range with intensities",
            expected="a line _COUNTS, _CPS or _2THETACOUNTS and numbers below it",
            remedy="the file is truncated: copy it again",
        )
    return [_frame(path, r, f"range {n}") for n, r in enumerate(ranges, 1)]


def _ranges(rows: list[str]) -> list[_Range]:
    common: dict[str, str] = {}
    ranges: list[_Range] = []
    for number, row in enumerate(rows, 1):
        text = row.strip()
        if not text or text.startswith(";"):
            continue
        if found := _DATA.match(text):
            ranges = ranges or [_Range(dict(common))]
            ranges[-1].kind = found
        elif found := _SETTING.match(text):
            if found[1] == "DRIVE":
                ranges.append(_Range(dict(common)))
            (ranges[-1].settings if ranges else common)[found[1]] = found[2].strip()
        elif ranges:
            ranges[-1].lines.append((number, text))
    return ranges


def _frame(path: Path, found: _Range, name: str) -> Frame:
    settings, kind = found.settings, found.kind
    drive = settings.get("DRIVE", "COUPLED").upper()
    if drive not in _OVER_TWO_THETA:
        raise ReaderError(
            path,
            f"a scan of {drive}",
            where=name,
            expected="a scan over 2θ",
            remedy="export the ranges over 2θ only",
        )
    assert kind is not None
    rows = [_numbers(path, line, text) for line, text in found.lines]
    if kind[1]:
        x, y = _pairs(path, rows, found.lines, 3 if kind[3] else 2, name)
    else:
        y = np.array([value for row in rows for value in row])
        step = _step(path, settings, name)
        x = np.asarray(_start(path, settings, name) + step * np.arange(len(y)), dtype=float)
    if len(y) < 3:
        raise ReaderError(path, f"{len(y)} points", where=name, expected="at least 3")
    stated = _number(settings, "STEPCOUNT")
    if stated is not None and len(y) < stated:
        raise ReaderError(
            path,
            f"{len(y)} points",
            where=name,
            expected=f"{stated:.0f}, as _STEPCOUNT says",
            remedy="the file is truncated: copy it again",
        )
    return Frame(
        x,
        y,
        # Rates that happen to be whole are no counts.
        noise="unknown" if kind[2] == "CPS" else noise_of(y, None),
        variables=_variables(settings),
        metadata=_metadata(settings),
        name=name,
    )


def _numbers(path: Path, line: int, text: str) -> list[float]:
    try:
        return [float(word) for word in re.split(r"[\s,;]+", text.strip(" ,;\t"))]
    except ValueError:
        raise ReaderError(
            path,
            repr(text[:60]),
            where=f"line {line}",
            expected="numbers",
            remedy="mend or remove the line",
        ) from None


def _pairs(
    path: Path, rows: list[list[float]], lines: list[tuple[int, str]], width: int, name: str
) -> tuple[FloatArray, FloatArray]:
    for row, (line, text) in zip(rows, lines, strict=True):
        if len(row) != width:
            raise ReaderError(
                path,
                repr(text[:60]),
                where=f"line {line}",
                expected=f"{width} numbers",
                remedy="mend or remove the line",
            )
    table = np.array(rows, dtype=float).reshape(len(rows), width)
    if not len(table):
        raise ReaderError(path, "no points", where=name, remedy="the file is truncated: copy it")
    x, order = ascending(path, table[:, 0], [line for line, _ in lines])
    return x, table[order, 1]


def _start(path: Path, settings: Mapping[str, str], name: str) -> float:
    start = _number(settings, "2THETA")
    start = _number(settings, "START") if start is None else start
    if start is None:
        raise ReaderError(path, "no _START", where=name, expected="where the range begins")
    return start


def _step(path: Path, settings: Mapping[str, str], name: str) -> float:
    step = _number(settings, "STEPSIZE")
    if step is None or step <= 0:
        raise ReaderError(path, "no _STEPSIZE", where=name, expected="a step above 0")
    return step


def _number(settings: Mapping[str, str], key: str) -> float | None:
    try:
        value = float(settings[key])
    except (KeyError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _variables(settings: Mapping[str, str]) -> dict[str, tuple[float, str]]:
    facts = {
        "time": (
            find_moment(settings.get("DATEMEASURED", ""), "%d-%b-%Y %H:%M:%S", "%d/%b/%Y %H:%M:%S"),
            "s",
        ),
        "step_time": (_number(settings, "STEPTIME"), "s"),
    }
    return {name: (value, unit) for name, (value, unit) in facts.items() if value is not None}


def _metadata(settings: Mapping[str, str]) -> dict[str, float | str]:
    alpha1, alpha2, ratio = (_number(settings, k) or 0.0 for k in ("WL1", "WL2", "WLRATIO"))
    metadata = tube(alpha1, alpha2, ratio, settings.get("ANODE", ""))
    sample = settings.get("SAMPLE", "")
    return {**metadata, "sample": sample} if sample else metadata


READER = Reader("bruker_uxd", (".uxd",), _sniff, read_uxd)
