"""`read`: many files into one Stack."""

from __future__ import annotations

import difflib
import glob
import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.readers.frame import Frame, Reader, list_readers
from spectra.readers.grid import common_frame, find_place
from spectra.stack import Axis, InputFile, Noise, Stack, Variable
from spectra.status import Status

FloatArray = NDArray[np.float64]

_HEAD = 8192
_UNITS = {"two_theta": "deg", "q": "1/angstrom", "energy": "eV"}
_LABELS = {"two_theta": "2θ"}


@dataclass(frozen=True)
class _Item:
    """A frame, or why there is none."""

    name: str
    frame: Frame | None
    message: str = ""


def read(
    source: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,  # noqa: A002 - what users call it
    wavelength: float | None = None,
    anode: str | None = None,
    axis: str | None = None,
    noise: Noise | None = None,
    regrid: bool | None = None,
    poni: str | Path | None = None,
    mask: str | Path = "",
    n_points: int = 3000,
    unit: str = "2th_deg",
    variables: Mapping[str, ArrayLike] | None = None,
    metadata: Mapping[str, Any] | None = None,
    title: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Stack:
    """Read files into a Stack.

    Parameters
    ----------
    source : path, glob pattern, or list of either
        In the order given; the matches of a pattern in natural order (2 before 10).
    format : str, optional
        Name of a reader; by default found from the contents.
    wavelength : float, optional
        Angstrom; overrides the files' own.
    anode : str, optional
        Sets the Kα doublet of a laboratory tube, e.g. ``"Cu"``.
    axis : {"two_theta", "q"}, optional
        What the positions are.
    noise : {"counts", "given", "unknown"}, optional
        What the intensities scatter like.
    regrid : bool, optional
        Bring frames on another axis to the common one by interpolation (`find_place`);
        without it they are marked bad_input. By default spectra over energy are, of which no
        two have quite the same axis, and patterns are not.
    poni, mask, n_points, unit
        For detector images: pyFAI calibration, mask image, points and unit of the pattern.
    variables : mapping, optional
        Values per frame, e.g. ``{"temperature": [300, 310]}``.
    metadata : mapping, optional
        Added to that of the files.
    title : str
    progress : callable, optional
        Called with (files read, files in all).

    Returns
    -------
    Stack
        In a sequence, files that cannot be read are frames of NaN with status bad_input.

    Raises
    ------
    ReaderError
        If nothing can be read; it names the file, the place and the remedy.
    """
    paths = find_files(source)
    own = _own_file(paths)
    if own is not None:
        stack = own
    else:
        stack = _read_foreign(
            paths, format, regrid, _integrator(poni, mask, n_points, unit), progress, axis
        )
    facts = dict(metadata or {})
    if anode is not None:
        from spectra.reference import radiation

        line = radiation(anode)
        facts["wavelength"] = line.wavelength
        if line.wavelength2:
            facts |= {"wavelength2": line.wavelength2, "ratio": line.ratio}
    if wavelength is not None:
        if not 0.01 < wavelength < 100:
            raise SettingError(f"wavelength = {wavelength!r}; expected angstrom, 0.01 to 100")
        facts["wavelength"] = float(wavelength)
    parts: dict[str, Any] = {"metadata": {**stack.metadata, **facts}}
    if noise is not None:
        parts["noise"] = noise
    if title:
        parts["title"] = title
    from dataclasses import replace

    return replace(_with_variables(stack, variables or {}), **parts)


def find_files(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files of a path, a folder of one kind, a glob pattern or a list of these.

    Raises
    ------
    ReaderError
        If something does not exist or a pattern matches nothing.
    """
    if not isinstance(source, str | Path):
        items = list(source)
        if not items:
            raise ReaderError("files", "the list of files is empty")
        return [path for item in items for path in find_files(item)]
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        return _folder(path)
    if any(c in str(source) for c in "*?["):
        matches = sorted((Path(m) for m in glob.glob(str(source), recursive=True)), key=_natural)
        files = [m for m in matches if m.is_file()]
        if files:
            return files
        raise ReaderError(source, "no file matches", remedy="check the folder and the pattern")
    folder = path.parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, 3)
    hint = f"did you mean {', '.join(near)}?" if near else "check the path"
    raise ReaderError(path, "no such file", remedy=hint)


def _folder(path: Path) -> list[Path]:
    files = [p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")]
    known = {e for reader in list_readers() for e in reader.extensions}
    kinds = Counter(p.suffix.lower() for p in files if p.suffix.lower() in known)
    if len(kinds) != 1:
        seen = ", ".join(f"{n} {k}" for k, n in kinds.items()) or "no patterns"
        raise ReaderError(
            path,
            f"the folder holds {seen}",
            expected="patterns of one kind",
            remedy="give a pattern such as '*.xye'",
        )
    (kind,) = kinds
    return sorted((p for p in files if p.suffix.lower() == kind), key=_natural)


def _natural(path: Path) -> list[Any]:
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", str(path))]


def _own_file(paths: list[Path]) -> Stack | None:
    """A single file written by `spectra` is opened as it is."""
    from spectra.nexus import is_own, open_file
    from spectra.results import Record

    if len(paths) != 1 or not is_own(paths[0]):
        return None
    content = open_file(paths[0])
    if isinstance(content, Record) and content.stack is not None:
        return content.stack
    if isinstance(content, Stack):
        return content
    raise ReaderError(paths[0], "the file holds results, not patterns", remedy="spectra.open(path)")


def _integrator(poni: str | Path | None, mask: str | Path, n_points: int, unit: str) -> Any:
    if poni is None:
        return None
    from spectra.readers.images import Integrator

    return Integrator(poni, n_points=n_points, unit=unit, mask=mask)


def _read_foreign(
    paths: list[Path],
    name: str | None,
    regrid: bool | None,
    integrator: Any,
    progress: Callable[[int, int], None] | None,
    axis: str | None,
) -> Stack:
    items: list[_Item] = []
    inputs: list[InputFile] = []
    errors: list[ReaderError] = []
    for i, path in enumerate(paths):
        try:
            frames = integrator.read(path) if integrator else _reader(path, name).read(path)
            several = len(frames) > 1
            items += [
                _Item(f"{path.name} {f.name}".strip() if several else path.name, f, f.note)
                for f in frames
            ]
            inputs.append(_fingerprint(path))
        except ReaderError as error:
            errors.append(error)
            items.append(_Item(path.name, None, str(error)))
        except OSError as error:
            errors.append(ReaderError(path, f"cannot be read ({error.strerror})"))
            items.append(_Item(path.name, None, str(errors[-1])))
        if progress:
            progress(i + 1, len(paths))
    if len(errors) == len(paths):
        if len(errors) == 1:
            raise errors[0]
        raise ReaderError(
            errors[0].path,
            f"none of {len(paths)} files can be read; the first: {errors[0].problem}",
            where=errors[0].where,
            expected=errors[0].expected,
            remedy=errors[0].remedy,
        )
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(paths)} files cannot be read and are marked bad_input; "
            f"the first: {errors[0]}",
            DataWarning,
            stacklevel=4,
        )
    return _assemble(items, tuple(inputs), regrid, axis)


def _reader(path: Path, name: str | None) -> Reader:
    readers = list_readers()
    if name is not None:
        for reader in readers:
            if reader.name == name:
                return reader
        raise SettingError(f"no format {name!r}; there are {', '.join(r.name for r in readers)}")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return next(r for r in readers if r.sniff(head, path))


def _fingerprint(path: Path) -> InputFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return InputFile(str(path.resolve()), digest.hexdigest(), path.stat().st_size)


def _assemble(
    items: list[_Item], inputs: tuple[InputFile, ...], regrid: bool | None, axis: str | None
) -> Stack:
    frames = [item.frame for item in items if item.frame is not None]
    common = common_frame(frames)
    n, m = len(items), len(common.x)
    y, e = np.full((n, m), np.nan), np.full((n, m), np.nan)
    channels = {name: np.full((n, m), np.nan) for f in frames for name in f.channels}
    status = np.zeros(n, np.int8)
    messages = []
    for i, item in enumerate(items):
        message = item.message
        placed = None if item.frame is None else find_place(item.frame, common, regrid)
        if isinstance(placed, str):
            status[i], message = Status.BAD_INPUT, placed
        elif item.frame is None or placed is None:
            status[i] = Status.BAD_INPUT
        else:
            y[i] = placed.values(item.frame.y)
            if item.frame.errors is not None:
                e[i] = placed.errors(item.frame.errors)
            for name, channel in item.frame.channels.items():
                channels[name][i] = placed.values(channel)
            message = "; ".join(t for t in (message, placed.note) if t)
        messages.append(message)
    _warn_once(messages, status)
    given = np.isfinite(e).any()
    noises = {f.noise for f in frames}
    noise: Noise = noises.pop() if len(noises) == 1 else ("given" if given else "unknown")
    name = axis or common.axis
    if name not in _UNITS:
        raise SettingError(f"axis = {name!r}; expected one of {', '.join(_UNITS)}")
    return Stack(
        axis=Axis(common.x, name, _UNITS[name], _LABELS.get(name, name)),
        signal=y,
        errors=e if given else None,
        noise=noise,
        quantity=common.quantity,
        channels=channels,
        variables=_variables(items),
        names=tuple(item.name for item in items),
        status=status,
        messages=tuple(messages),
        metadata=_shared_metadata(frames),
        inputs=inputs,
    )


def _warn_once(messages: list[str], status: NDArray[np.int8]) -> None:
    odd = [m for m, s in zip(messages, status.tolist(), strict=True) if m and s == Status.OK]
    if odd:
        warnings.warn(
            f"{len(odd)} frames are usable with a reservation; the first: {odd[0]}",
            DataWarning,
            stacklevel=5,
        )


def _variables(items: list[_Item]) -> dict[str, Variable]:
    names = {n: u for i in items if i.frame for n, (_, u) in i.frame.variables.items()}
    out = {}
    for name, unit in names.items():
        values = [
            i.frame.variables[name][0] if i.frame and name in i.frame.variables else np.nan
            for i in items
        ]
        out[name] = Variable(np.array(values, dtype=float), unit, name)
    return out


def _shared_metadata(frames: list[Frame]) -> dict[str, Any]:
    shared = dict(frames[0].metadata)
    for name, value in list(shared.items()):
        others = [f.metadata.get(name) for f in frames]
        if any(o != value for o in others):
            known = sorted({str(o) for o in others})
            warnings.warn(
                f"{name} differs between files ({', '.join(known[:3])}…); the first is used",
                DataWarning,
                stacklevel=6,
            )
    return shared


def _with_variables(stack: Stack, variables: Mapping[str, ArrayLike]) -> Stack:
    made = {}
    for name, values in variables.items():
        array = np.array(values, dtype=float)
        if array.shape != (stack.n_frames,):
            raise SettingError(
                f"variable {name!r} has {array.size} values for {stack.n_frames} frames"
            )
        unit = {"temperature": "K", "time": "s", "voltage": "V"}.get(name, "")
        made[name] = Variable(array, unit, name)
    return stack.with_variables(**made) if made else stack
