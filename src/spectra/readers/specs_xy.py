"""SPECS text (``.xy`` of SpecsLab 2 and Prodigy): regions, cycles and scans below comments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames, positive, to_number
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.regions import find_line
from spectra.readers.text import decode
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_FIELD = re.compile(r"^\W*([A-Za-z][\w ./()-]*?)\s*:\s+(.*?)\s*$")
_PART = re.compile(r"\b(Cycle|Curve|Scan|Channel):\s*(\d{1,9})\b")
_LABELS = re.compile(r"^\W*ColumnLabels:\s*(.*)$")
_PARAMETER = re.compile(r'^\W*Parameter:\s*"([^"]+)"\s*=\s*(\S+)')
_EXTERNAL = re.compile(r"^\W*External Channel Data Cycle:\s*\d+\s*,\s*(.*?)\s*$")
_QUANTITY = re.compile(r"^(.*?)\s*(?:\[([^\]]*)\])?\s*(?:\([^)]*\))?$")
# What is said of the whole file; all else ends with its region.
_GENERAL = ("Energy Axis", "Kinetic Energy Axis", "Counts Per Second", "Count Rate", "Group")
_DATES = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")
_MOST_COLUMNS = 64


@dataclass
class _Table:
    """A table of numbers and what stands above it; `external` is what an external channel is."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, float] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    external: str = ""
    rows: list[list[float]] = field(default_factory=list)


def _sniff(head: bytes, path: Path) -> bool:
    text = head[:4096].decode("latin-1")
    return "SpecsLab" in text[:400] and "XY-Serializer" in text


def read_specs_xy(path: Path) -> list[Frame]:
    """Read all regions; cycles are frames, scans of a cycle are added up.

    Where a file keeps the scans apart they are also frames of a region of their own,
    ``"C 1s sweeps"``, taken only when it is asked for by that name. External channels, such as
    a temperature, are variables: their mean during the cycle.

    Raises
    ------
    ReaderError
        If a table is damaged, naming its line.
    """
    tables = _tables(path, decode(path).splitlines())
    groups = {table.fields.get("Group", "") for table in tables}
    cycles: dict[tuple[str, ...], list[_Table]] = {}
    for table in tables:
        names = (table.fields.get(name, "") for name in ("Group", "Spectrum ID", "Region"))
        key = (*names, str(table.parts.get("Cycle", 0)))
        cycles.setdefault(key, []).append(table)
    spectra = [s for parts in cycles.values() for s in _cycle(path, parts, len(groups) > 1)]
    return make_electron_frames(path, spectra)


def _tables(path: Path, rows: list[str]) -> list[_Table]:
    """All tables in the order of the file."""
    tables: list[_Table] = []
    above, inside = _Table(0), False
    for number, row in enumerate(rows, 1):
        blank = not row.strip()
        if blank or row.lstrip().startswith("#"):
            inside = False
            above = above if blank else _with_comment(above, row)
            continue
        if not inside:
            tables.append(replace(above, line=number, rows=[]))
            inside = True
        tables[-1].rows.append(_row(path, row, number, tables[-1]))
    return tables


def _with_comment(above: _Table, row: str) -> _Table:
    """What stands above the next table, a line of comment more."""
    if found := _LABELS.match(row):
        return replace(above, labels=found[1].split())
    if found := _EXTERNAL.match(row):
        return replace(above, external=found[1])
    if found := _PARAMETER.match(row):
        values = {**above.parameters, found[1]: to_number(found[2])}
        return replace(above, parameters=values)
    if counted := {name: int(value) for name, value in _PART.findall(row)}:
        parts = counted if "Cycle" in counted else {**above.parts, **counted}
        return replace(above, parts=parts, external="")
    if found := _FIELD.match(row):
        if found[1] == "Region":
            kept = {k: v for k, v in above.fields.items() if k in _GENERAL}
            return _Table(0, {**kept, "Region": found[2]})
        return replace(above, fields={**above.fields, found[1]: found[2]})
    return above


def _row(path: Path, row: str, number: int, table: _Table) -> list[float]:
    words = row.split()
    try:
        values = [float(word) for word in words]
        width = len(table.rows[0]) if table.rows else max(len(values), 2)
        if len(values) != width or width > _MOST_COLUMNS:
            raise ValueError(f"{len(values)} columns")
    except ValueError:
        expected = f"{len(table.rows[0])} numbers" if table.rows else "columns of numbers"
        raise ReaderError(
            path,
            f"{row.strip()[:60]!r}",
            where=f"line {number}, region {table.fields.get('Region', '')!r}",
            expected=expected,
            remedy="mend or remove the line",
        ) from None
    return values


