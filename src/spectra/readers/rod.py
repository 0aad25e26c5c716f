"""Raman Open Database files (.rod): CIF with the names of the Raman dictionary.

Names: Y. El Mendili et al., "Raman Open Database: first interconnected Raman-X-ray diffraction
open-access resource for material identification", J. Appl. Cryst. 52 (2019) 618.
"""

from __future__ import annotations

from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.cif_items import Items, column, fact, read_blocks
from spectra.readers.frame import Frame, Reader
from spectra.readers.raman_spectra import order_positions, spectrum_facts, spectrum_metadata
from spectra.readers.times import iso_seconds

_SHIFT, _INTENSITY = "raman_spectrum_raman_shift", "raman_spectrum_intensity"
_DEVICE = "raman_measurement_device"
_LASER = f"{_DEVICE}_excitation_laser_wavelength"


def _sniff(head: bytes, path: Path) -> bool:
    return b"_raman_spectrum." in head or path.suffix.lower() == ".rod"


def read_rod(path: Path) -> list[Frame]:
    """Read the spectrum of every block that has one.

    Raises
    ------
    ReaderError
        If there is none, or positions and intensities are not as many.
    """
    blocks = read_blocks(path)
    found = [(name, items) for name, items in blocks if _INTENSITY in items and _SHIFT in items]
    if not found:
        raise ReaderError(
            path,
            f"{len(blocks)} blocks without a Raman spectrum",
            expected="_raman_spectrum.raman_shift and _raman_spectrum.intensity",
        )
    return [_read_block(path, name, items, len(found) > 1) for name, items in found]


def _read_block(path: Path, name: str, items: Items, several: bool) -> Frame:
    where = f"data_{name[:40]}"
    x, _ = column(path, items, _SHIFT, where)
    y, _ = column(path, items, _INTENSITY, where, len(x))
    variables = spectrum_facts(
        exposure=fact(path, items, "raman_measurement_integration_time", where),
        accumulations=fact(path, items, "raman_measurement_accumulations", where),
        power=fact(path, items, f"{_DEVICE}_power_on_sample", where),
        temperature=fact(path, items, "raman_measurement_temperature", where),
        time=iso_seconds(_text(items, "raman_measurement_datetime_initiated")),
    )
    metadata = spectrum_metadata(
        fact(path, items, _LASER, where),
        sample=_text(items, "chemical_name_mineral") or _text(items, "chemical_name_common"),
        formula=_text(items, "chemical_formula_sum"),
        instrument=_text(items, f"{_DEVICE}_model"),
        environment=_text(items, "raman_measurement_environment"),
        calibration=_text(items, f"{_DEVICE}_calibration_standard"),
        baseline_correction=_text(items, "raman_measurement_baseline_correction"),
        source=_source(items),
    )
    positions = order_positions(path, x, "1/cm", where)
    return positions.frame(path, y, variables, metadata, name[:40] if several else "")


def _text(items: Items, tag: str) -> str:
    import gemmi

    value = items.get(tag, [""])[0]
    return "" if value in ("", ".", "?") else str(gemmi.cif.as_string(value)).strip()


def _source(items: Items) -> str:
    """Number in the database and DOI of the paper."""
    code, doi = _text(items, "rod_database_code"), _text(items, "journal_paper_doi")
    return ", ".join(t for t in (code and f"ROD {code}", doi and f"doi:{doi}") if t)


READER = Reader("rod", (".rod",), _sniff, read_rod)
