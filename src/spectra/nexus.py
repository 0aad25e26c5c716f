"""Stacks, Results and Records as NeXus files, which silx, h5web and NeXpy plot at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import DamagedFileError, ReaderError
from spectra.integrity import USERBLOCK, is_own, verify, write_safely
from spectra.results import Column, Record, Results, Table
from spectra.stack import ArraySource, Axis, InputFile, Stack, Variable

__all__ = ["H5Array", "check_links", "is_own", "open_file", "open_hdf5", "write_file"]

_CHUNK_BYTES = 1 << 19
_VERIFY_ALWAYS = 2 << 30
_MAX_INFLATION = 2000


@dataclass(frozen=True)
class H5Array:
    """A dataset on disk that is read slice by slice; the file is open only while reading."""

    path: str
    dataset: str
    shape: tuple[int, ...]

    def __getitem__(self, key: Any, /) -> NDArray[np.float64]:
        with open_hdf5(Path(self.path)) as file:
            return np.asarray(file[self.dataset][key], dtype=float)


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading, without locking it against a writer.

    Raises
    ------
    ReaderError
        If it cannot be opened as HDF5.
    """
    import h5py
    import hdf5plugin  # noqa: F401 - registers the compression filters

    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ReaderError(
            path, f"not a readable HDF5 file ({error})", remedy="copy it again"
        ) from None


def check_links(path: Path, file: Any) -> None:
    """Refuse datasets that reach out of the file's folder or claim absurd sizes.

    Raises
    ------
    ReaderError
        For external storage, external links out of the folder, and sizes that the file
        cannot hold.
    """
    import h5py

    root = path.resolve().parent
    size = max(path.stat().st_size, 1)

    def walk(group: Any, depth: int) -> None:
        if depth > 32:
            raise ReaderError(path, f"{group.name}: nested too deeply")
        for name in group:
            link = group.get(name, getlink=True)
            where = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.ExternalLink):
                target = (root / link.filename).resolve()
                if not target.is_relative_to(root):
                    raise ReaderError(path, f"{where} links to {link.filename}, outside {root}")
                continue
            if isinstance(link, h5py.SoftLink):
                continue
            node = group[name]
            if isinstance(node, h5py.Group):
                walk(node, depth + 1)
            elif isinstance(node, h5py.Dataset):
                if node.external:
                    raise ReaderError(path, f"{where} keeps its data in another file; refused")
                if node.nbytes > 1 << 30 and node.nbytes > _MAX_INFLATION * size:
                    raise ReaderError(
                        path, f"{where} claims {node.nbytes / 1e9:.0f} GB in a file of {size} bytes"
                    )

    walk(file, 0)


def write_file(path: str | Path, content: Stack | Results | Record) -> Path:
    """Write a Stack, Results or Record; `open_file` gives the same back, bit for bit.

    The target is replaced only by a complete, verified file.

    Raises
    ------
    StoreError
        If it cannot be written; what was there before is still there.
    """
    record = _as_record(content)
    kind = type(content).__name__

    def write(target: Path) -> None:
        import h5py
        import hdf5plugin

        with h5py.File(target, "w", userblock_size=USERBLOCK) as file:
            file.attrs["NX_class"] = "NXroot"
            file.attrs["default"] = "entry"
            entry = file.create_group("entry")
            entry.attrs["NX_class"] = "NXentry"
            entry.attrs["spectra_kind"] = kind
            entry["definition_version"] = 1
            _write_json(entry, "recipe", dict(record.recipe))
            _write_json(entry, "provenance", dict(record.provenance))
            entry.attrs["steps"] = json.dumps(list(record.steps))
            compression = hdf5plugin.Bitshuffle(cname="lz4")
            if record.stack is not None:
                _write_stack(entry, record.stack, compression)
                entry.attrs["default"] = "data"
                entry["title"] = record.stack.title
            for name, results in record.steps.items():
                _write_results(entry, name, results)
            entry.attrs["default"] = _default_group(record) or entry.attrs.get("default", "data")

    return write_safely(path, write, _size_of(record))


