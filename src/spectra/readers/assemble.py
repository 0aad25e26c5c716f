"""`read`: many files into one Stack."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.readers.axes import AXES, as_asked, check_axis
from spectra.readers.disk_frames import open_frames
from spectra.readers.files import find_files
from spectra.readers.frame import Frame
from spectra.readers.grid import common_frame, find_place
from spectra.readers.items import Item, find_reader, read_items
from spectra.readers.regions import region_names
from spectra.readers.tables import Selection
from spectra.readers.variables import with_variables
from spectra.stack import Axis, InputFile, Noise, Stack, Variable
from spectra.status import Status

FloatArray = NDArray[np.float64]

_LASERS = (200.0, 2000.0)


def read(
    source: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,  # noqa: A002 - what users call it
    wavelength: float | None = None,
    anode: str | None = None,
    axis: str | None = None,
    laser: float | None = None,
    signal: str = "",
    channels: Mapping[str, str] | None = None,
    energy: str = "",
    quantity: str = "",
    entry: str | Sequence[str] = (),
    noise: Noise | None = None,
    regrid: bool | None = None,
    poni: str | Path | None = None,
    mask: str | Path = "",
    n_points: int = 3000,
    unit: str = "2th_deg",
    variables: Mapping[str, ArrayLike | str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    title: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Stack:
    r"""Read files into a Stack.

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
    axis : {"two_theta", "q", "energy", "binding_energy", "raman_shift", "wavelength", …}, optional
        What the positions are, whatever the files say. Spectra of electrons come over binding
        energy where the photon energy is known; ``"kinetic_energy"`` asks for the other.
    laser : float, optional
        Wavelength of the laser in nm; makes Raman shifts of wavelengths, and overrides the
        files' own.
    signal : str, optional
        For files of columns: what to make of them, e.g. ``"ln(i0/i1)"`` or
        ``"sum(roi_*)/i0"``; by default what the names of the columns suggest. Columns are
        called as their labels (lower case, ``_`` for all but letters and digits), or ``col1``,
        ``col2`` … by their number.
    channels : mapping of str to str, optional
        Further signals to be kept, e.g. ``{"reference": "ln(i1/i2)"}``.
    energy : str, optional
        The same for the photon energy (eV, or keV where that is evident).
    quantity : {"mu", "norm", "intensity", "chi"}, optional
        What the signal is; χ stands over k in 1/angstrom.
    entry : str or list of str, optional
        Of files that hold several spectra those of these names, or of names that match these
        patterns, e.g. ``"*NNO+3*"``: labels in Athena's projects, scans such as ``"3.1"`` in
        SPEC's files, groups or labels in HDF5, regions such as ``"V 2p"`` in files of
        photoelectron spectra. Of a file with several regions one must be chosen.
    noise : {"counts", "given", "unknown"}, optional
        What the intensities scatter like.
    regrid : bool, optional
        Bring frames on another axis to the common one by interpolation (`find_place`);
        without it they are marked bad_input. By default spectra over energy are, of which no
        two have quite the same axis, and so are Raman spectra; patterns are not.
    poni, mask, n_points, unit
        For detector images: pyFAI calibration, mask image, points and unit of the pattern.
    variables : mapping, optional
        Values per frame or per file, e.g. ``{"temperature": [300, 310]}``, one value for all,
        or a regular expression with one group that finds them in the frames' names:
        ``{"nno": r"NNO([+-][\d.]+)"}``. A unit may follow, as in ``"time [h]"``.
    metadata : mapping, optional
        Added to that of the files.
    title : str
    progress : callable, optional
        Called with (files read, files in all).

    Returns
    -------
    Stack
        In a sequence, files that cannot be read are frames of NaN with status bad_input. An
        imaging stack in one HDF5 file stays there: each pixel is a frame, the variables
        ``row`` and ``column`` say which, and ``metadata["shape"]`` is that of the image.

    Raises
    ------
    ReaderError
        If nothing can be read; it names the file, the place and the remedy.
    """
    if axis is not None:
        check_axis(axis)
    if laser is not None and not _LASERS[0] <= laser <= _LASERS[1]:
        raise SettingError(f"laser = {laser!r}; expected a wavelength in nm, 200 to 2000")
    paths = find_files(source)
    entries = (entry,) if isinstance(entry, str) else tuple(entry)
    wanted = Selection(signal, channels or {}, energy, quantity, tuple(filter(None, entries)))
    stack = _own_file(paths, wanted)
    if stack is None:
        stack = open_frames(paths, format, wanted)
    if stack is None:
        integrator = make_integrator(poni, mask, n_points, unit)
        items, inputs = read_items(paths, format, wanted, integrator, progress)
        stack = stack_of(items, axis=axis, laser=laser, regrid=regrid, inputs=inputs)
    return with_facts(
        stack,
        [p.name for p in paths],
        wavelength=wavelength,
        anode=anode,
        noise=noise,
        variables=variables,
        metadata=metadata,
        title=title,
    )


def with_facts(
    stack: Stack,
    files: list[str],
    *,
    wavelength: float | None = None,
    anode: str | None = None,
    noise: Noise | None = None,
    variables: Mapping[str, ArrayLike | str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    title: str = "",
) -> Stack:
    """A stack with what a user says about it, as `read` takes it.

    Parameters
    ----------
    stack : Stack
    files : list of str
        Names of the files it was read from.
    wavelength, anode, noise, variables, metadata, title
        As for `read`.

    Raises
    ------
    SettingError
        For a wavelength that cannot be, or an unknown anode.
    """
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
    return replace(with_variables(stack, variables or {}, files), **parts)


def read_regions(
    source: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,  # noqa: A002 - as in `read`
    **options: Any,
) -> dict[str, Stack]:
    """Read every region of files of photoelectron spectra, a Stack each.

    Parameters
    ----------
    source, format
        As for `read`.
    **options
        Further ones of `read`, except `entry`.

    Returns
    -------
    dict of str to Stack
        By the names of the regions in the order of the files.

    Raises
    ------
    ReaderError
        If a file cannot be read, or its format knows no regions.
    """
    names: dict[str, None] = {}
    for path in find_files(source):
        reader = find_reader(path, format)
        found = [] if reader.tables else region_names(reader.read(path))
        if not found:
            raise ReaderError(
                path,
                f"files of the format {reader.name} hold no regions",
                remedy="read it with read()",
            )
        names |= dict.fromkeys(found)
    return {name: read(source, format=format, entry=name, **options) for name in names}


def _own_file(paths: list[Path], selection: Selection) -> Stack | None:
    """A single file written by `spectra` is opened as it is."""
    from spectra.nexus import is_own, open_file
    from spectra.results import Record

    if len(paths) != 1 or not is_own(paths[0]):
        return None
    if selection:
        raise SettingError(
            f"{paths[0]} is a stack already: signal=, channels=, energy=, quantity= and entry= "
            "are for the files it was read from"
        )
    content = open_file(paths[0])
    if isinstance(content, Record) and content.stack is not None:
        return content.stack
    if isinstance(content, Stack):
        return content
    raise ReaderError(paths[0], "the file holds results, not patterns", remedy="spectra.open(path)")


def make_integrator(poni: str | Path | None, mask: str | Path, n_points: int, unit: str) -> Any:
    """What makes patterns of detector images, if there is a calibration; else None."""
    if poni is None:
        return None
    from spectra.readers.images import Integrator

    return Integrator(poni, n_points=n_points, unit=unit, mask=mask)


def stack_of(
    items: list[Item],
    *,
    axis: str | None = None,
    laser: float | None = None,
    regrid: bool | None = None,
    inputs: tuple[InputFile, ...] = (),
) -> Stack:
    """Make a stack of items, at least one of which is a frame.

    Parameters
    ----------
    items : list of Item
    axis, laser, regrid
        As for `read`.
    inputs : tuple of InputFile
    """
    return _assemble([_asked(item, axis, laser) for item in items], inputs, regrid)


def _asked(item: Item, axis: str | None, laser: float | None) -> Item:
    if item.frame is None:
        return item
    frame = as_asked(item.frame, axis, laser)
    return replace(item, frame=frame, message=frame.note)


def _assemble(items: list[Item], inputs: tuple[InputFile, ...], regrid: bool | None) -> Stack:
    frames = [item.frame for item in items if item.frame is not None]
    common = common_frame(frames)
    n, m = len(items), len(common.x)
    y, e = np.full((n, m), np.nan), np.full((n, m), np.nan)
    channels = {name: np.full((n, m), np.nan) for f in frames for name in f.channels}
    status = np.zeros(n, np.int8)
    messages: list[str] = []
    unfit: list[str] = []
    for i, item in enumerate(items):
        message = item.message
        placed = None if item.frame is None else find_place(item.frame, common, regrid)
        if isinstance(placed, str):
            status[i], message = Status.BAD_INPUT, placed
            unfit.append(f"{item.name}: {placed}")
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
    if unfit:
        warnings.warn(
            f"{len(unfit)} of {n} frames {'does' if len(unfit) == 1 else 'do'} not fit the others "
            f"and {'is' if len(unfit) == 1 else 'are'} marked bad_input; "
            f"the first: {unfit[0]}",
            DataWarning,
            stacklevel=4,
        )
    _warn_once(messages, status)
    given = np.isfinite(e).any()
    noises = {f.noise for f in frames}
    noise: Noise = noises.pop() if len(noises) == 1 else ("given" if given else "unknown")
    check_axis(common.axis)
    return Stack(
        axis=Axis(common.x, common.axis, *AXES[common.axis]),
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
            f"{'1 frame is' if len(odd) == 1 else f'{len(odd)} frames are'} usable with a "
            f"reservation{': ' if len(odd) == 1 else '; the first: '}{odd[0]}",
            DataWarning,
            stacklevel=5,
        )


def _variables(items: list[Item]) -> dict[str, Variable]:
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
                stacklevel=5,
            )
    return shared
