"""The report as one HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import StoreError
from spectra.report.plots import fit_plots, pattern_plot, series_plots, status_rows
from spectra.report.select import is_simulated
from spectra.report.tables import csv_text
from spectra.results import Record, Results
from spectra.status import Status

_MOST_LISTED = 200
_MOST_ROWS = 25
_MOST_CSV = 3_000_000


def write_page(
    record: Record, path: Path, *, title: str | None, extra_sections: Sequence[tuple[str, str]]
) -> Path:
    """Write the page.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    stack = record.stack
    heading = title or str(record.recipe.get("title", "")) or (stack.title if stack else "")
    patterns = pattern_plot(record)
    series, fits = series_plots(record), fit_plots(record)
    plots = [p for p in (patterns, *series, *fits) if p is not None]
    text = environment.get_template("report.html").render(
        title=heading or "Report",
        simulated=is_simulated(record),
        summary=_summary(record),
        verdicts=_verdicts(record),
        extra_sections=extra_sections,
        patterns=patterns,
        series=series,
        fits=fits,
        choices=series[0]["choices"] if series else [],
        statuses=[s.label for s in Status],
        status_rows=status_rows(record),
        bad_frames=_bad_frames(record),
        tables=[_table(name, r) for name, r in record.steps.items()],
        errors=_errors(record),
        provenance=_provenance(record),
        recipe=json.dumps(dict(record.recipe), indent=2, default=str),
        inputs=list(stack.inputs[:_MOST_LISTED]) if stack else [],
        n_inputs=len(stack.inputs) if stack else 0,
        plotly=get_plotlyjs(),
        plots=_json(plots),
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    return path


def _json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever names it holds."""
    text = json.dumps(value, default=float)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _summary(record: Record) -> list[tuple[str, str]]:
    rows = []
    if record.stack is not None:
        stack = record.stack
        rows.append(("patterns", f"{stack.n_frames} frames × {stack.n_points} points"))
        rows.append((stack.axis.label, f"{stack.x[0]:g} … {stack.x[-1]:g}"))
        if "wavelength" in stack.metadata:
            rows.append(("wavelength", f"{stack.metadata['wavelength']} Å"))
    for name, results in record.steps.items():
        rows.append((name, f"{int(results.ok().sum())} of {len(results)} frames with results"))
    return rows


def _verdicts(record: Record) -> list[str]:
    return [
        str(v["sentence"])
        for results in record.steps.values()
        for v in results.attrs.get("verdict", {}).values()
    ]


def _errors(record: Record) -> str:
    kinds = {str(r.attrs.get("errors", "")) for r in record.steps.values()} - {""}
    meanings = {
        "counts": "Poisson statistics of the counts",
        "given": "the uncertainties that came with the data",
        "residual": "the scatter of the residuals",
    }
    return " and ".join(meanings.get(k, k) for k in sorted(kinds))


def _bad_frames(record: Record) -> list[dict[str, str]]:
    rows = []
    for step, results in record.steps.items():
        for i in np.flatnonzero(results.status != Status.OK).tolist():
            rows.append(
                {
                    "step": step,
                    "frame": str(i),
                    "name": results.names[i],
                    "status": Status(int(results.status[i])).label,
                    "message": results.messages[i],
                }
            )
    return rows[:_MOST_LISTED]


def _table(name: str, results: Results) -> dict[str, Any]:
    frame = results.to_dataframe()
    wide = [c for c in frame.columns if not c.startswith(("message", "parameters"))][:14]
    rows = [[_cell(v) for v in row] for row in frame[wide].head(_MOST_ROWS).itertuples(index=False)]
    csv = csv_text(results)
    link = ""
    if len(csv) < _MOST_CSV:
        link = "data:text/csv;base64," + base64.b64encode(csv.encode()).decode()
    return {
        "name": name,
        "columns": wide,
        "rows": rows,
        "total": len(results),
        "n_columns": len(frame.columns),
        "link": link,
    }


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.7g}" if np.isfinite(value) else "–"
    return str(value)


def _provenance(record: Record) -> list[tuple[str, str]]:
    rows = [(k, str(v)) for k, v in record.provenance.items()]
    for name, results in record.steps.items():
        p = results.provenance
        if p:
            rows.append((f"{name}: method", f"{p.get('method')}, {p.get('duration_s')} s"))
            rows.append((f"{name}: settings", json.dumps(p.get("settings", {}), default=str)))
    for results in list(record.steps.values())[:1]:
        packages = results.provenance.get("packages", {})
        rows.append(("packages", ", ".join(f"{k} {v}" for k, v in packages.items())))
    return rows
