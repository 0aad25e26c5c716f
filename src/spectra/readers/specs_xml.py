"""SPECS SpecsLab XML: groups of regions, with the counts of every channel and sweep.

The elements name their types (``RegionData``, ``Cycle``, ``ScanData``). A sweep holds the counts
of all channeltrons at each step, `mcd_head` steps before the first point and `mcd_tail` steps
behind the last. A channel's ``shift`` times the pass energy is how far its energy lies from the
nominal one; the counts of each are added where they belong, to the nearest step, so that they
remain counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.archive import parse_xml
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, make_electron_frames, positive, to_number
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.regions import find_line

FloatArray = NDArray[np.float64]

# A list of elements and attributes does no harm; entities are left for `parse_xml` to refuse.
_TYPES = re.compile(rb"<!DOCTYPE\s+any\s*\[(?:(?!<!ENTITY|\]>).)*\]>", re.DOTALL)
_SPECTRUM = ("FixedAnalyzerTransmission", "FixedRetardingRatio", "ConstantFinalState")
_MOST_POINTS = 1_000_000
_MOST_CHANNELS = 1000


def _sniff(head: bytes, path: Path) -> bool:
    return b"specs.de/Serializer" in head or b"CORBA XML document created by XMLSer" in head


def read_specs_xml(path: Path) -> list[Frame]:
    """Read all regions of all groups: a frame each cycle, its sweeps added up.

    The sweeps themselves are the frames of a region of its own, ``"C1s sweeps"``, taken only
    when it is asked for by that name.

    Raises
    ------
    ReaderError
        If it is no such file, or the counts do not fit the settings.
    """
    root = parse_xml(path, _TYPES.sub(b"", path.read_bytes(), count=1))
    groups = [e for e in root.iter("struct") if e.get("type_name") == "RegionGroup"]
    spectra = [
        spectrum
        for group in groups
        for region in _structs(group, "RegionData")
        for spectrum in _region(path, region, _text(group, "name"), len(groups) > 1)
    ]
    return make_electron_frames(path, spectra)


def _region(path: Path, region: Element, group: str, several: bool) -> Iterator[Spectrum]:
    own = _text(region, "name")
    settings = next(iter(_structs(region, "RegionDef")), None)
    if settings is None:
        raise ReaderError(path, "no settings", where=own, expected="a struct RegionDef")
    name = f"{group}/{own}" if several else own
    where = f"region {name!r}"
    energy = _energies(path, settings, where)
    if energy is None or _number(settings, "values_per_curve") == 0:
        return
    starts = _channel_starts(path, region, settings, where)
    transmission = _listed(path, region, "transmission", where)
    fit = len(transmission) == len(energy) and np.isfinite(transmission).all()
    common: dict[str, Any] = {
        "energy": energy,
        "axis": "kinetic_energy",
        "dwell_time": _number(settings, "dwell_time"),
        "photon_energy": positive(_number(settings, "excitation_energy")),
        "channels": {"transmission": transmission} if fit else {},
        "facts": _facts(region, settings, group),
    }
    places = (own, f"{group}/{own}")
    cycles = _structs(region, "Cycle")
    for number, cycle in enumerate(cycles):
        sweeps = [
            _sweep(path, scan, len(energy), starts, f"{where}, cycle {number}, sweep {i}")
            for i, scan in enumerate(_structs(cycle, "ScanData"))
        ]
        if not sweeps:
            continue
        variables = {"cycle": (float(number), ""), "time": (_number(cycle, "time"), "s")}
        yield Spectrum(
            signal=np.sum(sweeps, axis=0),
            region=Region(name, places),
            name=f"cycle {number}" if len(cycles) > 1 else "",
            sweeps=float(len(sweeps)),
            variables=variables,
            **common,
        )
        for i, sweep in enumerate(sweeps if len(sweeps) > 1 else ()):
            yield Spectrum(
                signal=sweep,
                region=Region(f"{name} sweeps", (f"{find_line(own)} sweeps",), detail=True),
                name=f"cycle {number} sweep {i}",
                sweeps=1.0,
                variables={**variables, "sweep": (float(i), "")},
                **common,
            )


def _energies(path: Path, settings: Element, where: str) -> FloatArray | None:
    """Kinetic energies; None for modes that scan none."""
    mode = next((_text(s, "name") for s in _structs(settings, "ScanMode")), "")
    if mode and mode not in _SPECTRUM:
        return None
    count, step = _number(settings, "values_per_curve"), _number(settings, "scan_delta")
    first = _number(settings, "kinetic_energy")
    if not (0 <= count <= _MOST_POINTS and math.isfinite(first) and step > 0):
        raise ReaderError(
            path,
            f"{count:g} values from {first:g} eV in steps of {step:g} eV",
            where=where,
            expected="numbers of values and a step above zero",
            remedy="export the file again",
        )
    return np.asarray(first + step * np.arange(int(count)), dtype=float)


def _channel_starts(path: Path, region: Element, settings: Element, where: str) -> list[int]:
    """For each channel the step at which it sees the first energy."""
    shifts = [_number(detector, "shift") for detector in _structs(region, "Detector")] or [0.0]
    head, tail = _number(region, "mcd_head"), _number(region, "mcd_tail")
    head = 0.0 if math.isnan(head) else head
    width = head + (0.0 if math.isnan(tail) else tail)
    scale = _number(settings, "pass_energy") / _number(settings, "scan_delta")
    starts = [head - shift * scale for shift in shifts]
    inside = all(-0.5 <= start <= width + 0.5 for start in starts)
    if len(starts) > _MOST_CHANNELS or not inside:
        raise ReaderError(
            path,
            f"{len(starts)} channels, shifted by {', '.join(f'{s:g}' for s in starts[:9])} steps",
            where=where,
            expected=f"channels within the {width:g} steps recorded beside the region",
            remedy="export the file again, or as text",
        )
    return [min(max(round(start), 0), int(width)) for start in starts]


def _sweep(path: Path, scan: Element, points: int, starts: list[int], where: str) -> FloatArray:
    """Counts of all channels, each at its energy."""
    counts = _listed(path, scan, "counts", where)
    channels = len(starts)
    steps = len(counts) // channels
    if len(counts) % channels or steps < points + max(starts):
        raise ReaderError(
            path,
            f"{len(counts)} counts of {channels} channels",
            where=where,
            expected=f"at least {(points + max(starts)) * channels}",
            remedy="the measurement was broken off or the file is damaged: export it again",
        )
    table = counts.reshape(steps, channels)
    parts = [table[start : start + points, i] for i, start in enumerate(starts)]
    return np.asarray(np.sum(parts, axis=0), dtype=float)


def _facts(region: Element, settings: Element, group: str) -> dict[str, Any]:
    info = {s.get("name"): _text(s, "name") for s in region.iter("struct") if s.get("name")}
    return {
        "technique": _text(settings, "analysis_method"),
        "sample": group,
        "source": info.get("source_info", ""),
        "analyser": info.get("analyzer_info", ""),
        "analyser_mode": next((_text(s, "name") for s in _structs(settings, "ScanMode")), ""),
        "lens": _text(settings, "analyzer_lens"),
        "slit": _text(settings, "analyzer_slit"),
        "pass_energy": _number(settings, "pass_energy"),
        "work_function": _number(settings, "effective_workfunction"),
        "detector_voltage": _number(settings, "detector_voltage"),
        **_parameters(region),
    }


def _parameters(region: Element) -> dict[str, Any]:
    """What is listed of the source, such as its anode."""
    found: dict[str, Any] = {}
    source = next((s for s in region.iter("struct") if s.get("name") == "source_info"), None)
    for parameter in [] if source is None else _structs(source, "Parameter"):
        name, held = column_name(_text(parameter, "name")), parameter.find("any")
        text = "".join(held.itertext()).strip() if held is not None else ""
        if name and text:
            found[f"source_{name}"] = text
    return found


def _structs(element: Element, kind: str) -> list[Element]:
    return [e for e in element.iter("struct") if e.get("type_name") == kind]


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if child.get("name") == name), None)


def _text(element: Element, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else (child.text or "").strip()


def _number(element: Element, name: str) -> float:
    """A child's number; NaN where there is none."""
    return to_number(_text(element, name))


def _listed(path: Path, element: Element, name: str, where: str) -> FloatArray:
    """All numbers in a sequence; a single element may hold many."""
    child = _child(element, name)
    words = [] if child is None else " ".join(e.text or "" for e in child).split()
    try:
        return np.array(words, dtype=float)
    except ValueError as error:
        raise ReaderError(
            path, str(error)[:80], where=f"{where}, {name}", expected="numbers"
        ) from None


READER = Reader("specs_xml", (".xml",), _sniff, read_specs_xml)
