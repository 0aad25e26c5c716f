"""What the page says in words and small tables: verdicts, statuses, results, origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.notation import with_uncertainty
from spectra.report.labels import axis_label, counted, from_to, quantity, unit_symbol
from spectra.report.select import abscissae, step_of
from spectra.report.series import Group, Series, groups, peak_panels
from spectra.report.tables import csv_link, csv_size, csv_text, errors_sentence
from spectra.results import Record, Results
from spectra.status import Status
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.tracks import PeakStatus

MOST_LISTED = 200
MOST_ROWS = 20
_MOST_TABLE_PEAKS = 6
_MOST_CSV = 3_000_000
_BAD_CHI2 = 2.0
_DIFFRACTION = ("two_theta", "q", "d")
_FEW_OK = 0.9


def verdicts(record: Record) -> list[dict[str, Any]]:
    """The verdict sentences of all steps; ``differs`` is None where there is no verdict."""
    return [
        {"sentence": str(v["sentence"]), "differs": v.get("differs_from_zero")}
        for results in record.steps.values()
        for v in results.attrs.get("verdict", {}).values()
        if isinstance(v, dict) and "sentence" in v
    ]


def measurements(record: Record) -> str:
    """What the frames are called: patterns of diffraction, or spectra."""
    stack = record.stack
    return "patterns" if stack is None or stack.axis.name in _DIFFRACTION else "spectra"


def facts(record: Record) -> list[tuple[str, str]]:
    """What was measured, and how many frames have results."""
    rows = []
    stack = record.stack
    if stack is not None:
        rows.append(
            (measurements(record), f"{counted(stack.n_frames, 'frame')} × {stack.n_points} points")
        )
        if stack.n_points:
            rows.append((axis_label(stack.axis), from_to(stack.x[0], stack.x[-1], 6)))
        if "wavelength" in stack.metadata:
            rows.append(("wavelength", f"{stack.metadata['wavelength']} Å"))
    longest = max(record.steps.values(), key=len, default=None)
    for one in abscissae(longest)[:-1][:4] if longest is not None else []:
        known = one.values[np.isfinite(one.values)]
        rows.append((one.label, from_to(known.min(), known.max(), 4)))
    for name, results in record.steps.items():
        rows.append((f"step {name}", f"{int(results.ok().sum())} of {len(results)} with results"))
    return rows


def cautions(record: Record) -> list[str]:
    """What a reader must know before trusting the numbers: sentences, worst first."""
    out = []
    for name, results in record.steps.items():
        n, ok = len(results), int(results.ok().sum())
        if n and ok < n * _FEW_OK:
            out.append(f"{name}: only {ok} of {n} frames have results.")
    out += [s for s in (_misfit(name, r) for name, r in record.steps.items()) if s]
    cell = step_of(record, "cell")
    if cell is not None and (unassigned := [str(v) for v in cell.attrs.get("unassigned", [])]):
        belong = "line belongs" if len(unassigned) == 1 else "lines belong"
        named = ", ".join(unassigned)
        out.append(f"{len(unassigned)} tracked {belong} to no phase: {named}.")
    for cell in _with_cells(record):
        for name, codes in _phase_codes(cell):
            weak = int(np.count_nonzero(codes == PhaseStatus.DEGENERATE))
            lost = int(np.count_nonzero(codes == PhaseStatus.NOT_DETERMINED))
            if weak:
                out.append(f"{name}: part of the cell is not determined in {weak} frames.")
            if lost:
                out.append(f"{name}: too little is seen for its cell in {lost} frames.")
    return out


def _misfit(step: str, results: Results) -> str:
    """Say if the fits of a step miss the data by more than the noise."""
    # A scale estimated from the residuals makes χ² say nothing.
    if results.attrs.get("errors") == "residual":
        return ""
    if results.table.name == "pattern":
        chi2 = results["gof"] ** 2
    elif "chi2_reduced" in results.columns:
        chi2 = results["chi2_reduced"]
    else:
        return ""
    known = chi2[np.isfinite(chi2)]
    if known.size == 0 or (median := float(np.median(known))) < _BAD_CHI2:
        return ""
    return (
        f"{step}: the median reduced χ² is {median:.1f}, where noise alone gives 1; the model "
        "misses part of the data."
    )


def _with_cells(record: Record) -> list[Results]:
    """The last results of each kind that hold cells."""
    found = (step_of(record, table) for table in ("cell", "pattern"))
    return [r for r in found if r is not None]


def _phase_codes(cell: Results) -> Iterator[tuple[str, NDArray[np.int8]]]:
    if "phase_status" in cell.columns:
        for p, name in enumerate(cell.table.coords["phase"]["name"].tolist()):
            yield str(name), cell["phase_status"][:, p]


def uncertainties(record: Record) -> list[str]:
    """Where the uncertainties come from, a phrase for each source with the steps it serves."""
    sources: dict[str, list[str]] = {}
    for name, results in record.steps.items():
        if told := errors_sentence(results):
            sources.setdefault(told, []).append(name)
    if len(sources) == 1:
        return list(sources)
    return [f"{told} (step {', '.join(steps)})" for told, steps in sources.items()]


def widened(record: Record) -> str:
    """Say in how many frames the uncertainties of the cells were widened by misfit."""
    cell = step_of(record, "cell")
    if cell is None or "scaled" not in cell.columns:
        return ""
    n = int(np.count_nonzero(cell["scaled"] == 1))
    if n == 0:
        return "In no frame did the misfit of the peak positions make wider bars necessary."
    return (
        f"In {n} of {len(cell)} frames the peak positions scatter about the cell by more than "
        "their uncertainties allow; there a common further uncertainty of all positions is part "
        "of the uncertainties of the cell."
    )


def status_rows(record: Record) -> list[dict[str, Any]]:
    """Counts of statuses of each step."""
    return [
        {
            "step": name,
            "counts": [int(np.count_nonzero(results.status == s)) for s in Status],
            "total": len(results),
        }
        for name, results in record.steps.items()
    ]


def part_rows(record: Record) -> list[dict[str, Any]]:
    """Counts of what became of each phase, and of all peaks together, over the frames."""
    rows = []
    peaks = step_of(record, "peaks")
    for cell in _with_cells(record):
        for name, codes in _phase_codes(cell):
            counts = [(s.label, int(np.count_nonzero(codes == s))) for s in PhaseStatus]
            rows.append({"part": f"phase {name}", "counts": counts})
    if peaks is not None and "peak_status" in peaks.columns:
        codes = peaks["peak_status"]
        counts = [(s.label, int(np.count_nonzero(codes == s))) for s in PeakStatus]
        rows.append({"part": f"{codes.shape[1]} peaks", "counts": counts})
    return rows


def bad_frames(record: Record) -> tuple[list[dict[str, str]], int]:
    """Frames that are not ok, neighbours of one fate together, and how many rows there are.

    Steps that say the same of the same frames share a row.
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for step, results in record.steps.items():
        for first, last in _runs(results):
            span = f"{first}" if first == last else f"{first}–{last}"
            names = [results.names[first], results.names[last]]
            key = (
                span,
                names[0] if first == last else f"{names[0]} … {names[1]}",
                Status(int(results.status[first])).label,
                results.messages[first],
            )
            rows.setdefault(key, []).append(step)
    fields = ("frames", "name", "status", "message")
    told = [{**dict(zip(fields, k, strict=True)), "steps": ", ".join(v)} for k, v in rows.items()]
    return told[:MOST_LISTED], len(told)


