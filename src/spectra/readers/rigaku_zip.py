"""Rigaku RASX files: a zip of folders ``Data0``, ``Data1``…, each with a profile as text.

``Profile*.txt`` holds 2θ, intensity and attenuation; ``MesurementConditions*.xml`` (spelled so)
the wavelengths and the times (SmartLab Studio II).
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element

from spectra.errors import ReaderError
from spectra.readers.archive import Archive, parse_xml
from spectra.readers.frame import Frame, Reader
from spectra.readers.rigaku import make_frame, parse_table

_PROFILE = re.compile(r"(?:^|.*/)Data(\d+)/Profile\d*\.txt", re.IGNORECASE)
_CONDITIONS = re.compile(r"MesurementConditions\d*\.xml", re.IGNORECASE)


def _sniff(head: bytes, path: Path) -> bool:
    return head[:4] == b"PK\x03\x04" and path.suffix.lower() == ".rasx"


def read_rasx(path: Path) -> list[Frame]:
    """Read every profile."""
    with Archive(path) as archive:
        found = {int(m[1]): name for name in archive.names if (m := _PROFILE.fullmatch(name))}
        if not found:
            raise ReaderError(
                path,
                f"members {', '.join(archive.names[:5]) or 'none'}",
                expected="Data0/Profile0.txt",
                remedy="export the measurement again",
            )
        return [_read_profile(path, archive, found[number]) for number in sorted(found)]


def _read_profile(path: Path, archive: Archive, name: str) -> Frame:
    text = archive.read(name).decode("utf-8-sig", errors="replace")
    table = parse_table(path, text.splitlines(), member=name)
    folder = name.rpartition("/")[0]
    facts: dict[str, str] = {}
    for other in archive.names:
        if other.rpartition("/")[0] == folder and _CONDITIONS.fullmatch(other.rpartition("/")[2]):
            facts = _facts(parse_xml(path, archive.read(other), other))
    return make_frame(table, facts, folder.rpartition("/")[2])


def _facts(root: Element) -> dict[str, str]:
    """Conditions under the names of the text format."""
    wanted = {
        "WavelengthKalpha1": "HW_XG_WAVE_LENGTH_ALPHA1",
        "WavelengthKalpha2": "HW_XG_WAVE_LENGTH_ALPHA2",
        "IntensityUnit": "MEAS_SCAN_UNIT_Y",
        "StartTime": "MEAS_SCAN_START_TIME",
        "EndTime": "MEAS_SCAN_END_TIME",
    }
    return {
        wanted[element.tag]: (element.text or "").strip()
        for element in root.iter()
        if element.tag in wanted
    }


READER = Reader("rigaku_rasx", (".rasx",), _sniff, read_rasx)
