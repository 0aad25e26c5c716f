"""Text of Horiba's LabSpec: settings behind ``#``, then a spectrum, or a table of many.

A single spectrum has two columns. Of a series or map, the first line holds the positions and
each further line a spectrum, behind its time, or its place in one or two coordinates; so its first
line has as many empty cells. Keys as the program writes them (``#Acq. time (s)=``,
``#Accumulations=``, ``#Laser=``, ``#AxisType[i]=`` and ``#AxisUnit[i]=``).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import (
    Positions,
    laser_in,
    number_in,
    order_positions,
    spectrum_facts,
    spectrum_metadata,
)
from spectra.readers.text import decode, parse_columns
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_KEY = re.compile(r"#\s*([^=\t]+?)\s*=[\t ]*(.*)")
_SIGNS = (b"#Acq. time", b"#AxisUnit[", b"#Spectro (", b"#Exposition")
_SPECTRAL = ("spectr", "raman", "wave")


def _sniff(head: bytes, path: Path) -> bool:
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"#") and any(s in head for s in _SIGNS)


def read_labspec(path: Path) -> list[Frame]:
    """Read every spectrum of a file.

    Raises
    ------
    ReaderError
        If there is no table, or a line is not as long as the first.
    """
    rows = decode(path).splitlines()
    facts = {found[1]: found[2] for row in rows if (found := _KEY.match(row))}
    first = next((i for i, r in enumerate(rows) if r.strip() and not r.startswith("#")), len(rows))
    if first == len(rows):
        raise ReaderError(path, "no rows below the header", remedy="copy the file again")
    unit = _unit(facts)
    variables = spectrum_facts(
        exposure=_number(facts, "Acq. time (s)", "Exposition"),
        accumulations=_number(facts, "Accumulations", "Accumulation"),
        power=_number(facts, "Laser power (mW)", "Power (mW)"),
        time=find_moment(
            facts.get("Acquired", "") or facts.get("Date", ""),
            "%d.%m.%Y %H:%M:%S",
            "%Y-%m-%d %H:%M:%S",
            "%d/%m/%Y %H:%M:%S",
        ),
    )
    metadata = spectrum_metadata(
        next((laser_in(facts[k]) for k in ("Laser", "Laser (nm)") if k in facts), None),
        instrument=facts.get("Instrument") or "Horiba LabSpec",
        sample=facts.get("Sample") or facts.get("Title"),
        grating=facts.get("Grating"),
    )
    empty = _empty_cells(rows[first])
    if not empty:
        table, _ = parse_columns(path, rows, first, most=2)
        positions = order_positions(path, table[:, 0], unit)
        return [positions.frame(path, table[:, 1], variables, metadata)]
    x, places, y = _matrix(path, rows, first, empty)
    positions = order_positions(path, x, unit, f"line {first + 1}")
    named = _place_names(facts, empty)
    return [
        _placed(
            path, positions, y[i], dict(zip(named, places[i], strict=True)), variables, metadata
        )
        for i in range(len(y))
    ]


def _empty_cells(row: str) -> int:
    return len(row) - len(row.lstrip("\t"))


def _matrix(
    path: Path, rows: list[str], first: int, empty: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positions (points,), places (frames, cells) and intensities (frames, points)."""
    try:
        x = np.array(rows[first].split(), dtype=float)
    except ValueError:
        raise ReaderError(
            path, "positions that are no numbers", where=f"line {first + 1}"
        ) from None
    values = []
    for number, row in enumerate(rows[first + 1 :], first + 2):
        if not row.strip() or row.startswith("#"):
            continue
        cells = row.split()
        try:
            if len(cells) != empty + len(x):
                raise ValueError
            values.append([float(cell) for cell in cells])
        except ValueError:
            raise ReaderError(
                path,
                f"{len(cells)} cells, beginning with {row.strip()[:40]!r}",
                where=f"line {number}",
                expected=f"{empty + len(x)} numbers",
                remedy="the file is damaged or truncated: export it again",
            ) from None
    if not values:
        raise ReaderError(path, "positions without spectra", where=f"line {first + 1}")
    table = np.array(values)
    return x, table[:, :empty], table[:, empty:]


def _placed(
    path: Path,
    positions: Positions,
    y: FloatArray,
    place: dict[str, float],
    variables: dict[str, tuple[float, str]],
    metadata: dict[str, float | str],
) -> Frame:
    units = {"elapsed": "s", "point": ""}
    own = {name: (float(value), units.get(name, "um")) for name, value in place.items()}
    name = ", ".join(f"{key} {value:g}" for key, value in place.items())
    return positions.frame(path, y, {**variables, **own}, metadata, name)


def _place_names(facts: dict[str, str], cells: int) -> list[str]:
    """What the cells before a spectrum say: its time or its place."""
    kinds = [v.strip().lower() for k, v in facts.items() if k.startswith("AxisType[")]
    timed = any(kind.startswith("time") for kind in kinds)
    if cells == 1:
        counted = any(kind.startswith("point") for kind in kinds)
        return ["elapsed" if timed else "point" if counted else "x"]
    # The outer coordinate of a map stands first.
    return ["y", "x"] if cells == 2 else [f"place{i}" for i in range(cells)]


def _unit(facts: dict[str, str]) -> str:
    """Unit of the spectral axis, by its own entry or the name of the range."""
    for key, kind in facts.items():
        if key.startswith("AxisType[") and kind.strip().lower().startswith(_SPECTRAL):
            return facts.get(key.replace("Type", "Unit"), "")
    named = next((k for k in facts if k.startswith(("Spectro (", "Range ("))), "")
    found = re.search(r"\((.*)\)", named)
    return found[1] if found else ""


def _number(facts: dict[str, str], *keys: str) -> float | None:
    return next((number_in(facts[key]) for key in keys if key in facts), None)


READER = Reader("labspec", (".txt",), _sniff, read_labspec)