def open_file(path: str | Path) -> Stack | Results | Record:
    """Open what `write_file` wrote; the patterns stay on disk until asked for.

    Raises
    ------
    ReaderError
        If it is not one of our files.
    DamagedFileError
        If its contents do not match their checksum.
    """
    path = Path(path)
    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path")
    if not is_own(path) or path.stat().st_size <= _VERIFY_ALWAYS:
        verify(path)
    with open_hdf5(path) as file:
        entry = file["entry"]
        kind = str(entry.attrs.get("spectra_kind", ""))
        try:
            stack = _read_stack(path, entry["data"]) if "data" in entry else None
            names = json.loads(entry.attrs["steps"])
            steps = {name: _read_results(entry[f"step_{name}"]) for name in names}
            recipe, provenance = _read_json(entry, "recipe"), _read_json(entry, "provenance")
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedFileError(path, f"something is missing ({error})") from None
    if kind == "Stack" and stack is not None:
        return stack
    if kind == "Results":
        return next(iter(steps.values()))
    return Record(steps, stack, recipe, provenance)


def _as_record(content: Stack | Results | Record) -> Record:
    if isinstance(content, Record):
        return content
    if isinstance(content, Stack):
        return Record({}, content)
    return Record({content.table.name: content}, None, {}, dict(content.provenance))


def _default_group(record: Record) -> str:
    """The plot that opens first: the cell, else the last step that has a plain column."""
    for name in reversed(list(record.steps)):
        if record.steps[name].table.name == "cell":
            return f"step_{name}"
    return f"step_{list(record.steps)[-1]}" if record.steps else ""


def _size_of(record: Record) -> int:
    total = sum(c.nbytes for r in record.steps.values() for c in r.columns.values())
    if record.stack is not None:
        total += (
            8
            * int(np.prod(record.stack.signal.shape))
            * (2 if record.stack.errors is not None else 1)
        )
    return total + (1 << 20)


def _write_json(group: Any, name: str, value: Any) -> None:
    text = json.dumps(value, default=_to_json)
    group.create_dataset(name, data=np.frombuffer(text.encode(), np.uint8), fletcher32=True)
    group[name].attrs["content"] = "JSON, UTF-8"


def _read_json(group: Any, name: str) -> Any:
    return json.loads(bytes(np.asarray(group[name][()])).decode())


def _to_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _write_stack(entry: Any, stack: Stack, compression: Any) -> None:
    group = entry.create_group("data")
    group.attrs["NX_class"] = "NXdata"
    group.attrs["signal"] = "intensity"
    group.attrs["axes"] = ["frame", stack.axis.name]
    group.attrs["title"] = stack.title or "patterns"
    axis = group.create_dataset(stack.axis.name, data=stack.x)
    axis.attrs["units"] = stack.axis.unit
    axis.attrs["long_name"] = stack.axis.label
    group.create_dataset("frame", data=np.arange(stack.n_frames))
    _write_frames(group, "intensity", stack.signal, compression)
    group["intensity"].attrs["units"] = "counts"
    group["intensity"].attrs["long_name"] = "intensity"
    if stack.errors is not None:
        _write_frames(group, "intensity_errors", stack.errors, compression)
    _write_variables(group, stack.variables)
    group.create_dataset("status", data=stack.status)
    _write_json(
        group,
        "description",
        {
            "axis": {k: v for k, v in asdict(stack.axis).items() if k != "values"},
            "noise": stack.noise,
            "names": stack.names,
            "messages": stack.messages,
            "metadata": dict(stack.metadata),
            "inputs": [asdict(i) for i in stack.inputs],
            "title": stack.title,
        },
    )


