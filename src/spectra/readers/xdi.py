"""XDI, the XAS Data Interchange format: one scan as text with fields that are agreed upon.

Layout: B. Ravel, M. Newville, "XAFS data interchange: a single spectrum XAFS data file format",
J. Phys. Conf. Ser. 712 (2016) 012148, and the specification and dictionary, versions 1.0, of
the International X-ray Absorption Society's working group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from spectra.readers.arithmetic import name_columns
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import decode, find_time, first_row, parse_columns
from spectra.readers.times import iso_seconds
from spectra.units import kelvin_from

_FIELD = re.compile(r"\s*#\s*([A-Za-z_]\w*)\.(\w+)\s*:\s*(.*)")
_COLUMN = re.compile(r"column\.([1-9]\d{0,3})")
_TEMPERATURE = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(?:deg\w*\s*)?([KC]?)\b", re.I
)
_END_OF_FIELDS = re.compile(r"\s*#\s*/{3,}")
_END_OF_HEADER = re.compile(r"\s*#\s*-{3,}")
_MOST_COLUMNS = 4096


def _sniff(head: bytes, path: Path) -> bool:
    return bool(re.match(rb"(?:\xef\xbb\xbf)?\s*#\s*XDI/\d", head[:64]))


def read_xdi(path: Path) -> list[Table]:
    """Read the scan.

    Columns are named by the fields ``Column.N``, else by the line of labels above the table.

    Raises
    ------
    ReaderError
        If there is no table.
    """
    rows = decode(path).splitlines()
    first = first_row(path, rows)
    fields = _fields(rows[:first])
    values, _ = parse_columns(path, rows, first, most=_MOST_COLUMNS)
    labels, units = _labels(fields, rows[:first], values.shape[1])
    return [
        Table(
            dict(zip(labels, values.T, strict=True)),
            units=units,
            d_spacing=_number(fields.get("mono.d_spacing", "")),
            variables=_variables(fields),
            metadata=_metadata(fields),
        )
    ]


def _fields(header: list[str]) -> dict[str, str]:
    """Fields of the header by their names in lower case; what stands behind ``||`` is left out."""
    fields: dict[str, str] = {}
    for line in header:
        if _END_OF_FIELDS.match(line) or _END_OF_HEADER.match(line):
            break
        if found := _FIELD.match(line):
            name = f"{found[1]}.{found[2]}".lower()
            fields.setdefault(name, found[3].partition("||")[0].strip())
    return fields


def _labels(
    fields: Mapping[str, str], header: list[str], width: int
) -> tuple[list[str], dict[str, str]]:
    """Names of the columns and the units of those that have one."""
    stated = {int(m[1]): v.split() for k, v in fields.items() if (m := _COLUMN.fullmatch(k))}
    last = header[-1].strip().lstrip("#").split() if header else []
    below = last if len(last) == width else [""] * width
    words = [stated.get(i + 1) or [below[i]] for i in range(width)]
    names = name_columns(w[0] for w in words)
    return names, {n: w[1] for n, w in zip(names, words, strict=True) if len(w) > 1}


def _variables(fields: Mapping[str, str]) -> dict[str, tuple[float, str]]:
    variables: dict[str, tuple[float, str]] = {}
    start = fields.get("scan.start_time", "")
    time = iso_seconds(start)
    time = find_time(start) if time is None else time
    if time is not None:
        variables["time"] = (time, "s")
    if found := _TEMPERATURE.match(fields.get("sample.temperature", "")):
        kelvin = kelvin_from(float(found[1]), found[2].upper() or "K")
        variables["temperature"] = (float(kelvin), "K")
    return variables


def _metadata(fields: Mapping[str, str]) -> dict[str, str | float]:
    metadata: dict[str, str | float] = {}
    # Before version 1.0 they stood in the family of the scan.
    for key, names in (("element", ("symbol", "element")), ("edge", ("edge", "edge"))):
        value = fields.get(f"element.{names[0]}") or fields.get(f"scan.{names[1]}")
        if value:
            metadata[key] = value
    d_spacing = _number(fields.get("mono.d_spacing", ""))
    if d_spacing == d_spacing:
        metadata["d_spacing"] = d_spacing
    return metadata


def _number(text: str) -> float:
    """A positive number with or without a unit behind; NaN if it is none."""
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        return float("nan")
    return value if 0 < value < float("inf") else float("nan")


READER = table_reader("xdi", (".xdi",), _sniff, read_xdi)
