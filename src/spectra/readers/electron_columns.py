"""Columns of text whose label is a binding or kinetic energy, as ``BE/eV``."""

from __future__ import annotations

import math
import re
from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.arithmetic import name_columns
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.regions import find_line
from spectra.readers.text import decode, find_time, first_row, parse_columns, width_of

_LABEL = re.compile(
    r"^[\s#%!;\"'/(]*(?:(b\.?e\.?|binding[\s_]*energ(?:y|ies)|e_?b)|"
    r"(k\.?e\.?|kinetic[\s_]*energ(?:y|ies)|e_?k))"
    r"(?=[\s/,;()\[\]_\"']|$)[\s/_]*[(\[]?\s*(ev|kev)?",
    re.IGNORECASE,
)
_NUMBER = r"\s*(?:\[?eV\]?|\[?s\]?|\(eV\)|\(s\))?\s*[:=]\s*(\d*[.,]?\d+(?:[eE][-+]?\d+)?)"
_SAID = {
    "pass_energy": r"(?:\bPE|pass[ _]energy)",
    "photon_energy": r"(?:photon|excitation|source)[ _]energy|\bh[vν]\b",
    "work_function": r"work[ _]?function",
    "dwell_time": r"dwell(?:[ _]time)?",
    "sweeps": r"(?:number of )?(?:sweeps|scans)",
}
_MOST_COLUMNS = 64
_HEADER = 1 << 16
_MOST_LINES, _LONGEST = 50, 1000
_KEV = 1000.0
_SETTING = re.compile(r"[\s)\]]*[:=]\s*[-+.\d]")


def _sniff(head: bytes, path: Path) -> bool:
    if b"\0" in head[:4096]:
        return False
    rows = head.decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    try:
        first = first_row(path, rows)
        return _label(rows[:first], width_of(path, rows, first)) is not None
    except ReaderError:
        return False


def read_electron_columns(path: Path) -> list[Frame]:
    """Read energies, intensities, and further columns as channels; one region.

    The region is called by the line that the file's name speaks of, else by that name.

    Raises
    ------
    ReaderError
        If there is no label of an energy, or a line is damaged.
    """
    rows = decode(path).splitlines()
    first = first_row(path, rows)
    found = _label(rows[:first], width_of(path, rows, first))
    if found is None:
        raise ReaderError(
            path,
            "no label of a binding or kinetic energy above the numbers",
            expected="a label such as BE/eV",
            remedy="read it as text, with axis='binding_energy' or axis='kinetic_energy'",
        )
    table, _ = parse_columns(path, rows, first, most=_MOST_COLUMNS)
    line, label = found
    labels = _labels(line, table.shape[1])
    names = name_columns(labels)
    header = "\n".join(rows[:first])[:_HEADER]
    said = {name: _stated(header, words) for name, words in _SAID.items()}
    line_named = find_line(path.stem)
    name = line_named or path.stem
    # The files of a series are no different regions.
    unnamed = {} if line_named else {"region": ""}
    time = find_time(header)
    return make_electron_frames(
        path,
        [
            Spectrum(
                table[:, 0] * (_KEV if (label[3] or "").lower() == "kev" else 1.0),
                table[:, 1],
                "binding_energy" if label[1] else "kinetic_energy",
                Region(name, (path.stem,)),
                rate=is_rate(labels[1]),
                dwell_time=said.pop("dwell_time"),
                sweeps=said.pop("sweeps"),
                photon_energy=said.pop("photon_energy"),
                channels={n: table[:, i] for i, n in enumerate(names) if i > 1},
                facts=said | unnamed,
                variables={} if time is None else {"time": (time, "s")},
            )
        ],
    )


def _label(header: list[str], width: int) -> tuple[str, re.Match[str]] | None:
    """The line nearest to the table that begins with the label of an energy.

    Without a unit it must be as many labels as the table has columns: remarks begin with "Be",
    too.
    """
    for line in reversed(header[-_MOST_LINES:]):
        found = _LABEL.match(line) if len(line) < _LONGEST else None
        if found is None or _SETTING.match(line[found.end() :]):
            continue
        if found[3] or (any(labels := _labels(line, width)) and _LABEL.fullmatch(labels[0])):
            return line, found
    return None


def _labels(line: str, width: int) -> list[str]:
    """Labels of all columns; those that cannot be told apart are empty."""
    for gap in (r"\t+", r"\s*[,;]\s*", r"\s{2,}", r"\s+"):
        words = re.split(gap, line.strip().strip("#%!; "))
        if len(words) == width:
            return words
    return [""] * width


def _stated(header: str, words: str) -> float:
    found = re.search(f"(?:{words}){_NUMBER}", header, re.IGNORECASE)
    try:
        value = float(found[1].replace(",", ".")) if found else math.nan
    except ValueError:
        return math.nan
    return value if 0 < value < math.inf else math.nan


READER = Reader("electron_columns", (".txt", ".csv"), _sniff, read_electron_columns)