def _runs(results: Results) -> Iterator[tuple[int, int]]:
    """First and last frame of each run of frames that are not ok and say the same."""
    bad = np.flatnonzero(results.status != Status.OK).tolist()
    start = 0
    for k, i in enumerate(bad):
        after = bad[k + 1] if k + 1 < len(bad) else -1
        same = after == i + 1 and (
            results.status[after] == results.status[i]
            and results.messages[after] == results.messages[i]
        )
        if not same:
            yield bad[start], i
            start = k + 1


def tables(record: Record) -> list[dict[str, Any]]:
    """The first rows of each step, values with their uncertainties, and the whole as CSV."""
    plotted = [_named(s, g) for g in groups(record) for s in g.series]
    room, out = _MOST_CSV, []
    for name, results in record.steps.items():
        link, size = "", csv_size(results)
        if size <= room:
            text = csv_text(results)
            room -= len(text)
            link = csv_link(text)
        columns = _columns(record, results, [s for s in plotted if s.results is results])
        out.append(
            {
                "name": name,
                "columns": [label for label, _ in columns],
                "rows": list(zip(*(cells for _, cells in columns), strict=True)),
                "total": len(results),
                "link": link,
                "size": f"{size / 1e6:.1f} MB" if size > 1e6 else f"{max(size // 1000, 1)} kB",
            }
        )
    return out


def _named(series: Series, group: Group) -> Series:
    """A series that says of which phase it is, where its heading said so."""
    _, found, phase = group.heading.partition("Cell of ")
    several = found and len(series.results.table.coords["phase"]["name"]) > 1
    return replace(series, label=f"{phase} {series.label}") if several else series


