"""Refined patterns and their correlations as plain data for plotly."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra.report.labels import axis_label, slug
from spectra.report.plotdata import BLUE, GREY, RED, numbers, plain_text
from spectra.report.refined import (
    Correlations,
    Curves,
    Step,
    correlations,
    curves_of,
    held,
    refinements,
    shown_frames,
    told,
    worst_frame,
)
from spectra.report.select import abscissae, envelope
from spectra.results import Record, Results

_MOST_POINTS = 3000
_MOST_MATRIX = 60
TEAL = "#3a9bc1"
PHASES = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#0072B2")
"""Colours of the ticks of phases, after Okabe and Ito."""


def refined_plots(record: Record) -> list[dict[str, Any]]:
    """One entry for each refinement: its curves, correlations, and what is said of it."""
    out = []
    for number, step in enumerate(refinements(record)):
        shown = curves_of(record, step.results, shown_frames(step.results))
        worst = worst_frame(step.results)
        found = None if worst is None else correlations(step.results, worst)
        out.append(
            {
                "key": f"r{number}",
                "heading": f"{step.method} refinement ({step.name})",
                "told": told(step),
                "held": held(step.results),
                "curves": None if shown is None else _curves(f"r{number}", record, step, shown),
                "matrix": None if found is None else _matrix(f"r{number}", step, found),
                "pairs": [] if found is None else [_pair(p) for p in found.pairs],
                "more": 0 if found is None else found.more,
            }
        )
    return out


def _pair(pair: tuple[str, str, float]) -> tuple[str, str, str]:
    return pair[0], pair[1], f"{pair[2]:+.3f}".replace("-", "−")


def frame_heading(results: Results, what: str, i: int) -> str:
    """How a frame is named above its curves."""
    against = abscissae(results)[0]
    place = "" if against.name == "frame" else f", {against.label} {against.values[i]:.4g}"
    told_ = f"{what}: " if what else ""
    return (
        f"{told_}{results.names[i]} (frame {i}{place}, Rwp {results['rwp'][i]:.2f} %, "
        f"GoF {results['gof'][i]:.2f})"
    )


def _curves(key: str, record: Record, step: Step, shown: Curves) -> dict[str, Any]:
    """The plot of the worst frame, and the numbers of all frames that can be chosen."""
    frames = [
        {"heading": frame_heading(step.results, what, i), **_frame(shown, k)}
        for k, (what, i) in enumerate(shown.frames)
    ]
    chosen = next(k for k, (what, _) in enumerate(shown.frames) if what.endswith("worst"))
    label = "" if record.stack is None else axis_label(record.stack.axis)
    names = [t.phase for t in shown.curves.ticks]
    plot = {
        "id": f"{key}-{slug(step.name)}",
        "alt": "Observed and calculated pattern, ticks of the reflections, and the difference",
        "data": _traces(names),
        "layout": _layout(label, names, shown),
    }
    indices = [
        [" ".join(map(str, hkl)).replace("-", "−") for hkl in t.hkl.tolist()]
        for t in shown.curves.ticks
    ]
    return {
        "plot": plot,
        "frames": frames,
        "chosen": chosen,
        "scaled": shown.scaled,
        "excluded": bool(shown.excluded),
        "hkl": indices,
    }


def _frame(shown: Curves, k: int) -> dict[str, Any]:
    curves = shown.curves
    y = curves.observed[k]
    use = np.unique(
        np.concatenate([envelope(y, _MOST_POINTS), envelope(curves.calculated[k], _MOST_POINTS)])
    )
    calculated = np.where(curves.used, curves.calculated[k], np.nan)
    return {
        "x": numbers(curves.x[use], 7),
        "observed": numbers(y[use], 5),
        "calculated": numbers(calculated[use], 5),
        "background": numbers(curves.background[k][use], 4),
        "difference": numbers(shown.difference[k][use], 3),
        "ticks": [numbers(t.two_theta[k], 6) for t in curves.ticks],
    }


def _traces(phases: list[str]) -> list[dict[str, Any]]:
    """Observed, background, calculated, difference, ticks; the page's script fills them."""
    lines: list[dict[str, Any]] = [
        {"mode": "markers", "marker": {"size": 2.5, "color": GREY}, "name": "observed"},
        {"mode": "lines", "line": {"color": TEAL, "width": 1}, "name": "background"},
        {"mode": "lines", "line": {"color": RED, "width": 1.2}, "name": "calculated"},
        {
            "mode": "lines",
            "line": {"color": BLUE, "width": 0.9},
            "name": "difference",
            "yaxis": "y2",
            "showlegend": False,
        },
    ]
    ticks: list[dict[str, Any]] = [
        {
            "mode": "markers",
            "marker": {
                "symbol": "line-ns-open",
                "size": 9,
                "color": PHASES[p % len(PHASES)],
                "line": {"width": 1.2, "color": PHASES[p % len(PHASES)]},
            },
            "name": plain_text(name),
            "yaxis": "y3",
            "hovertemplate": "%{text}<br>%{x}<extra>" + plain_text(name) + "</extra>",
        }
        for p, name in enumerate(phases)
    ]
    return [*lines, *ticks]


