"""Galactic SPC files (.spc), new format, least significant byte first: one spectrum or many.

Layout: Galactic Universal Data Format Specification and "A Brief Guide to SPC File Format and
Using GSPCIO" (Thermo Galactic, 2001). A header of 512 bytes: 0 flags, 1 version (4B hexadecimal),
3 exponent of the intensities, 4 points, 8 first and 16 last position (doubles), 24 spectra, 28
kind of the positions, 32 date in bits, 36 resolution (9 bytes), 45 source (9), 88 comment (130),
248 byte of the log. Then positions as floats if the flags say so, and per spectrum a header of 32
bytes (1 exponent, 4 time as a float, 16 points) with intensities behind: floats for an exponent of
-128, else integers of 4 or 2 bytes that are multiplied by 2^(exponent - 32 or - 16).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import (
    Positions,
    laser_in,
    number_in,
    order_positions,
    spectrum_facts,
    spectrum_metadata,
)

FloatArray = NDArray[np.float64]

_HEADER, _SUBHEADER, _LOG = 512, 32, 64
_SHORT, _OWN_POSITIONS, _POSITIONS = 0x01, 0x40, 0x80
_FLOATS = -128
_RAMAN_SHIFT, _WAVENUMBER, _NANOMETRE, _ARBITRARY = 13, 1, 3, 0
_UNITS = {_RAMAN_SHIFT: "1/cm", _NANOMETRE: "nm", _WAVENUMBER: "1/cm", _ARBITRARY: ""}
_VERSIONS = {0x4B: "", 0x4C: "most significant byte first", 0x4D: "the old format"}
_ENTRY = re.compile(r"^\s*([^=\r\n]{1,60}?)\s*=\s*([^\r\n]*)", re.MULTILINE)
# Of the experiments (byte 2), those that are no Raman spectra.
_EXPERIMENTS = {1: "gas chromatogram", 4: "FT-IR", 5: "NIR", 7: "UV-VIS", 8: "X-ray diffraction"}
_EXPERIMENTS |= {9: "mass spectrum", 10: "NMR spectrum"}


@dataclass(frozen=True)
class _Header:
    flags: int
    exponent: int
    n_points: int
    first: float
    last: float
    n_spectra: int
    unit: str
    log_at: int


def _sniff(head: bytes, path: Path) -> bool:
    """Whether the version is one of Galactic's; text of SPEC ends in .spc too."""
    if len(head) < 2 or head[1] not in _VERSIONS:
        return False
    # A text may have these letters; what ends the header is zero in a file of Galactic's.
    return path.suffix.lower() == ".spc" and b"\0\0\0" in head[:_HEADER]


def read_spc(path: Path) -> list[Frame]:
    """Read every spectrum of a file.

    Raises
    ------
    ReaderError
        If the file is of another version, no Raman spectrum, or shorter than its header says.
    """
    data = path.read_bytes()
    header = _read_header(path, data)
    log = _read_log(data, header.log_at)
    metadata = spectrum_metadata(
        next((laser_in(v) for k, v in log.items() if "laser" in k and "power" not in k), None),
        instrument=_text(data, 45, 9) or log.get("instrument"),
        comment=_text(data, 88, 130),
    )
    variables = spectrum_facts(
        time=_moment(data),
        exposure=_logged(log, "exposure", "integration time", "acq. time (s)"),
        accumulations=_logged(log, "accumulations", "scans", "co-adds"),
    )
    at, shared = _HEADER, None
    if not header.flags & _OWN_POSITIONS:
        at, shared = _shared_positions(path, data, header)
    several = header.n_spectra > 1
    frames = []
    for number in range(header.n_spectra):
        where = f"spectrum {number + 1}"
        at, seconds, positions, y = _read_spectrum(path, data, at, header, shared, where)
        own = {"elapsed": (seconds, "")} if several else {}
        frames.append(
            positions.frame(path, y, {**variables, **own}, metadata, where if several else "")
        )
    return frames


