"""Spectra that CasaXPS exported as text, with tabs or commas.

One block below the other ("columns of tables"): a line ``Cycle n:sample:region``, one with
``Characteristic Energy eV`` and ``Acquisition Time s``, names and positions of components, then
``K.E.  Counts … B.E.  CPS …`` above the numbers. Or side by side ("rows of tables"): ``B.E.`` and
``Cycle n:sample:region:CPS`` for each spectrum. The binding energies are those that CasaXPS shows,
its calibration included; how far they are shifted is kept as ``calibration_shift``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.text import decode

FloatArray = NDArray[np.float64]

_TITLE = re.compile(r"^Cycle\s+(\d{1,9})\s*:\s*(.*)$")
_KINETIC, _BINDING = ("K.E.", "KE"), ("B.E.", "BE")
_MOST_COLUMNS = 10_000
_SAME_SHIFT = 1e-3


def _sniff(head: bytes, path: Path) -> bool:
    text = head.decode("latin-1").lstrip("\ufeffï»¿\r\n\t \"'")
    if re.match(r"Cycle\s+\d+\s*:", text) or re.match(r"[,\t]?Characteristic Energy eV", text):
        return "K.E." in text or "B.E." in text or "Characteristic Energy" in text
    return bool(re.match(r"Name[,\t]", text)) and "B.E." in text


def read_casaxps(path: Path) -> list[Frame]:
    """Read all spectra of an export; components and backgrounds of fits are left out.

    Raises
    ------
    ReaderError
        If a line of numbers is damaged, naming it.
    """
    cells = _cells(path, decode(path).splitlines())
    starts = [i for i, row in enumerate(cells) if _is_header(row)]
    if not starts:
        raise ReaderError(
            path,
            "no line that names K.E. or B.E.",
            expected="a text export of CasaXPS",
            remedy="export it again with energies and counts",
        )
    spectra: list[Spectrum] = []
    for start, end in zip(starts, [*starts[1:], len(cells)], strict=True):
        above = cells[max((i for i in starts if i < start), default=-1) + 1 : start]
        spectra += _block(path, cells, start, end, above)
    return make_electron_frames(path, spectra)


def _cells(path: Path, rows: list[str]) -> list[list[str]]:
    gap = "\t" if any("\t" in row for row in rows[:20]) else ","
    try:
        # Each row by itself, so that a stray quotation mark spoils one and no more.
        lines = [next(csv.reader([row], delimiter=gap), []) for row in rows]
    except csv.Error as error:
        raise ReaderError(path, f"no table ({error})", remedy="export it again") from None
    return [[cell.strip() for cell in line] for line in lines]


def _is_header(row: Sequence[str]) -> bool:
    return bool(row) and len(row) <= _MOST_COLUMNS and row[0] in (*_KINETIC, *_BINDING)


def _block(
    path: Path, cells: list[list[str]], start: int, end: int, above: list[list[str]]
) -> list[Spectrum]:
    header = cells[start]
    title = next((m for row in reversed(above) if (m := _TITLE.match(row[0] if row else ""))), None)
    photon_energy, time = (_stated(above, n) for n in ("Characteristic Energy", "Acquisition Time"))
    table = _numbers(path, cells, start + 1, end, len(header))
    kinetic = next((i for i, name in enumerate(header) if name in _KINETIC), None)
    binding = [i for i, name in enumerate(header) if name in _BINDING]
    if title is None or len(binding) > 1:
        return _side_by_side(path, header, table, binding or [0], start, photon_energy, time)
    cycle, name = int(title[1]), title[2]
    at = kinetic if kinetic is not None else binding[0]
    signal = at + 1
    if signal >= len(header):
        raise ReaderError(path, "no column of counts", where=f"line {start + 1}")
    shift = _shift(table, kinetic, binding, photon_energy)
    on_binding = bool(binding)
    return [
        Spectrum(
            table[:, binding[0] if on_binding else at],
            table[:, signal],
            "binding_energy" if on_binding else "kinetic_energy",
            *_called(name, cycle),
            rate=is_rate(header[signal]),
            dwell_time=time,
            sweeps=1.0,
            photon_energy=photon_energy,
            facts={"calibration_shift": shift},
            variables={"cycle": (float(cycle), "")},
        )
    ]


def _side_by_side(
    path: Path,
    header: list[str],
    table: FloatArray,
    energies: list[int],
    start: int,
    photon_energy: float,
    time: float,
) -> list[Spectrum]:
    spectra: list[Spectrum] = []
    kinetic = header[0] in _KINETIC
    for at, following in zip(energies, [*energies[1:], len(header)], strict=True):
        for column in range(at + 1, following):
            found = _TITLE.match(header[column])
            if found is None and (column > at + 1 or not header[column]):
                continue
            name = found[2] if found else header[column]
            cycle = int(found[1]) if found else 0
            name, _, kind = name.rpartition(":") if ":" in name else (name, "", "")
            rows = np.isfinite(table[:, [at, column]]).all(axis=1)
            spectra.append(
                Spectrum(
                    table[rows, at],
                    table[rows, column],
                    "kinetic_energy" if kinetic else "binding_energy",
                    *_called(name, cycle),
                    rate=is_rate(kind),
                    dwell_time=time,
                    sweeps=1.0,
                    photon_energy=photon_energy,
                    variables={"cycle": (float(cycle), "")},
                )
            )
    if not spectra:
        raise ReaderError(
            path,
            f"columns {', '.join(header)[:80]!r}",
            where=f"line {start + 1}",
            expected="an energy and Cycle n:sample:region:CPS",
            remedy="export it again",
        )
    return spectra


def _called(title: str, cycle: int) -> tuple[Region, str]:
    """Region and frame of what stands behind ``Cycle n:``, such as ``sample.vms:C 1s``."""
    sample, _, name = title.rpartition(":")
    name = name.strip().removesuffix(" Scan") or "region"
    return Region(name, tuple(filter(None, (title, f"{sample}/{name}")))), f"{sample} {cycle}"


def _numbers(path: Path, cells: list[list[str]], start: int, end: int, width: int) -> FloatArray:
    """Numbers below a header (rows, width); NaN where a cell is empty."""
    table: list[list[float]] = []
    for number, row in enumerate(cells[start:end], start + 1):
        if not any(row) or not row[0]:
            if table and not any(row) and not _goes_on(cells[number:end]):
                break
            continue
        if row[0].startswith("Cycle"):
            break
        try:
            values = [float(cell) if cell else math.nan for cell in row[:width]]
        except ValueError:
            raise ReaderError(
                path,
                f"{' '.join(row)[:60]!r}",
                where=f"line {number}",
                expected="numbers",
                remedy="mend or remove the line",
            ) from None
        table.append([*values, *[math.nan] * (width - len(values))])
    return np.array(table, dtype=float).reshape(len(table), width)


def _goes_on(cells: list[list[str]]) -> bool:
    """Whether numbers follow an empty line."""
    following = next((row for row in cells if any(row)), [""])
    try:
        float(following[0])
    except ValueError:
        return False
    return True


def _shift(
    table: FloatArray, kinetic: int | None, binding: list[int], photon_energy: float
) -> float:
    """How far the binding energies lie from hν − E_K (eV)."""
    if kinetic is None or not binding or not len(table):
        return math.nan
    shifts = table[:, binding[0]] - (photon_energy - table[:, kinetic])
    if not np.isfinite(shifts).all() or np.ptp(shifts) > 10 * _SAME_SHIFT:
        return math.nan
    shift = float(np.median(shifts))
    return 0.0 if abs(shift) < _SAME_SHIFT else round(shift, 6)


def _stated(rows: list[list[str]], name: str) -> float:
    """The number behind a name in the lines above a table."""
    for row in reversed(rows):
        for cell, following in pairwise(row):
            if cell.startswith(name):
                return _positive(following)
    return math.nan


def _positive(text: Any) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if 0 < value < math.inf else math.nan


READER = Reader("casaxps", (".txt", ".csv"), _sniff, read_casaxps)
