"""Renishaw WiRE data files (.wdf): single spectra, series and maps.

The layout is Renishaw's own, known by its published structures (copyright 2011 Renishaw plc, as
given in Gwyddion's ``renishaw`` module; also described by A. Henderson, doi:10.5281/zenodo.495477,
and cheminfo's ``wdf-parser``). Little endian. Blocks follow one another: four letters, a number,
and the length of the whole block in 8 bytes; the first, ``WDF1``, has 512 bytes.

====== =========================================================================================
WDF1   60 points per spectrum, 64 spectra, 72 spectra collected, 80 accumulations, 88 length of
       the x-list, 92 origins, 96 program (24 bytes), 136 begin as FILETIME, 152 unit of the
       spectra, 156 laser in 1/cm (float), 208 user (32), 240 title (160)
DATA   intensities as floats, spectrum after spectrum
XLST   kind, unit, positions as floats; YLST likewise for images
ORGN   per origin: kind (highest bit marks the important ones), unit, name (16 bytes) and 8 bytes
       per spectrum: a double, or a FILETIME
WMAP   flags, unused, origin x, y, z, step x, y, z (floats), points in x, y, z, length of a line
====== =========================================================================================
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import order_positions, spectrum_facts, spectrum_metadata
from spectra.readers.times import filetime_seconds
from spectra.units import TEMPERATURE_UNITS, kelvin_from

FloatArray = NDArray[np.float64]
Blocks = Mapping[str, memoryview]
Columns = dict[str, tuple[FloatArray, str]]

_HEADER, _BLOCK = 512, 16
_ORIGIN = 24
_MAP_AREA = 48
_FILETIME = 24
# Units by their numbers; positions have to be of the first three.
_SPECTRAL = {1: "1/cm", 3: "nm", 0: ""}
_UNITS = {5: "um", 8: "mm", 9: "m", 10: "K", 12: "s", 13: "ms", 14: "h", 15: "d", 21: "degC"}
# Kinds of origins that say something of a spectrum.
_KINDS = {3: "x", 4: "y", 5: "z", 9: "temperature", 10: "pressure", 11: "time", 18: "elapsed"}


@dataclass(frozen=True)
class _Header:
    n_points: int
    n_spectra: int
    n_collected: int
    n_accumulations: int
    n_positions: int
    n_origins: int
    laser: float | None
    begin: float | None
    program: str
    title: str


def _sniff(head: bytes, path: Path) -> bool:
    return head.startswith(b"WDF1")


def read_wdf(path: Path) -> list[Frame]:
    """Read every spectrum that was collected.

    Raises
    ------
    ReaderError
        If a block is missing or shorter than the header says.
    """
    data = memoryview(path.read_bytes())
    header = _read_header(path, data)
    blocks = _find_blocks(path, data)
    unit, x = _read_positions(path, blocks, header)
    spectra = _read_spectra(path, blocks, header)
    positions = order_positions(path, x, unit, "block XLST")
    origins = _read_origins(path, blocks, header)
    places, shape = _read_map(path, blocks, origins, len(spectra))
    metadata: dict[str, object] = dict(
        spectrum_metadata(header.laser, instrument=header.program, title=header.title)
    )
    if shape is not None:
        metadata["shape"] = list(shape)
    common = spectrum_facts(
        accumulations=float(header.n_accumulations) if header.n_accumulations else None,
        time=header.begin if len(spectra) == 1 or "time" not in origins else None,
    )
    columns = {**origins, **places}
    several = len(spectra) > 1
    return [
        positions.frame(
            path,
            spectra[i],
            {**common, **{name: (float(v[i]), unit) for name, (v, unit) in columns.items()}},
            metadata,
            f"spectrum {i + 1}" if several else "",
        )
        for i in range(len(spectra))
    ]


def _read_header(path: Path, data: memoryview) -> _Header:
    if len(data) < _HEADER or bytes(data[:4]) != b"WDF1":
        raise ReaderError(
            path,
            f"{len(data)} bytes, beginning with {bytes(data[:4])!r}",
            expected=f"a header WDF1 of {_HEADER} bytes",
            remedy="the file is truncated or damaged: copy it again",
        )
    n_points, n_spectra, n_collected, n_accumulations, _, n_positions, n_origins = (
        struct.unpack_from("<IQQIIII", data, 60)
    )
    (wavenumber,) = struct.unpack_from("<f", data, 156)
    laser = 1e7 / wavenumber if 5000 < wavenumber < 50000 else None
    (begin,) = struct.unpack_from("<Q", data, 136)
    return _Header(
        n_points,
        n_spectra,
        n_collected,
        n_accumulations,
        n_positions,
        n_origins,
        laser,
        filetime_seconds(begin) if begin < 1 << 60 else None,
        _text(data[96:120]),
        _text(data[240:400]),
    )


def _text(data: memoryview) -> str:
    return bytes(data).split(b"\0")[0].decode("utf-8", "replace").strip()


def _find_blocks(path: Path, data: memoryview) -> dict[str, memoryview]:
    """Contents of the blocks by their names; the first of a name counts."""
    blocks: dict[str, memoryview] = {}
    at = 0
    while at + _BLOCK <= len(data):
        name = bytes(data[at : at + 4]).decode("latin-1")
        (size,) = struct.unpack_from("<Q", data, at + 8)
        if size < _BLOCK:
            raise ReaderError(
                path,
                f"block {name!r} of {size} bytes",
                where=f"byte {at}",
                expected=f"at least {_BLOCK}",
                remedy="the file is damaged: copy it again",
            )
        # A block that is cut off shows where its contents are counted.
        blocks.setdefault(name, data[at + _BLOCK : at + size])
        at += size
    return blocks


def _block(path: Path, blocks: Blocks, name: str, needed: int) -> memoryview:
    """The contents of a block, which needs that many bytes."""
    if name not in blocks:
        raise ReaderError(
            path,
            f"no block {name} (there are {', '.join(map(repr, list(blocks)[:12]))})",
            expected="WDF1, DATA and XLST",
            remedy="the file is truncated: copy it again",
        )
    content = blocks[name]
    if len(content) < needed:
        raise ReaderError(
            path,
            f"{len(content)} bytes",
            where=f"block {name}",
            expected=f"{needed}",
            remedy="the file is truncated: copy it again",
        )
    return content


def _read_positions(path: Path, blocks: Blocks, header: _Header) -> tuple[str, FloatArray]:
    if header.n_positions != header.n_points:
        raise ReaderError(
            path,
            f"{header.n_positions} positions for {header.n_points} points",
            where="block WDF1",
            remedy="the file is damaged: export the spectra as text",
        )
    content = _block(path, blocks, "XLST", 8 + 4 * header.n_positions)
    unit = int(struct.unpack_from("<II", content)[1])
    if unit not in _SPECTRAL:
        raise ReaderError(
            path,
            f"positions in unit {unit} of WiRE",
            where="block XLST",
            expected="1 (Raman shift in 1/cm) or 3 (nm)",
            remedy="export the spectra over Raman shift",
        )
    return _SPECTRAL[unit], _floats(content, 8, header.n_positions)


def _floats(content: memoryview, at: int, count: int) -> FloatArray:
    return np.frombuffer(content, "<f4", count, at).astype(float)


def _read_spectra(path: Path, blocks: Blocks, header: _Header) -> FloatArray:
    """Spectra that were collected (frames, points); room for further ones is left out."""
    # A measurement that was stopped has collected fewer than there is room for.
    count = min(header.n_spectra, header.n_collected or header.n_spectra)
    if count < 1 or header.n_points < 1:
        raise ReaderError(
            path,
            f"{count} spectra of {header.n_points} points",
            where="block WDF1",
            expected="at least one",
            remedy="nothing was collected: leave it out",
        )
    content = _block(path, blocks, "DATA", 4 * header.n_points * count)
    return _floats(content, 0, header.n_points * count).reshape(count, header.n_points)


def _read_origins(path: Path, blocks: Blocks, header: _Header) -> Columns:
    """What the file says of each spectrum: places, temperatures, times."""
    if "ORGN" not in blocks:
        return {}
    size = _ORIGIN + 8 * header.n_spectra
    content = _block(path, blocks, "ORGN", size * header.n_origins)
    found: Columns = {}
    for i in range(header.n_origins):
        kind, unit = struct.unpack_from("<II", content, i * size)
        name = _KINDS.get(kind & 0x7FFFFFFF)
        if name is None or name in found:
            continue
        at = i * size + _ORIGIN
        if unit == _FILETIME:
            ticks = np.frombuffer(content, "<u8", header.n_spectra, at)
            seconds = [filetime_seconds(int(t)) for t in ticks]
            found[name] = (np.array([np.nan if s is None else s for s in seconds]), "s")
        else:
            values = np.frombuffer(content, "<f8", header.n_spectra, at)
            found[name] = _with_unit(values, unit)
    return found


def _with_unit(values: FloatArray, unit: int) -> tuple[FloatArray, str]:
    """Values of an origin in the units of `spectra`."""
    name = _UNITS.get(unit, "")
    if name in TEMPERATURE_UNITS:
        return kelvin_from(values, name), "K"
    return values, name


def _read_map(
    path: Path, blocks: Blocks, origins: Columns, n_spectra: int
) -> tuple[Columns, tuple[int, int] | None]:
    """Row and column of each spectrum of a map that is complete, and its shape.

    They follow from the places of the spectra, since maps run along rows or columns, to and fro.
    """
    if "WMAP" not in blocks or not {"x", "y"} <= origins.keys():
        return {}, None
    content = _block(path, blocks, "WMAP", _MAP_AREA)
    begin, step = np.frombuffer(content, "<f4", 6, 8).astype(float).reshape(2, 3)
    across, down, deep = struct.unpack_from("<III", content, 32)
    if across * down != n_spectra or min(across, down) < 2 or deep > 1 or (step[:2] == 0).any():
        return {}, None
    x, y = origins["x"][0][:n_spectra], origins["y"][0][:n_spectra]
    with np.errstate(all="ignore"):
        column, row = np.rint((x - begin[0]) / step[0]), np.rint((y - begin[1]) / step[1])
    if not np.array_equal(np.sort(row * across + column), np.arange(n_spectra)):
        return {}, None
    return {"row": (row, ""), "column": (column, "")}, (int(down), int(across))


READER = Reader("wdf", (".wdf",), _sniff, read_wdf)
