"""Thermo Avantage text ``.avg``: the dump of a data space.

``$PROPERTIES`` lists ``NAME : TYPE = value``; ``$SPACEAXES`` gives the axes, each line its number,
start, width, points, type, ``LINEAR`` or not, symbol, unit and label, the energy first;
``$AXISVALUE`` gives values of axes that are not linear; ``$DATA`` holds ``LIST@ n= …``, the
numbers from point n on, one list for each spectrum of a series. Energies are kinetic.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames, to_number
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.text import decode
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_PROPERTY = re.compile(r"^\s*(DS_\w+(?:\[\d+\])?)\s*:(?:[^:=]*:)?\s*VT_\w+\s*=\s*(.*?)\s*$")
_AXIS = re.compile(r"^\s*(\d)\s*=\s*(.*)$")
_LIST = re.compile(r"^\s*LIST@\s*(\d+)\s*=\s*(.*)$")
_VALUE = re.compile(r"SPACEAXIS=(\d)\b.*?POINT=(\d{1,9})\s+VALUE=\s*'?([-+.\deE]+)")
_AXIS_FIELDS = 8
_MOST_POINTS = 10_000_000
_DATE = "%d/%m/%Y %H:%M:%S"


@dataclass(frozen=True)
class _Axis:
    start: float
    width: float
    points: int
    kind: str
    unit: str
    label: str


def _sniff(head: bytes, path: Path) -> bool:
    return b"$PROPERTIES" in head and (b"DataSpace" in head[:400] or b"VT_BSTR" in head)


def read_thermo(path: Path) -> list[Frame]:
    """Read the spectrum, or the series over etch time, level or place: a frame each.

    Raises
    ------
    ReaderError
        If axes and numbers do not fit each other, naming the line.
    """
    rows = decode(path).splitlines()
    facts = {m[1]: m[2].strip("'") for row in rows if (m := _PROPERTY.match(row))}
    axes = _axes(path, rows)
    data = _data(path, rows, axes)
    return make_electron_frames(path, _spectra(path, rows, facts, axes, data))


def _axes(path: Path, rows: list[str]) -> list[_Axis]:
    start = next((i for i, row in enumerate(rows) if row.startswith("$SPACEAXES")), None)
    if start is None:
        raise ReaderError(path, "no axes", expected="$SPACEAXES", remedy="export the file again")
    axes = []
    for number, row in enumerate(rows[start + 1 :], start + 2):
        found = _AXIS.match(row)
        if found is None:
            break
        axes.append(_axis(path, found[2], number))
    size = math.prod(axis.points for axis in axes)
    if not axes or axes[0].kind != "ENERGY" or not 0 < size <= _MOST_POINTS:
        kinds = ", ".join(f"{axis.kind} of {axis.points}" for axis in axes) or "none"
        raise ReaderError(
            path,
            f"axes {kinds}",
            where=f"line {start + 1}",
            expected="an ENERGY axis first, and points in all",
            remedy="only spectra are read; export those",
        )
    return axes


def _axis(path: Path, text: str, line: int) -> _Axis:
    words = [word.strip().strip("'") for word in text.split(",")]
    try:
        if len(words) < _AXIS_FIELDS:
            raise ValueError(f"{len(words)} fields")
        axis = _Axis(float(words[0]), float(words[1]), int(words[2]), words[3], words[6], words[7])
        linear = words[4] == "LINEAR" or axis.kind != "ENERGY"
        if not (math.isfinite(axis.start) and math.isfinite(axis.width) and linear):
            raise ValueError("not linear")
        if not 0 < axis.points <= _MOST_POINTS:
            raise ValueError(f"{axis.points} points")
    except (ValueError, OverflowError):
        raise ReaderError(
            path,
            f"axis {text.strip()[:80]!r}",
            where=f"line {line}",
            expected="start, width, points, type, LINEAR, symbol, unit, label",
            remedy="mend the line, or export the file again",
        ) from None
    return axis


def _data(path: Path, rows: list[str], axes: list[_Axis]) -> FloatArray:
    """Numbers of all spectra (spectra, points)."""
    points, size = axes[0].points, math.prod(axis.points for axis in axes)
    values = [_numbers(path, m[2], n) for n, row in enumerate(rows, 1) if (m := _LIST.match(row))]
    flat = np.concatenate(values) if values else np.empty(0)
    if flat.size != size:
        raise ReaderError(
            path,
            f"{flat.size} numbers",
            where="$DATA",
            expected=f"{size}, as its axes say",
            remedy="the file is cut off: export it again",
        )
    return flat.reshape(-1, points)


def _numbers(path: Path, text: str, line: int) -> FloatArray:
    words = text.replace("#empty#", "nan").rstrip(" ,;").split(",")
    try:
        return np.array(words, dtype=float)
    except ValueError:
        raise ReaderError(
            path,
            f"{text.strip()[:60]!r}",
            where=f"line {line}",
            expected="numbers",
            remedy="mend it",
        ) from None


def _spectra(
    path: Path, rows: list[str], facts: dict[str, str], axes: list[_Axis], data: FloatArray
) -> list[Spectrum]:
    energy, *further = axes
    title = facts.get("DS_EXT_SUPROPID_TITLE", "") or path.stem
    scales = _scales(rows, further)
    shape = tuple(axis.points for axis in reversed(further))
    unit = " ".join(facts.get(f"DS_GEPROPID_VALUE_{part}", "") for part in ("LABEL", "UNIT"))
    spectra = []
    for number, signal in enumerate(data):
        places = np.unravel_index(number, shape)[::-1] if shape else ()
        variables = _time(facts)
        for axis, scale, place in zip(further, scales, places, strict=True):
            name = column_name(axis.label) or column_name(axis.kind)
            variables[name] = (float(scale[place]), axis.unit)
        spectra.append(
            Spectrum(
                _values(energy),
                signal,
                "binding_energy" if "binding" in energy.label.lower() else "kinetic_energy",
                Region(title.removesuffix(" Scan").removesuffix(" Snap") or title, (title,)),
                name=f"spectrum {number}" if len(data) > 1 else "",
                rate=is_rate(unit),
                dwell_time=_number(facts, "DS_ACPROPID_ACQ_TIME"),
                photon_energy=_number(facts, "DS_SOPROPID_ENERGY"),
                facts=_metadata(facts),
                variables=variables,
            )
        )
    return spectra


def _scales(rows: list[str], axes: list[_Axis]) -> list[FloatArray]:
    """Values of the axes behind the energy; those that stand one by one go first."""
    scales = [_values(axis) for axis in axes]
    for row in rows:
        if not row.lstrip().startswith("$AXISVALUE") or not (found := _VALUE.search(row)):
            continue
        number, point = int(found[1]) - 1, int(found[2])
        if 0 <= number < len(scales) and point < scales[number].size:
            scales[number][point] = to_number(found[3])
    return scales


def _values(axis: _Axis) -> FloatArray:
    return np.asarray(axis.start + axis.width * np.arange(axis.points), dtype=float)


def _metadata(facts: dict[str, str]) -> dict[str, Any]:
    coefficients = [v for k, v in facts.items() if k.startswith("DS_ANPROPID_TXFN_COEFF")]
    return {
        "sample": facts.get("DS_EXT_SUPROPID_SUBJECT", ""),
        "pass_energy": _number(facts, "DS_ANPROPID_PASS"),
        "work_function": _number(facts, "DS_ANPROPID_WORK_FTN"),
        "lens": facts.get("DS_ANPROPID_LENS_MODE_NAME", ""),
        "transmission_coefficients": " ".join(coefficients),
        "instrument": facts.get("DS_GEPROPID_INSTRUMENT", ""),
        "operator": facts.get("DS_EXT_SUPROPID_AUTHOR", ""),
        "periods": _number(facts, "DS_ACPROPID_PERIODS"),
        "value_label": facts.get("DS_GEPROPID_VALUE_LABEL", ""),
    }


def _time(facts: dict[str, str]) -> dict[str, tuple[float, str]]:
    words = " ".join(facts.get("DS_EXT_SUPROPID_CREATED", "").split())
    moment = find_moment(words, _DATE)
    return {} if moment is None else {"time": (moment, "s")}


def _number(facts: dict[str, str], name: str) -> float:
    value = to_number(next(iter(facts.get(name, "").split()), ""))
    return value if value > 0 else math.nan


READER = Reader("thermo", (".avg",), _sniff, read_thermo)
