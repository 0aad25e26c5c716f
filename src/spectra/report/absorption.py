"""What a report shows of X-ray absorption: one section for each step that has its own."""

from __future__ import annotations

from collections.abc import Iterator

from spectra.report.backgrounds import background_section
from spectra.report.bonds import shell_sections
from spectra.report.edges import edge_section
from spectra.report.mixtures import mixture_section
from spectra.report.preedges import preedge_section
from spectra.report.section import Section
from spectra.report.select import same_frames
from spectra.report.softedges import soft_section
from spectra.report.transforms import transform_section
from spectra.report.valences import valence_section
from spectra.report.wavelets import wavelet_section
from spectra.results import Record, Results

_MIXTURES = ("combination", "components", "resolution")


def absorption_sections(record: Record) -> Iterator[Section]:
    """Sections of the steps of a record, in their order."""
    for step, results in record.steps.items():
        stack = same_frames(record, results)
        if results.table.name == "normalize" and stack is not None:
            section = edge_section(step, stack, results)
            if section is not None:
                yield section
        elif results.table.name == "preedge" and stack is not None:
            section = preedge_section(step, record, results, stack)
            if section is not None:
                yield section
        elif results.table.name == "soft_edge":
            yield soft_section(step, results, stack)
        elif results.table.name == "valence":
            yield valence_section(step, results)
        elif results.table.name in _MIXTURES:
            yield mixture_section(step, results)
        elif results.table.name == "shells":
            yield from shell_sections(step, record, results)
        else:
            section = _exafs_section(step, record, results)
            if section is not None:
                yield section


def _exafs_section(step: str, record: Record, results: Results) -> Section | None:
    if results.table.name == "background":
        return background_section(step, record, results)
    if results.table.name == "transform":
        return transform_section(step, results)
    if results.table.name == "wavelet":
        return wavelet_section(step, record, results)
    return None
