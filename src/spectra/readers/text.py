"""One-dimensional text: xy, xye, chi, dat, qye, csv and their like."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader, clean_errors, noise_of
from spectra.readers.labels import FEFF, Scale, scale_of_label, split_labels
from spectra.readers.raman_spectra import RAMAN_AXES
from spectra.readers.times import find_moment
from spectra.units import kelvin_from

FloatArray = NDArray[np.float64]

_COMMENT = ("#", "!", ";", "'", "%", "@", "//", "_", '"')
_NUMBER = r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][-+]?\d+)?|nan|NaN"
_ROW = re.compile(rf"^\s*(?:{_NUMBER})(?:[\s;,]+(?:{_NUMBER}))+[\s;,]*$")
_DECIMAL = r"(?:\d+\.?\d*|\.\d+)(?!\.?\d)"
_WAVELENGTH = re.compile(
    rf"wave ?length[^\d\n]{{0,12}}?({_DECIMAL}(?:e[-+]?\d+)?)\s*(m\b)?", re.IGNORECASE
)
_TEMPERATURE = re.compile(
    rf"temp(?:erature)?\.?\s*(?:\(?\s*([kc])\s*\)?)?\s*[=:]\s*([-+]?{_DECIMAL})\s*([kc])?\b",
    re.IGNORECASE,
)
MIN_POINTS = 3
# Positions without a label are no 2θ beyond 180, and no Raman shifts beyond that of hydrogen.
_LARGEST_ANGLE, _LARGEST_SHIFT = 180.0, 5000.0
_ASSUMED = (
    "the file does not say what its positions are; {} are assumed, "
    "read(..., axis=) says what they are"
)
# What the label of a third column says when it holds uncertainties, and when it does not.
_UNCERTAINTY = re.compile(r"err|sig|esd|e\.s\.d|std|stdev|unc|±|δ|delta|d[iy]$", re.IGNORECASE)
_ANOTHER = re.compile(
    r"calc|fit|model|back|bkg|bgr?$|base|diff|resid|dark|ref|raw|smooth|norm|temp|time|weight|monitor",
    re.IGNORECASE,
)
_INTENSITY = re.compile(
    r"(?:int(?:ens\w*|\.)?|counts?|cps|signal|y[\s_]?obs\w*|obs\w*|i[\s_]?obs\w*|y|i)(?![a-z])",
    re.IGNORECASE,
)
_NUMBERING = re.compile(
    r"(?:pixels?|index|no\.?|nr\.?|points?|pts|channels?|mode|row)$", re.IGNORECASE
)
_MOST_COLUMNS = 4096
# Between blanks: "10.00 1,234", but not "10.00,1,234".
_THOUSANDS = re.compile(r"(?<=[\s;])[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?(?=[\s;]|$)")
# A number of the first or a later column that is no thousands, such as "20,05" or "0,123".
_DECIMAL_COMMA = re.compile(
    r"(?:^|[\s;])[-+]?(?:0\d*,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{4,},\d+)(?:[eE][-+]?\d+)?[ \t;]+[-+]?\d"
    r"|\d[ \t;]+[-+]?(?:0\d*,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{4,},\d+)(?:[eE][-+]?\d+)?\s*(?:;|$)"
)
_KINDS = {"raman_shift": "Raman shifts in 1/cm", "energy": "photon energies in eV"}


def decode(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 (with mark) or Latin-1; binary content is refused.

    Carriage returns that end lines by themselves are made line feeds.
    """
    data = path.read_bytes()
    if not data.strip():
        raise ReaderError(path, "the file is empty", remedy="copy it again or leave it out")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _lines_fed(data.decode("utf-16", errors="replace"))
    head = data[:4096]
    odd = sum(b < 9 or 13 < b < 32 for b in head)
    if b"\0" in head or odd > 0.02 * len(head):
        at = next((i for i, b in enumerate(data) if b < 9 or 13 < b < 32), 0)
        raise ReaderError(
            path,
            "the file holds binary data, not text",
            where=f"byte {at}",
            expected="columns of numbers, or a binary format that spectra knows",
            remedy="check the file, or name its format with format=",
        )
    try:
        return _lines_fed(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _lines_fed(data.decode("latin-1"))


def _lines_fed(text: str) -> str:
    return text if "\n" in text else text.replace("\r", "\n")


def header_facts(header: str) -> tuple[dict[str, tuple[float, str]], dict[str, float | str]]:
    """Per-frame variables and metadata that a header states in plain words."""
    variables: dict[str, tuple[float, str]] = {}
    metadata: dict[str, float | str] = {}
    if found := _WAVELENGTH.search(header):
        value = float(found[1]) * (1e10 if found[2] or float(found[1]) < 1e-8 else 1.0)
        if 0.01 < value < 100:
            metadata["wavelength"] = value
    if found := _TEMPERATURE.search(header):
        unit = (found[1] or found[3] or "K").upper()
        variables["temperature"] = (float(kelvin_from(float(found[2]), unit)), "K")
    if (time := find_time(header)) is not None:
        variables["time"] = (time, "s")
    return variables, metadata


def find_time(header: str) -> float | None:
    """Seconds since 1970 of the first date and time in a header (UTC where no zone is given)."""
    shapes = (
        (
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?",
            tuple(f"%Y-%m-%d{gap}%H:%M:%S{part}" for gap in "T " for part in ("", ".%f")),
        ),
        (r"[A-Z]{3} \d\d?, \d{4} \d\d:\d\d:\d\d", ("%b %d, %Y %H:%M:%S",)),
        (r"\d\d?-[A-Za-z]{3}-\d\d \d\d:\d\d:\d\d", ("%d-%b-%y %H:%M:%S",)),
        (r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", ("%m/%d/%Y %H:%M:%S",)),
        (r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d\d? \d\d:\d\d:\d\d \d{4}", ("%a %b %d %H:%M:%S %Y",)),
    )
    for pattern, formats in shapes:
        for found in re.findall(pattern, header):
            # A zone is seldom given; differences, which matter, are right without.
            moment = find_moment(found, *formats)
            if moment is not None:
                return moment
    return None


def read_text(path: Path) -> list[Frame]:
    """Read columns of numbers below any header."""
    text = decode(path)
    if re.match(r"\s*(?:<!doctype html|<html)", text, re.IGNORECASE):
        raise ReaderError(
            path, "this is a web page, not a pattern", remedy="download the data file itself"
        )
    lines = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    rows = lines.splitlines()
    first = first_row(path, rows)
    above = text.splitlines()[: max(first, 5)]
    header = text if first == 0 else "\n".join(above)
    chosen, unread = _chosen(path, rows[:first], width_of(path, rows, first))
    table, numbers = parse_columns(path, rows, first, most=max(chosen) + 1)
    table = table[:, chosen]
    variables, metadata = header_facts(header)
    scale = _scale(path, above)
    frame = frame_of(
        path, table, numbers, scale or _scale_of_values(table[:, 0]), variables, metadata
    )
    frame = replace(frame, note="; ".join(filter(None, (unread, frame.note))))
    if scale is None and frame.axis in _KINDS:
        quantity = "mu" if frame.axis == "energy" else frame.quantity
        assumed = _ASSUMED.format(_KINDS[frame.axis])
        return [replace(frame, assumed=assumed, quantity=quantity)]
    return [frame]


def _chosen(path: Path, header: list[str], width: int) -> tuple[list[int], str]:
    """Columns of position, intensity and, if known, uncertainty, and what is left out.

    Labels tell which columns these are. Without them, or where they do not tell, the second
    column is the intensity; a third of three holds uncertainties, one of more does not unless
    the name of the file says so.

    Raises
    ------
    ReaderError
        If the label of the first column says that it numbers the rows.
    """
    above = next((row for row in reversed(header) if row.strip()), "")
    labels = next(split_labels(above, width), [""] * width)
    if above.rstrip().endswith(FEFF):
        raise ReaderError(
            path,
            f"a table of FEFF over {labels[0] or above.split()[0]!r}",
            where=f"line {len(header)}",
            expected="a spectrum",
            remedy="paths are for spectra.xas; spectra of FEFF stand in xmu.dat and chi.dat",
        )
    if width < 3:
        return [0, 1], ""
    if _NUMBERING.match(labels[0]):
        raise ReaderError(
            path,
            f"the first column is {labels[0]!r}, of {width}",
            where=f"line {len(header)}",
            expected="positions, intensities and, if known, uncertainties",
            remedy="export position and intensity only, or choose columns with energy= and signal=",
        )
    intensity = next((i for i, label in enumerate(labels) if i and _INTENSITY.match(label)), 1)
    told = [i for i, label in enumerate(labels) if i > intensity and _UNCERTAINTY.search(label)]
    named = path.suffix.lower() in (".xye", ".qye", ".qxye")
    if not told and (named or (width == 3 and intensity == 1 and not _ANOTHER.search(labels[2]))):
        told = [2]
    unread = width - 2 - len(told[:1])
    note = f"{unread} of {width} columns are not read" if width > 3 and unread else ""
    return [0, intensity, *told[:1]], note


def width_of(path: Path, rows: list[str], first: int) -> int:
    """Columns of a table, of which ``rows[first]`` is the first row, by a few rows of it.

    Raises
    ------
    ReaderError
        If these are no table.
    """
    filled = [i for i in range(first, len(rows)) if rows[i].strip()]
    last = filled[MIN_POINTS - 1] + 1 if len(filled) >= MIN_POINTS else len(rows)
    return int(parse_columns(path, rows, first, most=_MOST_COLUMNS, stop=last)[0].shape[1])


def frame_of(
    path: Path,
    table: FloatArray,
    numbers: list[int],
    scale: Scale,
    variables: dict[str, tuple[float, str]],
    metadata: dict[str, float | str],
) -> Frame:
    """Make a frame of columns.

    Parameters
    ----------
    path : Path
        For messages.
    table : array (points, 2 or 3)
        Position, intensity, and uncertainty if there is one.
    numbers : list of int
        Lines of the rows, for messages.
    scale : Scale
    variables, metadata : mapping
        As in `Frame`.
    """
    x, order = ascending(path, table[:, 0] * scale.factor, numbers)
    y = table[order, 1]
    errors, note = None, ""
    if table.shape[1] >= 3:
        errors, note = clean_errors(table[order, 2])
        if not np.isfinite(errors).any():
            errors = None
    return Frame(
        x,
        y,
        errors,
        # Whole numbers of a CCD are no counts of photons.
        noise_of(y, errors) if errors is not None or scale.axis not in RAMAN_AXES else "unknown",
        variables,
        metadata,
        axis=scale.axis,
        unit=scale.unit,
        note="; ".join(n for n in (note, scale.note) if n),
    )


def _scale(path: Path, lines: list[str]) -> Scale | None:
    """Scale of the positions from the header line nearest to the table that has a label."""
    for number in range(len(lines), 0, -1):
        # Long lines are no labels but data or settings in one line.
        line = lines[number - 1][:200]
        scale = scale_of_label(path, line, f"line {number}")
        if scale is not None:
            return scale
    return Scale("q", "1/angstrom") if path.suffix.lower() in (".qye", ".qxye") else None


def _scale_of_values(x: FloatArray) -> Scale:
    """What positions are by themselves, where no label tells."""
    largest = float(np.abs(x).max()) if len(x) else 0.0
    if largest > _LARGEST_SHIFT and x.min() > 0:
        return Scale("energy", "eV")
    return Scale("raman_shift", "1/cm") if largest > _LARGEST_ANGLE else Scale()


def first_row(path: Path, rows: list[str]) -> int:
    """Index of the first line of the table: the first of two rows of numbers in a row.

    Raises
    ------
    ReaderError
        If there is none.
    """
    previous = -1
    for i, row in enumerate(rows):
        if row.lstrip().startswith(_COMMENT) or not row.strip():
            continue
        if _ROW.match(row):
            if previous >= 0:
                return previous
            previous = i
        else:
            previous = -1
    seen = next((r.strip() for r in rows if r.strip()), "")[:60]
    raise ReaderError(
        path,
        f"no columns of numbers (the file begins with {seen!r})",
        expected="two or three columns: position, intensity, uncertainty",
        remedy="check the file, or name its format with format=",
    )


def parse_columns(
    path: Path, rows: list[str], first: int, most: int = 3, stop: int | None = None
) -> tuple[FloatArray, list[int]]:
    """Numbers of the table (points, 2 to `most`) and their line numbers.

    Parameters
    ----------
    path : Path
    rows : list of str
        All lines of the file; comments are left out.
    first : int
        Index of the first row of the table.
    most : int
        Columns that are read, if there are as many.
    stop : int, optional
        Index behind the last row that is read; the others still tell what commas mean.
    """
    body = [(i + 1, r) for i, r in enumerate(rows[first:stop], first) if r.strip()]
    body = [(i, r) for i, r in body if not r.lstrip().startswith(_COMMENT)]
    if not body:
        raise ReaderError(
            path,
            "no rows below the header",
            where=f"line {first}",
            remedy="the file is truncated: copy it again",
        )
    if _decimal_commas(body[0][1], rows[first:]):
        body = [(i, r.replace(",", ".")) for i, r in body]
    else:
        body = [(i, _parted(path, i, r)) for i, r in body]
    body = [(i, r.replace(";", " ")) for i, r in body]
    width = min(max(len(body[0][1].split()), 2), most)
    try:
        table = np.array([r.split()[:width] for _, r in body], dtype=float)
    except ValueError:
        table = _complain(path, body, width)
    if len(table) < MIN_POINTS:
        raise ReaderError(
            path, f"{len(table)} points", expected=f"at least {MIN_POINTS}", remedy="leave it out"
        )
    return table, [i for i, _ in body]


def _decimal_commas(sample: str, rows: list[str]) -> bool:
    """Whether commas are those of decimals, by the first row or by any that cannot be read else."""
    if re.search(r"\d,\d", sample) and (";" in sample or re.search(r"\d,\d+\s+[-+]?\d", sample)):
        return True
    return any("," in row and "." not in row and _DECIMAL_COMMA.search(row) for row in rows)


def _parted(path: Path, line: int, row: str) -> str:
    """A row without the commas between its numbers, and without those of thousands in them.

    Raises
    ------
    ReaderError
        If a comma may be either, as in ``10 1,234``.
    """
    if "," not in row:
        return row
    if _THOUSANDS.search(row):
        if "." not in row:
            raise ReaderError(
                path,
                repr(row.strip()[:60]),
                where=f"line {line}",
                expected="numbers without commas for thousands",
                remedy="export again without thousands separators",
            )
        row = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), row)
    return row.replace(",", " ")


def _complain(path: Path, body: list[tuple[int, str]], width: int) -> FloatArray:
    """Name the first bad line; a broken last line (an aborted write) is dropped."""
    good = []
    for n, (line, row) in enumerate(body):
        parts = row.split()[:width]
        try:
            if len(parts) < width:
                raise ValueError(f"{len(parts)} columns")
            good.append([float(p.replace("D", "E")) for p in parts])
        except ValueError:
            if n == len(body) - 1 and n >= MIN_POINTS:
                break
            raise ReaderError(
                path,
                f"{row.strip()[:60]!r}",
                where=f"line {line}",
                expected=f"{width} numbers",
                remedy="mend or remove the line",
            ) from None
    return np.array(good, dtype=float)


def ascending(
    path: Path, x: FloatArray, numbers: list[int] | None = None
) -> tuple[FloatArray, slice]:
    """Turn a falling axis round; refuse one that is out of order."""
    if not np.isfinite(x).all():
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        raise ReaderError(path, f"position {x[at]!r} in row {at + 1}", expected="a finite number")
    step = np.diff(x)
    if (step > 0).all():
        return x, slice(None)
    if (step < 0).all():
        return x[::-1].copy(), slice(None, None, -1)
    if (step == 0).all():
        raise ReaderError(
            path,
            f"all positions are {x[0]:g}",
            where=f"line {numbers[0]}" if numbers else "",
            expected="positions in order in the first column",
            remedy="say which columns count, as in energy='col2', signal='ln(col3/col4)'",
        )
    falls = (step <= 0) if np.count_nonzero(step > 0) >= len(step) / 2 else (step >= 0)
    at = int(np.flatnonzero(falls)[0]) + 1
    line = f"line {numbers[at]}" if numbers else f"point {at}"
    raise ReaderError(
        path,
        f"position {x[at]:g} follows {x[at - 1]:g}",
        where=line,
        expected="positions in order",
        remedy="the file may hold several scans: split it there, or repair it",
    )


READER = Reader(
    "text",
    (".xy", ".xye", ".chi", ".dat", ".qye", ".txt", ".csv", ".tsv", ".asc"),
    lambda head, path: True,
    read_text,
)
