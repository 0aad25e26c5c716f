"""Sheets of samples as they are written: TOML, CSV or a workbook, an entry a measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectra.cells import cell_value, find_head, is_failed, read_table, read_workbook
from spectra.errors import ReaderError, SettingError
from spectra.recipe import load_toml
from spectra.spelling import meant, misspelt

_WORKBOOKS = (".xlsx", ".xlsm")
_NEEDED = ("sample", "technique", "files")
_SHEETS = (".csv", ".tsv", ".txt", *_WORKBOOKS)
_HEAD = ("title", "axis", "output", "recipes", "sheet", "sample")
_SAMPLE = ("name", "measurement")


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
        tables = read_workbook(path)
        for row in tables.pop("recipes", [])[1:]:
            if len(row) > 1 and row[0] and row[1]:
                recipes[str(row[0]).strip()] = str(row[1]).strip()
        rows = _samples_of(tables)
    else:
        rows = read_table(path, _NEEDED)
    begin = find_head(rows, _NEEDED) or 0
    head = [str(c).strip() if c is not None else "" for c in rows[begin]] if rows else []
    if missing := [c for c in _NEEDED if c not in head]:
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
        where = f"row {begin + 1}"
        raise ReaderError(path, f"two columns {double[0]!r}", where=where, remedy="rename one")
    return _entries(path, head, rows[begin + 1 :], begin + 2), recipes


def _samples_of(tables: Mapping[str, list[list[Any]]]) -> list[list[Any]]:
    """The worksheet of the samples: by its name, else the first with the columns of one."""
    named = [tables["samples"]] if tables.get("samples") else []
    every = [*named, *tables.values()]
    return next((t for t in every if find_head(t, _NEEDED) is not None), every[0] if every else [])


def _entries(path: Path, head: list[str], rows: list[list[Any]], first: int) -> tuple[Entry, ...]:
    """The rows under a head, of which the first has that number in its file."""
    found: list[Entry] = []
    problems: list[str] = []
    for number, row in enumerate(rows, first):
        where = f"{path}, row {number}"
        if any(c not in (None, "") for c in row[len(head) :]):
            raise ReaderError(
                path,
                f"{len(row)} cells under {len(head)} columns",
                where=f"row {number}",
                remedy="quote cells that hold the delimiter, or name the column",
            )
        try:
            keys = _keys_of_row(where, head, row)
        except SettingError as error:
            problems.append(str(error))
            continue
        if keys:
            sample = keys.pop("sample")
            found.append(Entry(sample, keys, where, path.parent, columns=True))
    if problems:
        raise SettingError("\n".join(problems))
    return tuple(found)


def _keys_of_row(where: str, head: list[str], row: list[Any]) -> dict[str, Any]:
    """What a row says, the sample as a text; nothing if it is empty."""
    row = [None if isinstance(c, str) and not c.strip() else c for c in row]
    given = {k: c for k, c in zip(head, row, strict=False) if c is not None}
    if not given:
        return {}
    if "" in given:
        raise SettingError(f"{where}: a cell, {given['']!r}, under no name of a column")
    if failed := [k for k, c in given.items() if is_failed(c)]:
        raise SettingError(
            f"{where}, column {failed[0]!r}: it is {given[failed[0]]!r}, a formula that went "
            "wrong; correct it, or leave the cell empty"
        )
    if "sample" not in given:
        raise SettingError(f"{where}, column 'sample': it is empty; name the sample")
    return {k: str(c).strip() if k == "sample" else cell_value(c) for k, c in given.items()}
