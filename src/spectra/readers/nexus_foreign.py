"""NeXus files of others: NXdata, NXmonopd, NXazint1d, NXraman."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.nexus import check_links, open_hdf5
from spectra.readers.frame import Frame, Reader, clean_errors, noise_of
from spectra.readers.labels import Scale, scale_of_label, scale_of_light, scale_of_unit
from spectra.readers.raman_spectra import RAMAN_AXES
from spectra.readers.text import ascending

FloatArray = NDArray[np.float64]

_MAX_VALUES = 2_000_000_000
_AXES = ("two_theta", "polar_angle", "tth", "2th", "ttheta", "radial_axis", "q", "d", "raman_shift")
_RAMAN_NAMES = ("raman", "shift", "wavenumber", "wavelength")
_VARIABLES = ("temperature", "time", "voltage", "current", "epoch", "pressure")
_SIGNALS = ("I", "data", "intensity", "counts", "signal")


def _sniff(head: bytes, path: Path) -> bool:
    return b"\x89HDF\r\n\x1a\n" in head[:4096]


def read_nexus(path: Path) -> list[Frame]:
    """Read the default plot: one pattern, or frames × points."""
    with open_hdf5(path) as file:
        check_links(path, file)
        signal = _signal(path, file)
        return _read_rows(path, file, 0, len(signal) if signal.ndim == 2 else 1)


@dataclass(frozen=True)
class Growth:
    """What a file that is being written holds by now.

    Parameters
    ----------
    n_frames : int
        Frames of which everything is there: signal, uncertainties and variables.
    frames : list of Frame
        Those that were asked for.
    fill : float
        What stands where nothing has been written.
    open : bool
        Whether its writer has not closed it.
    """

    n_frames: int
    frames: list[Frame]
    fill: float
    open: bool


def read_growing(path: Path, start: int, most: int) -> Growth | None:
    """Read frames from `start` on of a file that is being written, `most` at most.

    Parameters
    ----------
    path : Path
    start, most : int

    Returns
    -------
    Growth or None
        None if the file holds a single pattern.

    Raises
    ------
    ReaderError
        If it cannot be read (yet).
    """
    with open_hdf5(path) as file:
        check_links(path, file)
        signal = _signal(path, file)
        if signal.ndim != 2:
            return None
        n = _complete(signal)
        stop = min(n, start + most)
        frames = _read_rows(path, file, start, stop) if stop > start else []
        return Growth(n, frames, float(signal.fillvalue), bool(file.swmr_mode))


def _signal(path: Path, file: Any) -> Any:
    group = _find_data(path, file)
    name = _signal_name(group)
    if name not in group:
        raise ReaderError(
            path, f"no signal in {group.name}", expected=f"@signal or one of {_SIGNALS}"
        )
    signal = group[name]
    if signal.size > _MAX_VALUES or signal.ndim not in (1, 2):
        raise ReaderError(
            path,
            f"{signal.name} has shape {signal.shape}",
            expected="(points) or (frames, points)",
        )
    return signal


def _signal_name(group: Any) -> str:
    return _text(group.attrs.get("signal", "")) or _first(group, _SIGNALS)


def _complete(signal: Any) -> int:
    """Frames of which everything is there, where datasets grow one after the other."""
    group = signal.parent
    short = signal.name.rsplit("/", 1)[-1]
    beside = [n for n in (*_error_names(short), *_VARIABLES) if n in group]
    growing = [group[n] for n in beside if (getattr(group[n], "maxshape", None) or (0,))[0] is None]
    return min([len(signal), *(len(dataset) for dataset in growing)])


def _read_rows(path: Path, file: Any, start: int, stop: int) -> list[Frame]:
    """Read frames ``start:stop`` of the default plot."""
    group = _find_data(path, file)
    signal = _signal(path, file)
    axis_name = _axis_name(group, signal)
    if axis_name is None:
        raise ReaderError(
            path,
            f"no axis beside {signal.name}",
            expected=f"@axes naming it, or one of {', '.join(_AXES)}",
        )
    if group[axis_name].shape != signal.shape[-1:]:
        raise ReaderError(
            path,
            f"axis {axis_name} has shape {group[axis_name].shape}, the signal {signal.shape}",
        )
    rows = slice(start, stop) if signal.ndim == 2 else ()
    several = signal.ndim == 2 and len(signal) > 1
    y = np.atleast_2d(np.asarray(signal[rows], dtype=float))
    x = np.asarray(group[axis_name][()], dtype=float)
    errors = _errors(group, _signal_name(group), signal, rows, y.shape)
    unit = _text(group[axis_name].attrs.get("units", ""))
    scale = _scale(path, axis_name, unit)
    metadata = _lasers(file) if scale.axis in RAMAN_AXES else _metadata(file)
    variables = _variables(group, signal, start, stop)
    x, order = ascending(path, x * scale.factor)
    frames = []
    for i in range(len(y)):
        own, note = (None, "") if errors is None else clean_errors(errors[i, order])
        if own is not None and not np.isfinite(own).any():
            own = None
        frames.append(
            Frame(
                x,
                y[i, order],
                own,
                # Whole numbers of a CCD are no counts of photons.
                noise_of(y[i], own)
                if own is not None or scale.axis not in RAMAN_AXES
                else "unknown",
                {k: (float(v[i]), u) for k, (v, u) in variables.items()},
                metadata,
                axis=scale.axis,
                unit=scale.unit,
                name=f"frame {start + i}" if several else "",
                note="; ".join(n for n in (note, scale.note) if n),
            )
        )
    return frames


def _find_data(path: Path, file: Any) -> Any:
    """Follow the chain of @default; else the first NXdata, or a group that looks like one."""
    group = file
    for _ in range(8):
        name = _text(group.attrs.get("default", ""))
        if not name or name not in group:
            break
        group = group[name]
    if _text(group.attrs.get("NX_class", "")) in ("NXdata", "NXmonopd", "NXazint1d"):
        return group
    found: list[Any] = []

    def visit(_: str, node: Any) -> None:
        if hasattr(node, "keys") and _text(node.attrs.get("NX_class", "")) == "NXdata":
            found.append(node)

    group.visititems(visit)
    if not found and any(n in group for n in _SIGNALS):
        return group
    if not found:
        raise ReaderError(
            path,
            "no NXdata group",
            expected="a NeXus file with a default plot",
            remedy="name the format with format=, or convert it to text",
        )
    return found[0]


def _axis_name(group: Any, signal: Any) -> str | None:
    axes = group.attrs.get("axes", signal.attrs.get("axes"))
    if axes is not None:
        names = [_text(a) for a in np.atleast_1d(axes)]
        if len(names) == 1:
            names = names[0].replace(",", ":").split(":")
        if names[-1] in group:
            return names[-1]
    return next((n for n in _AXES if n in group), None)


def _scale(path: Path, name: str, unit: str) -> Scale:
    # An axis whose unit says nothing is known by its name, or not at all.
    scale = scale_of_unit(unit) or (None if unit else scale_of_label(path, name))
    if scale is None and any(part in name.lower() for part in _RAMAN_NAMES):
        scale = scale_of_light(unit)
    if scale is None:
        raise ReaderError(
            path,
            f"axis {name!r} in {unit!r}",
            expected="2θ in degrees, q, a Raman shift or wavelength",
            remedy="set its units",
        )
    return scale


def _error_names(signal: str) -> tuple[str, ...]:
    return (f"{signal}_errors", f"{signal}_error", "errors", f"{signal}_sigma")


def _errors(
    group: Any, name: str, signal: Any, rows: Any, shape: tuple[int, ...]
) -> FloatArray | None:
    for candidate in _error_names(name):
        if candidate not in group:
            continue
        errors = group[candidate]
        if np.size(errors) == signal.size and np.shape(errors) != signal.shape:
            whole = np.asarray(errors[()], dtype=float).reshape(signal.shape)
            return np.atleast_2d(whole[rows])
        # In a file that is being written it may be ahead of the signal by a frame.
        if np.ndim(errors) == signal.ndim and np.shape(errors)[-1:] == signal.shape[-1:]:
            values = np.atleast_2d(np.asarray(errors[rows], dtype=float))
            if values.shape == shape:
                return values
    return None


def _variables(group: Any, signal: Any, start: int, stop: int) -> dict[str, tuple[FloatArray, str]]:
    n = len(signal) if signal.ndim == 2 else 1
    out = {}
    for name in _VARIABLES:
        if name not in group or np.ndim(group[name]) != 1:
            continue
        dataset = group[name]
        grows = (getattr(dataset, "maxshape", None) or (0,))[0] is None
        if np.shape(dataset) == (n,) or (grows and len(dataset) >= stop):
            unit = _text(dataset.attrs.get("units", ""))
            out[name] = (np.asarray(dataset[start:stop], dtype=float), unit)
    return out


def _metadata(file: Any) -> dict[str, float | str]:
    metadata: dict[str, float | str] = {}

    def visit(name: str, node: Any) -> None:
        last = name.rsplit("/", 1)[-1].lower()
        if last in ("wavelength", "incident_wavelength") and getattr(node, "size", 0) == 1:
            value = float(np.asarray(node[()]).ravel()[0])
            unit = _text(node.attrs.get("units", "")).lower()
            value *= {"m": 1e10, "nm": 10.0}.get(unit, 1.0)
            if 0.01 < value < 100:
                metadata.setdefault("wavelength", value)

    file.visititems(visit)
    return metadata


def _lasers(file: Any) -> dict[str, float | str]:
    """Laser line (nm) of an incident beam or source, as NXraman keeps it (NXbeam, NXsource)."""
    metadata: dict[str, float | str] = {}

    def visit(name: str, node: Any) -> None:
        *parents, last = name.lower().split("/")
        of_light = any("beam" in p or "source" in p or "laser" in p for p in parents[-1:])
        named = last in ("incident_wavelength", "laser_wavelength")
        if (named or (last == "wavelength" and of_light)) and getattr(node, "size", 0) == 1:
            value = float(np.asarray(node[()]).ravel()[0])
            unit = _text(node.attrs.get("units", "")).lower()
            value *= {"m": 1e9, "um": 1e3, "angstrom": 0.1}.get(unit, 1.0)
            if 200 <= value <= 2000:
                metadata.setdefault("laser_wavelength", value)

    file.visititems(visit)
    return metadata


def _first(group: Any, names: tuple[str, ...]) -> str:
    return next((n for n in names if n in group), "")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


READER = Reader("nexus", (".h5", ".nxs", ".hdf5", ".nx"), _sniff, read_nexus)
