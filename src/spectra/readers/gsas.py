"""GSAS powder data: CONST banks of type STD, ESD, FXYE, FXY and ALT.

Layout: A. C. Larson and R. B. Von Dreele, General Structure Analysis System, Los Alamos
National Laboratory Report LAUR 86-748 (2004), "GSAS powder data file".
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, clean_errors, noise_of
from spectra.readers.text import ascending, decode, header_facts

FloatArray = NDArray[np.float64]

_LARGEST = 360.0
_BANK = re.compile(r"^BANK\s+\d+", re.MULTILINE)


def _sniff(head: bytes, path: Path) -> bool:
    return bool(re.search(rb"(?:^|\n)BANK +\d+ +\d+ +\d+ +[A-Z]", head))


def read_gsas(path: Path) -> list[Frame]:
    """Read every bank as a frame; positions are centidegrees in the file."""
    lines = decode(path).splitlines()
    starts = [i for i, line in enumerate(lines) if _BANK.match(line)]
    if not starts:
        raise ReaderError(path, "no BANK line", expected="a GSAS powder data file")
    variables, metadata = header_facts("\n".join(lines[: starts[0]]))
    frames = []
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        frames.append(_read_bank(path, lines, start, stop, variables, metadata))
    return frames


def _read_bank(
    path: Path,
    lines: list[str],
    start: int,
    stop: int,
    variables: dict[str, tuple[float, str]],
    metadata: dict[str, float | str],
) -> Frame:
    words = lines[start].split()
    where = f"line {start + 1}"
    try:
        n_points, binning = int(words[2]), words[4]
        first, step = float(words[5]), float(words[6])
    except (IndexError, ValueError):
        raise ReaderError(
            path, f"{lines[start].strip()!r}", where=where, expected="BANK n points records CONST …"
        ) from None
    if not binning.startswith("CONS"):
        raise ReaderError(
            path,
            f"binning {binning}",
            where=where,
            expected="CONST (constant wavelength)",
            remedy="time-of-flight banks are not read; convert them to d or 2θ first",
        )
    kind = words[9] if len(words) > 9 else "STD"
    body = [line for line in lines[start + 1 : stop] if line.strip() and not line.startswith("#")]
    readers = {"STD": _std, "ESD": _esd, "FXYE": _columns, "FXY": _columns, "ALT": _alt}
    if kind not in readers:
        raise ReaderError(
            path, f"type {kind}", where=where, expected=f"one of {', '.join(readers)}"
        )
    try:
        table = readers[kind](body)
    except ValueError as error:
        raise ReaderError(path, str(error), where=f"below {where}", expected=kind) from None
    if len(table) < n_points:
        raise ReaderError(
            path,
            f"the bank ends after {len(table)} of {n_points} points",
            where=f"line {stop}",
            remedy="the file is truncated: copy it again or leave it out",
        )
    table = table[:n_points]
    if kind in ("STD", "ESD"):
        x = (first + step * np.arange(n_points, dtype=np.float64)) / 100.0
        y, errors = table[:, 0], table[:, 1] if table.shape[1] > 1 else None
    else:
        x, order = ascending(path, table[:, 0] / 100.0)
        y = table[order, 1]
        errors = table[order, 2] if table.shape[1] > 2 else None
    if x[-1] > _LARGEST:
        # GSAS-II calls banks CONST whatever they are.
        raise ReaderError(
            path,
            f"positions up to {x[-1] * 100:g}",
            where=f"below {where}",
            expected="2θ in centidegrees",
            remedy="time-of-flight banks are not read; convert them to d or 2θ first",
        )
    note = ""
    if errors is not None:
        errors, note = clean_errors(errors)
        if not np.isfinite(errors).any():
            errors = None
    name = f"bank {words[1]}"
    return Frame(x, y, errors, noise_of(y, errors), variables, metadata, name=name, note=note)


def _std(body: list[str]) -> FloatArray:
    """Ten fields of I2,F6 a line: the number of detectors (blank: 1) and the mean count.

    More than one detector leaves a mean, whose uncertainty is √(count/detectors).
    """
    text = [line.rstrip("\n").ljust(80)[:80] for line in body]
    cells = np.array([[line[i : i + 8] for i in range(0, 80, 8)] for line in text]).ravel()
    cells = cells[[bool(c[2:].strip()) for c in cells.tolist()]]
    counts = np.array([c[2:] for c in cells.tolist()], dtype=float)
    detectors = np.array([c[:2].strip() or "1" for c in cells.tolist()], dtype=float)
    detectors = np.maximum(detectors, 1.0)
    if (detectors == 1).all():
        return counts[:, None]
    errors = np.sqrt(np.maximum(counts, 1.0) / detectors)
    return np.column_stack([counts, errors])


def _esd(body: list[str]) -> FloatArray:
    """Five pairs of F8,F8 a line: intensity and uncertainty."""
    text = [line.rstrip("\n").ljust(80)[:80] for line in body]
    cells = [line[i : i + 8] for line in text for i in range(0, 80, 8)]
    pairs = [(a, b) for a, b in zip(cells[::2], cells[1::2], strict=True) if a.strip()]
    return np.array(pairs, dtype=float)


def _alt(body: list[str]) -> FloatArray:
    """Four records of F8.0,F7.4,F5.4 a line: position·32, intensity, uncertainty."""
    rows = []
    for line in body:
        for i in range(0, 80, 20):
            cell = line[i : i + 20]
            if cell.strip():
                rows.append((float(cell[:8]) / 32.0, float(cell[8:15]), float(cell[15:20])))
    return np.array(rows, dtype=float)


def _columns(body: list[str]) -> FloatArray:
    width = len(body[0].split()) if body else 0
    if width < 2:
        raise ValueError("no columns of numbers")
    rows = [line.split() for line in body]
    short = next((i for i, r in enumerate(rows) if len(r) < width), None)
    if short is not None:
        # An aborted write ends in the middle of a line; the count of points decides.
        rows = rows[:short]
    return np.array([r[:width] for r in rows], dtype=float)


READER = Reader("gsas", (".gsas", ".gsa", ".gda", ".fxye", ".xra", ".raw"), _sniff, read_gsas)
