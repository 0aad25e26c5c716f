"""Sheets of samples as they are written: TOML, CSV or a workbook, an entry a measurement."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectra.errors import ReaderError, SettingError, why_unread
from spectra.readers.archive import Archive
from spectra.recipe import load_toml
from spectra.spelling import meant, misspelt

_WORKBOOKS = (".xlsx", ".xlsm")
_SHEETS = (".csv", ".tsv", ".txt", *_WORKBOOKS)
_HEAD = ("title", "axis", "output", "recipes", "sheet", "sample")
_SAMPLE = ("name", "measurement")
_LISTED = re.compile(r"\s*[;|]\s*")


@dataclass(frozen=True)
class Entry:
    """One measurement as a sheet states it.

    Parameters
    ----------
    sample : str
    keys : mapping
        Everything that is said of it.
    where : str
        Its place: file and row, or sample and number.
    folder : Path
        What its paths are relative to.
    columns : bool
        Whether its keys are columns of a table, whose cells are texts or numbers.
    """

    sample: str
    keys: Mapping[str, Any]
    where: str
    folder: Path
    columns: bool = False

    def place(self, key: str) -> str:
        """Where a key or column of it stands."""
        return f"{self.where}, {'column' if self.columns else 'key'} {key!r}"


@dataclass(frozen=True)
class PlainSheet:
    """A sheet before anything in it is checked but its form."""

    path: Path
    head: Mapping[str, Any]
    entries: tuple[Entry, ...]
    samples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_sheet(path: str | Path) -> PlainSheet:
    """Read a sheet of samples.

    Raises
    ------
    ReaderError
        If it is missing, or not TOML, CSV or a workbook.
    SettingError
        If it lacks what a sheet must have, or two samples have one name.
    """
    path = Path(path)
    if path.suffix.lower() in _SHEETS:
        entries, recipes = _table_entries(path)
        sheet = PlainSheet(path, {"recipes": recipes}, entries)
    else:
        sheet = _from_toml(path)
    if not sheet.entries:
        raise SettingError(f"{path}: no measurement; name at least one sample with one")
    return sheet


def _from_toml(path: Path) -> PlainSheet:
    data = load_toml(path)
    refuse_unknown(data, _HEAD, str(path))
    entries: list[Entry] = []
    samples: dict[str, Mapping[str, Any]] = {}
    if "sheet" in data:
        more, recipes = _table_entries(path.parent / _text(data["sheet"], f"{path}, key 'sheet'"))
        data["recipes"] = {**recipes, **data.get("recipes", {})}
        entries += more
    listed = data.get("sample", [])
    if not isinstance(listed, list) or not all(isinstance(s, dict) for s in listed):
        raise SettingError(f"{path}: 'sample' is no list of tables; write [[sample]]")
    for number, sample in enumerate(listed, 1):
        place = f"{path}, sample {number}"
        name = _text(sample.get("name"), f"{place}, key 'name'")
        if name in samples:
            raise SettingError(f"{place}: the name {name!r} is taken; each sample has its own")
        samples[name] = {k: v for k, v in sample.items() if k not in _SAMPLE}
        refuse_misspelt(samples[name], _SAMPLE, f"{path}, sample {name!r}")
        entries += _of_sample(path, name, sample.get("measurement", []))
    return PlainSheet(path, data, tuple(entries), samples)


def _of_sample(path: Path, name: str, listed: Any) -> Iterator[Entry]:
    where = f"{path}, sample {name!r}"
    if not isinstance(listed, list) or not all(isinstance(m, dict) for m in listed):
        raise SettingError(f"{where}: 'measurement' is no list; write [[sample.measurement]]")
    for number, keys in enumerate(listed, 1):
        yield Entry(name, keys, f"{where}, measurement {number}", path.parent)


def refuse_unknown(data: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse any other key, naming the one that is meant.

    Raises
    ------
    SettingError
    """
    names = list(known)
    for key in data:
        if key not in names:
            raise SettingError(f"{where}, key {key!r}: unknown; {meant(key, names)}")


