"""BioLogic EC-Lab and BT-Lab text exports (``.mpt``).

The first line names the program, the second the number of header lines, the last of which holds
the column titles; ``Acquisition started on`` gives the moment (month first) that ``time/s``
counts from (EC-Lab Software User's Manual, chapter on exporting as text).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from spectra.cyclers.record import Cycler
from spectra.cyclers.table import parse_date, read_table, split_table
from spectra.errors import ReaderError

_FIRST = re.compile(r"(EC|BT)-Lab ASCII FILE")
_COUNT = re.compile(r"Nb header lines\s*:\s*(\d+)")
_START = re.compile(r"Acquisition started on\s*:\s*(.+)")


def is_biologic(text: str) -> bool:
    """Whether a text begins as these exports do."""
    return _FIRST.match(text) is not None


def read_biologic(path: Path, text: str, columns: Mapping[str, str]) -> Cycler:
    """Read an export.

    Raises
    ------
    ReaderError
        If the header lacks the number of its lines, or breaks off.
    """
    lines = text.splitlines()
    counted = _COUNT.search(lines[1]) if len(lines) > 1 else None
    if counted is None:
        raise ReaderError(
            path,
            "the second line does not tell the number of header lines",
            where="line 2",
            expected="'Nb header lines : 82' or such",
            remedy="export again as text, with the header",
        )
    count = int(counted[1])
    if not 3 <= count <= len(lines):
        raise ReaderError(
            path,
            f"the header is said to have {count} lines, the file has {len(lines)}",
            where="line 2",
            remedy="the file is cut off: export it again",
        )
    start = None
    for number, line in enumerate(lines[:count], 1):
        if found := _START.match(line):
            start = parse_date(found[1].strip())
            if start is None:
                raise ReaderError(
                    path,
                    f"{found[1].strip()!r}",
                    where=f"line {number}",
                    expected="a date such as 07/26/2022 22:38:30.190",
                )
    return read_table(split_table(path, lines[count - 1 :], count), columns, start)
