"""Text of Renishaw's WiRE: columns under ``#Wave`` and ``#Intensity``, of one spectrum or many.

Series and maps have a column each for what changes (``#X``, ``#Y``, ``#Z``, ``#Time`` …) before
those two, the same in all rows of a spectrum; the spectra stand one below the other.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import order_positions
from spectra.readers.text import decode, first_row, parse_columns

_LABEL = re.compile(r"#\s*([A-Za-z]\w*)")
_MOST = 16
_UNITS = {"x": "um", "y": "um", "z": "um", "time": "s", "temperature": "K"}


def _sniff(head: bytes, path: Path) -> bool:
    line = head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"").split(b"\n", 1)[0]
    return line.startswith(b"#") and b"#Wave" in line and b"#Intensity" in line


def read_wire_text(path: Path) -> list[Frame]:
    """Read every spectrum of a file.

    Raises
    ------
    ReaderError
        If labels and columns do not fit.
    """
    rows = decode(path).splitlines()
    labels = [label.lower() for label in _LABEL.findall(rows[0])]
    table, _ = parse_columns(path, rows, first_row(path, rows), most=_MOST)
    if labels[-2:] != ["wave", "intensity"] or len(labels) != table.shape[1]:
        raise ReaderError(
            path,
            f"{table.shape[1]} columns under the labels {', '.join(labels)}",
            where="line 1",
            expected="as many labels, the last two Wave and Intensity",
        )
    others = labels[:-2]
    if not others:
        positions = order_positions(path, table[:, 0], "1/cm")
        return [positions.frame(path, table[:, 1])]
    new = (np.diff(table[:, : len(others)], axis=0) != 0).any(axis=1)
    frames = []
    for number, part in enumerate(np.split(table, np.flatnonzero(new) + 1), 1):
        name = f"spectrum {number}"
        positions = order_positions(path, part[:, -2], "1/cm", name)
        own = {k: (float(v), _UNITS.get(k, "")) for k, v in zip(others, part[0], strict=False)}
        frames.append(positions.frame(path, part[:, -1], own, name=name))
    return frames


READER = Reader("wire_text", (".txt",), _sniff, read_wire_text)
