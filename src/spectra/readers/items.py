"""Frames of many files, or why there are none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectra.errors import DataWarning, ReaderError, SettingError, why_unread
from spectra.readers.archive import GZIP, unpack_gzip
from spectra.readers.files import fingerprint, head_of
from spectra.readers.frame import Frame, Reader, list_readers
from spectra.readers.regions import take_regions
from spectra.readers.tables import Selection, make_frame, wanted
from spectra.stack import InputFile

# Files whose contents do not say so are of columns if a user says what these are.
_OF_COLUMNS = {"text": "columns", "nexus": "absorption_hdf5"}


@dataclass(frozen=True)
class Item:
    """A frame, or why there is none."""

    name: str
    frame: Frame | None
    message: str = ""


def read_items(
    paths: list[Path],
    name: str | None,
    selection: Selection,
    integrator: Any,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Item], tuple[InputFile, ...]]:
    """Read the frames of files.

    Parameters
    ----------
    paths : list of Path
    name : str or None
        Of the format; None to find it from the contents.
    selection : Selection
    integrator : spectra.readers.images.Integrator or None
        Takes the place of a format for images.
    progress : callable or None
        Called with (files read, files in all).

    Returns
    -------
    items : list of Item
    inputs : tuple of InputFile
        The files that were read.

    Raises
    ------
    ReaderError
        If none can be read.
    """
    items: list[Item] = []
    inputs: list[InputFile] = []
    errors: list[ReaderError] = []
    for i, path in enumerate(paths):
        try:
            items += _of_file(path, name, selection, integrator)
            inputs.append(fingerprint(path))
        except ReaderError as error:
            errors.append(error)
            items.append(Item(path.name, None, str(error)))
        except OSError as error:
            errors.append(ReaderError(path, why_unread(error)))
            items.append(Item(path.name, None, str(errors[-1])))
        if progress:
            progress(i + 1, len(paths))
    if len(errors) == len(paths):
        raise _common_error(errors)
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(paths)} files cannot be read and "
            f"{'is' if len(errors) == 1 else 'are'} marked bad_input; "
            f"the first: {errors[0]}",
            DataWarning,
            stacklevel=3,
        )
    return items, tuple(inputs)


def find_reader(path: Path, name: str | None) -> Reader:
    """The reader of a format by its name, or the first that takes the file.

    Raises
    ------
    SettingError
        If no format has that name.
    """
    readers = list_readers()
    if name is not None:
        for reader in readers:
            if reader.name == name:
                return reader
        raise SettingError(f"no format {name!r}; there are {', '.join(r.name for r in readers)}")
    head = head_of(path)
    return next(r for r in readers if r.sniff(head, path))


def _of_file(path: Path, name: str | None, selection: Selection, integrator: Any) -> list[Item]:
    if integrator:
        return _named(path, integrator.read(path))
    if path.suffix.lower() == ".gz" and head_of(path).startswith(GZIP):
        return _of_packed(path, name, selection)
    reader = find_reader(path, name)
    if selection and reader.name in _OF_COLUMNS:
        reader = find_reader(path, _OF_COLUMNS[reader.name])
    if reader.tables is not None:
        return _of_tables(path, reader, selection)
    frames = [] if selection.of_columns else reader.read(path)
    if any(frame.region for frame in frames):
        return _named(path, take_regions(path, frames, selection.entries))
    if selection:
        raise ReaderError(
            path,
            f"files of the format {reader.name} keep no columns to choose from",
            remedy="leave signal=, channels=, energy=, quantity= and entry= out",
        )
    return _named(path, frames)


def _of_packed(path: Path, name: str | None, selection: Selection) -> list[Item]:
    """Frames of the file that a gzip file holds, called as the latter."""
    with TemporaryDirectory() as folder:
        plain = Path(folder, path.stem)
        plain.write_bytes(unpack_gzip(path, path.read_bytes()))
        try:
            items = _of_file(plain, name, selection, None)
        except ReaderError as error:
            said = {"where": error.where, "expected": error.expected, "remedy": error.remedy}
            raise ReaderError(path, error.problem, **said) from None
    return [replace(i, name=path.name + i.name.removeprefix(plain.name)) for i in items]


def _named(path: Path, frames: list[Frame]) -> list[Item]:
    several = len(frames) > 1
    return [
        Item(f"{path.name} {f.name}".strip() if several else path.name, f, f.note) for f in frames
    ]


def _of_tables(path: Path, reader: Reader, selection: Selection) -> list[Item]:
    """Frames of a file of tables; a table that gives none is a frame that cannot be used."""
    tables = reader.tables(path) if reader.tables else []
    if not tables:
        raise ReaderError(path, "it holds no spectrum", remedy="leave it out")
    items, errors = [], []
    for table in wanted(path, tables, selection):
        name = f"{path.name} {table.name or table.place}" if len(tables) > 1 else path.name
        try:
            frame = make_frame(path, table, selection)
            items.append(Item(name, frame, frame.note))
        except ReaderError as error:
            errors.append(error)
            items.append(Item(name, None, str(error)))
    if len(errors) == len(items):
        raise _common_error(errors)
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(items)} spectra of {path} cannot be used and are marked "
            f"bad_input; the first: {errors[0]}",
            DataWarning,
            stacklevel=5,
        )
    return items


def _common_error(errors: list[ReaderError]) -> ReaderError:
    first = errors[0]
    if len(errors) == 1:
        return first
    files = len({error.path for error in errors})
    what = f"{len(errors)} files" if files > 1 else f"its {len(errors)} spectra"
    return ReaderError(
        first.path,
        f"none of {what} can be read; the first: {first.problem}",
        where=first.where,
        expected=first.expected,
        remedy=first.remedy,
    )
