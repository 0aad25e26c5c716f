"""X-ray absorption in HDF5: NXxas, other NeXus files, and groups with an axis of energies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.nexus import check_links, open_hdf5
from spectra.readers.absorption import is_energy
from spectra.readers.arithmetic import column_name
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import find_time
from spectra.readers.times import iso_seconds

FloatArray = NDArray[np.float64]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST_VALUES = 5_000_000
_MOST_DEPTH = 12
_FEWEST = 3
_BROKEN = (
    *(KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError),
    *(IndexError, OverflowError, MemoryError),
)
_NORMALISED = re.compile(r"normali[sz]ed")
# NXxas of 2010 calls detectors by what they see; what that is says its mode.
_SEEN = {"transmission": "itrans", "fluorescence yield": "ifluor", "fluorescence": "ifluor"}
_SEEN |= {"total electron yield": "tey", "partial electron yield": "tey"}


@dataclass
class Recorded:
    """What a group holds point by point.

    Parameters
    ----------
    place : str
        Path of the group.
    table : Table
        Its columns.
    stacks : dict of name to (path, shape, dimension)
        Datasets of more than one dimension, and which of these is the energy.
    frames : dict of name to array
        Other numbers in it, in one dimension.
    """

    place: str
    table: Table
    stacks: dict[str, tuple[str, tuple[int, ...], int]] = field(default_factory=dict)
    frames: dict[str, tuple[FloatArray, str]] = field(default_factory=dict)


def is_hdf5(head: bytes) -> bool:
    """Whether a file that begins so is HDF5."""
    return _MAGIC in head[:4096]


def read_recorded(path: Path) -> list[Recorded]:
    """Read what groups of a file record over energy; stacks are left on disk.

    A group that is another one's plot, by links to the same data, is not counted twice.

    Raises
    ------
    ReaderError
        If the file is damaged, leads out of its folder, or holds no such group.
    """
    with open_hdf5(path) as file:
        try:
            check_links(path, file)
            found = [r for group in _Walk(file).groups() if (r := _recorded(path, group))]
        except ReaderError:
            raise
        except _BROKEN as error:
            raise ReaderError(
                path, f"something in it cannot be read ({error})", remedy="copy the file again"
            ) from None
    if not found:
        raise ReaderError(
            path,
            "no group with energies and something measured at each",
            expected="a one-dimensional dataset called energy beside the signals",
            remedy="name the column of energies with energy=",
        )
    return found


def read_absorption(path: Path) -> list[Table]:
    """Tables of a file; a stack of many frames is named, and to be read alone."""
    return [
        _alone(r) if r.stacks and len(r.table.columns) < 2 else r.table for r in read_recorded(path)
    ]


def _alone(recorded: Recorded) -> Table:
    name, (_, shape, _) = next(iter(recorded.stacks.items()))
    return Table(
        {},
        name=recorded.table.name,
        place=recorded.place,
        note=f"{name} is a stack of shape {shape}: read this file alone",
    )


def holds_stacks(path: Path) -> bool:
    """Whether a group has a dataset of more dimensions than energies; nothing is read."""
    return _some(path, lambda group: any(_is_stack(node) for _, node in _datasets(group)))


def _sniff(head: bytes, path: Path) -> bool:
    """Whether a group has an axis of energies."""
    return is_hdf5(head) and _some(path, lambda group: _energy(group) is not None)


def _some(path: Path, test: Callable[[Any], bool]) -> bool:
    """Whether something holds for a group; other files are entered only if they may be."""
    try:
        with open_hdf5(path) as file:
            inside = _Walk(file, outside=False)
            if any(map(test, inside.groups())):
                return True
            if not inside.skipped:
                return False
            check_links(path, file)
            return any(map(test, _Walk(file).groups()))
    except (ReaderError, *_BROKEN):
        return False


class _Walk:
    """A walk through the groups of a file that hold spectra, none inside another.

    Where no group has energies, those with two columns of numbers or more.
    """

    def __init__(self, file: Any, *, outside: bool = True) -> None:
        self._outside = outside
        self._found: list[Any] = []
        self._others: list[Any] = []
        self.skipped = False
        self._enter(file, 0)

    def groups(self) -> list[Any]:
        return self._found or self._others

    def _enter(self, group: Any, depth: int) -> None:
        import h5py

        if _energy(group) is not None:
            self._found.append(group)
            return
        datasets = 0
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink) and not self._outside:
                self.skipped = True
            elif not isinstance(link, h5py.SoftLink):
                node = group.get(name)
                if isinstance(node, h5py.Group) and depth < _MOST_DEPTH:
                    self._enter(node, depth + 1)
                datasets += _is_column(node)
        if datasets > 1:
            self._others.append(group)


def _energy(group: Any) -> Any:
    """The dataset of energies of a group, or None."""
    for name in sorted(group, key=lambda n: (column_name(n) not in ("energy", "e"), n)):
        if is_energy(column_name(name)) and _is_column(node := group.get(name)):
            return node
    if "x" in group and "y" in group and _is_column(group["x"]):
        return group["x"]
    if _text(group, "definition").startswith("NXxas"):
        node = group.get("instrument/monochromator/energy")
        return node if _is_column(node) else None
    return None


def _recorded(path: Path, group: Any) -> Recorded | None:
    """What a group holds; None if there is nothing but energies."""
    energy = _energy(group)
    sizes = [node.size for _, node in _datasets(group) if _is_column(node)]
    points = energy.size if energy is not None else max(sizes, default=0)
    recorded = Recorded(group.name, Table({}))
    columns: dict[str, FloatArray] = {}
    units: dict[str, str] = {}
    if energy is not None:
        columns["energy"] = np.asarray(energy[()], dtype=float)
        units["energy"] = _attribute(energy, "units")
    for name, node in _datasets(group):
        if node == energy or (name.endswith("_errors") and name.removesuffix("_errors") in group):
            continue
        if node.shape == (points,):
            own = _called(group, name, node)
            columns.setdefault(own, np.asarray(node[()], dtype=float))
            units.setdefault(own, _attribute(node, "units"))
        elif "array_labels" in node.attrs:
            for label, values in _labelled(path, node, points):
                if label not in map(column_name, group):
                    columns.setdefault(label, values)
        elif node.ndim > 1 and points in node.shape:
            dimension = _dimension(group, node, points)
            recorded.stacks[_called(group, name, node)] = (node.name, tuple(node.shape), dimension)
        elif node.ndim == 1 and node.size <= _MOST_VALUES:
            values = np.asarray(node[()], dtype=float)
            recorded.frames[column_name(name)] = (values, _attribute(node, "units"))
    if len(columns) < 2 and not recorded.stacks:
        return None
    recorded.table = Table(
        columns,
        units={name: unit for name, unit in units.items() if unit},
        d_spacing=_d_spacing(group),
        variables=_variables(group),
        metadata=_metadata(group),
        name=_attribute(group, "label") or group.name.strip("/"),
        place=group.name.strip("/"),
        signal=column_name(_attribute(group, "signal")),
    )
    return recorded


def _datasets(group: Any) -> Iterator[tuple[str, Any]]:
    """Numbers in a group, and in the groups of a NeXus entry that hold its detectors."""
    import h5py

    for name in group:
        node = group.get(name)
        if isinstance(node, h5py.Dataset) and _is_numeric(node):
            yield name, node
    if not _text(group, "definition").startswith("NXxas"):
        return
    seen = _SEEN.get(_text(group, "mode").lower(), "absorbed_beam")
    for holder in (group.get("instrument"), group):
        for name in holder if holder is not None else ():
            node = holder.get(f"{name}/data") if isinstance(holder.get(name), h5py.Group) else None
            if isinstance(node, h5py.Dataset) and _is_numeric(node):
                yield seen if name == "absorbed_beam" else name, node


def _called(group: Any, name: str, node: Any) -> str:
    """Name of a column; NXxas files say of ``intensity`` by its long name what it is."""
    own = column_name(name)
    if own == "intensity" and _text(group, "definition").startswith("NXxas"):
        long_name = _attribute(node, "long_name").lower()
        return "norm" if _NORMALISED.search(long_name) else "mu"
    return own


def _labelled(path: Path, node: Any, points: int) -> Iterator[tuple[str, FloatArray]]:
    """Columns of a matrix with labels, lying or standing."""
    labels = json.loads(_attribute(node, "array_labels"))
    shape = tuple(node.shape)
    if shape not in ((points, len(labels)), (len(labels), points)) or node.size > _MOST_VALUES:
        raise ValueError(f"{node.name} has shape {shape} for {len(labels)} labels")
    values = np.asarray(node[()], dtype=float)
    values = values if shape[0] == len(labels) else values.T
    return zip(map(column_name, map(str, labels)), values, strict=True)


def _dimension(group: Any, node: Any, points: int) -> int:
    """Which dimension of a dataset is the energy: as its axes say, else by the number of points.

    Where several fit, the last of two (frames × energy), the first of more (energy × y × x).
    """
    axes = np.atleast_1d(group.attrs.get("axes", node.attrs.get("axes", ())))
    names = [column_name(_decoded(a)) for a in axes.tolist()]
    stated = [i for i, name in enumerate(names) if is_energy(name)]
    if len(names) == node.ndim and len(stated) == 1 and node.shape[stated[0]] == points:
        return stated[0]
    fitting = [i for i, size in enumerate(node.shape) if size == points]
    return fitting[-1] if node.ndim == 2 else fitting[0]


def _is_numeric(node: Any) -> bool:
    return node.dtype.kind in "fiu" and node.shape is not None and node.size > 0


def _is_stack(node: Any) -> bool:
    return node.ndim > 1 and "array_labels" not in node.attrs


def _is_column(node: Any) -> bool:
    import h5py

    return (
        isinstance(node, h5py.Dataset)
        and _is_numeric(node)
        and node.ndim == 1
        and _FEWEST <= node.size <= _MOST_VALUES
    )


def _variables(group: Any) -> dict[str, tuple[float, str]]:
    for name in ("scan/start_time", "start_time", "../start_time"):
        text = _text(group, name)
        time = iso_seconds(text)
        time = find_time(text) if time is None else time
        if time is not None:
            return {"time": (time, "s")}
    return {}


def _metadata(group: Any) -> dict[str, Any]:
    element = _text(group, "element/symbol") or _attribute(group, "element")
    edge = (_text(group, "edge/name") or _attribute(group, "edge")).split(" ")[0]
    facts: dict[str, Any] = {"element": element, "edge": edge}
    return {key: value for key, value in facts.items() if value}


def _d_spacing(group: Any) -> float:
    """Of the monochromator's crystal, in angstrom (NeXus gives its unit)."""
    node = group.get("instrument/monochromator/crystal/d_spacing")
    try:
        value = float(np.asarray(node[()]).ravel()[0])
    except (ValueError, TypeError, IndexError):
        return float("nan")
    return 10.0 * value if _attribute(node, "units").lower() in ("nm", "nanometer") else value


def _text(group: Any, name: str) -> str:
    """Text of a dataset, empty where there is none."""
    node = group.get(name)
    if getattr(node, "shape", None) not in ((), (1,)):
        return ""
    return _decoded(np.asarray(node[()]).ravel()[0]) if node.dtype.kind in "OSU" else ""


def _attribute(node: Any, name: str) -> str:
    value = node.attrs.get(name, "")
    return _decoded(value) if np.ndim(value) == 0 else ""


def _decoded(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


READER = table_reader("absorption_hdf5", (".h5", ".hdf5", ".nxs"), _sniff, read_absorption)
