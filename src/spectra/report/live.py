"""The page of a watch: what has come, what came out of it, what is wrong."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from spectra.journal import Row
from spectra.notation import with_uncertainty
from spectra.report.shell import render_light, write_text
from spectra.results import Column, Table
from spectra.status import Status
from spectra.watch import Lag, Watch

_MOST_CHARTS = 12
_MOST_POINTS = 1500
_MOST_LISTED = 30


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
    charts = []
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row.values)
    grouped: dict[tuple[str, str], list[str]] = {}
    for name in names:
        step, _, rest = name.partition("/")
        grouped.setdefault((step, rest.partition("[")[0]), []).append(name)
    tables = watch.plans.tables()
    ranked = sorted(grouped, key=lambda place: _rank(tables.get(place[0]), place[1]))
    every = max(1, -(-len(rows) // _MOST_POINTS))
    for step, column in ranked[:_MOST_CHARTS]:
        declared = _declared(tables.get(step), column)
        unit = declared.unit if declared else ""
        series, last = [], []
        for name in grouped[step, column]:
            label = name.partition("[")[2].rstrip("]")
            points = [
                (i, *row.values[name])
                for i, row in enumerate(rows)
                if name in row.values and (i % every == 0 or i >= len(rows) - every)
            ]
            series.append({"label": label, "points": points})
            last.append((label, _last(rows, name)))
        heading = f"{step}: {column}" + (f" ({unit})" if unit else "")
        meaning = declared.meaning if declared else ""
        charts.append({"heading": heading, "meaning": meaning, "series": series, "last": last})
    return charts


def _declared(table: Table | None, name: str) -> Column | None:
    if table is None:
        return None
    return next((c for c in table.columns if c.name == name), None)


def _rank(table: Table | None, name: str) -> tuple[int, str]:
    """What is looked at first: the headlines, the default plot, what has uncertainties."""
    column = _declared(table, name)
    if table is None or column is None:
        return 4, name
    wanted = (bool(column.headline), name == table.default, column.stderr)
    return (wanted.index(True) if True in wanted else 3), name


def _last(rows: list[Row], name: str) -> str:
    """The last number there is, with its uncertainty."""
    for row in reversed(rows):
        value, error = row.values.get(name, (None, None))
        if value is not None:
            return with_uncertainty(value, float("nan") if error is None else error)
    return "–"
