"""Cells of tables that people write: text with any delimiter, or workbooks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

from spectra.errors import ReaderError, why_unread
from spectra.readers.archive import Archive

_LISTED = re.compile(r"\s*[;|]\s*")
_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?(?:\s*%)?")
# What a spreadsheet shows for a formula that went wrong.
_FAILED = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")


def cell_value(cell: Any) -> Any:
    """A cell as number, list of numbers, or text.

    Labels such as ``2024_01`` are texts, though Python would read 202401. Percentages are the
    numbers that they are in a spreadsheet.

    Examples
    --------
    >>> cell_value("0.5"), cell_value("0; 0.5; 1"), cell_value("a.xy"), cell_value("2024_01")
    (0.5, [0.0, 0.5, 1.0], 'a.xy', '2024_01')
    >>> cell_value("50 %")
    0.5
    """
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if not isinstance(cell, str):
        number = isinstance(cell, int | float) and not isinstance(cell, bool)
        return float(cell) if number else str(cell)
    text = cell.strip()
    if "_" in text:
        return text
    try:
        numbers = [_number(p) for p in _LISTED.split(text)]
    except ValueError:
        return text
    return numbers if len(numbers) > 1 else numbers[0]


def _number(text: str) -> float:
    percent = _PERCENT.fullmatch(text)
    return float(percent[1]) / 100.0 if percent else float(text)


def cell_list(value: Any) -> Any:
    """A cell that may hold several texts, as a list of them."""
    return [p for p in _LISTED.split(value) if p] if isinstance(value, str) else value


def is_failed(cell: Any) -> bool:
    """Whether a cell shows that its formula went wrong."""
    return isinstance(cell, str) and cell.strip() in _FAILED


def find_head(rows: Sequence[Sequence[Any]], names: Iterable[str]) -> int | None:
    """Index of the first row that has all names of columns, below a title perhaps."""
    wanted = set(names)
    found = ({str(c).strip() for c in row if c is not None} for row in rows)
    return next((i for i, has in enumerate(found) if wanted <= has), None)


def read_table(path: Path, names: Sequence[str] = ()) -> list[list[Any]]:
    """Rows of a table of text: commas, semicolons or tabs between its cells.

    Between semicolons or tabs, numbers may have decimal commas.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Of columns: the row that names them tells what stands between cells, else the first does.

    Raises
    ------
    ReaderError
        If it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReaderError(path, why_unread(error)) from None
    except UnicodeDecodeError:
        raise ReaderError(
            path, "not UTF-8", remedy="save it as 'CSV UTF-8', or as a workbook (.xlsx)"
        ) from None
    lines = text.splitlines() or [""]
    head = next((line for line in lines if names and all(n in line for n in names)), lines[0])
    delimiter = max("\t;,", key=head.count)
    try:
        rows: list[list[Any]] = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise ReaderError(path, f"not a table ({error})", remedy="save it again") from None
    if delimiter != ",":
        rows = [[c.replace(",", ".") if _is_comma(c) else c for c in r] for r in rows]
    return rows


def _is_comma(cell: str) -> bool:
    """Whether a cell is numbers with decimal commas, and perhaps others."""
    parts = _LISTED.split(cell.strip())
    commas = [p for p in parts if "," in p]
    return bool(commas) and all(_DECIMAL_COMMA.fullmatch(p) for p in commas)


def read_workbook(path: Path) -> dict[str, list[list[Any]]]:
    """Rows of each worksheet by its name in small letters.

    Formulas have the value that they had when the workbook was saved; of cells that are merged
    downwards each has the value of the first.

    Raises
    ------
    ReaderError
        If it cannot be read, or holds a formula without its value.
    """
    import openpyxl

    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path")
    Archive(path).close()
    try:
        values = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path)
        tables = {}
        for sheet in values.worksheets:
            rows = [list(r) for r in sheet.iter_rows(values_only=True)]
            stated = formulas[sheet.title].iter_rows(values_only=True)
            for number, (row, told) in enumerate(zip(rows, stated, strict=True), 1):
                if any(v is None and t is not None for v, t in zip(row, told, strict=True)):
                    raise ReaderError(
                        path,
                        "a formula without its value",
                        where=f"worksheet {sheet.title!r}, row {number}",
                        remedy="open it, let it calculate, and save it",
                    )
            for merged in sheet.merged_cells.ranges:
                _fill_down(rows, merged)
            tables[sheet.title.strip().lower()] = rows
    except ReaderError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a broken workbook makes openpyxl raise
        raise ReaderError(
            path, f"not a readable workbook ({error})", remedy="save it again, or as CSV"
        ) from None
    return tables


def _fill_down(rows: list[list[Any]], merged: Any) -> None:
    """Give the cells of a column that are merged the value of the first."""
    if merged.min_col != merged.max_col:  # a title over several columns
        return
    column = merged.min_col - 1
    for row in rows[merged.min_row : merged.max_row]:
        row[column] = rows[merged.min_row - 1][column]
