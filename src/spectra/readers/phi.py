"""PHI MultiPak ``.spe``, and profiles ``.pro``: a text header, then numbers.

The layout is that of the files themselves: lines ``Name: value`` between ``SOFH`` and ``EOFH``;
``SpectralRegDef`` gives number, name, points, step, first and last binding energy, seconds a point
and pass energy of each region. Behind it four words of 32 bits (little-endian; the second counts
the spectra, the third and fourth are the bytes of the trace headers and of these words), then a
header of 24 words for each spectrum: points in word 5, ``c/s`` in word 14, ``f4`` or ``f8`` in word
18, bytes of data and their offset from the four words in words 19 and 20. A profile of n cycles
holds n times the points. (PHI's own VAMAS exports multiply the rates by the seconds a point.)
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames
from spectra.readers.frame import Frame, Reader, Region

FloatArray = NDArray[np.float64]

_START, _END = b"SOFH", b"EOFH"
_WORDS, _TRACE_WORDS = 4, 24
_POINTS, _UNIT, _TYPE, _BYTES, _OFFSET = 5, 14, 18, 19, 20
_TYPES = {b"f4": "<f4", b"f8": "<f8"}
_DEFINITION_FIELDS = 12
_MOST_REGIONS = 4096
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class _Definition:
    name: str
    points: int
    first: float
    last: float
    dwell_time: float
    pass_energy: float


@dataclass(frozen=True)
class _Trace:
    """Where the numbers of a spectrum are: bytes from the beginning of the file."""

    points: int
    unit: str
    kind: str
    size: int
    offset: int


def _sniff(head: bytes, path: Path) -> bool:
    return head.startswith(_START)


def read_phi(path: Path) -> list[Frame]:
    """Read all regions; cycles of a profile are frames of their region.

    Raises
    ------
    ReaderError
        If the header and the numbers do not fit each other.
    """
    data = path.read_bytes()
    end = data.find(_END)
    if end < 0:
        raise ReaderError(
            path,
            "the text header does not end",
            where=f"{len(data)} bytes",
            expected="EOFH",
            remedy="the file is cut off: copy it again",
        )
    texts = [line.partition(":") for line in data[:end].decode("latin-1").splitlines()]
    fields = [(name.strip(), value.strip()) for name, colon, value in texts if colon]
    facts = dict(reversed(fields))
    definitions = [
        _definition(path, value) for name, value in fields if name == "SpectralRegDef" and value
    ]
    begin = end + len(_END)
    begin += len(data[begin : begin + 2]) - len(data[begin : begin + 2].lstrip(b"\r\n"))
    traces = _traces(path, data, begin)
    if len(traces) != len(definitions):
        raise ReaderError(
            path,
            f"{len(definitions)} regions are defined, {len(traces)} spectra are there",
            expected="as many spectra as lines SpectralRegDef",
            remedy="maps and several areas are not read: export spectra from MultiPak",
        )
    spectra = [
        spectrum
        for definition, trace in zip(definitions, traces, strict=True)
        for spectrum in _spectra(path, data, definition, trace, facts)
    ]
    return make_electron_frames(path, spectra)


def _definition(path: Path, text: str) -> _Definition:
    words = text.split()
    try:
        if len(words) < _DEFINITION_FIELDS:
            raise ValueError(f"{len(words)} fields")
        first, last = float(words[6]), float(words[7])
        return _Definition(words[2], int(words[4]), first, last, float(words[10]), float(words[11]))
    except ValueError:
        raise ReaderError(
            path,
            f"SpectralRegDef: {text[:80]!r}",
            where="text header",
            expected="number, area, name, element, points, step, first, last, …",
            remedy="copy or export the file again",
        ) from None


def _traces(path: Path, data: bytes, begin: int) -> list[_Trace]:
    if len(data) < begin + 4 * _WORDS:
        raise ReaderError(path, "no numbers behind the header", remedy="copy the file again")
    _, count, _, skip = struct.unpack_from("<4i", data, begin)
    if not 0 < count <= _MOST_REGIONS or skip != 4 * _WORDS:
        raise ReaderError(
            path,
            f"{count} spectra, {skip} bytes before their headers",
            where=f"byte {begin}",
            expected=f"1 to {_MOST_REGIONS} spectra, 16 bytes",
            remedy="this layout is not known: export the file as VAMAS from MultiPak",
        )
    return [
        _trace(path, data, begin, begin + skip + 4 * _TRACE_WORDS * number)
        for number in range(count)
    ]


def _trace(path: Path, data: bytes, begin: int, at: int) -> _Trace:
    if at + 4 * _TRACE_WORDS > len(data):
        raise ReaderError(path, "the file ends here", where=f"byte {len(data)}", remedy="copy it")
    words = struct.unpack_from(f"<{_TRACE_WORDS}i", data, at)

    def text(word: int) -> bytes:
        return data[at + 4 * word : at + 4 * word + 4].rstrip(b"\0")

    points, size, offset = words[_POINTS], words[_BYTES], begin + words[_OFFSET]
    kind = _TYPES.get(text(_TYPE))
    if kind is None or points < 1 or size < 1 or size % (points * int(kind[2])):
        raise ReaderError(
            path,
            f"{points} points of type {text(_TYPE)!r} in {size} bytes",
            where=f"byte {at}",
            expected="whole spectra of f4 or f8",
            remedy="this layout is not known: export the file as VAMAS from MultiPak",
        )
    if offset < at or offset + size > len(data):
        raise ReaderError(
            path,
            f"numbers from byte {offset} to {offset + size}",
            where=f"byte {at}",
            expected=f"an end before byte {len(data)}",
            remedy="the file is cut off: copy it again",
        )
    return _Trace(points, text(_UNIT).decode("latin-1"), kind, size, offset)


def _spectra(
    path: Path, data: bytes, definition: _Definition, trace: _Trace, facts: dict[str, str]
) -> list[Spectrum]:
    if definition.points != trace.points:
        raise ReaderError(
            path,
            f"{definition.points} points are defined, {trace.points} are there",
            where=definition.name,
            remedy="copy or export the file again",
        )
    count = trace.size // int(trace.kind[2])
    values = np.frombuffer(data, trace.kind, count, trace.offset).astype(float)
    cycles = values.reshape(-1, trace.points)
    energy = np.linspace(definition.first, definition.last, trace.points)
    metadata = _metadata(facts, definition)
    return [
        Spectrum(
            energy,
            cycle,
            "binding_energy",
            Region(definition.name, ("survey",) if definition.name.startswith("Su") else ()),
            name=f"cycle {number}" if len(cycles) > 1 else "",
            rate=is_rate(trace.unit),
            # The seconds a point are those of all sweeps: rates times them are whole numbers.
            dwell_time=definition.dwell_time,
            sweeps=1.0,
            photon_energy=_photon_energy(facts.get("XraySource", "")),
            facts=metadata,
            variables=_variables(facts, number if len(cycles) > 1 else None),
        )
        for number, cycle in enumerate(cycles)
    ]


def _photon_energy(source: str) -> float:
    """Of a text such as ``Al 1486.6 mono``."""
    found = _NUMBER.search(source)
    return float(found[0]) if found and float(found[0]) > 0 else math.nan


def _metadata(facts: dict[str, str], definition: _Definition) -> dict[str, Any]:
    def number(name: str) -> float:
        found = _NUMBER.match(facts.get(name, ""))
        return float(found[0]) if found else math.nan

    return {
        "technique": facts.get("Technique", ""),
        "sample": facts.get("FileDesc", ""),
        "source": facts.get("XraySource", ""),
        "source_power": number("XrayPower"),
        "beam_diameter": number("XrayBeamDiameter"),
        "analyser_mode": facts.get("AnalyserMode", ""),
        "pass_energy": definition.pass_energy,
        "work_function": number("AnalyserWorkFcn"),
        "take_off_angle": number("StageCurrentTakeOffAngle"),
        "source_angle": number("SourceAnalyserAngle"),
        # MultiPak's transmission is E_pass·(a²/(a²+R²))^b of these two numbers a, b.
        "transmission_coefficients": facts.get("IntensityCalCoeff", ""),
        "energy_reference": facts.get("EnergyReference", ""),
        "survey_cycles": number("SurvNumCycles"),
        "neutralizer": facts.get("EgunNeutMode", ""),
        "instrument": facts.get("InstrumentModel", ""),
        "institution": facts.get("Institution", ""),
        "operator": facts.get("Operator", ""),
        "experiment": facts.get("ExperimentID", ""),
        "software": facts.get("SoftwareVersion", ""),
    }


def _variables(facts: dict[str, str], level: int | None) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    if level is not None:
        found["level"] = (float(level), "")
    try:
        year, month, day = (int(word) for word in facts.get("AcqFileDate", "").split())
        found["time"] = (datetime(year, month, day, tzinfo=UTC).timestamp(), "s")
    except (ValueError, OverflowError):
        pass
    return found


READER = Reader("phi", (".spe", ".pro"), _sniff, read_phi)
