"""The report as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectra.errors import StoreError
from spectra.report import summary
from spectra.report.plots import make_plots
from spectra.report.select import is_simulated, step_of
from spectra.results import Record
from spectra.status import Status

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    record: Record, path: Path, *, title: str | None, extra_sections: Sequence[tuple[str, str]]
) -> Path:
    """Write the page.

    Raises
    ------
    StoreError
        If it cannot be written; a page that stood there before stays as it was.
    """
    text = page_text(record, title=title, extra_sections=extra_sections)
    # Whole or not at all: a browser may be looking at the page of the last run.
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: the report cannot be written ({error.strerror}); "
            "give another path or make room"
        ) from error
    return path


def page_text(
    record: Record, *, title: str | None = None, extra_sections: Sequence[tuple[str, str]] = ()
) -> str:
    """Render the page.

    Everything that comes from files is escaped. A content security policy forbids the page
    every network access and every script but its own two, which it names by their hashes.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    stack = record.stack
    titles = [r.attrs.get("title", "") for r in record.steps.values()]
    heading = title or record.recipe.get("title") or (stack.title if stack else "")
    bad, n_bad = summary.bad_frames(record)
    plots = make_plots(record)
    library, script = get_plotlyjs(), (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
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
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        library=library,
        script=script,
        hashes=[_hash(library), _hash(script)],
        data=embedded_json(plots.data()),
    )


def _no_examples(record: Record) -> str:
    """Why there are no fit examples."""
    if record.stack is None:
        return "The patterns are not part of this record."
    return "No frame has fitted curves that could be compared with its pattern."


def _hash(script: str) -> str:
    """What a content security policy calls a script by."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def embedded_json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever names it holds."""
    text = json.dumps(value, default=float, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
