"""The interactive map of all patterns, with the tracked peaks over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra.report.labels import axis_label, frame_ticks
from spectra.report.picture import picture
from spectra.report.plotdata import BLUE, CYAN, FAINT, MOST_POINTS, RED, numbers, plain_text
from spectra.report.select import Abscissa, abscissa, beside, pattern_map, step_of, thin
from spectra.report.series import Series, beside_map
from spectra.report.shades import magma
from spectra.results import Record
from spectra.stack import Stack
from spectra.status import Status
from spectra.xrd.tracks import found

_MOST_TRACK = 400


def pattern_plot(record: Record) -> dict[str, Any] | None:
    """Pattern map as a picture with the tracked peaks over it, and the voltage beside."""
    reduced, stack = pattern_map(record, 800, 1200), record.stack
    if reduced is None or stack is None:
        return None
    left, right, low, high = reduced.edges
    image, top = picture(reduced.rows)
    scale = {
        "x": [left],
        "y": [low],
        "mode": "markers",
        "hoverinfo": "skip",
        "marker": {"opacity": 0, "color": [0.0], "size": 1, **_colour_bar(top)},
    }
    traces = [scale, *_tracks(record, stack), *_failed(record, stack, left)]
    label = axis_label(stack.axis)
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": plain_text(label)}, "range": [left, right], "showgrid": False},
        "yaxis": {
            "title": {"text": "frame"},
            "range": [low, high],
            "showgrid": False,
            **frame_ticks(stack.n_frames),
        },
        "images": [
            {
                "source": image,
                "xref": "x",
                "yref": "y",
                "x": left,
                "y": high,
                "sizex": right - left,
                "sizey": high - low,
                "sizing": "stretch",
                "layer": "below",
            }
        ],
        "height": 520,
        "margin": {"l": 60, "r": 12, "t": 62, "b": 48},
    }
    side = beside(stack)
    alt = f"Map of all patterns: {label} to the right, frames upwards, tracked peaks as lines"
    sides = [] if side is None else [(_beside(stack, side), side.label)]
    sides += [(_results_beside(series), series.label) for series in beside_map(record)]
    if not sides:
        return {"id": "map", "alt": alt, "data": traces, "layout": layout}
    # A narrow window has room for one column beside the map.
    narrow = {"keep": len(traces) + 1, "layout": _columns(layout, [sides[0][1]], 0.2)}
    layout |= _columns(layout, [label for _, label in sides], 0.2 if len(sides) == 1 else 0.14)
    traces += [{**trace, "xaxis": f"x{k + 2}"} for k, (trace, _) in enumerate(sides)]
    alt += "; beside it " + ", ".join(label for _, label in sides) + " on the same frames"
    return {"id": "map", "alt": alt, "data": traces, "layout": layout, "narrow": narrow}


def _columns(layout: dict[str, Any], labels: list[str], width: float) -> dict[str, Any]:
    """Axes of the map and of the columns beside it, `width` of the whole each."""
    gap = 0.04
    first = 1.0 - len(labels) * (width + gap)
    axes: dict[str, Any] = {"xaxis": {**layout["xaxis"], "domain": [0.0, first]}}
    for k, label in enumerate(labels):
        start = first + gap + k * (width + gap)
        axes[f"xaxis{k + 2}"] = {
            "domain": [start, min(start + width, 1.0)],
            "title": {"text": plain_text(label)},
            "nticks": 4,
        }
    return axes


def _results_beside(series: Series) -> dict[str, Any]:
    use = thin(len(series.values), MOST_POINTS)
    trace: dict[str, Any] = {
        "x": numbers(series.values[use], 8),
        "y": use.tolist(),
        "mode": "markers",
        "marker": {"color": BLUE, "size": 4 if use.size < 150 else 3},
        "hovertemplate": "%{x}<br>frame %{y}<extra></extra>",
    }
    if series.stderr is not None:
        bars = numbers(series.stderr[use], 4)
        trace["error_x"] = {"array": bars, "thickness": 0.9, "width": 0, "color": FAINT}
    return trace


def _colour_bar(top: float) -> dict[str, Any]:
    """Scale of a picture of square roots, labelled with the intensities themselves."""
    ticks = np.array([0.0, 0.1, 0.4, 1.0]) * top**2
    return {
        "colorscale": [[float(f"{f:.4g}"), f"rgb({r},{g},{b})"] for f, (r, g, b) in magma(17)],
        "cmin": 0.0,
        "cmax": top,
        "showscale": True,
        "colorbar": {
            "orientation": "h",
            "x": 0.0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "len": 0.6,
            "thickness": 9,
            "outlinewidth": 0,
            "tickvals": np.sqrt(ticks).tolist(),
            "ticktext": [f"{t:.2g}" if t < 100 else f"{round(t):d}" for t in ticks.tolist()],
            "title": {"text": "intensity", "side": "top", "font": {"size": 11}},
        },
    }


def _tracks(record: Record, stack: Stack) -> list[dict[str, Any]]:
    peaks = step_of(record, "peaks")
    if peaks is None or len(peaks) != stack.n_frames or "peak_status" not in peaks.columns:
        return []
    use = thin(len(peaks), _MOST_TRACK)
    there = found(peaks["peak_status"])[use]
    labels = [str(v) for v in peaks.table.coords["peak"]["label"].tolist()]
    traces = []
    for t, label in enumerate(labels):
        centers = np.where(there[:, t], peaks["center"][use, t], np.nan)
        if not np.isfinite(centers).any():
            continue
        traces.append(
            {
                "x": numbers(centers, 7),
                "y": use.tolist(),
                "mode": "lines",
                "line": {"color": CYAN, "width": 1},
                "hovertemplate": f"{plain_text(label)}: %{{x}}<br>frame %{{y}}<extra></extra>",
            }
        )
    return traces


def _failed(record: Record, stack: Stack, left: float) -> list[dict[str, Any]]:
    """Marks at the edge of the map for frames without results."""
    bad = ~np.isin(stack.status, (Status.OK, Status.AT_BOUND))
    peaks = step_of(record, "peaks")
    if peaks is not None and len(peaks) == stack.n_frames:
        bad |= ~peaks.ok()
    where = np.flatnonzero(bad)
    where = where[thin(where.size, _MOST_TRACK)]
    if where.size == 0:
        return []
    return [
        {
            "x": [left] * where.size,
            "y": where.tolist(),
            "mode": "markers",
            "cliponaxis": False,
            "marker": {"symbol": "triangle-right", "size": 9, "color": RED},
            "hovertemplate": "frame %{y}: no result<extra></extra>",
        }
    ]


def _beside(stack: Stack, side: Abscissa) -> dict[str, Any]:
    use = thin(stack.n_frames, MOST_POINTS)
    note = [""] * use.size
    if "time" in stack.variables:
        time = abscissa("time", stack.variables["time"])
        unit = time.label[time.label.find("(") + 1 : -1]
        note = [f"{v:.4g} {unit}" for v in time.values[use].tolist()]
    return {
        "x": numbers(side.values[use], 6),
        "y": use.tolist(),
        "text": note,
        "mode": "lines" if use.size > 1 else "markers",
        "line": {"color": BLUE, "width": 1.6},
        "hovertemplate": "%{x}<br>frame %{y}<br>%{text}<extra></extra>",
    }
