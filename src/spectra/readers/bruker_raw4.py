"""Bruker RAW version 4 (DIFFRAC.SUITE): segments, and ranges between them, to the end of file.

The layout is not published by Bruker. It is described alike in the notes on formats of GSAS-II
(``G2pwd_BrukerRAW``), xylib (T. M. McQueen), rietx and geddes: 61 bytes with date and time, then
segments that begin with their kind and length as 32-bit integers. Kind 30 holds the tube's
wavelengths. Kind 0 or 160 is no segment but a range: a header of 160 bytes, segments of the drives
(kind 50), and a record of 4 or 8 bytes per point, of which the first 32-bit float is the intensity.
What the other four bytes mean is not known, nor is the unit of the time per step: neither is used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.bruker import read_records, require_header
from spectra.readers.frame import Frame, Reader, noise_of, tube
from spectra.readers.times import find_moment

_MAGIC = b"RAW4.00"
_FILE_HEADER = 61
_RANGE_HEADER = 160
_RANGE_KINDS = (0, 160)
_TUBE, _DRIVE = 30, 50
_TUBE_LENGTH, _DRIVE_LENGTH = 120, 64
_RECORDS = (4, 8)
_TWO_THETA_SCANS = ("lockedcoupled", "unlockedcoupled", "unlockedcoupledhrxrd", "detectorscan")
_TWO_THETA_DRIVES = ("2theta", "twotheta")


class _Segment(NamedTuple):
    kind: int
    at: int
    length: int


def _sniff(head: bytes, path: Path) -> bool:
    return head.startswith(b"RAW4")


def read_raw4(path: Path) -> list[Frame]:
    """Read every range as a frame."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ReaderError(
            path,
            f"RAW version {data[:8]!r}",
            where="byte 0",
            expected="RAW4.00",
            remedy="export it as XYE",
        )
    metadata: dict[str, float | str] = {}
    frames: list[Frame] = []
    at = _FILE_HEADER
    # Some writers fill up the file; zeros would look like a range.
    end = max(len(data.rstrip(b"\0")), at)
    while at < end:
        if at + 8 <= len(data) and _integer(data, at) not in _RANGE_KINDS:
            segment = _segment(path, data, at, len(data))
            if segment.kind == _TUBE:
                metadata = _tube(path, data, segment)
            at += segment.length
        else:
            frame, at = _read_range(path, data, at, len(frames) + 1, metadata)
            frames.append(frame)
    if not frames:
        raise ReaderError(
            path,
            "no range with data",
            where=f"byte {len(data)}",
            expected="at least one",
            remedy="the file is truncated or holds settings only: copy or export it again",
        )
    moment = _moment(data)
    if len(frames) == 1 and moment is not None:
        # When the ranges behind the first started is not said.
        return [replace(frames[0], variables={"time": (moment, "s")})]
    return frames


def _integer(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _text(data: bytes, at: int, length: int) -> str:
    return data[at : at + length].split(b"\0")[0].decode("latin-1").strip()


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _segment(path: Path, data: bytes, at: int, end: int) -> _Segment:
    """The segment at a byte, which must end before `end`."""
    kind, length = (_integer(data, at), _integer(data, at + 4)) if at + 8 <= end else (0, 0)
    if length < 8 or at + length > end:
        raise ReaderError(
            path,
            f"a segment of kind {kind} and length {length}",
            where=f"byte {at}",
            expected=f"one that ends by byte {end}",
            remedy="the file is truncated or damaged: copy it again",
        )
    return _Segment(kind, at, length)


def _tube(path: Path, data: bytes, segment: _Segment) -> dict[str, float | str]:
    if segment.length < _TUBE_LENGTH:
        raise ReaderError(
            path,
            f"a segment of kind {_TUBE} and length {segment.length}",
            where=f"byte {segment.at}",
            expected=f"at least {_TUBE_LENGTH} bytes",
        )
    alpha1, alpha2, _, ratio = struct.unpack_from("<4d", data, segment.at + 80)
    return tube(alpha1, alpha2, ratio, _text(data, segment.at + 116, 4))


def _moment(data: bytes) -> float | None:
    return find_moment(f"{_text(data, 12, 10)} {_text(data, 24, 8)}", "%m/%d/%Y %H:%M:%S")


def _read_range(
    path: Path, data: bytes, at: int, number: int, metadata: Mapping[str, Any]
) -> tuple[Frame, int]:
    where = f"byte {at} (range {number})"
    require_header(path, data, at + _RANGE_HEADER, where)
    start, step = struct.unpack_from("<dd", data, at + 72)
    n_points = _integer(data, at + 88)
    size, drives = struct.unpack_from("<II", data, at + 136)
    if not (0 < step < 10 and -360 <= start <= 360):
        raise ReaderError(
            path,
            f"start {start:g}, step {step:g}",
            where=where,
            expected="a range header",
            remedy="the file is damaged: copy it again",
        )
    if size not in _RECORDS:
        raise ReaderError(
            path,
            f"records of {size} bytes",
            where=f"byte {at + 136} (range {number})",
            expected="4 or 8 bytes",
            remedy="it may be of a detector with several channels; export it as XYE",
        )
    begin = at + _RANGE_HEADER + drives
    _, y, end = read_records(path, data, begin, size, n_points, where)
    _check_axis(path, data, at, begin, start, where)
    x = start + step * np.arange(n_points)
    name = f"range {number}"
    return Frame(x, y, None, noise_of(y, None), {}, metadata, name=name), end


def _check_axis(path: Path, data: bytes, at: int, end: int, start: float, where: str) -> None:
    """Refuse a range that is not a scan of 2θ: by its type, then by the drive that moved."""
    scan = _text(data, at + 32, 24)
    moved = [
        _text(data, drive.at + 12, 24)
        for drive in _drives(path, data, at + _RANGE_HEADER, end)
        # The drive that is marked and stands where the range starts.
        if _integer(data, drive.at + 8)
        and abs(struct.unpack_from("<d", data, drive.at + 56)[0] - start) <= 1e-5
    ]
    other = len(moved) == 1 and _plain(moved[0]) not in _TWO_THETA_DRIVES
    if _plain(scan) not in _TWO_THETA_SCANS or other:
        raise ReaderError(
            path,
            f"a scan of type {scan!r}" + (f" that moves {moved[0]!r}" if other else ""),
            where=where,
            expected="a scan of 2θ",
            remedy="such scans are not powder patterns in 2θ; export the scans of 2θ as XYE",
        )


def _drives(path: Path, data: bytes, at: int, end: int) -> Iterator[_Segment]:
    while at < end:
        segment = _segment(path, data, at, end)
        if segment.kind == _DRIVE and segment.length >= _DRIVE_LENGTH:
            yield segment
        at += segment.length


READER = Reader("bruker_raw4", (".raw",), _sniff, read_raw4)
