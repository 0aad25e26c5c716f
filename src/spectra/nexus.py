"""Stacks, Results and Records as NeXus files, which silx, h5web and NeXpy plot at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectra.diskfile import DiskFile
from spectra.errors import DamagedFileError, ReaderError
from spectra.hdf5 import H5Array, check_links, open_hdf5, read_json, write_json
from spectra.integrity import USERBLOCK, is_own, kind_of, verify, write_safely
from spectra.layout import (
    free_name,
    read_results,
    read_stack,
    write_plot,
    write_results,
    write_stack,
)
from spectra.results import Record, Results
from spectra.stack import ArraySource, Stack

__all__ = ["H5Array", "check_links", "is_own", "open_file", "open_hdf5", "write_file"]

_FORMAT = 1
_VERIFY_ALWAYS = 2 << 30


def write_file(path: str | Path, content: Stack | Results | Record) -> Path:
    """Write a Stack, Results or Record; `open_file` gives the same back, bit for bit.

    The target is replaced only by a complete, verified file.

    Parameters
    ----------
    path : path
    content : Stack, Results or Record

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        If it cannot be written (what was there before is still there), or if something in it
        cannot be stored.

    Notes
    -----
    ``/entry`` (NXentry) holds the patterns as ``data``, each step of results as
    ``step_<name>`` (NXdata) with its ``process_<name>`` (NXprocess), and the curves that a
    viewer opens with as ``plot``. The attributes ``default`` lead there.
    """
    record = _as_record(content)
    kind = type(content).__name__

    def write(disk: DiskFile) -> None:
        import h5py

        with h5py.File(disk, "w", userblock_size=USERBLOCK) as file:
            file.attrs["NX_class"] = "NXroot"
            file.attrs["default"] = "entry"
            entry = file.create_group("entry")
            entry.attrs["NX_class"] = "NXentry"
            entry.attrs["spectra_kind"] = kind
            entry.attrs["spectra_format"] = _FORMAT
            _write_entry(entry, record, disk)

    return write_safely(path, write, _size_of(record), kind)


def open_file(path: str | Path) -> Stack | Results | Record:
    """Open what `write_file` wrote; the patterns stay on disk until asked for.

    The file is checked against its digest first, except a Stack above 2 GiB: for that there
    is `spectra.integrity.verify` and ``spectra check``.

    Raises
    ------
    ReaderError
        If it is not one of our files, or one of a later version.
    DamagedFileError
        If its contents do not match their checksum.
    """
    path = Path(path)
    if not path.exists():
        raise ReaderError(path, "no such file", remedy="check the path")
    if not path.is_file():
        raise ReaderError(path, "not a file", remedy="name a file in it")
    large = path.stat().st_size > _VERIFY_ALWAYS
    if not (large and is_own(path) and kind_of(path) == "Stack"):
        verify(path)
    with open_hdf5(path) as file:
        try:
            return _read_entry(path, file)
        except (DamagedFileError, ReaderError):
            raise
        except (KeyError, ValueError, TypeError, AttributeError, OSError, RuntimeError) as error:
            raise DamagedFileError(
                path, f"something is missing or does not fit ({error})", remedy="restore a copy"
            ) from None


def _as_record(content: Stack | Results | Record) -> Record:
    if isinstance(content, Record):
        return content
    if isinstance(content, Stack):
        return Record({}, content)
    return Record({content.table.name: content})


def _write_entry(entry: Any, record: Record, disk: DiskFile) -> None:
    write_json(entry, "recipe", dict(record.recipe))
    write_json(entry, "provenance", dict(record.provenance))
    default = ""
    if record.stack is not None:
        entry["title"] = record.stack.title
        write_stack(entry, "data", record.stack, disk.check)
        default = "data"
    groups: dict[str, str] = {}
    for name, results in record.steps.items():
        groups[name] = free_name(entry, f"step_{name}")
        write_results(entry, groups[name], name, results)
        _write_process(entry, free_name(entry, f"process_{name}"), len(groups), results)
        disk.check()
    write_json(entry, "steps", groups)
    if record.steps:
        name = _default_step(record)
        plotted = write_plot(entry, "plot", name, record.steps[name])
        default = "plot" if plotted else default or groups[name]
    if default:
        entry.attrs["default"] = default


def _read_entry(path: Path, file: Any) -> Stack | Results | Record:
    check_links(path, file, alone=True)
    entry = file["entry"]
    if int(entry.attrs["spectra_format"]) > _FORMAT:
        raise ReaderError(
            path, "written by a later version of spectra", remedy="update this one to open it"
        )
    kind = str(entry.attrs["spectra_kind"])
    stack = read_stack(path, entry["data"]) if "data" in entry else None
    steps = {name: read_results(entry[g]) for name, g in read_json(entry, "steps").items()}
    if kind == "Stack" and stack is not None:
        return stack
    if kind == "Results":
        return next(iter(steps.values()))
    return Record(steps, stack, read_json(entry, "recipe"), read_json(entry, "provenance"))


def _default_step(record: Record) -> str:
    """The step whose plot opens first: the last table of cells, else the last step."""
    cells = [name for name, results in record.steps.items() if results.table.name == "cell"]
    return (cells or list(record.steps))[-1]


def _write_process(entry: Any, name: str, number: int, results: Results) -> None:
    """What was done to get the results, as NeXus keeps it."""
    provenance = dict(results.provenance)
    process = entry.create_group(name)
    process.attrs["NX_class"] = "NXprocess"
    process["sequence_index"] = number
    for key in ("program", "version", "date", "method"):
        process[key] = str(provenance.get(key, ""))
    write_json(process, "parameters", provenance.get("settings", {}))
    write_json(process, "inputs", provenance.get("inputs", []))


def _size_of(record: Record) -> int:
    """Room that the contents need if nothing can be compressed."""

    def size(source: ArraySource | None) -> int:
        return 0 if source is None else 8 * int(source.shape[0]) * int(source.shape[1])

    columns = sum(c.nbytes for r in record.steps.values() for c in r.columns.values())
    stack = record.stack
    arrays = [] if stack is None else [stack.signal, stack.errors, *stack.channels.values()]
    patterns = sum(map(size, arrays))
    return columns + patterns + (1 << 20)
