"""Sections of a report that a technique's own steps have."""

from __future__ import annotations

from collections.abc import Iterator

from spectra.report.absorption import absorption_sections
from spectra.report.compositions import composition_sections
from spectra.report.photoelectrons import photoelectron_sections
from spectra.report.section import Section
from spectra.results import Record


def technique_sections(record: Record) -> Iterator[Section]:
    """Sections of all techniques, each in the order of its steps."""
    yield from absorption_sections(record)
    yield from photoelectron_sections(record)
    yield from composition_sections(record)
