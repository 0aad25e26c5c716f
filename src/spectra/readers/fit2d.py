"""Fit2D ``.chi``: a title, two labels and the number of points above two columns.

Layout: A. P. Hammersley, FIT2D V9.129 Reference Manual, ESRF98HA01T (1998), "CHIPLOT" files.
GSAS-II's ``.qchi`` has q in 1/angstrom under the label ``Q`` and the wavelength (0: several).
pyFAI and others also name files with ``#`` headers so; these are text.
"""

from __future__ import annotations

import re
from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.labels import Scale, scale_of_label
from spectra.readers.text import decode, frame_of, header_facts, parse_columns

_HEADER = 4
_COUNT = re.compile(r"\s*(\d{1,9})\s*")
_SUFFIXES = (".chi", ".qchi")
_Q_AND_WAVELENGTH = re.compile(r"Q\s+(\d+\.\d+)\s*")
_COMMENT = ("#", "!", ";")


def _sniff(head: bytes, path: Path) -> bool:
    if path.suffix.lower() not in _SUFFIXES:
        return False
    lines = head.decode("latin-1").splitlines()
    return (
        len(lines) >= _HEADER
        and not lines[0].lstrip().startswith(_COMMENT)
        and _COUNT.fullmatch(lines[_HEADER - 1]) is not None
    )


def read_chi(path: Path) -> list[Frame]:
    """Read the pattern; as many points as the header states, or none."""
    rows = decode(path).splitlines()
    count = _COUNT.fullmatch(rows[_HEADER - 1]) if len(rows) > _HEADER else None
    if count is None:
        raise ReaderError(
            path,
            f"{len(rows)} lines" if len(rows) <= _HEADER else f"{rows[_HEADER - 1][:40]!r}",
            where=f"line {_HEADER}",
            expected="title, two labels, number of points, then two columns",
            remedy="the file may be truncated: copy it again",
        )
    variables, metadata = header_facts(rows[0])
    if gsas2 := _Q_AND_WAVELENGTH.fullmatch(rows[1]):
        scale = Scale("q", "1/angstrom")
        if 0.01 < float(gsas2[1]) < 100:
            metadata["wavelength"] = float(gsas2[1])
    else:
        scale = scale_of_label(path, rows[1], "line 2") or Scale(
            note=f"positions are called {rows[1].strip()[:40]!r}; 2θ in degrees is assumed"
        )
    table, numbers = parse_columns(path, rows, _HEADER)
    stated = int(count[1])
    if len(table) != stated:
        few = len(table) < stated
        raise ReaderError(
            path,
            f"{len(table)} points",
            where=f"line {numbers[-1]}",
            expected=f"{stated}, as line {_HEADER} states",
            remedy="the file is truncated: copy it again"
            if few
            else "the file may hold several patterns: split it, or correct the number",
        )
    return [frame_of(path, table, numbers, scale, variables, metadata)]


READER = Reader("fit2d_chi", _SUFFIXES, _sniff, read_chi)
