"""Text of JASCO's Spectra Manager: facts line by line, the table, then further facts.

Layout as its files show it: ``KEY<tab>value`` up to the line ``XYDATA``, two columns, and behind
``##### Extended Information`` the settings of the spectrometer.
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
    spectrum_facts,
    spectrum_metadata,
)
from spectra.readers.text import decode, parse_columns
from spectra.readers.times import find_moment

_TABLE = re.compile(r"^XYDATA[\t ,;]*\r?$", re.MULTILINE)
_ROW = re.compile(r"\s*[-+]?[.,]?\d")


def _sniff(head: bytes, path: Path) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf")
    return re.match(rb"TITLE[\t,;]", start) is not None and b"\nXYDATA" in start


def read_jasco(path: Path) -> list[Frame]:
    """Read the spectrum of a file.

    Raises
    ------
    ReaderError
        If there is no table, it is shorter than the header says, or it is no Raman spectrum.
    """
    text = decode(path)
    begin = _TABLE.search(text)
    if begin is None:
        raise ReaderError(path, "no line XYDATA", expected="one, and the table below it")
    header = _facts(text[: begin.start()])
    rows = text[begin.end() :].splitlines()
    # The first piece is what is left of the line XYDATA itself.
    length = next((i for i, row in enumerate(rows) if i and not _ROW.match(row)), len(rows))
    later = _facts("\n".join(rows[length:]))
    kind = header.get("DATA TYPE", "")
    if kind and "RAMAN" not in kind.upper():
        raise ReaderError(
            path,
            f"DATA TYPE {kind[:40]!r}",
            expected="RAMAN SPECTRUM",
            remedy="only Raman spectra of JASCO are read; export this one as XY text",
        )
    table, _ = parse_columns(path, rows[:length], 0, most=2)
    stated = number_in(header.get("NPOINTS", ""))
    if stated is not None and len(table) < stated:
        raise ReaderError(
            path,
            f"{len(table)} points",
            expected=f"{stated:.0f}, as NPOINTS says",
            remedy="the file is truncated: copy it again",
        )
    positions = order_positions(path, table[:, 0], header.get("XUNITS", ""))
    facts = spectrum_facts(
        exposure=number_in(later.get("EXPOSURE", "")),
        accumulations=number_in(later.get("ACCUMULATION", "")),
        power=number_in(later.get("LASER POWER", "")),
        time=find_moment(
            f"{header.get('DATE', '')} {header.get('TIME', '')}",
            "%y/%m/%d %H:%M:%S",
            "%Y/%m/%d %H:%M:%S",
        ),
    )
    metadata = spectrum_metadata(
        laser_in(later.get("LASER WAVELENGTH", "")),
        instrument=" ".join(filter(None, ("JASCO", later.get("MODEL NAME", "")))),
        sample=later.get("SAMPLE NAME") or header.get("TITLE"),
        grating=later.get("GRATING"),
        resolution=later.get("RESOLUTION"),
    )
    return [positions.frame(path, table[:, 1], facts, metadata)]


def _facts(text: str) -> dict[str, str]:
    """Values by their keys in capitals; the first of a key counts."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition("\t")
        facts.setdefault(key.strip().upper(), value.strip())
    return facts


READER = Reader("jasco", (".txt",), _sniff, read_jasco)