def _read_header(path: Path, data: bytes) -> _Header:
    _require(path, data, 0, _HEADER, "header")
    flags, version, experiment = data[0], data[1], data[2]
    if version != 0x4B:
        raise ReaderError(
            path,
            f"version {version:#x} ({_VERSIONS.get(version, 'unknown')})",
            where="byte 1",
            expected="0x4b",
            remedy="save it anew with GRAMS, or export it as JCAMP-DX or text",
        )
    exponent, n_points, first, last, n_spectra = struct.unpack_from("<bIddI", data, 3)
    kind = data[28]
    if experiment in _EXPERIMENTS or kind not in _UNITS:
        what = _EXPERIMENTS.get(experiment, f"positions of kind {kind}")
        raise ReaderError(
            path,
            f"{what}",
            where="byte 2" if experiment in _EXPERIMENTS else "byte 28",
            expected="a Raman spectrum over 1/cm or nm",
            remedy="export it as text",
        )
    if not n_spectra:
        raise ReaderError(path, "no spectra", where="byte 24", remedy="leave it out")
    log_at = struct.unpack_from("<I", data, 248)[0]
    return _Header(flags, exponent, n_points, first, last, n_spectra, _UNITS[kind], log_at)


def _require(path: Path, data: bytes, at: int, length: int, what: str) -> None:
    if at + length > len(data):
        raise ReaderError(
            path,
            f"the file ends at byte {len(data)}",
            where=f"{what}, byte {at}",
            expected=f"{length} bytes",
            remedy="the file is truncated: copy it again",
        )


def _shared_positions(path: Path, data: bytes, header: _Header) -> tuple[int, Positions]:
    """Where the spectra begin, and the positions that all have."""
    count = header.n_points
    if header.flags & _POSITIONS:
        _require(path, data, _HEADER, 4 * count, "positions")
        x = np.frombuffer(data, "<f4", count, _HEADER).astype(float)
        return _HEADER + 4 * count, order_positions(path, x, header.unit, "positions")
    # The smallest record of a point has two bytes: more points than that are a damaged header.
    _require(path, data, _HEADER, 2 * count, "intensities")
    if not (np.isfinite(header.first) and np.isfinite(header.last)):
        raise ReaderError(path, f"positions from {header.first} to {header.last}", where="byte 8")
    # Far apart ends overflow in the difference; halves do not.
    share = np.linspace(0.0, 1.0, count)
    x = header.first * (1.0 - share) + header.last * share
    return _HEADER, order_positions(path, x, header.unit, "byte 8")


def _read_spectrum(
    path: Path, data: bytes, at: int, header: _Header, shared: Positions | None, where: str
) -> tuple[int, float, Positions, FloatArray]:
    """Where the next spectrum begins, and time, positions and intensities of this one."""
    _require(path, data, at, _SUBHEADER, where)
    exponent = struct.unpack_from("<b", data, at + 1)[0]
    seconds = float(struct.unpack_from("<f", data, at + 4)[0])
    count = header.n_points
    at += _SUBHEADER
    if shared is None:
        count = struct.unpack_from("<I", data, at - _SUBHEADER + 16)[0] or count
        _require(path, data, at, 4 * count, where)
        x = np.frombuffer(data, "<f4", count, at).astype(float)
        shared = order_positions(path, x, header.unit, where)
        at += 4 * count
    # A single spectrum may leave its own exponent at zero.
    used = header.exponent if header.n_spectra == 1 and not exponent else exponent
    if header.exponent == _FLOATS:
        used = _FLOATS
    if used == _FLOATS:
        size, form, factor = 4, "<f4", 1.0
    elif header.flags & _SHORT:
        size, form, factor = 2, "<i2", 2.0 ** (used - 16)
    else:
        size, form, factor = 4, "<i4", 2.0 ** (used - 32)
    _require(path, data, at, size * count, where)
    y = np.frombuffer(data, form, count, at).astype(float) * factor
    return at + size * count, seconds, shared, y


def _text(data: bytes, at: int, length: int) -> str:
    return data[at : at + length].split(b"\0")[0].decode("latin-1").strip()


def _moment(data: bytes) -> float | None:
    """Time of the measurement: minute, hour, day, month and year in 6, 5, 5, 4 and 12 bits."""
    packed = struct.unpack_from("<I", data, 32)[0]
    year, month, day = packed >> 20, packed >> 16 & 15, packed >> 11 & 31
    try:
        moment = datetime(year, month, day, packed >> 6 & 31, packed & 63, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def _read_log(data: bytes, at: int) -> dict[str, str]:
    """Entries ``key = value`` of the log by their keys in lower case; none if it is damaged."""
    if not at or at + _LOG > len(data):
        return {}
    size, _, text_at = struct.unpack_from("<III", data, at)
    text = data[at + text_at : at + size].split(b"\0")[0].decode("latin-1")
    return {key.lower(): value for key, value in _ENTRY.findall(text)}


def _logged(log: dict[str, str], *keys: str) -> float | None:
    return next((number_in(log[key]) for key in keys if key in log), None)


READER = Reader("spc", (".spc",), _sniff, read_spc)