def _layout(label: str, phases: list[str], shown: Curves) -> dict[str, Any]:
    room = min(0.05 * len(phases), 0.2)
    low = 0.24
    ticks = low + 0.02
    curves = shown.curves
    return {
        "xaxis": {
            "title": {"text": plain_text(label)},
            "anchor": "y2",
            "mirror": "all",
            "range": [float(curves.x[0]), float(curves.x[-1])],
        },
        "yaxis": {"title": {"text": "intensity"}, "domain": [ticks + room + 0.02, 1.0]},
        "yaxis2": {
            "title": {"text": "difference / σ" if shown.scaled else "difference"},
            "domain": [0.0, low],
            "nticks": 4,
            "zeroline": True,
        },
        "yaxis3": {
            "domain": [ticks, ticks + room],
            "range": [-len(phases) + 0.5, 0.5],
            "showticklabels": False,
            "showgrid": False,
            "ticks": "",
            "fixedrange": True,
        },
        "shapes": [
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": a,
                "x1": b,
                "y0": 0,
                "y1": 1,
                "fillcolor": "rgba(120,130,150,0.22)",
                "line": {"width": 0},
                "layer": "below",
            }
            for a, b in shown.excluded
        ],
        "height": 520,
        "showlegend": True,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        "margin": {"l": 64, "r": 14, "t": 44, "b": 46},
    }


def _matrix(key: str, step: Step, found: Correlations) -> dict[str, Any]:
    """The matrix as a picture with the names of its rows; the largest is cut."""
    names = [plain_text(n) for n in found.names[:_MOST_MATRIX]]
    matrix = found.matrix[:_MOST_MATRIX, :_MOST_MATRIX]
    place = {
        "tickfont": {"size": 9},
        "showgrid": False,
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": names,
    }
    plot = {
        "id": f"{key}-matrix",
        "alt": f"Correlation matrix of {len(names)} parameters in frame {found.frame}",
        "data": [
            {
                "type": "heatmap",
                "z": [numbers(row, 3) for row in matrix],
                "zmin": -1,
                "zmax": 1,
                "text": [[f"{a}, {b}" for b in names] for a in names],
                "colorscale": [[0, "#0072B2"], [0.5, "#ffffff"], [1, "#D55E00"]],
                "colorbar": {"thickness": 10, "outlinewidth": 0, "len": 0.8},
                "hovertemplate": "%{text}: %{z:.3f}<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {**place, "tickangle": 90},
            "yaxis": {**place, "autorange": "reversed"},
            "height": max(360, 12 * len(names) + 150),
        },
    }
    frame = step.results.names[found.frame]
    note = f"Worst fit, {frame} (frame {found.frame})."
    if len(found.names) > _MOST_MATRIX:
        note += f" The first {_MOST_MATRIX} of {len(found.names)} parameters are drawn."
    return {"plot": plot, "note": note}
