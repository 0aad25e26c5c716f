"""ASCII of WITec: a section of settings, one of columns; one spectrum or those of a map.

Layout as its files show it: ``[Header]`` with ``key = value``, ``[Data]`` with a line of labels, a
line of units and columns of positions and of one intensity per spectrum; the spectra of a map
run along its lines (``SizeX``), then from line to line (``SizeY``).
"""

from __future__ import annotations

import re
from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import (
    laser_in,
    number_in,
    order_positions,
    spectrum_metadata,
)
from spectra.readers.text import decode, parse_columns

_LASER = re.compile(r"excitation\s*_?wave\s*length[^=]*", re.IGNORECASE)
_ROW = re.compile(r"\s*[-+]?\.?\d[\d.eE+-]*(?:[\s,;]+[-+]?\.?\d[\d.eE+-]*)+[\s,;]*$")
_MOST = 1 << 16


def _sniff(head: bytes, path: Path) -> bool:
    return b"[Header]" in head[:400] and b"XAxisUnit" in head and b"\0" not in head[:400]


def read_witec(path: Path) -> list[Frame]:
    """Read every spectrum of a file.

    Raises
    ------
    ReaderError
        If there is no table, or it is not as long or as wide as the header says.
    """
    top, mark, body = decode(path).partition("[Data]")
    if not mark:
        raise ReaderError(path, "no section [Data]", remedy="the file is truncated: copy it again")
    facts = _facts(top)
    rows = body.splitlines()
    first = next((i for i, row in enumerate(rows) if _ROW.match(row)), len(rows))
    table, _ = parse_columns(path, rows, first, most=_MOST)
    stated = number_in(facts.get("sizegraph", ""))
    if stated is not None and len(table) < stated:
        raise ReaderError(
            path,
            f"{len(table)} points",
            where="[Data]",
            expected=f"{stated:.0f}, as SizeGraph says",
            remedy="the file is truncated: copy it again",
        )
    positions = order_positions(path, table[:, 0], facts.get("xaxisunit", ""), "XAxisUnit")
    shape = _shape(path, facts, table.shape[1] - 1)
    metadata: dict[str, object] = dict(
        spectrum_metadata(
            next((laser_in(v) for k, v in facts.items() if _LASER.fullmatch(k)), None),
            instrument="WITec",
            graph=facts.get("graphname"),
            source=facts.get("filename"),
        )
    )
    if shape is None:
        place = _place(facts) if table.shape[1] == 2 else {}
        return [
            positions.frame(
                path, y, place, metadata, f"spectrum {i + 1}" if table.shape[1] > 2 else ""
            )
            for i, y in enumerate(table[:, 1:].T)
        ]
    metadata = {**metadata, "shape": list(shape)}
    return [
        positions.frame(
            path,
            y,
            {"row": (float(i // shape[1]), ""), "column": (float(i % shape[1]), "")},
            metadata,
            f"row {i // shape[1]}, column {i % shape[1]}",
        )
        for i, y in enumerate(table[:, 1:].T)
    ]


def _facts(text: str) -> dict[str, str]:
    """Values by their keys in lower case."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, sign, value in pairs if sign}


def _shape(path: Path, facts: dict[str, str], spectra: int) -> tuple[int, int] | None:
    """Lines and columns of a map; None for a single spectrum or a series."""
    across, down = (number_in(facts.get(key, "")) or 1.0 for key in ("sizex", "sizey"))
    if across * down <= 1:
        return None
    if across * down != spectra:
        raise ReaderError(
            path,
            f"{spectra} spectra",
            where="[Data]",
            expected=f"{across:.0f} × {down:.0f}, as SizeX and SizeY say",
            remedy="the file is damaged: export it again",
        )
    return int(down), int(across)


def _place(facts: dict[str, str]) -> dict[str, tuple[float, str]]:
    """Where a single spectrum was taken."""
    found = {axis: number_in(facts.get(f"position{axis}", "")) for axis in "xyz"}
    unit = facts.get("positionunit", "").replace("µ", "u").replace("μ", "u")
    return {axis: (value, unit) for axis, value in found.items() if value is not None}


READER = Reader("witec", (".txt",), _sniff, read_witec)