def _columns(record: Record, results: Results, series: list[Series]) -> list[tuple[str, list[str]]]:
    n = min(len(results), MOST_ROWS)
    columns = [("frame", [str(i) for i in range(n)]), ("name", list(results.names[:n]))]
    for one in abscissae(results)[:-1][:3]:
        columns.append((one.label, [_number(v) for v in one.values[:n].tolist()]))
    columns.append(("status", [Status(int(s)).label for s in results.status[:n]]))
    if results is step_of(record, "peaks"):
        if "n_peaks" in results.columns:
            columns.append(("peaks", [str(v) for v in results["n_peaks"][:n].tolist()]))
        for panel in peak_panels(record, _MOST_TABLE_PEAKS):
            columns.append((f"{panel.label} {panel.series[0].label}", _cells(panel.series[0], n)))
    columns += [(s.label, _cells(s, n)) for s in series]
    return columns


def _cells(series: Series, n: int) -> list[str]:
    if series.stderr is None:
        return [_number(v) for v in series.values[:n].tolist()]
    pairs = zip(series.values[:n].tolist(), series.stderr[:n].tolist(), strict=True)
    return [with_uncertainty(v, e) for v, e in pairs]


def _number(value: float) -> str:
    return f"{value:.5g}" if np.isfinite(value) else "–"


def reflection_table(record: Record) -> dict[str, Any] | None:
    """How well each line agrees with the cell: its indices and mean residual."""
    cell = step_of(record, "cell")
    peak = {} if cell is None else cell.table.coords.get("peak", {})
    wanted = {"label", "phase", "h", "k", "l"} <= set(peak)
    if cell is None or not wanted or "residual" not in cell.columns:
        return None
    used = cell["used"] == 1 if "used" in cell.columns else np.isfinite(cell["residual"])
    unit = cell.table.column("residual").unit
    factor, symbol = (1000.0, "m°") if unit == "deg" else (1.0, unit_symbol(unit))
    d = cell.columns.get("d_observed")
    rows = []
    for t, label in enumerate(np.asarray(peak["label"]).tolist()):
        phase = str(peak["phase"][t])
        hkl = " ".join(str(int(peak[k][t])) for k in "hkl").replace("-", "−")
        inside = np.where(used[:, t], cell["residual"][:, t], np.nan) * factor
        rows.append(
            (
                str(label),
                phase or "none",
                hkl if phase else "–",
                "–" if d is None else _median(d[:, t], 5),
                _median(inside, 2),
                _scatter(inside),
                str(int(used[:, t].sum())),
            )
        )
    columns = ("peak", "phase", "h k l", "d (Å)", f"obs − calc ({symbol})")
    return {"columns": (*columns, f"scatter ({symbol})", "frames used"), "rows": rows}


def _median(values: NDArray[np.float64], places: int) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "–"
    # Adding zero turns the −0 that rounding leaves into 0.
    return f"{round(float(np.median(known)), places) + 0.0:.{places}f}".replace("-", "−")


def _scatter(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    return f"{known.std(ddof=1):.2f}" if known.size > 1 else "–"


def provenance(record: Record) -> list[tuple[str, str]]:
    """Program, versions and date; then method, settings and time of each step."""
    rows = [(str(k), str(v)) for k, v in record.provenance.items()]
    for name, results in record.steps.items():
        made = results.provenance
        if not made:
            continue
        took = f", {made['duration_s']} s" if "duration_s" in made else ""
        rows.append((f"{name}: method", f"{made.get('method', '')}{took}"))
        rows.append((f"{name}: settings", _settings(made.get("settings", {}))))
    for results in list(record.steps.values())[:1]:
        if packages := results.provenance.get("packages"):
            rows.append(("packages", ", ".join(f"{k} {v}" for k, v in packages.items())))
    return rows


def _settings(settings: Any) -> str:
    if not isinstance(settings, dict):
        return str(settings)
    return ", ".join(f"{k} = {json.dumps(v, default=str)}" for k, v in settings.items())


def columns_told(record: Record) -> list[dict[str, Any]]:
    """Every declared column with its unit and meaning."""
    return [
        {
            "step": name,
            "columns": [
                (c.name, unit_symbol(c.unit) or "1", c.meaning, "yes" if c.stderr else "")
                for c in results.table.columns
            ],
            "shown": quantity(results.table.default),
        }
        for name, results in record.steps.items()
    ]
