"""Bruker BRML (DIFFRAC.SUITE): a zip file with ``RawData*.xml``, a scan in each.

The files describe themselves: ``DataViews`` say which columns of the rows ``Datum`` are the time,
the absorption factor, the drives that vary and what was recorded. Intensities have already been
multiplied by the absorption factor: where it changes, they run on smoothly, and divided by it they
are whole numbers (notes on formats of rietx and geddes; also FAIRmat's readers-xrd).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.archive import Archive, parse_xml
from spectra.readers.frame import Frame, Reader, noise_of, scaled_errors, tube
from spectra.readers.text import ascending
from spectra.readers.times import iso_seconds

FloatArray = NDArray[np.float64]

_SCAN = re.compile(r"(?:.*/)?Experiment(\d{1,9})/RawData(\d{1,9})\.xml", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:.*/)?Experiment\d+/DataContainer\.xml", re.IGNORECASE)
_MOST_COLUMNS = 10_000


class _Columns(NamedTuple):
    """Where a row holds what; None where it does not."""

    two_theta: int
    intensity: int
    counts: bool
    absorber: int | None
    time: int | None


def _sniff(head: bytes, path: Path) -> bool:
    return head[:4] == b"PK\x03\x04" and path.suffix.lower() == ".brml"


def read_brml(path: Path) -> list[Frame]:
    """Read every scan of 2θ as a frame; scans in parts give one for each part."""
    with Archive(path) as archive:
        names = _scans(path, archive)
        return [
            frame
            for number, name in enumerate(names, 1)
            for frame in _read_scan(path, parse_xml(path, archive.read(name), name), name, number)
        ]


def _scans(path: Path, archive: Archive) -> list[str]:
    """Members with scans in their order; those that the table of contents names must be there."""
    found = sorted((number, name) for name in archive.names if (number := _scan_number(name)))
    there = {number for number, _ in found}
    for contents in archive.names:
        if not _CONTENTS.fullmatch(contents):
            continue
        table = parse_xml(path, archive.read(contents), contents)
        for reference in table.iterfind(".//RawDataReferenceList/*"):
            number = _scan_number((reference.text or "").strip().replace("\\", "/"))
            if number and number not in there:
                raise ReaderError(
                    path,
                    f"no member Experiment{number[0]}/RawData{number[1]}.xml",
                    where=contents,
                    expected="every scan that is listed",
                    remedy="the file is damaged: copy it again",
                )
    names = [name for _, name in found]
    if not names:
        raise ReaderError(
            path,
            f"members {', '.join(archive.names[:5]) or 'none'}",
            expected="Experiment0/RawData0.xml",
            remedy="the file holds no scan: measure or export it again",
        )
    return names


def _scan_number(name: str) -> tuple[int, int] | None:
    """Numbers of the experiment and of the scan in a member's name."""
    found = _SCAN.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def _read_scan(path: Path, root: Element, member: str, number: int) -> list[Frame]:
    route = _route(path, root, member)
    columns = _columns(path, route, member)
    table = _table(path, route, columns, member)
    metadata = _metadata(root)
    variables: dict[str, tuple[float, str]] = {}
    started = iso_seconds(root.findtext("TimeStampStarted"))
    ended = iso_seconds(root.findtext("TimeStampFinished"))
    parts = _parts(path, route, len(table), member)
    if started is not None and len(parts) == 1:
        # When the later parts of a scan started is not said.
        variables["time"] = (started, "s")
        if ended is not None and ended > started:
            variables["exposure"] = (ended - started, "s")
    frames = []
    for index, part in enumerate(parts, 1):
        name = f"scan {number}" + (f" part {index}" if len(parts) > 1 else "")
        frames.append(_frame(path, table[part], columns, variables, metadata, name, member))
    return frames


def _frame(
    path: Path,
    table: FloatArray,
    columns: _Columns,
    variables: dict[str, tuple[float, str]],
    metadata: dict[str, float | str],
    name: str,
    member: str,
) -> Frame:
    if columns.time is not None and (table[:, columns.time] > 0).all():
        # Of one step; with a position-sensitive detector many steps are counted at once.
        seconds = float(np.median(table[:, columns.time]))
        variables = {**variables, "step_time": (seconds, "s")}
    x, order = ascending(path, table[:, columns.two_theta])
    y = table[order, columns.intensity]
    errors = None
    if columns.absorber is not None:
        absorber = table[order, columns.absorber]
        if not (np.isfinite(absorber) & (absorber > 0)).all():
            raise ReaderError(
                path,
                "an absorption factor that is not positive",
                where=member,
                expected="1 or more",
            )
        if columns.counts and (absorber != 1).any():
            errors = scaled_errors(y, absorber)
    noise = noise_of(y, errors) if columns.counts else "unknown"
    return Frame(x, y, errors, noise, variables, metadata, name=name)


def _route(path: Path, root: Element, member: str) -> Element:
    """The measured data; processed ones may stand beside them."""
    routes = list(root.iter("DataRoute"))
    measured = [r for r in routes if r.get("RouteFlag") == "Measured"] or routes
    if len(measured) != 1:
        flags = ", ".join((r.get("RouteFlag") or "none")[:20] for r in routes[:5])
        raise ReaderError(
            path,
            f"{len(routes)} data routes ({flags})",
            where=member,
            expected="one that is marked Measured",
            remedy="export it as XYE",
        )
    return measured[0]


