"""Bruker/Siemens RAW version 1.01: several ranges, each with a header of its own.

The layout is that of "DIFFRAC^plus V3 RAW File Structure" (Bruker AXS, DIFFRAC^plus File
Exchange and XCH, 2002, A.1), as the notes on formats of xylib, reflred and geddes pass it on: a
file header of 712 bytes, then for each range a header of 304 bytes (its length stands first),
supplementary headers, and a record per point. A record begins with the counts as a 32-bit float;
a 64-bit float follows for each bit of a mask of what varies from point to point: bit 0 is 2θ.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, noise_of, tube
from spectra.readers.text import ascending

_FILE_HEADER = 712
_RANGE_HEADER = 304
_MAX_RANGES = 100_000
_MAX_EXTRA = 1 << 20
# Scans of 2θ: locked and unlocked coupled, detector, unlocked coupled of high resolution.
_TWO_THETA_SCANS = (0, 1, 2, 20)
_OTHER_SCANS = {
    3: "rocking curve",
    4: "χ scan",
    5: "φ scan",
    6: "x scan",
    7: "y scan",
    8: "z scan",
    12: "ψ scan",
    13: "hkl scan",
    14: "scan of reciprocal space",
    129: "PSD fixed scan",
    130: "PSD fast scan",
}


def _sniff(head: bytes, path: Path) -> bool:
    return head[:4] in (b"RAW ", b"RAW1", b"RAW2")


def read_raw(path: Path) -> list[Frame]:
    """Read every range as a frame."""
    data = path.read_bytes()
    if data[:7] != b"RAW1.01":
        raise ReaderError(
            path,
            f"RAW version {data[:8]!r}",
            where="byte 0",
            expected="RAW1.01",
            remedy="export it as RAW version 3 (RAW1.01) or 4 (RAW4.00), or as XYE",
        )
    if len(data) < _FILE_HEADER:
        raise ReaderError(path, f"{len(data)} bytes", expected=f"a header of {_FILE_HEADER} bytes")
    (n_ranges,) = struct.unpack_from("<I", data, 12)
    if not 1 <= n_ranges <= _MAX_RANGES:
        raise ReaderError(path, f"{n_ranges} ranges", where="byte 12", expected="1 or more")
    alpha1, alpha2 = struct.unpack_from("<dd", data, 624)
    (ratio,) = struct.unpack_from("<d", data, 648)
    anode = data[608:612].split(b"\0")[0].decode("latin-1").strip()
    metadata = tube(alpha1, alpha2, ratio, anode)
    at = _FILE_HEADER
    frames = []
    for number in range(n_ranges):
        frame, at = _read_range(path, data, at, number, n_ranges, metadata)
        frames.append(frame)
    # Only padding may follow; anything else means that a length was not what it seemed.
    if data[at:].strip(b"\0"):
        raise ReaderError(
            path,
            f"{len(data) - at} bytes after the last of {n_ranges} ranges",
            where=f"byte {at}",
            expected="the end of the file",
            remedy="the file is damaged: copy it again",
        )
    return frames


def require_header(path: Path, data: bytes, end: int, where: str) -> None:
    """Refuse a file that is over before the header of a range is, at byte `end`."""
    if end > len(data):
        raise ReaderError(
            path,
            f"the file ends at byte {len(data)}",
            where=where,
            expected="a range header",
            remedy="the file is truncated: copy it again",
        )


def _read_range(
    path: Path, data: bytes, at: int, number: int, total: int, metadata: dict[str, float | str]
) -> tuple[Frame, int]:
    where = f"byte {at} (range {number + 1} of {total})"
    require_header(path, data, at + _RANGE_HEADER, where)
    length, n_points = struct.unpack_from("<II", data, at)
    (start,) = struct.unpack_from("<d", data, at + 16)
    (step,) = struct.unpack_from("<d", data, at + 176)
    (step_time,) = struct.unpack_from("<f", data, at + 192)
    (temperature,) = struct.unpack_from("<f", data, at + 212)
    (scan,) = struct.unpack_from("<I", data, at + 196)
    varying, size, extra = struct.unpack_from("<III", data, at + 248)
    if not (
        _RANGE_HEADER <= length < 10_000
        and extra <= _MAX_EXTRA
        and 0 < step < 10
        and -360 <= start <= 360
    ):
        raise ReaderError(
            path,
            f"header length {length} and {extra}, start {start:g}, step {step:g}",
            where=where,
            expected="a range header",
            remedy="the file is damaged: copy it again",
        )
    if scan not in _TWO_THETA_SCANS:
        raise ReaderError(
            path,
            f"a scan of type {scan} ({_OTHER_SCANS.get(scan, 'unknown')})",
            where=where,
            expected="a scan of 2θ",
            remedy="such scans are not powder patterns in 2θ; export the scans of 2θ as XYE",
        )
    if size != 4 + 8 * varying.bit_count():
        raise ReaderError(
            path,
            f"records of {size} bytes where {varying.bit_count()} quantities vary",
            where=f"byte {at + 252} (range {number + 1} of {total})",
            expected=f"{4 + 8 * varying.bit_count()} bytes",
            remedy="export it as XYE",
        )
    begin = at + length + extra
    records, y, end = read_records(path, data, begin, size, n_points, where)
    order = slice(None)
    if varying & 1:
        x, order = ascending(path, records[:, 4:12].copy().view("<f8")[:, 0].astype(float))
    else:
        x = start + step * np.arange(n_points)
    y = y[order]
    variables: dict[str, tuple[float, str]] = {}
    if 1 < temperature < 5000:
        variables["temperature"] = (float(temperature), "K")
    if step_time > 0:
        # Of one step; with a position-sensitive detector many steps are counted at once.
        variables["step_time"] = (float(step_time), "s")
    name = f"range {number + 1}"
    frame = Frame(x, y, None, noise_of(y, None), variables, metadata, name=name)
    return frame, end


def read_records(
    path: Path, data: bytes, begin: int, size: int, n_points: int, where: str
) -> tuple[NDArray[np.uint8], NDArray[np.float64], int]:
    """Records (points, bytes) of a range, their intensities (points,), and the byte behind them.

    Raises
    ------
    ReaderError
        If the file ends before them, or there are fewer than two.
    """
    end = begin + size * n_points
    if n_points < 2 or end > len(data):
        raise ReaderError(
            path,
            f"{n_points} points, but the file ends at byte {len(data)}",
            where=where,
            expected=f"two points or more, and {end} bytes",
            remedy="the file is truncated: copy it again",
        )
    records = np.frombuffer(data, np.uint8, size * n_points, begin).reshape(n_points, size)
    y = records[:, :4].copy().view("<f4")[:, 0].astype(float)
    return records, y, end


READER = Reader("bruker_raw", (".raw",), _sniff, read_raw)
