"""The report of one record as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from spectra.report import summary
from spectra.report.plots import make_plots
from spectra.report.select import is_simulated, step_of
from spectra.report.shell import render, write_text
from spectra.results import Record
from spectra.status import Status


def write_page(
    record: Record, path: Path, *, title: str | None, extra_sections: Sequence[tuple[str, str]]
) -> Path:
    """Write the page.

    Raises
    ------
    StoreError
        If it cannot be written; a page that stood there before stays as it was.
    """
    return write_text(path, page_text(record, title=title, extra_sections=extra_sections))


def page_text(
    record: Record, *, title: str | None = None, extra_sections: Sequence[tuple[str, str]] = ()
) -> str:
    """Render the page."""
    stack = record.stack
    titles = [r.attrs.get("title", "") for r in record.steps.values()]
    heading = title or record.recipe.get("title") or (stack.title if stack else "")
    bad, n_bad = summary.bad_frames(record)
    plots = make_plots(record)
    return render(
        "report.html",
        plots.data(),
        scripts=("report.js",),
        styles=(),
        title=str(heading or next(filter(None, titles), "") or "Report"),
        simulated=is_simulated(record),
        verdicts=summary.verdicts(record),
        facts=summary.facts(record),
        measurements=summary.measurements(record),
        cautions=summary.cautions(record),
        extra_sections=extra_sections,
        plots=plots,
        tracked=step_of(record, "peaks") is not None,
        choices=plots.choices(),
        no_examples=_no_examples(record),
        uncertainties=summary.uncertainties(record),
        widened=summary.widened(record),
        statuses=[s.label for s in Status],
        status_rows=summary.status_rows(record),
        part_rows=summary.part_rows(record),
        bad_frames=bad,
        n_bad=n_bad,
        reflections=summary.reflection_table(record),
        tables=summary.tables(record),
        columns_told=summary.columns_told(record),
        provenance=summary.provenance(record),
        recipe=json.dumps(dict(record.recipe), indent=2, default=str, ensure_ascii=False),
        inputs=list(stack.inputs[: summary.MOST_LISTED]) if stack else [],
        n_inputs=len(stack.inputs) if stack else 0,
    )


def _no_examples(record: Record) -> str:
    """Why there are no fit examples."""
    if record.stack is None:
        return "The patterns are not part of this record."
    return "No frame has fitted curves that could be compared with its pattern."
