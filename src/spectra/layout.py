"""How a Stack and a Results are laid out as NeXus groups, and how they are read back.

Numbers, units and meanings stand in datasets that any viewer shows; a JSON text
``description`` beside them holds what NeXus has no place for, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.hdf5 import H5Array, packed, read_json, read_texts, write_json, write_texts
from spectra.results import Column, Results, Table
from spectra.stack import ArraySource, Axis, InputFile, Stack, Variable

_CHUNK_BYTES = 1 << 19
_FILTER_MAX = 1 << 30
_MOST_CURVES = 12


def write_stack(entry: Any, name: str, stack: Stack, check: Any) -> None:
    """Write a Stack as the NXdata group `name`.

    Parameters
    ----------
    entry : h5py.Group
    name : str
    stack : Stack
    check : callable
        Called between blocks; raises if the disk is full.
    """
    group = entry.create_group(name)
    group.attrs["NX_class"] = "NXdata"
    group.attrs["title"] = stack.title or "patterns"
    group.attrs["signal"] = "intensity"
    group.create_dataset("frame", data=np.arange(stack.n_frames))
    _write_frames(group, "intensity", stack.signal, check)
    _label(group["intensity"], "counts" if stack.noise == "counts" else "", stack.quantity)
    if stack.errors is not None:
        _write_frames(group, "intensity_errors", stack.errors, check)
    channels = {}
    for channel, source in stack.channels.items():
        channels[channel] = free_name(group, channel)
        _write_frames(group, channels[channel], source, check)
        _label(group[channels[channel]], "", channel)
    if channels:
        group.attrs["auxiliary_signals"] = list(channels.values())
    _write_rows(group, stack)
    axis = free_name(group, stack.axis.name)
    group.create_dataset(axis, data=stack.x)
    _label(group[axis], stack.axis.unit, stack.axis.label)
    group.attrs["axes"] = ["frame", axis]
    plain_axis = {"name": stack.axis.name, "unit": stack.axis.unit}
    description = {
        "axis": {**plain_axis, "long_name": stack.axis.long_name},
        "axis_dataset": axis,
        "noise": stack.noise,
        "quantity": stack.quantity,
        "channels": channels,
        "variables": _write_variables(group, stack.variables),
        "metadata": dict(stack.metadata),
        "inputs": [asdict(i) for i in stack.inputs],
        "title": stack.title,
    }
    write_json(group, "description", description)


def read_stack(path: Path, group: Any) -> Stack:
    """Read what `write_stack` wrote; the patterns stay on disk.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing or does not fit together.
    """
    facts = read_json(group, "description")
    place = str(path.resolve())

    def source(name: str) -> H5Array:
        return H5Array(place, group[name].name, tuple(group[name].shape))

    return Stack(
        axis=Axis(group[facts["axis_dataset"]][()], **facts["axis"]),
        signal=source("intensity"),
        errors=source("intensity_errors") if "intensity_errors" in group else None,
        noise=facts["noise"],
        quantity=facts.get("quantity", "intensity"),
        channels={k: source(dataset) for k, dataset in facts.get("channels", {}).items()},
        variables=_read_variables(group, facts["variables"]),
        names=read_texts(group, "names"),
        status=group["status"][()],
        messages=read_texts(group, "messages"),
        metadata=facts["metadata"],
        inputs=tuple(InputFile(**i) for i in facts["inputs"]),
        title=facts["title"],
    )


def write_results(entry: Any, name: str, title: str, results: Results) -> None:
    """Write Results as the NXdata group `name`, one dataset per column."""
    table = results.table
    group = entry.create_group(name)
    group.attrs["NX_class"] = "NXdata"
    group.attrs["title"] = title
    group.create_dataset("frame", data=np.arange(results.n_frames))
    _write_rows(group, results)
    datasets: dict[str, str] = {}
    for column in table.columns:
        own = free_name(group, column.name)
        for part, dataset in zip(column.expand(), (own, f"{own}_errors"), strict=False):
            values = results.columns[part.name]
            group.create_dataset(dataset, data=values, **packed(values))
            _label(group[dataset], part.unit, part.meaning)
            datasets[part.name] = dataset
    default = table.default or table.columns[0].name
    group.attrs["signal"] = datasets[default]
    group.attrs["axes"] = ["frame", *("." for _ in table.column(default).dims)]
    description = {
        "table": table_to_plain(table),
        "datasets": datasets,
        "variables": _write_variables(group, results.variables),
        "attrs": dict(results.attrs),
        "provenance": dict(results.provenance),
    }
    write_json(group, "description", description)
    _write_coords(group, table)


def read_results(group: Any) -> Results:
    """Read what `write_results` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing or does not fit together.
    """
    facts = read_json(group, "description")
    table = _table_from_plain(facts["table"])
    return Results(
        table=table,
        columns={c.name: group[facts["datasets"][c.name]][()] for c in table.all_columns()},
        status=group["status"][()],
        messages=read_texts(group, "messages"),
        names=read_texts(group, "names"),
        variables=_read_variables(group, facts["variables"]),
        attrs=facts["attrs"],
        provenance=facts["provenance"],
    )


def write_plot(entry: Any, name: str, title: str, results: Results) -> bool:
    """Write the default column as curves over the frames, which viewers draw with error bars.

    Returns
    -------
    bool
        False where there is nothing to draw; no group is written then.
    """
    table = results.table
    column = table.column(table.default or table.columns[0].name)
    values = results.columns[column.name]
    if values.size == 0:
        return False
    curves = values.reshape(results.n_frames, -1)
    errors = results.columns.get(f"{column.name}_stderr")
    group = entry.create_group(name)
    group.attrs["NX_class"] = "NXdata"
    group.attrs["title"] = title
    group.attrs["axes"] = ["frame"]
    group.create_dataset("frame", data=np.arange(results.n_frames))
    labels = _curve_labels(table, column)
    names = []
    for i in range(min(curves.shape[1], _MOST_CURVES)):
        own = free_name(group, f"{column.name}_{labels[i]}" if labels else column.name)
        group.create_dataset(own, data=curves[:, i])
        _label(group[own], column.unit, own)
        if errors is not None:
            group.create_dataset(f"{own}_errors", data=errors.reshape(curves.shape)[:, i])
        names.append(own)
    group.attrs["signal"] = names[0]
    if names[1:]:
        group.attrs["auxiliary_signals"] = names[1:]
    return True


def table_to_plain(table: Table) -> dict[str, Any]:
    """The declaration of a table as plain data."""
    return {
        "name": table.name,
        "default": table.default,
        "depth": table.depth,
        "columns": [asdict(c) for c in table.columns],
        "coords": {
            dim: {k: {"dtype": _dtype(v), "values": np.asarray(v).tolist()} for k, v in c.items()}
            for dim, c in table.coords.items()
        },
    }


def _table_from_plain(plain: dict[str, Any]) -> Table:
    columns = tuple(Column(**{**c, "dims": tuple(c["dims"])}) for c in plain["columns"])
    coords = {
        dim: {k: np.array(v["values"], dtype=v["dtype"]) for k, v in labels.items()}
        for dim, labels in plain["coords"].items()
    }
    return Table(plain["name"], columns, coords, plain["default"], plain.get("depth", ""))


def _dtype(values: Any) -> str:
    array = np.asarray(values)
    return "str" if array.dtype.kind in "UO" else str(array.dtype)


def _label(dataset: Any, unit: str, long_name: str) -> None:
    if unit:
        dataset.attrs["units"] = unit
    dataset.attrs["long_name"] = long_name


def free_name(group: Any, wanted: str) -> str:
    """A name for a dataset, as near as possible to the one wanted."""
    name = wanted.replace("/", "_").replace("\0", "_").strip(".") or "unnamed"
    while name in group or f"{name}_errors" in group:
        name += "_"
    return name


def _write_frames(group: Any, name: str, source: ArraySource, check: Any) -> None:
    """Write whole frames per chunk of about half a MiB, block by block, in the source's type."""
    import hdf5plugin

    n_frames, n_points = source.shape
    kind = np.dtype(getattr(source, "dtype", float))
    # `Stack.load` gives float64 in any case; narrower numbers only save room.
    dtype = kind if kind.kind in "iuf" and kind.itemsize <= 8 else np.dtype(float)
    row_bytes = max(dtype.itemsize * n_points, 1)
    rows = int(np.clip(_CHUNK_BYTES // row_bytes, 1, max(n_frames, 1)))
    options: dict[str, Any] = {}
    if n_frames and n_points and row_bytes < _FILTER_MAX:
        options = {"chunks": (rows, n_points), "fletcher32": True}
        options |= hdf5plugin.Bitshuffle(cname="lz4")
    data = group.create_dataset(name, (n_frames, n_points), dtype, **options)
    for start in range(0, n_frames, 16 * rows):
        data[start : start + 16 * rows] = np.asarray(source[start : start + 16 * rows])
        check()


def _write_rows(group: Any, content: Stack | Results) -> None:
    """Status, name and message of every frame."""
    group.create_dataset("status", data=content.status)
    write_texts(group, "names", content.names)
    write_texts(group, "messages", content.messages)


def _write_variables(group: Any, variables: Mapping[str, Variable]) -> list[dict[str, Any]]:
    """Write variables as auxiliary axes along the frames, and return their description."""
    described = []
    for name, variable in variables.items():
        own = free_name(group, name)
        group.create_dataset(own, data=variable.values)
        _label(group[own], variable.unit, variable.long_name or name)
        group.attrs[f"{own}_indices"] = 0
        if variable.stderr is not None:
            group.create_dataset(f"{own}_errors", data=variable.stderr)
        facts = {"name": name, "unit": variable.unit, "long_name": variable.long_name}
        described.append({**facts, "dataset": own, "stderr": variable.stderr is not None})
    return described


def _read_variables(group: Any, described: list[dict[str, Any]]) -> dict[str, Variable]:
    variables = {}
    for facts in described:
        own = facts["dataset"]
        errors = group[f"{own}_errors"][()] if facts["stderr"] else None
        values: NDArray[np.float64] = group[own][()]
        variables[facts["name"]] = Variable(values, facts["unit"], facts["long_name"], errors)
    return variables


def _write_coords(group: Any, table: Table) -> None:
    """What the entries of each dimension are, for who reads the file without us."""
    import h5py

    collection = group.create_group(free_name(group, "coordinates"))
    collection.attrs["NX_class"] = "NXcollection"
    for dim, labels in table.coords.items():
        for key, values in labels.items():
            array = np.asarray(values)
            if array.dtype.kind in "UO":
                array = np.array([str(v) for v in array.ravel()], dtype=object)
                kind = h5py.string_dtype()
            else:
                kind = array.dtype
            name = free_name(collection, f"{dim}_{key}")
            collection.create_dataset(name, data=array, dtype=kind)


def _curve_labels(table: Table, column: Column) -> list[str]:
    """The label of each entry of a column's further dimensions; numbers where there are many."""
    if not column.dims:
        return []
    labels = next(iter(table.coords[column.dims[0]].values()))
    if len(column.dims) == 1:
        return [str(v) for v in np.asarray(labels).tolist()]
    count = int(np.prod([table.size(d) for d in column.dims]))
    return [str(i) for i in range(count)]
