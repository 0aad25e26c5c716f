"""Bruker/Siemens RAW version 1.01: several ranges, each with a header of its own.

The layout is that of the Diffrac-AT file description: a file header of 712 bytes, then for
each range a header of 304 bytes (its length stands first), supplementary headers, and the
counts as 32-bit floats.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, noise_of

_FILE_HEADER = 712
_RANGE_HEADER = 304
_MAX_RANGES = 100_000


def _sniff(head: bytes, path: Path) -> bool:
    return head[:4] in (b"RAW ", b"RAW1", b"RAW2", b"RAW4")


def read_raw(path: Path) -> list[Frame]:
    """Read every range as a frame."""
    data = path.read_bytes()
    if data[:7] != b"RAW1.01":
        raise ReaderError(
            path,
            f"RAW version {data[:8]!r}",
            where="byte 0",
            expected="RAW1.01",
            remedy="export it as RAW version 3 (RAW1.01) or as XYE",
        )
    if len(data) < _FILE_HEADER:
        raise ReaderError(path, f"{len(data)} bytes", expected=f"a header of {_FILE_HEADER} bytes")
    (n_ranges,) = struct.unpack_from("<I", data, 12)
    if not 1 <= n_ranges <= _MAX_RANGES:
        raise ReaderError(path, f"{n_ranges} ranges", where="byte 12", expected="1 or more")
    alpha1, alpha2 = struct.unpack_from("<dd", data, 624)
    (ratio,) = struct.unpack_from("<d", data, 648)
    metadata: dict[str, float | str] = {}
    if 0.1 < alpha1 < 10:
        metadata["wavelength"] = alpha1
        if alpha1 < alpha2 < 1.05 * alpha1 and 0 < ratio < 1:
            metadata |= {"wavelength2": alpha2, "ratio": ratio}
    anode = data[608:612].split(b"\0")[0].decode("latin-1").strip()
    if anode:
        metadata["anode"] = anode
    at = _FILE_HEADER
    frames = []
    for number in range(n_ranges):
        frame, at = _read_range(path, data, at, number, n_ranges, metadata)
        frames.append(frame)
    return frames


def _read_range(
    path: Path, data: bytes, at: int, number: int, total: int, metadata: dict[str, float | str]
) -> tuple[Frame, int]:
    where = f"byte {at} (range {number + 1} of {total})"
    if at + _RANGE_HEADER > len(data):
        raise ReaderError(
            path,
            f"the file ends at byte {len(data)}",
            where=where,
            expected="a range header",
            remedy="the file is truncated: copy it again",
        )
    length, n_points = struct.unpack_from("<II", data, at)
    (start,) = struct.unpack_from("<d", data, at + 16)
    (step,) = struct.unpack_from("<d", data, at + 176)
    (step_time,) = struct.unpack_from("<f", data, at + 192)
    (temperature,) = struct.unpack_from("<f", data, at + 212)
    (extra,) = struct.unpack_from("<I", data, at + 256)
    if not (_RANGE_HEADER <= length < 10_000 and 0 < step < 10 and -360 <= start <= 360):
        raise ReaderError(
            path,
            f"header length {length}, start {start:g}, step {step:g}",
            where=where,
            expected="a range header",
            remedy="the file is damaged: copy it again",
        )
    begin = at + length + extra
    end = begin + 4 * n_points
    if n_points < 1 or end > len(data):
        raise ReaderError(
            path,
            f"{n_points} points, but the file ends at byte {len(data)}",
            where=where,
            expected=f"at least {end} bytes",
            remedy="the file is truncated: copy it again",
        )
    y = np.frombuffer(data, "<f4", n_points, begin).astype(float)
    x = start + step * np.arange(n_points)
    variables: dict[str, tuple[float, str]] = {}
    if 1 < temperature < 5000:
        variables["temperature"] = (float(temperature), "K")
    if step_time > 0:
        # Of one step; with a position-sensitive detector many steps are counted at once.
        variables["step_time"] = (float(step_time), "s")
    name = f"range {number + 1}"
    frame = Frame(x, y, None, noise_of(y, None), variables, metadata, name=name)
    return frame, end


READER = Reader("bruker_raw", (".raw",), _sniff, read_raw)
