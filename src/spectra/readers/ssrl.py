"""ASCII files of SSRL's EXAFS Data Collector: a header, labels line by line, then the table.

Layout as its files show it: ``SSRL   EXAFS Data Collector 1.3``, the date, ``PTS: 455 COLS: 6``,
the mode, the region, the crystal (``Si(220) 1.920156``), comments; ``Weights:`` and ``Offsets:``
with a number for each column (the offsets are subtracted already); and behind ``Data:`` a label
on a line of its own for every column, an empty line, and the rows.
"""

from __future__ import annotations

import re
from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.arithmetic import name_columns
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import decode, find_time, parse_columns

_FIRST = re.compile(rb"SSRL[\s-]+EXAFS Data Collector")
_SIZE = re.compile(r"PTS:\s*(\d+)\s+COLS:\s*(\d+)")
_COMMENTS = slice(7, 13)
_MOST_COLUMNS = 512


def _sniff(head: bytes, path: Path) -> bool:
    return _FIRST.match(head) is not None


def read_ssrl(path: Path) -> list[Table]:
    """Read a scan; the energies are those that were achieved.

    Raises
    ------
    ReaderError
        If there are no labels, or not as many columns as the header says.
    """
    rows = decode(path).splitlines()
    header = "\n".join(rows[:40])
    size = _SIZE.search(header)
    at = next((i for i, row in enumerate(rows) if row.strip() == "Data:"), None)
    if size is None or at is None:
        raise ReaderError(
            path,
            "no line 'PTS: … COLS: …' or no line 'Data:'",
            expected="both, above the table",
            remedy="the file is truncated: copy it again",
        )
    points, width = int(size[1]), int(size[2])
    labels = [row.strip() for row in rows[at + 1 : at + 1 + width]]
    values, _ = parse_columns(path, rows, at + 1 + width, most=_MOST_COLUMNS)
    if values.shape[1] != width:
        raise ReaderError(
            path,
            f"{values.shape[1]} columns",
            where=f"line {at + 2 + width}",
            expected=f"{width}, as COLS says",
            remedy="the file is damaged: copy it again",
        )
    columns = dict(zip(name_columns(labels), values.T, strict=True))
    reached = {n: columns[n] for n in columns if n.startswith("achieved")}
    time = find_time(header)
    sample = "; ".join(filter(None, (row.strip() for row in rows[_COMMENTS])))
    return [
        Table(
            {**reached, **columns},
            units=dict.fromkeys((n for n in columns if n.endswith("energy")), "eV"),
            variables={} if time is None else {"time": (time, "s")},
            metadata={"sample": sample} if sample else {},
            note=""
            if len(values) >= points
            else f"{len(values)} of {points} points: the scan was broken off",
        )
    ]


READER = table_reader("ssrl", (), _sniff, read_ssrl)
