"""JCAMP-DX (.jdx, .dx): Raman spectra as tables of ordinates or of points, one block or many.

R. S. McDonald, P. A. Wilks, Appl. Spectrosc. 42 (1988) 151 (version 4.24).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.asdf import read_line
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import (
    laser_in,
    number_in,
    order_positions,
    spectrum_facts,
    spectrum_metadata,
)
from spectra.readers.text import decode
from spectra.readers.times import find_moment

FloatArray = NDArray[np.float64]

_RECORD = re.compile(r"^[ \t]*##", re.MULTILINE)
_COMMENT = re.compile(r"\$\$[^\n]*")
_TABLES = ("XYDATA", "XYPOINTS", "PEAKTABLE", "RADATA")
# Some programs forget the last bracket.
_ORDINATES = re.compile(r"\(X\+\+\(Y\.\.Y\)")
_POINTS = re.compile(r"\(XY\.\.XY")
_MOST_POINTS = 1 << 20


@dataclass(frozen=True)
class _Block:
    """Records of a block by their labels (capitals, without blanks and signs), and its name."""

    records: dict[str, str]
    name: str

    def number(self, label: str) -> float | None:
        return number_in(self.records.get(label, ""))


def _sniff(head: bytes, path: Path) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    named = path.suffix.lower() in (".jdx", ".dx", ".jcamp", ".jcm")
    return start.startswith(b"##TITLE") or (start.startswith(b"##") and named)


def read_jcamp(path: Path) -> list[Frame]:
    """Read every spectrum of a file.

    Raises
    ------
    ReaderError
        If there is none, a table is damaged or shorter than stated, or it is no Raman spectrum.
    """
    blocks = _find_blocks(decode(path))
    tables = [b for b in blocks if any(t in b.records for t in _TABLES)]
    if not tables:
        labels = sorted({label for block in blocks for label in block.records})
        raise ReaderError(
            path,
            f"no table of a spectrum among {', '.join(labels[:12]) or 'no records'}",
            expected="##XYDATA or ##XYPOINTS",
            remedy="files of NTUPLES or of structures are not read; export the spectrum itself",
        )
    return [_read_block(path, block, len(tables) > 1) for block in tables]


def _find_blocks(text: str) -> list[_Block]:
    """Blocks of a file; those of a compound file stand within its first."""
    blocks: list[_Block] = []
    records: dict[str, str] = {}
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for part in _RECORD.split(_COMMENT.sub("", text))[1:]:
        label, _, value = part.partition("=")
        label = re.sub(r"[\s/_-]", "", label).upper()
        if label == "TITLE":
            records = {}
            blocks.append(_Block(records, value.strip()))
        elif not blocks:
            blocks.append(_Block(records, ""))
        # Only tables may be given twice, as pages; the first counts.
        records.setdefault(label, value)
    return blocks


def _read_block(path: Path, block: _Block, several: bool) -> Frame:
    where = f"block {block.name[:40]!r}" if several else ""
    kind = block.records.get("DATATYPE", "").strip()
    if kind and "RAMAN" not in kind.upper():
        raise ReaderError(
            path,
            f"DATA TYPE {kind[:40]!r}",
            where=where,
            expected="RAMAN SPECTRUM",
            remedy="only Raman spectra are read from JCAMP-DX",
        )
    table = next(t for t in _TABLES if t in block.records)
    form, _, body = block.records[table].partition("\n")
    if _ORDINATES.search(form.replace(" ", "")):
        x, y = _read_ordinates(path, block, body, where)
    elif _POINTS.search(form.replace(" ", "")):
        x, y = _read_points(path, block, body, where)
    else:
        raise ReaderError(
            path,
            f"##{table}={form.strip()[:40]}",
            where=where,
            expected="(X++(Y..Y)) or (XY..XY)",
            remedy="export it as XYPOINTS",
        )
    stated = block.number("NPOINTS")
    if stated is not None and len(x) < stated:
        raise ReaderError(
            path,
            f"{len(x)} points",
            where=where,
            expected=f"{stated:.0f}, as NPOINTS says",
            remedy="the file is truncated: copy it again",
        )
    positions = order_positions(path, x, block.records.get("XUNITS", ""), where or "##XUNITS")
    frame = positions.frame(
        path, y, _variables(block), _metadata(block), block.name[:60] if several else ""
    )
    if table != "PEAKTABLE":
        return frame
    remark = "a table of peaks: nothing is known between them"
    return replace(frame, note="; ".join(filter(None, (frame.note, remark))))


def _factor(block: _Block, label: str) -> float:
    return block.number(label) or 1.0


def _read_points(path: Path, block: _Block, body: str, where: str) -> tuple[FloatArray, FloatArray]:
    words = body.replace(",", " ").replace(";", " ").split()
    try:
        pairs = np.array(words, dtype=float).reshape(-1, 2)
    except ValueError:
        odd = next((w for w in words if not _is_number(w)), f"{len(words)} numbers")
        raise ReaderError(
            path, f"{odd[:40]!r} in a table of points", where=where, expected="pairs of numbers"
        ) from None
    return pairs[:, 0] * _factor(block, "XFACTOR"), pairs[:, 1] * _factor(block, "YFACTOR")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read_ordinates(
    path: Path, block: _Block, body: str, where: str
) -> tuple[FloatArray, FloatArray]:
    """Even positions, and ordinates line by line, with the checks that the lines carry."""
    stated = block.number("NPOINTS")
    room = int(min(stated, _MOST_POINTS)) if stated is not None else _MOST_POINTS
    values: list[float] = []
    starts: list[tuple[int, float, int]] = []
    again = False
    for number, text in enumerate(body.splitlines(), 1):
        if not text.strip():
            continue
        place = ", ".join(filter(None, (where, f"line {number} of the table")))
        try:
            line = read_line(text, room - len(values) + 1)
        except ValueError as error:
            raise ReaderError(
                path, str(error), where=place, remedy="the file is damaged: copy it again"
            ) from None
        starts.append((len(values) - again, line.x, number))
        own = line.y
        if again and own:
            _check_ordinate(path, values[-1], own[0], place)
            own = own[1:]
        values += own
        again = line.differences and bool(values)
    y = np.array(values) * _factor(block, "YFACTOR")
    x = _even_positions(path, block, len(y), where)
    _check_positions(path, x, starts, _factor(block, "XFACTOR"), where)
    return x, y


def _check_ordinate(path: Path, before: float, after: float, where: str) -> None:
    """Behind differences a line repeats the last ordinate: where it does not, digits are lost."""
    if abs(after - before) > 0.5:
        raise ReaderError(
            path,
            f"the line begins at {after:g}, the one before it ended at {before:g}",
            where=where,
            expected="the same ordinate",
            remedy="a difference is damaged: copy the file again",
        )


def _even_positions(path: Path, block: _Block, count: int, where: str) -> FloatArray:
    first, last, step = (block.number(label) for label in ("FIRSTX", "LASTX", "DELTAX"))
    if first is None or (last is None and step is None):
        raise ReaderError(
            path, "no FIRSTX and LASTX", where=where, expected="both, or FIRSTX and DELTAX"
        )
    if last is None:
        return np.asarray(first + (step or 0.0) * np.arange(count))
    return np.linspace(first, last, count)


def _check_positions(
    path: Path, x: FloatArray, starts: list[tuple[int, float, int]], factor: float, where: str
) -> None:
    """Lines begin with their positions: where these do not fit, lines or ordinates are lost."""
    if len(x) < 2:
        return
    step = abs(x[1] - x[0])
    for index, start, number in starts:
        given = start * factor
        # Positions may be rounded to whole numbers before the factor.
        if index < len(x) and not abs(given - x[index]) <= 1.5 * max(step, 0.5 * abs(factor)):
            raise ReaderError(
                path,
                f"the line begins at {given:g}, its first ordinate stands at {x[index]:g}",
                where=", ".join(filter(None, (where, f"line {number} of the table"))),
                expected="the same position",
                remedy="a line is missing or damaged: copy the file again",
            )


def _variables(block: _Block) -> dict[str, tuple[float, str]]:
    records = block.records
    moment = find_moment(
        f"{records.get('DATE', '').strip()} {records.get('TIME', '').strip()}",
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%y/%m/%d %H:%M:%S",
        "%y/%m/%d %H:%M",
    )
    if moment is None:
        long = records.get("LONGDATE", "").strip()
        moment = find_moment(long, "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")
    return spectrum_facts(time=moment)


def _metadata(block: _Block) -> dict[str, float | str]:
    records = block.records
    lasers = (
        laser_in(value)
        for label, value in records.items()
        if ("LASER" in label or "EXCITATION" in label) and "POWER" not in label
    )
    return spectrum_metadata(
        next((laser for laser in lasers if laser is not None), None),
        instrument=records.get("SPECTROMETERDATASYSTEM") or records.get("ORIGIN"),
        sample=block.name,
        owner=records.get("OWNER"),
        y_unit=records.get("YUNITS"),
    )


READER = Reader("jcamp", (".jdx", ".dx", ".jcamp"), _sniff, read_jcamp)
