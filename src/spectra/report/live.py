"""The page of a watch: what has come, what came out of it, what is wrong."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from spectra.journal import MOST_LABELS, Row, strength_of
from spectra.notation import with_digits, with_uncertainty
from spectra.report.labels import quantity, with_unit
from spectra.report.shell import render_light, write_text
from spectra.results import Column, Results, Table
from spectra.status import Status
from spectra.watch import Lag, Watch

_MOST_CHARTS = 12
_MOST_POINTS = 1500
_MOST_LISTED = 30
# Frames of which a number's digits are judged, and so few that nothing can be said to stand still.
_RECENT = 50
_FEW = 3
# A chart that shows so many times the widest of its series shows none of them change.
_FAR = 8.0
_QUALITY = ("chi2_reduced", "gof", "rwp", "r_factor")


def write_live_page(
    watch: Watch, path: str | Path, *, refresh: float = 2.0, ended: str = ""
) -> Path:
    """Write the page as one HTML file that works offline and loads itself again.

    Parameters
    ----------
    watch : Watch
    path : path
    refresh : float
        Seconds after which a browser looks again; part of the plots that was enlarged stays so.
    ended : str
        Why the watch has ended; the page then stands still.

    Raises
    ------
    StoreError
        If it cannot be written; the page of before stays as it was.
    """
    return write_text(Path(path), live_text(watch, refresh=refresh, ended=ended))


def live_text(watch: Watch, *, refresh: float = 2.0, ended: str = "") -> str:
    """Render the page."""
    rows = watch.rows
    charts = _charts(watch, rows)
    title = watch.recipe.settings.title or watch.output.stem
    failures = watch.failures
    return render_light(
        "live.html",
        {
            "charts": [{k: v for k, v in c.items() if k != "last"} for c in charts],
            "refresh": 0 if ended else refresh,
            "written": time.time(),
            "frames": len(rows),
        },
        scripts=("live.js",),
        styles=("live.css",),
        title=f"{title} (live)",
        simulated=False,
        ended=ended,
        facts=_facts(watch, rows, len(failures)),
        problems=[*watch.arrivals.problems.values(), *_of_steps(watch)],
        notes=[f"{name}: {note}" for name, note in watch.arrivals.notes.items()],
        rewritten=sorted(watch.rewritten),
        charts=charts,
        failures=[_told(row) for row in failures[: -_MOST_LISTED - 1 : -1]],
        n_failures=len(failures),
        written=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def _facts(watch: Watch, rows: list[Row], failed: int) -> list[tuple[str, str]]:
    lag = Lag.of(rows)
    facts = [
        ("Frames", str(len(rows))),
        ("Files", str(watch.arrivals.n_files)),
        ("Without trusted numbers", str(failed)),
        ("Files with problems", str(len(watch.arrivals.problems))),
    ]
    if lag is not None:
        facts.append(("Lag", f"{lag.last:.1f} s (median {lag.median:.1f}, most {lag.longest:.1f})"))
        facts.append(("Last frame", f"{rows[-1].name}, {_clock(rows[-1].done)}"))
    facts.append(("Plans made", str(watch.plans.n_made)))
    if watch.resumed:
        facts.append(("From an earlier watch", f"{watch.resumed} frames"))
    return facts


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _of_steps(watch: Watch) -> list[str]:
    return [f"step {name}: {why}" for name, why in watch.plans.problems.items()]


def _told(row: Row) -> tuple[str, str, str, str]:
    """Name, time, statuses and messages of a frame."""
    statuses = Counter(f"{step}: {Status(code).label}" for step, code in row.status.items() if code)
    messages = "; ".join(dict.fromkeys(filter(None, row.messages.values())))
    return row.name, _clock(row.done), ", ".join(statuses) or "not worked on", messages


def _charts(watch: Watch, rows: list[Row]) -> list[dict[str, Any]]:
    """Columns that are shown, each with its series along the frames and its last values."""
    grouped: dict[tuple[str, str], dict[str, None]] = {}
    # The newest frame names first what is found now: earlier plans may have had other peaks.
    for row in reversed(rows):
        for name in row.values:
            step, _, rest = name.partition("/")
            grouped.setdefault((step, rest.partition("[")[0]), {})[name] = None
    samples = watch.plans.samples()
    tables = {step: results.table for step, results in samples.items()}
    steps = [step.name for step in watch.recipe.settings.step]
    # What an earlier watch kept stands in the order of its columns until there are plans again.
    ranked = sorted(grouped, key=lambda place: _rank(steps, tables, *place))
    seen: set[tuple[Any, ...]] = set()
    late = []
    for place in ranked:
        same = tuple(v for n in grouped[place] for v in _known(rows[-_RECENT:], n))
        late.append(_stands_still(grouped[place], rows) or (place[0], same) in seen)
        seen.add((place[0], same))
    # What was held, or is by symmetry what stands before it, tells nothing new.
    order = sorted(range(len(ranked)), key=late.__getitem__)
    shown = [ranked[i] for i in order[:_MOST_CHARTS]]
    return [_chart(samples.get(s), s, c, list(grouped[s, c])[:MOST_LABELS], rows) for s, c in shown]


def _chart(
    sample: Results | None, step: str, column: str, names: list[str], rows: list[Row]
) -> dict[str, Any]:
    """The series of a column and what is said of it."""
    declared = _declared(None if sample is None else sample.table, column)
    every = max(1, -(-len(rows) // _MOST_POINTS))
    series, last = [], []
    for name in names:
        label = name.partition("[")[2].rstrip("]")
        points = [
            (i, *row.values[name])
            for i, row in enumerate(rows)
            if name in row.values and (i % every == 0 or i >= len(rows) - every)
        ]
        series.append({"label": label, "points": points})
        last.append((label, _last(rows, name)))
    named = (declared and declared.headline) or quantity(column)
    heading = f"{step}: {with_unit(named, declared.unit if declared else '')}"
    told = [declared.meaning if declared else "", _left_out(sample, declared)]
    if _far_apart(series):
        series = [_from_first(one) for one in series]
        told.append("drawn is the change from the first number of each")
    meaning = "; ".join(filter(None, told))
    return {"heading": heading, "meaning": meaning, "series": series, "last": last}


def _far_apart(series: list[dict[str, Any]]) -> bool:
    """Whether series lie so far from each other that none would be seen to change."""
    ends = [
        (min(known), max(known))
        for one in series
        if (known := [value for _, value, _ in one["points"] if value is not None])
    ]
    widest = max((high - low for low, high in ends), default=0.0)
    whole = max((high for _, high in ends), default=0.0) - min((low for low, _ in ends), default=0)
    return widest > 0.0 and whole > _FAR * widest


def _from_first(series: dict[str, Any]) -> dict[str, Any]:
    """A series less its first number."""
    points = series["points"]
    first = next((value for _, value, _ in points if value is not None), 0.0)
    moved = [(i, None if v is None else v - first, error) for i, v, error in points]
    return {**series, "points": moved}


def _left_out(sample: Results | None, column: Column | None) -> str:
    """Which entries of a column are shown, if not all."""
    if sample is None or column is None or not column.dims:
        return ""
    dim = column.dims[0]
    size = sample.table.size(dim)
    if size <= MOST_LABELS:
        return ""
    which = "strongest" if strength_of(sample.table, dim) else "first"
    return f"the {which} {MOST_LABELS} of {size}; the final run has all"


def _declared(table: Table | None, name: str) -> Column | None:
    if table is None:
        return None
    return next((c for c in table.columns if c.name == name), None)


def _rank(steps: list[str], tables: dict[str, Table], step: str, name: str) -> tuple[int, int, int]:
    """What is looked at first: headlines and default plots, misfits, what has an uncertainty.

    Among these the order is that of the recipe's steps and of their columns.
    """
    table = tables.get(step)
    column = _declared(table, name)
    at = steps.index(step) if step in steps else len(steps)
    if table is None or column is None:
        return 4, at, 0
    wanted = bool(column.headline) or name == table.default
    kind = 0 if wanted else 1 if name in _QUALITY else 2 if column.stderr else 3
    return kind, at, table.columns.index(column)


def _stands_still(names: Iterable[str], rows: list[Row]) -> bool:
    """Whether a column was held: no uncertainty, and one value in all of several frames."""
    recent = rows[-_RECENT:]
    if any(row.values.get(name, (None, None))[1] for name in names for row in recent):
        return False
    return len(recent) >= _FEW and all(len(set(_known(recent, n))) < 2 for n in names)


def _known(rows: list[Row], name: str) -> list[float]:
    """All numbers of a series, in the order of the frames."""
    found = (row.values[name][0] for row in rows if name in row.values)
    return [value for value in found if value is not None]


def _step(rows: list[Row], name: str) -> float:
    """How much the last numbers of a series differ from frame to frame, as a rule; 0 if unknown."""
    known = _known(rows[-_RECENT:], name)
    steps = [abs(b - a) for a, b in pairwise(known)]
    return statistics.median(steps) if steps else 0.0


def _last(rows: list[Row], name: str) -> str:
    """The last number there is, with its uncertainty, or in the digits that its like confirm."""
    for row in reversed(rows):
        value, error = row.values.get(name, (None, None))
        if value is None:
            continue
        if error is not None and error > 0.0:
            return with_uncertainty(value, error).replace("-", "−")
        return with_digits(value, _step(rows, name)).replace("-", "−")
    return "–"
