"""FullProf/ILL ``XYDATA``: three columns below six header lines.

Layout: J. Rodríguez-Carvajal, FullProf manual, "Format of intensity data files", INSTRM = 10.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, clean_errors, noise_of
from spectra.readers.text import ascending, decode, find_time


def _sniff(head: bytes, path: Path) -> bool:
    return head.lstrip()[:6].upper() == b"XYDATA"


def read_xydata(path: Path) -> list[Frame]:
    """Read the pattern; the factors of the INTER line scale positions and intensities."""
    lines = decode(path).splitlines()
    header = [i for i, line in enumerate(lines[:8]) if re.match(r"\s*(XYDATA|INTER|TEMP|!)", line)]
    first = header[-1] + 1
    factor_x = factor_y = 1.0
    variables: dict[str, tuple[float, str]] = {}
    metadata: dict[str, float | str] = {}
    for i in header:
        words = lines[i].split()
        try:
            if words[0] == "INTER" and len(words) >= 3:
                factor_x, factor_y = float(words[1]) or 1.0, float(words[2]) or 1.0
            if words[0] == "TEMP" and len(words) >= 2:
                variables["temperature"] = (float(words[1]), "K")
        except ValueError:
            raise ReaderError(
                path, f"{lines[i].strip()!r}", where=f"line {i + 1}", expected="numbers"
            ) from None
    head = "\n".join(lines[:first])
    if found := re.search(r"(\d+\.\d+)\s*A\b", lines[0]):
        metadata["wavelength"] = float(found[1])
    if (time := find_time(head)) is not None:
        variables["time"] = (time, "s")
    rows = [line.split()[:3] for line in lines[first:] if line.strip()]
    try:
        table = np.array(rows, dtype=float)
    except ValueError:
        bad = next(i for i, r in enumerate(rows) if len(r) < 3 or not _numbers(r))
        raise ReaderError(
            path,
            f"{' '.join(rows[bad])!r}",
            where=f"line {first + bad + 1}",
            expected="position, intensity, uncertainty",
            remedy="the file is truncated or damaged: copy it again or leave it out",
        ) from None
    if len(table) < 3:
        raise ReaderError(path, f"{len(table)} points", expected="at least 3")
    x, order = ascending(path, table[:, 0] * factor_x)
    y = table[order, 1] * factor_y
    errors, note = clean_errors(table[order, 2] * factor_y)
    return [Frame(x, y, errors, noise_of(y, errors), variables, metadata, note=note)]


def _numbers(row: list[str]) -> bool:
    try:
        [float(v) for v in row]
    except ValueError:
        return False
    return True


READER = Reader("xydata", (".dat",), _sniff, read_xydata)