def _columns(path: Path, route: Element, member: str) -> _Columns:
    two_theta: int | None = None
    fixed: dict[str, int] = {}
    recorded: list[tuple[int, int, Element]] = []
    varying: list[str] = []
    for view in route.iter("RawDataView"):
        start, length = (_index(path, view.get(name), member) for name in ("Start", "Length"))
        kind = next((v for k, v in view.attrib.items() if k.rpartition(":")[2] == "type"), "")
        kind = kind.rpartition(":")[2]
        if kind == "FixedRawDataView":
            fixed[view.get("LogicName", "")] = start
        elif kind == "RecordedRawDataView":
            recorded.append((start, length, view))
        elif kind == "VaryingRawDataView":
            for offset, drive in enumerate(view.iter("FieldDefinitions")):
                varying.append(drive.get("AxisId") or drive.get("FieldName") or "")
                if varying[-1] == "TwoTheta" and two_theta is None and offset < length:
                    two_theta = start + offset
    if two_theta is None:
        raise ReaderError(
            path,
            f"a scan that moves {', '.join(v[:20] for v in varying[:5]) or 'nothing'}",
            where=member,
            expected="a scan of TwoTheta",
            remedy="scans of other drives are not powder patterns; export the scans of 2θ as XYE",
        )
    single = [(start, view) for start, length, view in recorded if length == 1]
    if len(single) != 1:
        lengths = ", ".join(str(length) for _, length, _ in recorded[:5])
        raise ReaderError(
            path,
            f"{len(recorded)} recorded quantities of {lengths or 'no'} columns",
            where=member,
            expected="one of one column: the counter",
            remedy="images and unintegrated profiles are not read; export it as XYE",
        )
    intensity, view = single[0]
    unit = next((u.get("Base", "") for u in view.iter("Unit")), "")
    return _Columns(
        two_theta,
        intensity,
        unit.lower() in ("counts", "count", ""),
        fixed.get("AbsorptionFactor"),
        fixed.get("MeasuredTime"),
    )


def _index(path: Path, text: str | None, member: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text or "") or int(text or "") > _MOST_COLUMNS:
        raise ReaderError(
            path,
            f"column {(text or '')[:20]!r}",
            where=f"{member}, RawDataView",
            expected=f"a number up to {_MOST_COLUMNS}",
        )
    return int(text or "")


def _table(path: Path, route: Element, columns: _Columns, member: str) -> FloatArray:
    """Rows as far as the last column that is needed, (points, columns)."""
    width = 1 + max(c for c in (*columns[:2], *columns[3:]) if c is not None)
    rows = [(datum.text or "").split(",")[:width] for datum in route.iter("Datum")]
    if len(rows) < 2:
        raise ReaderError(
            path,
            f"{len(rows)} points",
            where=member,
            expected="rows <Datum>",
            remedy="data outside the XML are not read; export it as XYE",
        )
    short = next((i for i, row in enumerate(rows, 1) if len(row) < width), None)
    if short is not None:
        raise ReaderError(
            path,
            f"{len(rows[short - 1])} columns",
            where=f"{member}, point {short}",
            expected=f"at least {width}",
        )
    try:
        return np.array(rows, dtype=float)
    except ValueError as error:
        raise ReaderError(path, str(error)[:80], where=member, expected="numbers") from None


def _parts(path: Path, route: Element, n_points: int, member: str) -> list[slice]:
    """Rows of each part of a scan that was measured in parts."""
    parts: list[slice] = []
    for part in route.iter("SubScanInfo"):
        start, steps = part.get("StartStepNo", ""), part.get("MeasuredSteps", "")
        if not (re.fullmatch(r"\d{1,9}", start) and re.fullmatch(r"\d{1,9}", steps)):
            return [slice(0, n_points)]
        if int(steps):
            parts.append(slice(int(start), int(start) + int(steps)))
    if len(parts) < 2:
        return [slice(0, n_points)]
    begin = 0
    for s in parts:
        if s.start != begin or s.stop > n_points or s.stop < s.start + 2:
            raise ReaderError(
                path,
                f"a part of the points {s.start} to {s.stop} of {n_points}",
                where=f"{member}, SubScanInfo",
                expected=f"two points or more from point {begin} on",
            )
        begin = s.stop
    return parts


def _metadata(root: Element) -> dict[str, float | str]:
    def value(tag: str) -> float:
        element = next(root.iter(tag), None)
        if element is None:
            return 0.0
        try:
            number = float(element.get("Value") or element.text or "")
        except ValueError:
            return 0.0
        return number * (10.0 if element.get("Unit") == "nm" else 1.0)

    anode = next(root.iter("TubeMaterial"), None)
    return tube(
        value("WaveLengthAlpha1"),
        value("WaveLengthAlpha2"),
        value("WaveLengthRatio"),
        "" if anode is None else (anode.text or "").strip()[:8],
    )


READER = Reader("bruker_brml", (".brml",), _sniff, read_brml)
