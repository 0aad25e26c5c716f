"""Photoelectron spectra in NeXus: NXmpes and NXxps, each entry a region.

NXmpes (NeXus definitions): ``data`` of an entry holds ``data`` over ``energy``, whose attribute
``type`` is ``binding`` or ``kinetic``; further axes become frames.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.nexus import check_links, open_hdf5
from spectra.readers.absorption_hdf5 import is_hdf5
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.times import iso_seconds

FloatArray = NDArray[np.float64]

_DEFINITIONS = ("NXmpes", "NXxps")
_MOST_VALUES = 5_000_000
_MOST_ENTRIES = 10_000
_BROKEN = (
    *(KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError),
    *(IndexError, OverflowError, MemoryError),
)
# Last part of a dataset's path: what it is here.
_FACTS = {
    "incident_energy": "photon_energy",
    "excitation_energy": "photon_energy",
    "pass_energy": "pass_energy",
    "work_function": "work_function",
    "dwell_time": "dwell_time",
    "count_time": "dwell_time",
    "number_of_sweeps": "sweeps",
    "energy_scan_mode": "analyser_mode",
    "lens_mode": "lens",
}
_NUMBERS = ("photon_energy", "pass_energy", "work_function", "dwell_time", "sweeps")
_SCALES = {"kev": 1e3, "mev": 1e-3, "ms": 1e-3, "us": 1e-6}


def _sniff(head: bytes, path: Path) -> bool:
    if not is_hdf5(head):
        return False
    try:
        with open_hdf5(path) as file:
            return any(True for _ in _entries(file))
    except (ReaderError, *_BROKEN):
        return False


def read_nexus_electrons(path: Path) -> list[Frame]:
    """Read the default data of each entry.

    Raises
    ------
    ReaderError
        If the file is damaged, leads out of its folder, or an entry has no spectrum.
    """
    with open_hdf5(path) as file:
        try:
            check_links(path, file)
            spectra = [s for entry in _entries(file) for s in _spectra(path, entry)]
        except ReaderError:
            raise
        except _BROKEN as error:
            raise ReaderError(
                path,
                f"something in it cannot be read ({str(error)[:200]})",
                remedy="copy the file again",
            ) from None
    return make_electron_frames(path, spectra)


def _entries(file: Any) -> list[Any]:
    names = list(file)[:_MOST_ENTRIES]
    groups = [file[name] for name in names if hasattr(file.get(name), "keys")]
    return [group for group in groups if _text(group.get("definition")) in _DEFINITIONS]


def _spectra(path: Path, entry: Any) -> list[Spectrum]:
    group = _data(path, entry)
    signal = group.get(_text(group.attrs.get("signal", "data")))
    energy = group.get("energy")
    if signal is None or energy is None:
        raise ReaderError(
            path,
            f"datasets {', '.join(map(str, group))[:80]}",
            where=group.name,
            expected="a signal, and energy beside it",
            remedy="write it again as NXmpes",
        )
    x = _array(path, energy) * _scale(energy)
    axes = [_text(name) for name in np.atleast_1d(group.attrs.get("axes", []))]
    at = axes.index("energy") if "energy" in axes else signal.ndim - 1
    if x.ndim != 1 or at >= signal.ndim or signal.shape[at] != x.size:
        raise ReaderError(
            path,
            f"signal of shape {signal.shape}, energy of shape {x.shape}",
            where=group.name,
            expected="one dimension of the signal as long as the energy",
            remedy="write it again as NXmpes",
        )
    values = np.moveaxis(_array(path, signal), at, -1)
    facts = _facts(entry)
    numbers = {name: facts.pop(name, math.nan) for name in ("dwell_time", "sweeps")}
    photon_energy = facts.pop("photon_energy", math.nan)
    others = [name for i, name in enumerate(axes) if i != at]
    own = str(entry.name).strip("/")
    title = _text(entry.get("title"))
    spectra = []
    for number, row in enumerate(values.reshape(-1, x.size)):
        places = np.unravel_index(number, values.shape[:-1]) if values.ndim > 1 else ()
        variables = _variables(group, others, places)
        if (time := iso_seconds(_text(entry.get("start_time")))) is not None:
            variables["time"] = (time, "s")
        spectra.append(
            Spectrum(
                x,
                row,
                _axis(energy),
                Region(own, tuple(filter(None, (title,)))),
                name=f"frame {number}" if values.ndim > 1 else "",
                rate=is_rate(_text(signal.attrs.get("units", ""))),
                dwell_time=numbers["dwell_time"],
                sweeps=numbers["sweeps"],
                photon_energy=photon_energy,
                facts=facts,
                variables=variables,
            )
        )
    return spectra


def _data(path: Path, entry: Any) -> Any:
    for name in (_text(entry.attrs.get("default", "")), "data"):
        group = entry.get(name) if name else None
        if hasattr(group, "keys"):
            return group
    raise ReaderError(
        path,
        "no data",
        where=str(entry.name),
        expected="a group data of NXdata",
        remedy="write it again as NXmpes",
    )


def _axis(energy: Any) -> str:
    said = _text(energy.attrs.get("type", "")) or _text(energy.attrs.get("long_name", ""))
    return "kinetic_energy" if "kinetic" in said.lower() else "binding_energy"


def _facts(entry: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        known = _FACTS.get(name.rsplit("/", 1)[-1])
        if known is None or getattr(node, "size", 0) != 1 or known in found:
            return
        if known in _NUMBERS:
            value = float(np.asarray(node[()], dtype=float).ravel()[0]) * _scale(node)
            if value > 0:
                found[known] = value
        elif text := _text(node):
            found[known] = text

    for part in ("instrument", "data"):
        if hasattr(entry.get(part), "visititems"):
            entry[part].visititems(visit)
    texts = {"sample": "sample/name", "technique": "method", "instrument": "instrument/name"}
    for name, place in texts.items():
        if text := _text(entry.get(place)):
            found[name] = text
    return found


def _variables(
    group: Any, names: list[str], places: tuple[Any, ...]
) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    for name, place in zip(names, places, strict=False):
        scale = group.get(name)
        known = scale is not None and np.shape(scale) and int(place) < len(scale)
        value = float(scale[int(place)]) if known else float(place)
        unit = _text(scale.attrs.get("units", "")) if known else ""
        found[column_name(name) or "axis"] = (value, unit)
    return found


def _array(path: Path, dataset: Any) -> FloatArray:
    if dataset.size > _MOST_VALUES:
        raise ReaderError(
            path, f"{dataset.name} has shape {dataset.shape}", expected=f"{_MOST_VALUES} values"
        )
    return np.asarray(dataset[()], dtype=float)


def _scale(dataset: Any) -> float:
    """What takes a number to eV or s."""
    unit = _text(dataset.attrs.get("units", ""))
    return _SCALES.get(unit.lower(), 1.0) if unit != "MeV" else 1e6


def _text(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "attrs"):
        value = value[()] if value.size == 1 else ""
    value = value.ravel()[0] if isinstance(value, np.ndarray) and value.size == 1 else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


READER = Reader("nexus_electrons", (".nxs", ".h5", ".hdf5"), _sniff, read_nexus_electrons)
