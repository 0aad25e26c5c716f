"""SPEC files: many scans in one text file.

Layout: Certified Scientific Software, spec user manual, "Data file format": ``#S`` begins a
scan, ``#L`` labels its columns with two spaces between labels, ``#D`` is its date.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spectra.readers.absorption import is_energy
from spectra.readers.arithmetic import column_name, name_columns
from spectra.readers.columns import units_of
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import decode, find_time

_SCAN = re.compile(r"^#S[ \t]+(\d+)[ \t]*(.*)$", re.MULTILINE)
_LABELS = re.compile(r"^#L[ \t]+(.*)$", re.MULTILINE)
_DATE = re.compile(r"^#D[ \t]+(.*)$", re.MULTILINE)
_HEADER = 1 << 20


def _sniff(head: bytes, path: Path) -> bool:
    """Whether there are scans, and one of the first has a column of energies."""
    text = head.decode("latin-1")
    if not re.match(r"#[FES] ", text):
        return False
    if not _LABELS.search(text) and path.is_file():
        with path.open("rb") as file:
            text = file.read(_HEADER).decode("latin-1")
    labels = (_split(found[1]) for found in _LABELS.finditer(text))
    return bool(_SCAN.search(text)) and any(
        is_energy(column_name(label)) for line in labels for label in line
    )


def read_spec(path: Path) -> list[Table]:
    """Read all scans; those broken off or without points are tables with few or no rows.

    A scan is called by its number and its count in the file, as in ``3.1``.

    Raises
    ------
    ReaderError
        If the file is empty or binary.
    """
    text = decode(path)
    # Lines of multichannel analysers (@A) go on behind a backslash.
    text = re.sub(r"^@(?:.*\\\r?\n)*.*$", "", text, flags=re.MULTILINE)
    starts = list(_SCAN.finditer(text))
    ends = [*(found.start() for found in starts[1:]), len(text)][: len(starts)]
    counts: dict[str, int] = {}
    tables = []
    for found, end in zip(starts, ends, strict=True):
        number = found[1].lstrip("0") or "0"
        counts[number] = counts.get(number, 0) + 1
        name = f"{number}.{counts[number]}"
        tables.append(_scan(text[found.end() : end], name, found[2].strip()))
    return tables


def _scan(text: str, name: str, command: str) -> Table:
    found = _LABELS.search(text)
    labels = _split(found[1]) if found else []
    rows, broken = [], 0
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) == len(labels):
            rows.append(row)
        else:
            broken += 1
    values = np.array(rows, dtype=float).reshape(len(rows), len(labels))
    date = _DATE.search(text)
    time = find_time(date[1]) if date else None
    return Table(
        dict(zip(name_columns(labels), values.T, strict=True)),
        units=units_of(labels),
        variables={} if time is None else {"time": (time, "s")},
        name=name,
        place=command,
        note=f"{broken} incomplete rows are left out" if broken else "",
    )


def _split(labels: str) -> list[str]:
    return re.split(r"[ \t]{2,}|\t", labels.strip())


READER = table_reader("spec", (".spec", ".spc"), _sniff, read_spec)