def refuse_misspelt(data: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse keys that are all but a known one; others are free.

    Raises
    ------
    SettingError
    """
    for key in data:
        if hint := misspelt(key, known):
            raise SettingError(f"{where}, key {key!r}: unknown; {hint}")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{place}: it is {value!r}; expected a text")
    return value.strip()


def _table_entries(path: Path) -> tuple[tuple[Entry, ...], dict[str, Any]]:
    """Entries of a table, and the recipes of a workbook's second table."""
    recipes: dict[str, Any] = {}
    if path.suffix.lower() in _WORKBOOKS:
        tables = _workbook(path)
        for row in tables.get("recipes", [])[1:]:
            if len(row) > 1 and row[0] and row[1]:
                recipes[str(row[0])] = str(row[1])
        rows = tables.get("samples") or next(r for n, r in tables.items() if n != "recipes")
    else:
        rows = read_table(path)
    head = [str(c).strip() if c is not None else "" for c in rows[0]] if rows else []
    if missing := [c for c in ("sample", "technique", "files") if c not in head]:
        near = [n for c in missing if (n := misspelt(c, head).removeprefix("did you mean "))]
        raise ReaderError(
            path,
            f"no column {' nor '.join(map(repr, missing))}",
            where="row 1",
            expected="columns sample, technique, files and any others",
            remedy=f"is it {' and '.join(n.rstrip('?') for n in near)}?"
            if near
            else "name it in the first row",
        )
    if double := sorted({c for c in head if c and head.count(c) > 1}):
        raise ReaderError(path, f"two columns {double[0]!r}", where="row 1", remedy="rename one")
    return tuple(_entries(path, head, rows)), recipes


def _entries(path: Path, head: list[str], rows: list[list[Any]]) -> Iterator[Entry]:
    for number, row in enumerate(rows[1:], 2):
        where = f"{path}, row {number}"
        if len(row) > len(head) and any(c not in (None, "") for c in row[len(head) :]):
            raise ReaderError(
                path,
                f"{len(row)} cells under {len(head)} columns",
                where=f"row {number}",
                remedy="quote cells that hold the delimiter, or name the column",
            )
        cells = zip(head, row, strict=False)
        keys = {k: cell_value(v) for k, v in cells if v is not None and str(v).strip()}
        if not keys:
            continue
        if "" in keys:
            raise SettingError(f"{where}: a cell, {keys['']!r}, under no name of a column")
        sample = str(row[head.index("sample")] or "").strip()
        if not sample:
            raise SettingError(f"{where}, column 'sample': it is empty; name the sample")
        keys.pop("sample")
        yield Entry(sample, keys, where, path.parent, columns=True)


def cell_value(cell: Any) -> Any:
    """A cell as number, list of numbers, or text.

    Labels such as ``2024_01`` are texts, though Python would read 202401.

    Examples
    --------
    >>> cell_value("0.5"), cell_value("0; 0.5; 1"), cell_value("a.xy"), cell_value("2024_01")
    (0.5, [0.0, 0.5, 1.0], 'a.xy', '2024_01')
    """
    if isinstance(cell, bool) or not isinstance(cell, str):
        return float(cell) if isinstance(cell, int | float) else str(cell)
    text = cell.strip()
    parts = _LISTED.split(text)
    if "_" in text:
        return text
    try:
        numbers = [float(p) for p in parts]
    except ValueError:
        return text
    return numbers if len(numbers) > 1 else numbers[0]


def cell_list(value: Any) -> Any:
    """A cell that may hold several texts, as a list of them."""
    return [p for p in _LISTED.split(value) if p] if isinstance(value, str) else value


def read_table(path: Path) -> list[list[Any]]:
    """Rows of a table of text: commas, semicolons or tabs between its cells.

    Between semicolons, numbers may have decimal commas.

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
    first = text.partition("\n")[0]
    delimiter = max("\t;,", key=first.count)
    try:
        rows: list[list[Any]] = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise ReaderError(path, f"not a table ({error})", remedy="save it again") from None
    if delimiter == ";":
        rows = [[re.sub(r"(?<=\d),(?=\d)", ".", c) if _is_comma(c) else c for c in r] for r in rows]
    return rows


def _is_comma(cell: str) -> bool:
    """Whether a cell is numbers with decimal commas."""
    return all(re.fullmatch(r"[+-]?\d+,\d+", part) for part in _LISTED.split(cell.strip()))


def _workbook(path: Path) -> dict[str, list[list[Any]]]:
    """Rows of each worksheet; formulas by the value they had when the workbook was saved."""
    import openpyxl

    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path")
    Archive(path).close()
    try:
        values = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True)
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
            tables[sheet.title.strip().lower()] = rows
    except ReaderError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a broken workbook makes openpyxl raise
        raise ReaderError(
            path, f"not a readable workbook ({error})", remedy="save it again, or as CSV"
        ) from None
    return tables
