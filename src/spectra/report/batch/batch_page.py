"""The page of a batch: its samples against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from spectra.batch import Batch
from spectra.report.batch.axis import CommonAxis
from spectra.report.batch.comparison import KINDS, Comparison
from spectra.report.batch.links import link
from spectra.report.batch.tones import technique_name, written
from spectra.report.plotdata import plain_text
from spectra.report.select import is_simulated
from spectra.report.shell import render
from spectra.summary import Summary, sample_summary

_KIND = "last"


def batch_text(batch: Batch, path: Path, summary: Summary | None, pages: Mapping[str, Path]) -> str:
    """Render the page."""
    found = summary or sample_summary(batch)
    axis = CommonAxis.of(found)
    comparison = Comparison.of(found, axis)
    right, up = comparison.chosen()
    data = {
        "quantities": [plain_text(q.heading) for q in comparison.quantities],
        "headings": [q.heading for q in comparison.quantities],
        "techniques": [q.technique for q in comparison.quantities],
        "kinds": {kind: plain_text(told) for kind, told in KINDS.items()},
        "samples": comparison.plain(),
        "axis": plain_text(axis.label),
    }
    return render(
        "batch.html",
        data,
        scripts=("batch.js",),
        styles=("batch.css",),
        title=batch.sheet.title or "Samples",
        simulated=_simulated(found),
        facts=list(_facts(found, axis)),
        notes=found.notes,
        failures=found.failures,
        left=[path.as_posix() for path in batch.left],
        verdicts=[v for v in found.verdicts if v.differs is not None],
        quantities=comparison.quantities,
        techniques={q.technique: technique_name(q.technique) for q in comparison.quantities},
        right=right,
        up=up,
        kinds=KINDS,
        kind=_KIND,
        several=any(len(p.values) > 1 for own in comparison.samples.values() for p in own.values()),
        rows=list(_rows(found, comparison, pages, path)),
    )


def _simulated(found: Summary) -> bool:
    """Whether any sample is: one record of each sample tells."""
    first = {o.sample: o for o in reversed(found.outcomes) if o.state != "failed"}
    return any(is_simulated(o.record()) for o in first.values())


def _facts(found: Summary, axis: CommonAxis) -> Iterator[tuple[str, str]]:
    yield "samples", str(len(found.sheet.samples))
    techniques = dict.fromkeys(o.technique for o in found.outcomes)
    yield "techniques", ", ".join(map(technique_name, techniques))
    failed = len(found.failures)
    told = f"{len(found.outcomes)}" + (f", {failed} without results" if failed else "")
    yield "measurements", told
    yield "common axis", axis.label


def _rows(
    found: Summary, comparison: Comparison, pages: Mapping[str, Path], path: Path
) -> Iterator[dict[str, object]]:
    """A row for each sample."""
    for sample in found.sheet.samples:
        own = [o for o in found.outcomes if o.sample == sample.name]
        failed = sum(o.state == "failed" for o in own)
        page = pages.get(sample.name)
        yield {
            "name": sample.name,
            "page": None if page is None else link(page, path),
            "values": ", ".join(map(" ".join, written(sample.values, found.sheet.units))),
            "measured": f"{len(own) - failed} of {len(own)}",
            "failed": failed,
            "cells": comparison.cells(sample.name, _KIND),
        }
