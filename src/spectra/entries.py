"""What one entry of a sheet says of its files, its variables and its cycler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectra.cells import cell_list, cell_value, find_head, read_table
from spectra.errors import SettingError
from spectra.sheets import Entry
from spectra.spelling import meant


def needed(entry: Entry, key: str) -> str:
    """A text that a measurement cannot do without.

    Raises
    ------
    SettingError
        If it is missing or no text.
    """
    value = entry.keys.get(key)
    if not isinstance(value, str) or not value.strip():
        seen = "it is missing" if value is None else f"it is {value!r}"
        raise SettingError(f"{entry.place(key)}: {seen}; expected a text")
    return value.strip()


def patterns(entry: Entry) -> list[str]:
    """The files of a measurement, as patterns that begin with the folder of the sheet.

    Raises
    ------
    SettingError
        If there are none.
    """
    value = cell_list(entry.keys.get("files")) if entry.columns else entry.keys.get("files")
    listed: list[Any] = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(v, str) and v for v in listed):
        seen = "it is missing" if value in (None, []) else f"it is {value!r}"
        raise SettingError(f"{entry.place('files')}: {seen}; name files or a pattern")
    return [str(entry.folder.absolute() / v) for v in listed]


def located(key: str, value: Any, entry: Entry) -> Any:
    """A setting of the stack; what names files is relative to the sheet.

    Raises
    ------
    SettingError
        If such a file is missing.
    """
    if key in ("poni", "mask") and isinstance(value, str) and value:
        path = entry.folder.absolute() / value
        if not path.is_file():
            raise SettingError(f"{entry.place(key)}: {path} does not exist; check the path")
        return str(path)
    return cell_list(value) if entry.columns and key == "entry" else value


def variable(entry: Entry, key: str, value: Any) -> float | list[float] | str:
    """A number, a list of them (from a file, too), or a text, which is no variable.

    Raises
    ------
    SettingError
        If it is anything else, or the file lacks the column.
    """
    if isinstance(value, dict):
        return _column_of_file(entry, key, value)
    if isinstance(value, list):
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in value) and value:
            return [float(v) for v in value]
        raise SettingError(f"{entry.place(key)}: it is {value!r}; expected a list of numbers")
    return plain_value(value)


def _column_of_file(entry: Entry, key: str, value: Mapping[str, Any]) -> list[float]:
    """Numbers of a column of a table: ``{ file = "soc.csv", column = "x" }``."""
    place = entry.place(key)
    if not isinstance(value.get("file"), str) or value.keys() - {"file", "column"}:
        raise SettingError(f"{place}: it is {dict(value)!r}; expected {{ file, column }}")
    path = entry.folder / value["file"]
    wanted = [str(value["column"])] if "column" in value else []
    table = read_table(path, wanted)
    begin = find_head(table, wanted) or 0
    head, *rows = table[begin:] or [[]]
    names = [c.strip() for c in head]
    column = str(value.get("column", names[0] if names else ""))
    if column not in names:
        raise SettingError(f"{place}: {path} has no column {column!r}; {meant(column, names)}")
    at = names.index(column)
    numbers: list[float] = []
    for number, row in enumerate(rows, begin + 2):
        cell = cell_value(row[at]) if at < len(row) else ""
        if isinstance(cell, float):
            numbers.append(cell)
        elif any(row):
            raise SettingError(f"{place}: {path}, row {number}, {column!r}: {cell!r} is no number")
    return numbers


def electrochemistry(entry: Entry) -> dict[str, Any]:
    """What a measurement says of its electrochemistry; logs of the cycler by their paths.

    Raises
    ------
    SettingError
        If it is no table, or in a column no names of files.
    """
    stated = entry.keys.get("electrochemistry", {})
    stated = {"file": cell_list(stated)} if entry.columns and stated else stated
    if not isinstance(stated, dict):
        raise SettingError(f"{entry.place('electrochemistry')}: it is {stated!r}; not a table")
    own = dict(stated)
    if "file" in own:
        listed = own["file"] if isinstance(own["file"], list) else [own["file"]]
        own["file"] = [str(entry.folder.absolute() / str(name)) for name in listed]
    return own


def plain_value(value: Any) -> float | str:
    """A value as a number, or else as a text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return str(value)
