"""VAMAS: the Surface Chemical Analysis Standard Data Transfer Format, ISO 14976:1998.

W. A. Dench, L. B. Hazell, M. P. Seah, Surf. Interface Anal. 13, 63 (1988) gives its grammar: one
value a line, an experiment's header, then blocks of one spectrum each. Values of later blocks
that a list in the header excludes are those of the first block.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.arithmetic import column_name
from spectra.readers.electrons import Spectrum, is_rate, make_electron_frames, positive
from spectra.readers.frame import Frame, Reader, Region
from spectra.readers.lines import Lines
from spectra.readers.text import decode

FloatArray = NDArray[np.float64]

_MARK = "VAMAS Surface Chemical Analysis Standard Data Transfer Format"
_MODES = ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "NORM", "SDP", "SDPSV", "SEM", "NOEXP")
_SCANS = ("REGULAR", "IRREGULAR", "MAPPING")
_IONS = ("FABMS", "ISS", "SIMS", "SNMS")
_DIRECT = ("AES", "EDX", "ELS", "UPS", "XPS", "XRF")
_PHOTOELECTRON = re.compile(r"(?:XPS|UPS|ESCA|HAXPES|ARXPS)", re.IGNORECASE)
_TRANSMISSION = re.compile(r"transmission", re.IGNORECASE)
_ENERGY = re.compile(r"(kinetic|binding)|^\W*(k|b)\.?e\.?\W*$", re.IGNORECASE)
_NOTHING = ("", "none", "not specified", "unknown", "undefined", "n/a", "-")
_PARAMETERS = 40
_MOST_VARIABLES = 200
_MOST_ORDINATES = 100_000_000
_MOST_HOURS = 14


@dataclass(frozen=True)
class _Header:
    instrument: str
    institution: str
    operator: str
    experiment: str
    mode: str
    scan: str
    variables: tuple[tuple[str, str], ...]
    absent: frozenset[int]
    future: int
    blocks: int


@dataclass
class _Block:
    """Values of a block by the numbers that ISO 14976 gives its parameters."""

    name: str
    sample: str
    values: dict[int, Any] = field(default_factory=dict)
    ordinates: FloatArray = field(default_factory=lambda: np.empty((0, 0)))


def _sniff(head: bytes, path: Path) -> bool:
    return head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(_MARK.encode()[:40])


def read_vamas(path: Path) -> list[Frame]:
    """Read all blocks, a frame each; blocks of one species and transition are one region.

    Raises
    ------
    ReaderError
        If the file does not follow ISO 14976, naming the block and the line; or if it holds
        images, or no spectra of electrons.
    """
    lines = Lines(path, decode(path).splitlines())
    while lines.left and not lines.lines[lines.at].strip():
        lines.at += 1
    header = _header(lines)
    blocks: list[_Block] = []
    for number in range(1, header.blocks + 1):
        lines.where = f"block {number} of {header.blocks}"
        blocks.append(_block(lines, header, blocks[0] if blocks else None))
    if lines.left and _is_number(lines.lines[lines.at]):
        raise lines.error(
            "numbers are left behind the last block",
            expected="'end of experiment'",
            remedy="lines were added: copy the file again",
        )
    samples = len({block.sample for block in blocks})
    return make_electron_frames(
        path, [_spectrum(path, header, b, n, samples > 1) for n, b in enumerate(blocks, 1)]
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _header(lines: Lines) -> _Header:
    title = lines.text("VAMAS identifier")
    if not title.startswith(_MARK[:40]):
        raise lines.wrong(title, f"{_MARK} …")
    institution, instrument, operator, experiment = lines.texts(4, "identifiers")
    lines.texts(lines.count("number of lines of the comment"), "comment")
    mode = _one_of(lines, "experiment mode", _MODES)
    scan = _one_of(lines, "scan mode", _SCANS)
    if scan == "MAPPING":
        raise lines.error(
            "the blocks are images, pixel by pixel",
            expected="spectra: scan mode REGULAR or IRREGULAR",
            remedy="export spectra",
        )
    if mode in ("MAP", "MAPDP", "NORM", "SDP"):
        lines.number("number of spectral regions")
    if mode in ("MAP", "MAPDP"):
        lines.numbers(3, "numbers of positions")
    count = lines.count("number of experimental variables", _MOST_VARIABLES)
    variables = tuple((lines.text("label"), lines.text("unit")) for _ in range(count))
    absent = _absent(lines)
    lines.texts(lines.count("number of manually entered items"), "item")
    future = lines.count("number of future upgrade experiment entries")
    upgrade = lines.count("number of future upgrade block entries")
    lines.texts(future, "future upgrade experiment entry")
    blocks = lines.count("number of blocks")
    if not blocks:
        raise lines.error("no blocks", expected="spectra", remedy="export the file again")
    return _Header(
        _known(instrument),
        _known(institution),
        _known(operator),
        _known(experiment),
        mode,
        scan,
        variables,
        absent,
        upgrade,
        blocks,
    )


def _absent(lines: Lines) -> frozenset[int]:
    """Parameters that blocks after the first leave out."""
    text = lines.text("number of entries in the inclusion or exclusion list")
    try:
        count = int(float(text))
    except (ValueError, OverflowError):
        count = _PARAMETERS + 1
    if abs(count) > _PARAMETERS:
        raise lines.wrong(text, f"a whole number from -{_PARAMETERS} to {_PARAMETERS}")
    listed = {lines.count("number of a parameter", _PARAMETERS) for _ in range(abs(count))}
    every = frozenset(range(1, _PARAMETERS + 1))
    return every - listed if count > 0 else frozenset(listed)


def _block(lines: Lines, header: _Header, first: _Block | None) -> _Block:
    block = _Block(lines.text("block identifier"), lines.text("sample identifier"))
    values = block.values

    def take(number: int, read: Callable[[], Any]) -> Any:
        if first is not None and number in header.absent:
            values[number] = first.values.get(number)
        else:
            values[number] = read()
        return values[number]

    for number in range(1, 8):
        take(number, lambda: lines.number("date or time"))
    take(8, lambda: lines.texts(lines.count("number of lines of the comment"), "comment"))
    technique = str(take(9, lambda: lines.text("technique")))
    _source(lines, header, take, technique)
    _analyser(lines, take, technique)
    corresponding = _scan(lines, header, take)
    _signal(lines, header, take, technique)
    lines.texts(header.future, "future upgrade block entry")
    block.ordinates = _ordinates(lines, len(corresponding))
    return block


_Take = Callable[[int, Callable[[], Any]], Any]


def _source(lines: Lines, header: _Header, take: _Take, technique: str) -> None:
    mode = header.mode
    if mode in ("MAP", "MAPDP"):
        take(10, lambda: lines.numbers(2, "coordinates"))
    take(11, lambda: lines.numbers(len(header.variables), "values of experimental variables"))
    take(12, lambda: lines.text("analysis source label"))
    if mode in ("MAPDP", "MAPSVDP", "SDP", "SDPSV") or technique.upper().startswith(_IONS):
        take(13, lambda: lines.numbers(3, "properties of the sputtering particle"))
    take(14, lambda: lines.number("analysis source characteristic energy"))
    take(15, lambda: lines.number("analysis source strength"))
    take(16, lambda: lines.numbers(2, "beam widths"))
    if mode in ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM"):
        take(17, lambda: lines.numbers(2, "fields of view"))
    if mode in ("MAPSV", "MAPSVDP", "SEM"):
        take(18, lambda: lines.numbers(6, "linescan coordinates"))
    take(19, lambda: lines.number("polar angle of incidence"))
    take(20, lambda: lines.number("azimuth of the source"))


def _analyser(lines: Lines, take: _Take, technique: str) -> None:
    take(21, lambda: lines.text("analyser mode"))
    take(22, lambda: lines.number("pass energy or retard ratio"))
    if technique.upper().startswith("AES DIFF"):
        take(23, lambda: lines.number("differential width"))
    take(24, lambda: lines.number("magnification of the transfer lens"))
    take(25, lambda: lines.number("analyser work function"))
    take(26, lambda: lines.number("target bias"))
    take(27, lambda: lines.numbers(2, "analysis widths"))
    take(28, lambda: lines.numbers(2, "take-off angles"))
    take(29, lambda: lines.text("species label"))
    take(30, lambda: (lines.text("transition label"), lines.number("charge of the particle")))


def _scan(lines: Lines, header: _Header, take: _Take) -> list[tuple[str, str]]:
    if header.scan == "REGULAR":
        take(
            31,
            lambda: (
                *lines.texts(2, "abscissa label and units"),
                *lines.numbers(2, "abscissa start and increment").tolist(),
            ),
        )

    def variables() -> list[tuple[str, str]]:
        count = lines.count("number of corresponding variables", _MOST_VARIABLES)
        if not count:
            raise lines.wrong("0", "at least one corresponding variable")
        return [(lines.text("label"), lines.text("units")) for _ in range(count)]

    found: list[tuple[str, str]] = take(32, variables)
    return found


def _signal(lines: Lines, header: _Header, take: _Take, technique: str) -> None:
    take(33, lambda: lines.text("signal mode"))
    take(34, lambda: lines.number("signal collection time"))
    take(35, lambda: lines.number("number of scans"))
    take(36, lambda: lines.number("signal time correction"))
    profile = header.mode in ("MAPDP", "MAPSVDP", "SDP", "SDPSV")
    if profile and technique.upper().startswith(_DIRECT):
        take(
            37,
            lambda: (*lines.numbers(6, "sputtering source values"), lines.text("sputtering mode")),
        )
    take(38, lambda: lines.numbers(2, "tilts of the sample"))
    take(39, lambda: lines.number("rotation of the sample"))

    def additional() -> list[tuple[str, str, float]]:
        count = lines.count("number of additional parameters")
        return [
            (lines.text("label"), lines.text("units"), lines.number("value")) for _ in range(count)
        ]

    take(40, additional)


def _ordinates(lines: Lines, width: int) -> FloatArray:
    """Values of the corresponding variables (width, points)."""
    count = lines.count("number of ordinate values", _MOST_ORDINATES)
    if count % width:
        raise lines.wrong(str(count), f"a multiple of the {width} corresponding variables")
    lines.numbers(2 * width, "limits of the corresponding variables")
    return lines.numbers(count, "ordinate values").reshape(-1, width).T


def _spectrum(path: Path, header: _Header, block: _Block, number: int, samples: bool) -> Spectrum:
    values = block.values
    labels: list[tuple[str, str]] = values[32]
    where = f"block {number} ({block.name})"
    label, unit, energy, at = _abscissa(path, header, block, where)
    shown = _ENERGY.search(label)
    if shown is None or unit.lower() not in ("ev", "kev"):
        raise ReaderError(
            path,
            f"its abscissa is {label!r} in {unit!r}",
            where=where,
            expected="kinetic or binding energy in eV",
            remedy="only spectra of electrons are read; export those",
        )
    ordinates = {i: block.ordinates[i] for i in range(len(labels)) if i != at}
    if not ordinates:
        raise ReaderError(path, "no intensity beside the abscissa", where=where)
    signal = next((i for i in ordinates if not _TRANSMISSION.search(labels[i][0])), min(ordinates))
    channels = {
        _channel_name(labels[i][0], i): row
        for i, row in ordinates.items()
        if i != signal and np.isfinite(row).any()
    }
    return Spectrum(
        energy * (1000.0 if unit.lower() == "kev" else 1.0),
        ordinates[signal],
        "binding_energy" if (shown[1] or shown[2]).lower().startswith("b") else "kinetic_energy",
        Region(_region(block), (block.name, f"{_known(block.sample)}/{block.name}")),
        name=f"{block.sample} {block.name}" if samples else block.name,
        rate=any(map(is_rate, labels[signal])),
        dwell_time=positive(values[34]),
        sweeps=positive(values[35]),
        photon_energy=_photon_energy(values),
        channels=channels,
        facts=_facts(header, block),
        variables=_variables(header, block),
    )


def _abscissa(
    path: Path, header: _Header, block: _Block, where: str
) -> tuple[str, str, FloatArray, int]:
    """Label, unit and values of the abscissa, and which corresponding variable it is."""
    labels: list[tuple[str, str]] = block.values[32]
    if header.scan == "REGULAR":
        label, unit, start, step = block.values[31]
        return label, unit, start + step * np.arange(block.ordinates.shape[1]), -1
    at = next((i for i, (label, _) in enumerate(labels) if _ENERGY.search(label)), 0)
    if len(labels) < 2:
        raise ReaderError(
            path,
            f"an irregular scan with nothing but {labels[0][0]!r}",
            where=where,
            expected="an abscissa and an intensity",
        )
    return *labels[at], block.ordinates[at], at


def _channel_name(label: str, number: int) -> str:
    return "transmission" if _TRANSMISSION.search(label) else column_name(label) or f"col{number}"


def _region(block: _Block) -> str:
    species, (transition, _) = _known(block.values[29]), block.values[30]
    return " ".join(filter(None, (species, _known(transition)))) if species else block.name


def _photon_energy(values: dict[int, Any]) -> float:
    return positive(values[14]) if _PHOTOELECTRON.match(values[9] or "") else math.nan


def _facts(header: _Header, block: _Block) -> dict[str, Any]:
    values = block.values
    mode = _known(values[21])
    retarding = mode.upper() in ("FRR", "CRR")
    return {
        "technique": _known(values[9]),
        "sample": _known(block.sample),
        "source": _known(values[12]),
        "source_power": positive(values[15]),
        "analyser_mode": mode,
        "retard_ratio" if retarding else "pass_energy": positive(values[22]),
        "work_function": values[25],
        "target_bias": values[26],
        "signal_mode": _known(values[33]),
        "instrument": header.instrument,
        "institution": header.institution,
        "operator": header.operator,
        "experiment": header.experiment,
        "experiment_mode": header.mode,
        "comment": "\n".join(values[8] or ()).strip(),
        **{
            column_name(label): value
            for label, _, value in values[40] or ()
            if column_name(label) and column_name(label) not in ("region", "photon_energy")
        },
    }


def _variables(header: _Header, block: _Block) -> dict[str, tuple[float, str]]:
    values = block.values
    found: dict[str, tuple[float, str]] = {}
    if 10 in values and values[10] is not None:
        found |= {"x": (float(values[10][0]), ""), "y": (float(values[10][1]), "")}
    for (label, unit), value in zip(header.variables, values[11], strict=True):
        shown = re.sub(r"\s*[\[(][^\])]*[\])]\s*$", "", label)
        inside = re.search(r"[\[(]([^\])]*)[\])]\s*$", label)
        known = inside[1] if inside else "" if unit in ("d", "n") else unit
        if name := column_name(shown):
            found[name] = (float(value), known)
    if (time := _time(values)) is not None:
        found["time"] = (time, "s")
    return found


def _time(values: dict[int, Any]) -> float | None:
    """Seconds since 1970 at which the block was measured."""
    year, month, day, hour, minute, second, ahead = (values[i] for i in range(1, 8))
    try:
        date = (int(year), int(month), int(day), int(hour), int(minute), int(second))
        moment = datetime(*date, tzinfo=UTC)
        ahead = ahead if abs(ahead) <= _MOST_HOURS else 0.0
        return (moment - timedelta(hours=ahead)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def _one_of(lines: Lines, what: str, known: tuple[str, ...]) -> str:
    text = lines.text(what)
    if text.upper() not in known:
        raise lines.wrong(text, f"the {what}, one of {', '.join(known)}")
    return text.upper()


def _known(text: str | None) -> str:
    stripped = (text or "").strip()
    return "" if stripped.lower() in _NOTHING else stripped


READER = Reader("vamas", (".vms", ".npl"), _sniff, read_vamas)
