"""A cycler's text file: its encoding, its lines, and its cells as numbers.

Exports come in UTF-8, UTF-16 (with or without a byte order mark), Latin-1 (EC-Lab) and
GB18030 (Chinese versions of Neware and LAND), with tabs, semicolons or commas between cells
and with decimal points or commas.
"""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.cyclers.clock import is_date
from spectra.errors import DataWarning, ReaderError

FloatArray = NDArray[np.float64]
Line = tuple[int, str]

_BINARY = {
    b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"BIO-LOGIC": "BioLogic's binary .mpr",
    b"NEWARE": "Neware's binary .nda",
}
_CHINESE = ("电压", "电流", "时间")
# A number beyond this is damage: no time, voltage, current or charge comes near it.
_LARGEST = 1e15
_MISSING = frozenset(
    ("", "nan", "-", "--", "---", "n/a", "na", "null", "none", "xxx", "inf", "-inf")
)


def read_text(path: Path) -> str:
    """Text of a file in any of the encodings that cyclers write.

    Raises
    ------
    ReaderError
        If the file cannot be opened or is not text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error.strerror or error})") from None
    for mark, kind in _BINARY.items():
        if data.startswith(mark):
            raise _not_text(path, kind)
    text = _decode(data)
    if text is None or "\0" in text:
        raise _not_text(path, "not text")
    return text


def numbered_lines(text: str) -> list[Line]:
    """Lines with their numbers from 1, without those that are empty.

    Only line feeds and carriage returns end a line: ``str.splitlines`` would also cut at
    control characters that a comment may hold.
    """
    parts = re.split(r"\r\n|\n|\r", text)
    return [(i, line) for i, line in enumerate(parts, 1) if line.strip()]


def separator_of(line: str) -> str:
    """Tab, semicolon or comma, whichever is most frequent; in this order in doubt."""
    return max(("\t", ";", ","), key=line.count)


def cells_of(line: str, separator: str) -> list[str]:
    """Cells of a line, stripped."""
    if '"' in line:
        try:
            line_cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            line_cells = line.split(separator)
    else:
        line_cells = line.split(separator)
    return [cell.strip() for cell in line_cells]


@dataclass(frozen=True)
class Table:
    """A table of cells with its place in the file.

    Attributes
    ----------
    path : Path
    header : list of str
    rows : list of list of str
        As many as lines; a row may be shorter than the header.
    lines : list of int
        Number of each row's line in the file.
    separator : str
        What parts the cells.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str

    @classmethod
    def from_lines(
        cls, path: Path, header: list[str], lines: Sequence[Line], separator: str
    ) -> Table:
        """Table below a header; a last line that is cut short is left out with a warning.

        Raises
        ------
        ReaderError
            If a row has more cells than the header, or fewer than two rows are left.
        """
        rows = [cells_of(line, separator) for _, line in lines]
        return cls(path, header, rows, [number for number, _ in lines], separator).checked()

    def checked(self) -> Table:
        """The table without a cut last row.

        Raises
        ------
        ReaderError
            If a row has more cells than the header, or fewer than two rows are left.
        """
        rows, lines = self.rows, self.lines
        if len(rows) > 1 and _is_cut(rows[-1], rows[-2], len(self.header)):
            warnings.warn(
                f"{self.path}, line {lines[-1]}: the last line is cut short and left out "
                f"({len(rows[-1])} cells, {len(rows[-2])} in the line before; the last "
                f"{rows[-1][-1]!r}, {rows[-2][-1]!r} in the line before)",
                DataWarning,
                stacklevel=2,
            )
            rows, lines = rows[:-1], lines[:-1]
        width = len(self.header)
        for number, row in zip(lines, rows, strict=True):
            if len(row) > width and any(row[width:]):
                raise ReaderError(
                    self.path,
                    f"{len(row)} cells under {width} titles",
                    where=f"line {number}",
                    expected=f"at most {width} cells",
                    remedy="if decimal commas are also the separators, export with semicolons "
                    "or tabs",
                )
        if len(rows) < 2:
            raise ReaderError(
                self.path,
                f"{len(rows)} rows",
                expected="at least two under titles such as 'time/s' and 'Ewe/V'",
                remedy="check that it is a cycler's log, and whole",
            )
        return replace(self, rows=rows, lines=lines)

    def cells(self, at: int) -> list[str]:
        """Cells of a column; empty where a row is too short."""
        return [row[at] if at < len(row) else "" for row in self.rows]

    def where(self, i: int, at: int) -> str:
        """Line and column of a cell, for messages."""
        return f"line {self.lines[i]}, column {self.header[at]!r}"

    def numbers(self, at: int) -> FloatArray:
        """Numbers of a column, NaN where there is none.

        Raises
        ------
        ReaderError
            If a cell is no number that a cycler could mean, or decimal points and commas are
            mixed.
        """
        cells = self.cells(at)
        comma = self.decimal_mark(at) == ","
        values = np.empty(len(cells))
        for i, cell in enumerate(cells):
            try:
                values[i] = float(cell.replace(",", ".") if comma else cell)
            except ValueError:
                values[i] = np.inf
            if abs(values[i]) > _LARGEST:
                if cell.lower() not in _MISSING:
                    raise ReaderError(
                        self.path, repr(cell), where=self.where(i, at), expected="a number"
                    )
                values[i] = np.nan
        return values

    def decimal_mark(self, at: int) -> str:
        """Decimal mark of a column: point, comma, or empty if all are whole.

        Raises
        ------
        ReaderError
            If both are used, or commas also part the cells: 1,234 could be either number.
        """
        marks: dict[str, int] = {}
        for i, cell in enumerate(self.cells(at)):
            for mark in ",.":
                if mark in cell:
                    marks.setdefault(mark, i)
        if len(marks) > 1:
            raise ReaderError(
                self.path,
                "decimal commas and points are mixed",
                where=self.where(max(marks.values()), at),
                expected="one decimal mark in the whole column",
                remedy="export again with one decimal mark and without thousands separators",
            )
        if "," in marks and self.separator == ",":
            raise ReaderError(
                self.path,
                f"{self.cells(at)[marks[',']]!r} in a table parted by commas",
                where=self.where(marks[","], at),
                expected="numbers without commas",
                remedy="export with semicolons or tabs, or with decimal points",
            )
        return next(iter(marks), "")


def _is_cut(last: list[str], before: list[str], width: int) -> bool:
    """Whether a last row ends early, with fewer cells than the row before or amid a date."""
    if len(last) != len(before):
        return len(last) < min(len(before), width)
    whole = is_date(before[-1])
    return whole and (not is_date(last[-1]) or last[-1].count(":") < before[-1].count(":"))


def _decode(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _try(data, "utf-16")
    head = data[:2000]
    if head.count(0) > len(head) // 4:
        even = head[::2].count(0) > head[1::2].count(0)
        return _try(data, "utf-16-be" if even else "utf-16-le")
    text = _try(data, "utf-8-sig")
    if text is not None:
        return text
    # Almost any bytes are valid GB18030; only a word that must stand there tells.
    chinese = _try(data, "gb18030")
    if chinese is not None and any(word in chinese for word in _CHINESE):
        return chinese
    return data.decode("latin-1")


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _not_text(path: Path, kind: str) -> ReaderError:
    return ReaderError(
        path,
        kind,
        expected="a text export of the cycler",
        remedy="export the record as text or CSV in the cycler's own software",
    )
