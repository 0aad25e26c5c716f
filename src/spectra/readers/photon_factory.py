"""The 9809 format of the Photon Factory, SPring-8, Aichi SR and SAGA-LS: angles and counts.

Layout (M. Nomura, KEK Report 98-4 (1998), "User's manual for XAFS stations"; M. Tabuchi, "XAFS
data format", Aichi SR): the first line holds 9809 and the beamline; ``Mono :`` gives the
crystal's spacing ``D=`` in angstrom; above the table stand the lines of the titles
(``Angle(c)``, the angle asked for, ``Angle(o)``, the one read from the encoder, ``time/s``,
numbers of channels), of the kinds of the channels (``Mode``, from the second column on: 1 in
front of the sample, 2 behind it, 3 fluorescence, others no detectors of X-rays) and of their
dark counts per second (``Offset``), which are not subtracted from the counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.tables import Table, table_reader
from spectra.readers.text import decode, parse_columns
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*9809\s")
_TITLES = re.compile(r"\s*Angle\(c\)\s+Angle\(o\)\s+time/s\b")
_SPACING = re.compile(r"\bD\s*=\s*(\d+\.?\d*)\s*A\b")
_POINTS = re.compile(r"\bPoints\s*=\s*(\d+)")
_MOMENT = re.compile(r"(\d\d\.\d\d?\.\d\d? +\d\d?:\d\d)")
_KINDS: dict[float, str] = {1: "i0", 2: "i1", 3: "fluor"}
_MOST_COLUMNS = 512


def _sniff(head: bytes, path: Path) -> bool:
    return _FIRST.match(head) is not None


def read_9809(path: Path) -> list[Table]:
    """Read a scan: angles, times, and the counts of the chambers and the fluorescence detector.

    The channels of the fluorescence detector are ``fluor_1`` … and their sum ``ifluor``. Dark
    counts are not subtracted, as no program that reads these files does; they stand in the
    metadata as ``dark_i0`` … in counts per second.

    Raises
    ------
    ReaderError
        If there is no table, its titles do not fit it, or the crystal's spacing is missing.
    """
    rows = decode(path).splitlines()
    at = next((i for i, row in enumerate(rows) if _TITLES.match(row)), None)
    if at is None:
        raise ReaderError(
            path,
            "no line 'Angle(c)  Angle(o)  time/s'",
            expected="the titles of the columns, below the blocks of the scan",
            remedy="the file is truncated, or no scan over energy: copy it again",
        )
    kinds, dark = (_numbers(path, rows, at + i, word) for i, word in ((1, "Mode"), (2, "Offset")))
    header = "\n".join(rows[:at])
    spacing = _SPACING.search(header)
    if spacing is None:
        raise ReaderError(
            path,
            "the line 'Mono :' gives no spacing D=",
            expected="D= in angstrom, e.g. 'D=  3.13551 A'",
            remedy="put it into the header",
        )
    values, _ = parse_columns(path, rows, at + 3, most=_MOST_COLUMNS)
    if not values.shape[1] - 1 == len(kinds) == len(dark):
        raise ReaderError(
            path,
            f"{values.shape[1]} columns under {len(kinds)} modes and {len(dark)} offsets",
            where=f"line {at + 4}",
            expected="one of each for every column but the first",
            remedy="the file is damaged: copy it again",
        )
    names = _names(kinds)
    columns = dict(zip(names, values.T, strict=True))
    # The angle that was reached gives the energy, so it comes first.
    columns = {"angle": columns.pop("angle"), **columns}
    fluorescence = [columns[name] for name in names if name.startswith("fluor_")]
    if fluorescence:
        columns["ifluor"] = np.sum(fluorescence, axis=0)
    top = [*rows[:at], "", "", ""]
    metadata: dict[str, str | float] = {
        "d_spacing": float(spacing[1]),
        "beamline": top[0].partition("9809")[2].strip(),
        "sample": top[2].strip(),
    }
    metadata |= {f"dark_{n}": d for n, d in zip(names[1:], dark, strict=True) if n in ("i0", "i1")}
    moment = _MOMENT.search(top[1])
    time = find_moment(moment[1], "%y.%m.%d %H:%M") if moment else None
    return [
        Table(
            columns,
            d_spacing=float(spacing[1]),
            variables={} if time is None else {"time": (time, "s")},
            metadata={k: v for k, v in metadata.items() if v != ""},
            note=_cut_short(header, len(values)),
        )
    ]


def _numbers(path: Path, rows: Sequence[str], at: int, word: str) -> list[float]:
    """Numbers of the line that begins with a word."""
    parts = rows[at].split() if at < len(rows) else []
    try:
        if parts[:1] != [word]:
            raise ValueError
        return [float(part) for part in parts[1:]]
    except ValueError:
        raise ReaderError(
            path,
            repr(rows[at].strip()[:40]) if at < len(rows) else "the end of the file",
            where=f"line {at + 1}",
            expected=f"the word {word} and a number for every column but the first",
            remedy="the file is damaged: copy it again",
        ) from None


def _names(kinds: Sequence[float]) -> list[str]:
    """Names of columns by the kinds of their channels; numbered where there are several."""
    names = ["angle_requested", "angle", "time"]
    counts: dict[str, int] = {}
    for number, kind in enumerate(kinds[len(names) - 1 :], 1):
        name = _KINDS.get(kind, f"channel_{number}")
        counts[name] = counts.get(name, 0) + 1
        single = counts[name] == 1 and name != "fluor"
        names.append(name if single else f"{name}_{counts[name]}")
    return names


def _cut_short(header: str, points: int) -> str:
    stated = _POINTS.search(header)
    if stated is None or points >= int(stated[1]):
        return ""
    return f"{points} of {stated[1]} points: the scan was broken off"


READER = table_reader("9809", (), _sniff, read_9809)