def _cycle(path: Path, tables: list[_Table], several: bool) -> list[Spectrum]:
    """The spectrum of a cycle, and those of its scans if it has several."""
    outer = [table for table in tables if table.external]
    tables = [table for table in tables if not table.external]
    if not tables:
        return []
    first = tables[0]
    group, own = first.fields.get("Group", ""), first.fields.get("Region", "")
    name = f"{group}/{own}" if several and group else own or "region"
    arrays = [np.array(table.rows) for table in tables]
    if not all(np.array_equal(array[:, 0], arrays[0][:, 0]) for array in arrays):
        raise ReaderError(
            path,
            f"{len(arrays)} scans with different energies or numbers of points",
            where=f"line {first.line}, region {name!r}",
            expected="scans of one kind",
            remedy="the last may have been broken off: remove it, or export the scans added up",
        )
    scans = _by_scan(tables, arrays)
    sweeps = _stated_scans(first) if len(scans) == 1 else 1.0
    extra = _external(outer)
    parts = [_spectrum(first, array, name, sweeps, extra) for array in scans]
    if len(parts) == 1:
        return parts
    signals = [part.signal for part in parts]
    total = np.mean(signals, axis=0) if parts[0].rate else np.sum(signals, axis=0)
    return [
        replace(parts[0], signal=np.asarray(total), sweeps=float(len(parts))),
        *(
            replace(
                part,
                region=Region(f"{name} sweeps", (f"{find_line(own)} sweeps",), detail=True),
                name=f"{part.name} sweep {number}",
                variables={**part.variables, "sweep": (float(number), "")},
            )
            for number, part in enumerate(parts)
        ),
    ]


def _by_scan(tables: list[_Table], arrays: list[FloatArray]) -> list[FloatArray]:
    """Tables of each scan; those of the channels of a detector are added."""
    scans: dict[tuple[int, ...], FloatArray] = {}
    for number, (table, array) in enumerate(zip(tables, arrays, strict=True)):
        parts = table.parts
        apart = "Channel" in parts or "Scan" in parts or "Curve" in parts
        key = (parts.get("Curve", 0), parts.get("Scan", 0)) if apart else (0, 0, number)
        if key in scans and "Channel" in parts and scans[key].shape == array.shape:
            scans[key] = np.column_stack([array[:, 0], scans[key][:, 1:] + array[:, 1:]])
        else:
            scans[(*key, number) if key in scans else key] = array
    return list(scans.values())


def _external(tables: list[_Table]) -> dict[str, tuple[float, str]]:
    """Means of external channels during a cycle."""
    found: dict[str, tuple[float, str]] = {}
    for table in tables:
        said = _QUANTITY.match(table.external)
        name = column_name(said[1]) if said else ""
        if said and name:
            values = np.array([row[-1] for row in table.rows])
            found[name] = (float(np.mean(values)), said[2] or "")
    return found


def _spectrum(
    table: _Table,
    values: FloatArray,
    name: str,
    sweeps: float,
    extra: dict[str, tuple[float, str]],
) -> Spectrum:
    fields, own = table.fields, table.fields.get("Region", "")
    labels = [label.lower() for label in table.labels][: values.shape[1]]
    at = next((i for i, t in enumerate(labels) if t.startswith(("counts", "intensity"))), 1)
    at = min(at, values.shape[1] - 1)
    channels = {t: values[:, i] for i, t in enumerate(labels) if t == "transmission"}
    cycle = table.parts.get("Cycle", 0)
    variables = {"cycle": (float(cycle), ""), **extra}
    variables |= {column_name(k): (v, "") for k, v in table.parameters.items() if column_name(k)}
    if (time := _time(fields.get("Acquisition Date", ""))) is not None:
        variables["time"] = (time, "s")
    return Spectrum(
        values[:, 0],
        values[:, at],
        _axis(fields),
        Region(name, (own, f"{fields.get('Group', '')}/{own}")),
        name=f"cycle {cycle}",
        rate=_is_rate(fields, labels[at] if at < len(labels) else ""),
        dwell_time=_number(fields, "Dwell Time"),
        sweeps=sweeps,
        photon_energy=positive(_number(fields, "Excitation Energy")),
        channels=channels,
        facts=_facts(fields),
        variables=variables,
    )


def _stated_scans(table: _Table) -> float:
    """Scans that were added up in a table, so far as it says so."""
    return 1.0 if "Scan" in table.parts else positive(_number(table.fields, "Number of Scans"))


def _axis(fields: dict[str, str]) -> str:
    if "kinetic" in fields.get("Energy Axis", "").lower():
        return "kinetic_energy"
    if fields.get("Kinetic Energy Axis", "").lower() == "yes":
        return "kinetic_energy"
    return "binding_energy"


def _is_rate(fields: dict[str, str], label: str) -> bool:
    if label:
        return is_rate(label)
    said = fields.get("Counts Per Second", "").lower()
    return said == "yes" or is_rate(fields.get("Count Rate", ""))


def _facts(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "technique": fields.get("Analysis Method", ""),
        "sample": fields.get("Group", ""),
        "source": fields.get("Source", ""),
        "analyser": fields.get("Analyzer", ""),
        "analyser_mode": fields.get("Scan Mode", ""),
        "lens": fields.get("Analyzer Lens", ""),
        "slit": fields.get("Analyzer Slit", ""),
        "pass_energy": _number(fields, "Pass Energy"),
        "work_function": _number(fields, "Eff. Workfunction"),
        "bias_voltage": _number(fields, "Bias Voltage"),
        "detector_voltage": _number(fields, "Detector Voltage"),
        "comment": fields.get("Comment", ""),
    }


def _time(text: str) -> float | None:
    """Seconds since 1970; UTC, or taken for it where no zone is given."""
    return find_moment(" ".join(text.split()[:2]), *_DATES)


def _number(fields: dict[str, str], name: str) -> float:
    return to_number(next(iter(fields.get(name, "").split()), ""))


READER = Reader("specs_xy", (".xy",), _sniff, read_specs_xy)
