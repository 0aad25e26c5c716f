"""Columns of text under labels, as beamlines and programs for absorption write them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.absorption import is_absorption, is_energy
from spectra.readers.arithmetic import column_name, name_columns
from spectra.readers.chi_columns import holds_chi
from spectra.readers.files import head_of
from spectra.readers.labels import FEFF, split_labels, unmarked
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import decode, first_row, header_facts, parse_columns, width_of

FloatArray = NDArray[np.float64]

_MOST_COLUMNS = 4096
_HEADER = 1 << 18
_UNIT = re.compile(r"[(\[]\s*(k?ev|rad(?:ians?)?|deg(?:rees?)?)\s*[)\]]|[\s_/](k?ev)\s*$", re.I)
# Extranormal (SOLEIL) writes when its sequence began and when in it the spectrum was taken.
_FROM_START = re.compile(r"time from start \(s\w*\)\s*=\s*(\d+(?:\.\d*)?)", re.IGNORECASE)
# "e" and "k" of FEFF's xmu.dat are from the edge.
_FEFF_XMU = ("energy", "relative_e", "photoelectron_k", "mu", "mu0", "fine_structure")
_ELEMENT = re.compile(r"\b(?:element(?:\.symbol)?|atom)\s*[:=]\s*([A-Z][a-z]?)\b", re.IGNORECASE)
_EDGE = re.compile(r"\bedge\s*[:=]\s*(K|L[123]|L2,3|M[1-5])(?![\w.])", re.IGNORECASE)


def read_columns(path: Path) -> list[Table]:
    """Read the columns of a text file; without labels they are ``col1``, ``col2`` …

    Raises
    ------
    ReaderError
        If there are none, or a line is not as wide as the others.
    """
    rows = decode(path).splitlines()
    first = first_row(path, rows)
    values, _ = parse_columns(path, rows, first, most=_MOST_COLUMNS)
    labels = find_labels(rows[:first], values.shape[1])
    header = "\n".join(rows[:first])
    variables, _ = header_facts(header)
    if "time" in variables and (later := _FROM_START.search(header)):
        variables["time"] = (variables["time"][0] + float(later[1]), "s")
    return [
        Table(
            dict(zip(name_columns(labels), values.T, strict=True)),
            units=units_of(labels),
            variables=variables,
            metadata=find_edge(header),
        )
    ]


def find_labels(header: list[str], width: int) -> list[str]:
    """Labels of columns: the last line of a header that has as many, one of them an energy.

    Where no line names an energy, the last line of all if it has as many and names something
    of absorption, or k and χ; else empty.

    Parameters
    ----------
    header : list of str
    width : int
        Columns of the table.
    """
    lines = [line for line in header if unmarked(line)]
    if lines and width == len(_FEFF_XMU) and lines[-1].rstrip().endswith(FEFF):
        return list(_FEFF_XMU)
    for line in reversed(lines):
        for labels in split_labels(line, width):
            if any(is_energy(column_name(label)) for label in labels):
                return labels
    for labels in split_labels(lines[-1], width) if lines else ():
        names = [column_name(label) for label in labels]
        if any(map(is_absorption, names)) or holds_chi(names):
            return labels
    return [""] * width


def units_of(labels: list[str]) -> dict[str, str]:
    """Units that stand in labels, by the names of the columns."""
    found = ((n, _UNIT.search(t)) for n, t in zip(name_columns(labels), labels, strict=True))
    return {name: unit[1] or unit[2] for name, unit in found if unit}


def find_edge(header: str) -> dict[str, str]:
    """Element and edge, where a header names them."""
    element, edge = _ELEMENT.search(header), _EDGE.search(header)
    facts = {"element": element[1].capitalize() if element else ""}
    facts["edge"] = edge[1].upper() if edge else ""
    return {key: value for key, value in facts.items() if value}


def _sniff(head: bytes, path: Path) -> bool:
    """Whether labels above columns of numbers name energies first, or with absorption, or χ."""
    if b"\0" in head[:4096]:
        return False
    try:
        rows, first = _top(path, head)
        width = width_of(path, rows, first)
    except (ReaderError, OSError):
        return False
    names = [column_name(label) for label in find_labels(rows[:first], width)]
    # "e" alone may be an error.
    over_energy = len(names[0]) > len("en") and is_energy(names[0])
    if over_energy or holds_chi(names):
        return True
    return any(map(is_energy, names)) and any(map(is_absorption, names))


def _top(path: Path, head: bytes) -> tuple[list[str], int]:
    """Lines of the beginning of a file, and which of them is the first of the table."""
    rows = head.decode("latin-1").splitlines()
    try:
        return rows, first_row(path, rows)
    except ReaderError:
        longer = head_of(path, _HEADER)
        if len(longer) <= len(head):
            raise
    rows = longer.decode("latin-1").splitlines()
    return rows, first_row(path, rows)


READER = table_reader("columns", (".xmu", ".nor", ".xas", ".chik"), _sniff, read_columns)
