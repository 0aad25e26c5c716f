"""Text of B&W Tek's BWSpec and BWRam: settings, then a table with a row for every pixel.

Layout as its files show it: ``File Version;BWSpec4.11_1``, further lines ``setting;value`` with
decimal points or commas, a line of titles ``Pixel;Wavelength;Wavenumber;Raman Shift;Dark;
Reference;Raw data #1;Dark Subtracted #1;…``, and rows whose cells are blank where a pixel lies
outside of the calibrated range.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import (
    laser_in,
    number_in,
    order_positions,
    spectrum_facts,
    spectrum_metadata,
)
from spectra.readers.text import decode
from spectra.readers.times import iso_seconds

FloatArray = NDArray[np.float64]

_START = re.compile(rb"(?:\xef\xbb\xbf)?File Version;\s*BW", re.IGNORECASE)
_POSITIONS = (("raman shift", "1/cm"), ("wavelength", "nm"))
_SIGNALS = ("dark subtracted #", "raw data #")


def _sniff(head: bytes, path: Path) -> bool:
    return _START.match(head) is not None


def read_bwtek(path: Path) -> list[Frame]:
    """Read the spectra of a file, without their dark signal where the program took it away.

    Raises
    ------
    ReaderError
        If there is no table, or no pixel of it has a position.
    """
    rows = [row.rstrip("; \t") for row in decode(path).splitlines()]
    at = next((i for i, row in enumerate(rows) if row.lower().startswith("pixel;")), None)
    if at is None:
        raise ReaderError(
            path,
            "no line of titles 'Pixel;Wavelength;…'",
            expected="the table below the settings",
            remedy="the file is truncated: copy it again",
        )
    settings = _settings(rows[:at])
    titles = [title.strip().lower() for title in rows[at].split(";")]
    table = _table(path, rows, at, len(titles))
    x, unit = _positions(path, titles, table)
    known = np.isfinite(x)
    positions = order_positions(path, x[known], unit, "column 'Raman Shift'")
    signals = _signals(path, titles)
    facts = spectrum_facts(
        exposure=_seconds(settings),
        accumulations=number_in(settings.get("average number", "")),
        time=iso_seconds(settings.get("date")),
    )
    metadata = spectrum_metadata(
        laser_in(settings.get("laser_wavelength", "")),
        instrument=f"B&W Tek {settings.get('model') or settings.get('title', '')}",
    )
    return [
        positions.frame(path, table[known, i], facts, metadata, name if len(signals) > 1 else "")
        for name, i in signals.items()
    ]


def _settings(rows: list[str]) -> dict[str, str]:
    pairs = (row.partition(";") for row in rows)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _seconds(settings: dict[str, str]) -> float | None:
    """Time of one exposure; the program spells "intigration"."""
    text = next((v for k, v in settings.items() if re.match(r"int[ei]gration times?\(ms\)", k)), "")
    value = number_in(text)
    return None if value is None else value / 1000.0


def _table(path: Path, rows: list[str], at: int, width: int) -> FloatArray:
    """Numbers of the rows (pixels, columns), NaN where a cell is blank."""
    cells = [(i, row.split(";")) for i, row in enumerate(rows[at + 1 :], at + 2) if row]
    values = np.full((len(cells), width), np.nan)
    for n, (line, parts) in enumerate(cells):
        last = n == len(cells) - 1
        try:
            if len(parts) > width or (len(parts) < 2 and not last):
                raise ValueError
            numbers = [float(c.replace(",", ".")) if c.strip() else np.nan for c in parts]
        except ValueError:
            raise ReaderError(
                path,
                repr(rows[line - 1][:60]),
                where=f"line {line}",
                expected=f"up to {width} numbers between semicolons",
                remedy="mend or remove the line",
            ) from None
        values[n, : len(numbers)] = numbers
    return values


def _positions(path: Path, titles: list[str], table: FloatArray) -> tuple[FloatArray, str]:
    for title, unit in _POSITIONS:
        if title in titles:
            x = table[:, titles.index(title)]
            if np.unique(x[np.isfinite(x)]).size > 1:
                return x, unit
    raise ReaderError(
        path,
        "no pixel has a Raman shift or a wavelength",
        where="the table",
        expected="numbers in the columns Raman Shift or Wavelength",
        remedy="calibrate the spectrometer in its program and save again",
    )


def _signals(path: Path, titles: list[str]) -> dict[str, int]:
    """Columns of the spectra by their numbers in the titles."""
    for begin in _SIGNALS:
        found = {t.removeprefix(begin): i for i, t in enumerate(titles) if t.startswith(begin)}
        if found:
            return {f"#{number}": i for number, i in found.items()}
    raise ReaderError(
        path,
        f"no spectrum among the columns {', '.join(titles)}",
        expected="'Dark Subtracted #1' or 'Raw data #1'",
        remedy="save all data in the program",
    )


READER = Reader("bwtek", (), _sniff, read_bwtek)
