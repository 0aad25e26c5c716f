"""Sections of a report that a technique's own steps have."""

from __future__ import annotations

from collections.abc import Iterator

from spectra.report.absorption import absorption_sections
from spectra.report.calibrations import calibration_section
from spectra.report.carbons import carbon_section
from spectra.report.compositions import composition_sections
from spectra.report.evidences import evidence_sections
from spectra.report.photoelectrons import photoelectron_sections
from spectra.report.section import Section
from spectra.report.select import same_frames
from spectra.report.vibrations import band_sections
from spectra.results import Record


def technique_sections(record: Record) -> Iterator[Section]:
    """Sections of all techniques, each in the order of its steps."""
    yield from absorption_sections(record)
    yield from photoelectron_sections(record)
    yield from composition_sections(record)
    yield from evidence_sections(record)
    yield from _raman_sections(record)


def _raman_sections(record: Record) -> Iterator[Section]:
    for step, results in record.steps.items():
        if results.table.name == "bands":
            yield from band_sections(step, results, same_frames(record, results))
        elif results.table.name == "carbon":
            yield carbon_section(step, results, same_frames(record, results))
    corrections = calibration_section(record)
    if corrections is not None:
        yield corrections
