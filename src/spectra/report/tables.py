"""CSV tables with units, meanings and provenance in their headers, and tables of the page."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spectra.errors import StoreError, reason
from spectra.report.labels import slug
from spectra.results import Column, Record, Results

if TYPE_CHECKING:
    import pandas

_ERRORS = {
    "counts": "from the Poisson statistics of the counts",
    "given": "from the uncertainties that came with the data",
    "residual": "from the scatter of the residuals, as the noise was not known",
}
# A number with its comma, for judging a table's size before it is written.
_CELL_BYTES = 12
_MOST_INPUTS = 20


def write_csv(record: Record, folder: Path) -> list[Path]:
    """Write one table per step; comment lines begin with ``#``.

    Raises
    ------
    StoreError
        If the folder or a table cannot be written.
    """
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, results in record.steps.items():
            path = _unused(folder / f"{slug(name)}.csv", paths)
            path.write_text(csv_text(results), encoding="utf-8")
            paths.append(path)
    except OSError as error:
        raise StoreError(f"{folder}: tables cannot be written: {reason(error)}") from error
    return paths


def _unused(path: Path, taken: list[Path]) -> Path:
    """A path that no other step of the record has: two names may differ only in signs."""
    number, candidate = 2, path
    while candidate in taken:
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate


def errors_sentence(results: Results) -> str:
    """Where the uncertainties of some results come from, or nothing if they do not say."""
    kind = str(results.attrs.get("errors", ""))
    return _ERRORS.get(kind, kind)


def csv_text(results: Results) -> str:
    """The table of some results as CSV text, uncertainties beside their values."""
    provenance = results.provenance
    made = [f"spectra {provenance.get('version', '')}".strip()]
    made += [str(provenance[k]) for k in ("method", "date") if k in provenance]
    lines = [", ".join(made)]
    if title := results.attrs.get("title"):
        lines.append(f"title: {title}")
    inputs = list(provenance.get("inputs", []))
    lines += [f"input: {_input(i)}" for i in inputs[:_MOST_INPUTS]]
    if len(inputs) > _MOST_INPUTS:
        lines.append(f"input: {len(inputs) - _MOST_INPUTS} more, all listed in the results file")
    if settings := provenance.get("settings"):
        lines.append(f"settings: {json.dumps(settings, default=str)}")
    if told := errors_sentence(results):
        lines.append(f"uncertainties: standard uncertainties (1 sigma), {told}")
    lines.append("columns: name (unit): meaning; <name>_stderr is the standard uncertainty")
    lines += [f"  {k} ({v.unit or '1'}): {v.long_name or k}" for k, v in results.variables.items()]
    lines += [f"  {c.name} ({c.unit or '1'}): {c.meaning}" for c in _written(results)]
    if left := [c.name for c in results.table.columns if len(c.dims) > 1]:
        lines.append(f"only in the results file: {', '.join(left)}")
    for dim, labels in results.table.coords.items():
        for key, values in labels.items():
            lines.append(f"{dim} {key}: {', '.join(map(str, values))}")
    head = "".join(f"# {' '.join(line.split())}\n" for line in lines)
    return head + str(_frame(results).to_csv(index=False, float_format="%.12g"))


def csv_link(text: str) -> str:
    """An address that holds a CSV text, for a page that loads nothing."""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()


def csv_size(results: Results) -> int:
    """About how many bytes `csv_text` gives."""
    numbers = sum(
        int(np.prod(results.columns[c.name].shape[1:], dtype=int))
        for c in results.table.all_columns()
        if len(c.dims) < 2
    )
    return len(results) * (numbers + len(results.variables) + 3) * _CELL_BYTES


def _written(results: Results) -> list[Column]:
    """The columns that fit into a flat table; covariances do not."""
    return [c for c in results.table.columns if len(c.dims) < 2]


def _input(entry: object) -> str:
    if isinstance(entry, dict):
        return f"{entry.get('path', '')} sha256:{str(entry.get('sha256', ''))[:16]}"
    return str(entry)


def _frame(results: Results) -> pandas.DataFrame:
    """The table with each uncertainty beside its value, and the frame number first."""
    frame = results.to_dataframe()
    order = ["name", *results.variables, "status", "message"]
    for column in _written(results):
        labels = [""]
        if column.dims:
            first = next(iter(results.table.coords[column.dims[0]].values()))
            labels = [f"[{v}]" for v in first]
        suffixes = ("", "_stderr") if column.stderr else ("",)
        order += [f"{column.name}{s}{label}" for label in labels for s in suffixes]
    # The number first: a frame whose name begins with # would else read as a comment.
    frame = frame[order]
    if "frame" not in frame:
        frame.insert(0, "frame", np.arange(len(results)))
    return frame