def _write_frames(group: Any, name: str, source: ArraySource, compression: Any) -> None:
    """Write whole frames per chunk, block by block."""
    n_frames, n_points = source.shape
    rows = int(np.clip(_CHUNK_BYTES // max(8 * n_points, 1), 1, max(n_frames, 1)))
    chunks = (rows, n_points) if n_frames and n_points else None
    options = {"chunks": chunks, "fletcher32": True, **compression} if chunks else {}
    data = group.create_dataset(name, source.shape, "f8", **options)
    for start in range(0, n_frames, 16 * rows):
        data[start : start + 16 * rows] = np.asarray(source[start : start + 16 * rows])


def _write_variables(group: Any, variables: Mapping[str, Variable]) -> None:
    for name, variable in variables.items():
        data = group.create_dataset(f"variable_{name}", data=variable.values)
        data.attrs["units"] = variable.unit
        data.attrs["long_name"] = variable.long_name or name
        if variable.stderr is not None:
            group.create_dataset(f"variable_{name}_errors", data=variable.stderr)


def _read_variables(group: Any) -> dict[str, Variable]:
    variables = {}
    for key in group:
        if not key.startswith("variable_") or key.endswith("_errors"):
            continue
        data = group[key]
        errors = group[f"{key}_errors"][()] if f"{key}_errors" in group else None
        name = key.removeprefix("variable_")
        label = str(data.attrs["long_name"])
        variables[name] = Variable(data[()], str(data.attrs["units"]), label, errors)
    return variables


def _read_stack(path: Path, group: Any) -> Stack:
    facts = _read_json(group, "description")
    axis = facts["axis"]
    data = group["intensity"]
    errors = None
    if "intensity_errors" in group:
        errors = H5Array(str(path.resolve()), group["intensity_errors"].name, data.shape)
    return Stack(
        axis=Axis(group[axis["name"]][()], **axis),
        signal=H5Array(str(path.resolve()), data.name, data.shape),
        errors=errors,
        noise=facts["noise"],
        variables=_read_variables(group),
        names=tuple(facts["names"]),
        status=group["status"][()],
        messages=tuple(facts["messages"]),
        metadata=facts["metadata"],
        inputs=tuple(InputFile(**i) for i in facts["inputs"]),
        title=facts["title"],
    )


def _write_results(entry: Any, name: str, results: Results) -> None:
    table = results.table
    group = entry.create_group(f"step_{name}")
    group.attrs["NX_class"] = "NXdata"
    group.attrs["title"] = name
    default = table.default or table.columns[0].name
    group.attrs["signal"] = default
    group.attrs["axes"] = ["frame", *("." for _ in table.column(default).dims)]
    group.create_dataset("frame", data=np.arange(results.n_frames))
    for column in table.all_columns():
        stored = _errors_name(column.name)
        values = results.columns[column.name]
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": True}
        data = group.create_dataset(stored, data=values, **(options if values.size else {}))
        data.attrs["units"] = column.unit
        data.attrs["long_name"] = column.meaning
    group.create_dataset("status", data=results.status)
    _write_variables(group, results.variables)
    process = group.create_group("process")
    process.attrs["NX_class"] = "NXprocess"
    provenance = dict(results.provenance)
    for key in ("program", "version", "date"):
        process[key] = str(provenance.get(key, ""))
    _write_json(
        group,
        "description",
        {
            "table": _table_to_plain(table),
            "names": results.names,
            "messages": results.messages,
            "attrs": dict(results.attrs),
            "provenance": provenance,
        },
    )


def _errors_name(name: str) -> str:
    """NeXus calls the uncertainty of x ``x_errors``, and plots it."""
    return f"{name.removesuffix('_stderr')}_errors" if name.endswith("_stderr") else name


def _table_to_plain(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "default": table.default,
        "columns": [asdict(c) for c in table.columns],
        "coords": {
            dim: {k: {"dtype": _dtype(v), "values": np.asarray(v).tolist()} for k, v in c.items()}
            for dim, c in table.coords.items()
        },
    }


def _dtype(values: Any) -> str:
    kind = np.asarray(values).dtype
    return "str" if kind.kind == "U" else str(kind)


def _table_from_plain(plain: dict[str, Any]) -> Table:
    columns = tuple(Column(**{**c, "dims": tuple(c["dims"])}) for c in plain["columns"])
    coords = {
        dim: {k: np.array(v["values"], dtype=v["dtype"]) for k, v in labels.items()}
        for dim, labels in plain["coords"].items()
    }
    return Table(plain["name"], columns, coords, plain["default"])


def _read_results(group: Any) -> Results:
    facts = _read_json(group, "description")
    table = _table_from_plain(facts["table"])
    return Results(
        table=table,
        columns={c.name: group[_errors_name(c.name)][()] for c in table.all_columns()},
        status=group["status"][()],
        messages=tuple(facts["messages"]),
        names=tuple(facts["names"]),
        variables=_read_variables(group),
        attrs=facts["attrs"],
        provenance=facts["provenance"],
    )
