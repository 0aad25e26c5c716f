"""Tables of a batch as CSV, as a workbook, as LaTeX and as a page."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spectra
from spectra.errors import StoreError, reason
from spectra.headlines import Quantity
from spectra.report.grids import Cell, Grid, all_grids, quantities_grid
from spectra.report.labels import measured
from spectra.report.manuscript import latex_page
from spectra.report.shell import render_plain
from spectra.summary import Summary

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MOST_ROWS = 1_048_576
# Columns of worksheets: least and largest width (characters), after a look at so many rows.
_NARROW, _WIDE = 12, 60
_LOOKED_AT = 1000
# A table of more columns runs out of a sheet of paper.
_MOST_PRINTED = 11


def write_summary(summary: Summary, folder: str | Path) -> list[Path]:
    """Write the tables of a batch: CSV files, ``summary.xlsx``, ``.tex`` and ``.html``.

    Parameters
    ----------
    summary : Summary
    folder : path
        It is made if it is not there.

    Returns
    -------
    list of Path
        The page first.

    Raises
    ------
    StoreError
        If they cannot be written; what was there before is still there.
    """
    folder = Path(folder)
    grids = all_grids(summary)
    contents = {
        "summary.html": html_page(summary, grids).encode(),
        "summary.xlsx": workbook(grids),
        "summary.tex": latex_page(summary).encode(),
        **{f"{g.name}.csv": csv_text(g).encode() for g in grids},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / name, content) for name, content in contents.items()]
    except OSError as error:
        raise StoreError(f"{folder}: {reason(error)}") from None


def _write(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before what looks like one.

    Examples
    --------
    >>> harmless("=1+1"), harmless("KVO-1")
    ("'=1+1", 'KVO-1')
    """
    clean = _CONTROL.sub("", text)
    return f"'{clean}" if clean.startswith(_FORMULA) else clean


def _heads(grid: Grid) -> list[str]:
    """Heads of columns, an uncertainty beside each value."""
    out = []
    for head in grid.heads:
        out.append(harmless(head.label))
        if head.measured:
            out.append(harmless(f"u({head.label})"))
    return out


def _cells(grid: Grid, row: tuple[Cell, ...]) -> Iterator[str | float | None]:
    for head, cell in zip(grid.heads, row, strict=True):
        if head.measured:
            pair = cell if isinstance(cell, Quantity) else Quantity(math.nan, math.nan)
            yield from (float(v) if math.isfinite(v) else None for v in pair)
        elif isinstance(cell, str):
            yield harmless(cell) or None
        else:
            yield None if cell is None or isinstance(cell, Quantity) else float(cell)


def csv_text(grid: Grid) -> str:
    """A table as CSV; uncertainties stand beside their values, what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_heads(grid))
    for row in grid.rows:
        writer.writerow([f"{c:.12g}" if isinstance(c, float) else c for c in _cells(grid, row)])
    return out.getvalue()


def workbook(grids: tuple[Grid, ...]) -> bytes:
    """All tables as a workbook, a worksheet each."""
    import openpyxl
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook(write_only=True)
    for grid in grids:
        sheet = book.create_sheet(grid.name)
        sheet.freeze_panes = "B2"
        for number, width in enumerate(_widths(grid), 1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        sheet.append([_bold(sheet, head, Font(bold=True)) for head in _heads(grid)])
        for row in grid.rows[: _MOST_ROWS - 2]:
            sheet.append(list(_cells(grid, row)))
        if len(grid.rows) > _MOST_ROWS - 2:
            sheet.append([f"no room for all {len(grid.rows)} rows: see {grid.name}.csv"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _widths(grid: Grid) -> list[int]:
    """Widths of the columns of a worksheet (characters): as their heads and first rows need."""
    cells = [_heads(grid), *map(list, (_cells(grid, row) for row in grid.rows[:_LOOKED_AT]))]
    longest = [max(map(_length, column)) for column in zip(*cells, strict=True)]
    return [min(max(length + 2, _NARROW), _WIDE) for length in longest]


def _length(cell: str | float | None) -> int:
    return len(cell) if isinstance(cell, str) else 0


def _bold(sheet: Any, text: str, font: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, text)
    cell.font = font
    return cell


def printed(cell: Cell) -> str:
    """A cell as it is read: a value with its uncertainty behind it."""
    if isinstance(cell, Quantity):
        return measured(*cell)
    if isinstance(cell, str):
        return cell
    return "" if cell is None else measured(float(cell), math.nan)


def html_page(summary: Summary, grids: tuple[Grid, ...]) -> str:
    """The tables that are read, on one page that loads nothing."""
    own = [quantities_grid(summary, sample.name) for sample in summary.sheet.samples]
    by_name = {g.name: g for g in grids}
    shown = [by_name["samples"], by_name["verdicts"], by_name["measurements"], *own]
    return render_plain(
        "summary.html",
        styles=(),
        title=summary.sheet.title,
        notes=summary.notes,
        failures=summary.failures,
        total=len(summary.outcomes),
        grids=[g for g in shown if g.rows],
        printed=printed,
        most_printed=_MOST_PRINTED,
        version=spectra.__version__,
    )
