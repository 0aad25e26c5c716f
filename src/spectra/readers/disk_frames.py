"""Stacks of absorption that stay in their HDF5 file: images at each energy, or many spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.hdf5 import H5Array
from spectra.readers.absorption import Choice
from spectra.readers.absorption_hdf5 import (
    READER,
    Recorded,
    holds_stacks,
    is_hdf5,
    read_recorded,
)
from spectra.readers.arithmetic import calculate, columns_in
from spectra.readers.files import fingerprint, head_of
from spectra.readers.nexus_electrons import READER as ELECTRONS
from spectra.readers.ordering import Ordering, order_points
from spectra.readers.tables import MIN_POINTS, Selection, choose_energy, evaluate
from spectra.stack import ArraySource, Axis, Stack, Variable

FloatArray = NDArray[np.float64]

_BAND_BYTES = 32 << 20
# As many as signals are likely to be calculated from.
_BANDS = 4
_UNITS = {"time": "s", "temperature": "K", "voltage": "V"}


@dataclass(frozen=True)
class DiskFrames:
    """Spectra of a dataset in which the energy may be any dimension.

    The file is read in bands of rows of the first other dimension, at most 32 MiB or one row
    at a time, and a process keeps the last few: blocks of frames that follow each other read
    every value once, whatever their size.

    Parameters
    ----------
    source : H5Array
    dimension : int
        That of the energy.
    order : Ordering
        Of the energies.
    """

    source: H5Array
    dimension: int
    order: Ordering

    @property
    def others(self) -> tuple[int, ...]:
        """Shape of the frames: that of the dataset without its energies."""
        shape = self.source.shape
        return (*shape[: self.dimension], *shape[self.dimension + 1 :])

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, points)."""
        return (math.prod(self.others), len(self.order.starts))

    def __getitem__(self, key: Any, /) -> FloatArray:
        frames = range(self.shape[0])[key] if isinstance(key, slice) else None
        if not isinstance(frames, range) or frames.step != 1:
            return np.asarray(self[:][key])
        out = np.empty((len(frames), self.shape[1]))
        size = self._rows_per_band * self._per_row
        at = frames.start
        while at < frames.stop:
            first = at // size * size
            stop = min(frames.stop, first + size)
            band = self._band(at // size)[at - first : stop - first]
            out[at - frames.start : stop - frames.start] = self.order.apply(band)
            at = stop
        return out

    @property
    def _per_row(self) -> int:
        return math.prod(self.others[1:])

    @property
    def _rows_per_band(self) -> int:
        row = 8 * self._per_row * self.source.shape[self.dimension]
        return max(1, _BAND_BYTES // max(row, 1))

    def _band(self, number: int) -> FloatArray:
        """Spectra (frames, recorded) of a band."""
        rows = self._rows_per_band
        path = Path(self.source.path)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _read_band(self.source, self.dimension, number * rows, rows, changed)


@lru_cache(maxsize=_BANDS)
def _read_band(source: H5Array, dimension: int, first: int, rows: int, changed: int) -> FloatArray:
    """Read rows of a dataset as spectra; `changed` tells one state of the file from another."""
    band = slice(first, first + rows)
    values = np.moveaxis(source[(slice(None), band) if dimension == 0 else (band,)], dimension, -1)
    spectra = values.reshape(-1, values.shape[-1])
    spectra.flags.writeable = False
    return spectra


@dataclass(frozen=True)
class CalculatedFrames:
    """A signal calculated from others, block by block.

    Parameters
    ----------
    text : str
        As for `spectra.readers.arithmetic.calculate`.
    sources : mapping of name to source (frames, points) or array (points,)
        All columns in their order.
    """

    text: str
    sources: Mapping[str, ArraySource]

    @cached_property
    def _used(self) -> frozenset[str]:
        return columns_in(self.text, self.sources)

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, points)."""
        return next(tuple(s.shape) for s in self.sources.values() if len(s.shape) == 2)

    def __getitem__(self, key: Any, /) -> FloatArray:
        if not isinstance(key, slice):
            return np.asarray(self[:][key])
        frames = len(range(self.shape[0])[key])
        columns = {}
        for name, source in self.sources.items():
            if name not in self._used:
                columns[name] = np.zeros(())
            else:
                columns[name] = np.asarray(source[key] if len(source.shape) == 2 else source)
        # Also what is the same for all frames has a row for each.
        columns[""] = np.zeros((frames, self.shape[1]))
        return calculate(self.text, columns)


def open_frames(paths: list[Path], name: str | None, selection: Selection) -> Stack | None:
    """Open a stack of spectra in one HDF5 file without reading its values.

    Parameters
    ----------
    paths : list of Path
    name : str or None
        Of the format that a user asks for.
    selection : Selection

    Returns
    -------
    Stack or None
        None if there is no dataset of several frames over energy.

    Raises
    ------
    ReaderError
        If it cannot be told which is meant.
    """
    if len(paths) != 1 or name not in (None, READER.name):
        return None
    (path,) = paths
    if not is_hdf5(head := head_of(path)) or not holds_stacks(path):
        return None
    if not selection and not READER.sniff(head, path):
        return None
    if name is None and ELECTRONS.sniff(head, path):
        return None
    recorded = read_recorded(path)
    if not any(r.stacks for r in recorded):
        return None
    groups = [r for r in recorded if selection.takes(r.table.name, r.table.place)]
    if len(groups) != 1:
        named = ", ".join(r.table.place or "/" for r in recorded)
        raise ReaderError(
            path,
            f"{len(groups)} groups with stacks and spectra",
            expected=f"one of {named}",
            remedy="choose it with entry=",
        )
    if not groups[0].stacks:
        return None
    return _open(path, groups[0], selection)


def _open(path: Path, group: Recorded, selection: Selection) -> Stack:
    columns = group.table.columns
    energies = choose_energy(path, columns, group.table.units, selection, group.table.d_spacing)
    order = order_points(energies.values)
    if len(order.starts) < MIN_POINTS:
        raise ReaderError(path, f"{len(order.starts)} energies", expected=f"at least {MIN_POINTS}")
    stacks = _sources(path, group, order)
    sources: dict[str, Any] = {n: order.apply(c) for n, c in columns.items()} | stacks
    choice = _choice(path, sources, stacks, selection, energies.used)
    signal = _source(path, choice.signal, sources)
    channels = {
        channel: _source(path, text, sources)
        for channel, text in choice.channels.items()
        if channel in selection.channels or columns_in(text, sources) & stacks.keys()
    }
    others = next(iter(stacks.values())).others
    where = np.unravel_index(np.arange(math.prod(others)), others)
    note = "; ".join(t for t in (energies.note, order.note) if t)
    return Stack(
        Axis(order.apply(energies.values), "energy", "eV", "energy"),
        signal,
        quantity=choice.quantity,
        channels=channels,
        variables={**_variables(group, others), **_places(others, where)},
        names=_names(others, where),
        metadata={
            **group.table.metadata,
            "signal": choice.signal,
            "shape": list(others),
            **({"note": note} if note else {}),
        },
        inputs=(fingerprint(path),),
    )


def _sources(path: Path, group: Recorded, order: Ordering) -> dict[str, DiskFrames]:
    """The stacks of a group that are of one shape, that of the first."""
    place = str(path.resolve())
    sources = {
        name: DiskFrames(H5Array(place, dataset, shape), dimension, order)
        for name, (dataset, shape, dimension) in group.stacks.items()
    }
    first = next(iter(sources.values()))
    return {name: source for name, source in sources.items() if source.others == first.others}


def _choice(
    path: Path,
    sources: Mapping[str, Any],
    stacks: Mapping[str, DiskFrames],
    selection: Selection,
    used: frozenset[str],
) -> Choice:
    """What to show; a single stack among mean spectra and monitors is what is meant."""
    others = [name for name in sources if name not in used]
    choice = selection.choice(others)
    if choice is None or not (
        selection.signal or columns_in(choice.signal, sources) & stacks.keys()
    ):
        if len(stacks) == 1:
            return replace(selection.only(next(iter(stacks))), channels=selection.channels)
        raise ReaderError(
            path,
            f"nothing says which of {', '.join(stacks)} is the absorption",
            remedy="say it, as in signal='ln(i0/i1)'",
        )
    return choice


def _source(path: Path, text: str, sources: Mapping[str, Any]) -> ArraySource:
    direct = sources.get(text.strip().lower())
    if isinstance(direct, DiskFrames):
        return direct
    # Errors are to come now, and not with the first block.
    evaluate(path, text, {name: np.ones(()) for name in sources})
    return CalculatedFrames(text, dict(sources))


def _variables(group: Recorded, others: tuple[int, ...]) -> dict[str, Variable]:
    """Numbers beside the stack of which there is one per frame."""
    return {
        name: Variable(values, unit or _UNITS.get(name, ""), name)
        for name, (values, unit) in group.frames.items()
        if (len(values),) == others
    }


def _places(others: tuple[int, ...], where: tuple[NDArray[np.intp], ...]) -> dict[str, Variable]:
    if len(others) < 2:
        return {}
    names = [f"index_{i}" for i in range(len(others) - 2)] + ["row", "column"]
    return {
        name: Variable(index.astype(float), "", name)
        for name, index in zip(names, where, strict=True)
    }


def _names(others: tuple[int, ...], where: tuple[NDArray[np.intp], ...]) -> tuple[str, ...]:
    if len(others) < 2:
        return ()
    return tuple(str(place) for place in zip(*(i.tolist() for i in where), strict=True))
