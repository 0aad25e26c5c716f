"""PANalytical XRDML: every scan a frame.

XRD Measurement Document 1.x and 2.x (schemas at xrdml.com): ``intensities`` are counts that have
been multiplied by the beam attenuation factors, ``counts`` have not.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.archive import parse_xml
from spectra.readers.frame import Frame, Reader, noise_of, scaled_errors
from spectra.readers.times import iso_seconds
from spectra.units import kelvin_from

FloatArray = NDArray[np.float64]

_MOST_POINTS = 50_000_000


def _sniff(head: bytes, path: Path) -> bool:
    return b"<xrdMeasurements" in head or path.suffix.lower() == ".xrdml"


def read_xrdml(path: Path) -> list[Frame]:
    """Read every scan that holds data."""
    root = parse_xml(path, path.read_bytes())
    frames = [
        _read_scan(path, scan, _wavelengths(path, measurement), number)
        for measurement in root.iter("xrdMeasurement")
        for number, scan in enumerate(measurement.iter("scan"), 1)
        if scan.find("dataPoints") is not None
    ]
    if not frames:
        raise ReaderError(path, f"<{root.tag}> without scans", expected="scans with data points")
    return frames


def _wavelengths(path: Path, measurement: Element) -> dict[str, float]:
    used = measurement.find("usedWavelength")
    if used is None:
        return {}
    found = {
        name: float(_numbers(path, used.findtext(tag), tag)[0])
        for name, tag in (
            ("wavelength", "kAlpha1"),
            ("wavelength2", "kAlpha2"),
            ("ratio", "ratioKAlpha2KAlpha1"),
        )
        if (used.findtext(tag) or "").strip()
    }
    both = used.get("intended", "").strip() in ("K-Alpha", "")
    if not (both and 0 < found.get("ratio", 0.0) < 1 and "wavelength2" in found):
        found.pop("wavelength2", None)
        found.pop("ratio", None)
    return found


def _read_scan(path: Path, scan: Element, metadata: dict[str, float], number: int) -> Frame:
    where = f"scan {number}"
    points = scan.find("dataPoints")
    assert points is not None
    signal = points.find("intensities")
    if signal is None:
        signal = points.find("counts")
    if signal is None:
        raise ReaderError(path, "no intensities", where=where, expected="<intensities> or <counts>")
    y = _numbers(path, signal.text, where)
    factors = points.findtext("beamAttenuationFactors")
    errors = None
    if factors is not None:
        attenuation = _numbers(path, factors, where)
        if attenuation.shape != y.shape or (attenuation <= 0).any():
            raise ReaderError(
                path, f"{attenuation.size} attenuation factors for {y.size} points", where=where
            )
        if signal.tag == "counts":
            y = y * attenuation
        if (attenuation != 1).any():
            errors = scaled_errors(y, attenuation)
    if signal.get("unit", "counts") != "counts" and errors is None:
        noise = "unknown"
    else:
        noise = noise_of(y, errors)
    return Frame(
        *(_positions(path, points, y.size, where), y, errors, noise),  # type: ignore[arg-type]
        *(_variables(path, scan, points, where), metadata),
        name=f"scan {scan.get('appendNumber', number)}",
        note="" if scan.get("status", "Completed") == "Completed" else "the scan was not completed",
    )


def _positions(path: Path, points: Element, n: int, where: str) -> FloatArray:
    for axis in points.iter("positions"):
        if axis.get("axis") != "2Theta":
            continue
        listed = axis.findtext("listPositions")
        if listed is not None:
            x = _numbers(path, listed, where)
        else:
            ends = [axis.findtext(f"{end}Position") for end in ("start", "end")]
            if None in ends:
                break
            first, last = (float(_numbers(path, end, where)[0]) for end in ends)
            x = np.linspace(first, last, n)
        if x.size != n:
            raise ReaderError(path, f"{x.size} positions for {n} intensities", where=where)
        return x
    raise ReaderError(
        path,
        "no positions of 2Theta",
        where=where,
        expected="a scan of 2Theta",
        remedy="scans of other axes are not powder patterns; export the 2Theta scans",
    )


def _variables(
    path: Path, scan: Element, points: Element, where: str
) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    if (points.findtext("commonCountingTime") or "").strip():
        # Of one step; with a position-sensitive detector many steps are counted at once.
        step = _numbers(path, points.findtext("commonCountingTime"), where)
        found["step_time"] = (float(step[0]), "s")
    for ambient in scan.iter("nonAmbientPoints"):
        values = ambient.findtext("nonAmbientValues")
        if "temp" in ambient.get("type", "").lower() and values:
            celsius = ambient.get("unit", "Kelvin").lower().startswith("c")
            kelvin = kelvin_from(_numbers(path, values, where).mean(), "C" if celsius else "K")
            found["temperature"] = (float(kelvin), "K")
    time = iso_seconds(scan.findtext("header/startTimeStamp"))
    if time is not None:
        found["time"] = (time, "s")
    return found


def _numbers(path: Path, text: str | None, where: str) -> FloatArray:
    try:
        values = np.array((text or "").split(), dtype=float)
    except ValueError as error:
        raise ReaderError(path, str(error), where=where, expected="numbers") from None
    if values.size == 0 or values.size > _MOST_POINTS:
        raise ReaderError(path, f"{values.size} numbers", where=where, expected="at least one")
    return values


READER = Reader("panalytical_xrdml", (".xrdml",), _sniff, read_xrdml)
