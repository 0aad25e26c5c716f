"""Scienta SES text: regions, each with one, two or three dimensions.

Sections in brackets hold lines ``name=value``; ``[Data 1]`` holds the numbers, the energy first
and one column for each value of the second dimension, and ``[Data 1:2]`` those of the second value
of a third.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, make_electron_frames, positive
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.text import decode
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_SECTION = re.compile(r"^\[(Info|Region|Run Mode Information|Data)(?:\s+(\d+)(?::(\d+))?)?\]\s*$")
_DIMENSION = re.compile(r"^(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*$")
_MILLISECOND = 1e-3
_DATES = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M:%S")
_COUNTING = ("pulse counting", "pulse")


@dataclass
class _Region:
    number: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    run: dict[str, str] = field(default_factory=dict)
    tables: dict[int, FloatArray] = field(default_factory=dict)


def _sniff(head: bytes, path: Path) -> bool:
    return bool(re.match(rb"(?:\xef\xbb\xbf)?\s*\[Info\]\s*\r?\nNumber of Regions=", head))


def read_scienta(path: Path) -> list[Frame]:
    """Read all regions; further dimensions, such as angles or iterations, become frames.

    Raises
    ------
    ReaderError
        If sections are missing or their numbers do not fit, naming region and line.
    """
    regions = _regions(path, decode(path).splitlines())
    several = len({region.fields.get("Region Name", "") for region in regions}) < len(regions)
    return make_electron_frames(
        path, [s for region in regions for s in _spectra(path, region, several)]
    )


def _regions(path: Path, rows: list[str]) -> list[_Region]:
    starts = [(i, m) for i, row in enumerate(rows) if (m := _SECTION.match(row.strip()))]
    ends = [*(i for i, _ in starts[1:]), len(rows)][: len(starts)]
    regions: dict[str, _Region] = {}
    for (start, found), end in zip(starts, ends, strict=True):
        kind, number, part = found.groups()
        if number is None:
            continue
        region = regions.setdefault(number, _Region(number, start + 1))
        if kind == "Data":
            region.tables[int(part[:9]) if part else 1] = _table(path, rows, start + 1, end, number)
            continue
        pairs = (row.partition("=") for row in rows[start + 1 : end])
        stated = {name.strip(): value.strip() for name, equal, value in pairs if equal}
        (region.run if kind.startswith("Run") else region.fields).update(stated)
    return [region for region in regions.values() if region.tables]


def _table(path: Path, rows: list[str], start: int, end: int, number: str) -> FloatArray:
    body = [(i + 1, row.split()) for i, row in enumerate(rows[start:end], start) if row.strip()]
    width = len(body[0][1]) if body else 0
    for line, words in body:
        if len(words) != width:
            raise _wrong(path, words, line, number, width)
    try:
        return np.array([words for _, words in body], dtype=float).reshape(len(body), width)
    except ValueError:
        line, words = next((i, w) for i, w in body if not all(map(_is_number, w)))
        raise _wrong(path, words, line, number, width) from None


def _wrong(path: Path, words: list[str], line: int, number: str, width: int) -> ReaderError:
    return ReaderError(
        path,
        f"{' '.join(words)[:60]!r}",
        where=f"line {line}, [Data {number}]",
        expected=f"{width} numbers",
        remedy="mend the line, or copy the file again",
    )


def _spectra(path: Path, region: _Region, numbered: bool) -> list[Spectrum]:
    fields = region.fields
    own = fields.get("Region Name", "") or f"region {region.number}"
    where = f"[Region {region.number}] {own!r}, line {region.line}"
    axis = _axis(path, fields, where)
    second, third = (_scale(fields, n) for n in (2, 3))
    spectra = []
    for part, table in region.tables.items():
        energy, columns = table[:, :1].ravel(), table[:, 1:].T
        stated = _number(fields, "Dimension 1 size")
        width = max(second.size, 1)
        if stated != len(energy) or len(columns) != width:
            raise ReaderError(
                path,
                f"{len(energy)} rows of {len(columns)} values",
                where=where,
                expected=f"{stated:g} rows of {width}, as its dimensions say",
                remedy="the file is cut off or changed: copy or export it again",
            )
        for i, column in enumerate(columns):
            variables = _variables(fields)
            if second.size:
                variables[second.name] = (float(second.values[i]), second.unit)
            if third.size:
                at = part - 1
                value = third.values[at] if 0 <= at < third.size else math.nan
                variables[third.name] = (float(value), third.unit)
            spectra.append(
                Spectrum(
                    energy,
                    column,
                    axis,
                    Region(own, (f"{region.number}",)),
                    name=_frame_name(region, variables, numbered, second, third),
                    dwell_time=_dwell_time(fields),
                    sweeps=positive(_number(fields, "Number of Sweeps")),
                    photon_energy=positive(_number(fields, "Excitation Energy")),
                    facts=_facts(fields),
                    variables=variables,
                    note=_note(fields),
                )
            )
    return spectra


@dataclass(frozen=True)
class _Scale:
    name: str = ""
    unit: str = ""
    values: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def size(self) -> int:
        return self.values.size


def _scale(fields: dict[str, str], number: int) -> _Scale:
    """Name, unit and values of a further dimension."""
    said = _DIMENSION.match(fields.get(f"Dimension {number} name", ""))
    words = fields.get(f"Dimension {number} scale", "").split()
    if not words or said is None:
        return _Scale()
    values = [float(w) if _is_number(w) else math.nan for w in words]
    return _Scale(column_name(said[1]) or f"dimension_{number}", said[2] or "", np.array(values))


def _axis(path: Path, fields: dict[str, str], where: str) -> str:
    label = f"{fields.get('Dimension 1 name', '')} {fields.get('Energy Scale', '')}".lower()
    if "binding" in fields.get("Dimension 1 name", "").lower():
        return "binding_energy"
    if "kinetic" in label:
        return "kinetic_energy"
    if "binding" in label:
        return "binding_energy"
    raise ReaderError(
        path,
        f"Dimension 1 name={fields.get('Dimension 1 name', '')!r}",
        where=where,
        expected="Binding Energy [eV] or Kinetic Energy [eV]",
        remedy="only spectra over energy are read; export those",
    )


def _frame_name(
    region: _Region,
    variables: dict[str, tuple[float, str]],
    numbered: bool,
    second: _Scale,
    third: _Scale,
) -> str:
    said = [f"{s.name} {variables[s.name][0]:g}" for s in (third, second) if s.size]
    return " ".join([*([f"#{region.number}"] if numbered else []), *said])


def _note(fields: dict[str, str]) -> str:
    mode = fields.get("DetectorMode", "")
    if not mode or mode.lower() in _COUNTING:
        return ""
    return f"the detector worked in {mode} mode, in which values are no counts"


def _dwell_time(fields: dict[str, str]) -> float:
    """Seconds at each point in each sweep: all channels of the detector pass over it."""
    total = _number(fields, "Time per Spectrum Channel") / _number(fields, "Number of Sweeps")
    return positive(total if total > 0 else _number(fields, "Step Time") * _MILLISECOND)


def _facts(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "sample": fields.get("Sample", ""),
        "lens": fields.get("Lens Mode", ""),
        "acquisition_mode": fields.get("Acquisition Mode", ""),
        "pass_energy": _number(fields, "Pass Energy"),
        "step": _number(fields, "Energy Step"),
        "step_time": _number(fields, "Step Time") * _MILLISECOND,
        "detector_mode": fields.get("DetectorMode", ""),
        "work_function": _number(fields, "Work Function"),
        "instrument": fields.get("Instrument", ""),
        "institution": fields.get("Location", ""),
        "operator": fields.get("User", ""),
        "comment": fields.get("Comments", "").strip(" ;"),
    }


def _variables(fields: dict[str, str]) -> dict[str, tuple[float, str]]:
    words = f"{fields.get('Date', '')} {fields.get('Time', '')}"
    moment = find_moment(words, *_DATES)
    return {} if moment is None else {"time": (moment, "s")}


def _number(fields: dict[str, str], name: str) -> float:
    text = fields.get(name, "")
    return float(text) if _is_number(text) else math.nan


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


READER = Reader("scienta", (".txt",), _sniff, read_scienta)
