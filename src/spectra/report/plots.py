"""Interactive plots of the page, as plain data for plotly.

Everything is drawn as SVG, never WebGL: it prints, and it opens where WebGL does not. Long
sequences are therefore thinned before they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import plotly_plots
from spectra.report.labels import axis_label, frame_ticks, slug
from spectra.report.mapplot import pattern_plot
from spectra.report.patternplot import refined_plots
from spectra.report.plotdata import BLUE, FAINT, GREY, MOST_POINTS, RED, numbers, plain_text
from spectra.report.section import Section
from spectra.report.sections import technique_sections
from spectra.report.select import (
    FitExample,
    abscissae,
    can_evaluate,
    envelope,
    example_frames,
    fit_example,
    misfit_name,
    same_frames,
    step_of,
    thin,
)
from spectra.report.series import Group, Series, groups, peak_panels
from spectra.report.tables import csv_link
from spectra.results import Record, Results

FloatArray = NDArray[np.float64]

_MOST_FIT = 5000
_MOST_PEAKS = 24
_MOST_PEAK_POINTS = 500


@dataclass
class Plots:
    """All plots of a page.

    ``abscissae`` holds what frames can be plotted against, once for all plots that share it.
    """

    map: dict[str, Any] | None = None
    groups: list[dict[str, Any]] = field(default_factory=list)
    peaks: dict[str, Any] | None = None
    fits: list[dict[str, Any]] = field(default_factory=list)
    refined: list[dict[str, Any]] = field(default_factory=list)
    sections: list[dict[str, Any]] = field(default_factory=list)
    abscissae: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    step: int = 1

    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        drawn = [p for g in self.groups for p in g["plots"]]
        peaks = self.peaks["plots"] if self.peaks else []
        first = [] if self.map is None else [self.map]
        return {
            "plots": [*first, *self._told(), *drawn, *peaks, *self.fits, *self._matrices()],
            "abscissae": self.abscissae,
            "panels": self.peaks["panels"] if self.peaks else [],
            "refined": [r["curves"] for r in self.refined if r["curves"]],
        }

    def _told(self) -> list[dict[str, Any]]:
        return [p for s in self.sections for d in s["drawings"] for p in d["plots"]]

    def _matrices(self) -> list[dict[str, Any]]:
        return [r["matrix"]["plot"] for r in self.refined if r["matrix"]]

    def choices(self) -> list[dict[str, str]]:
        """Name and label of every abscissa, for the selector."""
        union = {c["name"]: c["label"] for choices in self.abscissae.values() for c in choices}
        frame = union.pop("frame", None)
        rows = [{"name": n, "label": lb} for n, lb in union.items()]
        return rows + ([{"name": "frame", "label": frame}] if frame else [])


def make_plots(record: Record) -> Plots:
    """Draw everything that the record has data for."""
    plots = Plots(map=pattern_plot(record))
    for number, group in enumerate(groups(record)):
        plots.groups.append(_group(plots, number, group))
    plots.peaks = _peaks(plots, record)
    plots.fits = fit_plots(record)
    plots.refined = refined_plots(record)
    for section in technique_sections(record):
        drawings = [{"plots": plotly_plots(d), "note": d.note} for d in section.drawings]
        told = {**vars(section), "drawings": drawings, "link": _link(section)}
        plots.sections.append(told)
    return plots


def _link(section: Section) -> dict[str, str] | None:
    """Where the whole table of a section is, for what the page shows a part of."""
    if section.download is None:
        return None
    name, text = section.download
    return {"name": name, "address": csv_link(text), "text": f"Whole table ({name})"}


def _group(plots: Plots, number: int, group: Group) -> dict[str, Any]:
    drawn = []
    for k, series in enumerate(group.series):
        use = thin(len(series.values), MOST_POINTS)
        if use.size:
            plots.step = max(plots.step, round(len(series.values) / use.size))
        title = f"{group.heading}: {series.label}"
        drawn.append(_series(plots, f"g{number}-{k}-{slug(group.key)}", title, series, use))
    return {"heading": group.heading, "note": group.note, "plots": drawn, "key": f"g{number}"}


def _series(
    plots: Plots, key: str, title: str, series: Series, use: NDArray[np.intp]
) -> dict[str, Any]:
    against = _share(plots, series.results, use)
    trace = {
        **_values(series, use),
        "x": plots.abscissae[against][0]["x"],
        "mode": "markers",
        "marker": _marker(series, use),
        "hovertemplate": "%{x}<br>%{y}<extra></extra>",
    }
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": plain_text(plots.abscissae[against][0]["label"])}},
        "yaxis": {
            "title": {"text": plain_text(series.label)},
            "exponentformat": "power",
            "zeroline": series.zero,
        },
        "height": 300,
    }
    bars = "" if series.stderr is None else " with standard uncertainties"
    alt = f"{title}{bars} along the sequence"
    return {"id": key, "alt": alt, "data": [trace], "layout": layout, "against": against}


def _values(series: Series, use: NDArray[np.intp]) -> dict[str, Any]:
    values: dict[str, Any] = {"y": numbers(series.values[use], 9)}
    if series.stderr is not None and np.isfinite(series.stderr).any():
        values["error_y"] = {
            "array": numbers(series.stderr[use], 4),
            "thickness": 0.9,
            "width": 0,
            "color": FAINT,
        }
    return values


def _marker(series: Series, use: NDArray[np.intp]) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": BLUE, "size": 5 if use.size < 150 else 3.5}
    if series.weak is not None and series.weak[use].any():
        marker["symbol"] = ["circle-open" if w else "circle" for w in series.weak[use].tolist()]
    return marker


def _share(plots: Plots, results: Results, use: NDArray[np.intp]) -> str:
    """Key of the abscissae of some results; equal ones are stored once."""
    choices = [
        {
            "name": a.name,
            "label": a.label,
            "x": numbers(a.values[use], 7),
            "ticks": frame_ticks(len(results)) if a.name == "frame" else {},
        }
        for a in abscissae(results)
    ]
    for key, known in plots.abscissae.items():
        if known == choices:
            return key
    key = f"a{len(plots.abscissae)}"
    plots.abscissae[key] = choices
    return key


def _peaks(plots: Plots, record: Record) -> dict[str, Any] | None:
    """Position, width and area of one peak at a time, chosen on the page."""
    panels = peak_panels(record, _MOST_PEAKS)
    if not panels:
        return None
    use = thin(len(panels[0].series[0].values), _MOST_PEAK_POINTS)
    first = max(range(len(panels)), key=lambda i: _known_well(panels[i].series[0]))
    drawn = [
        _series(plots, f"peak-{k}", f"Peak {panels[first].title}", s, use)
        for k, s in enumerate(panels[first].series)
    ]
    data = [{"title": p.title, "series": [_values(s, use) for s in p.series]} for p in panels]
    steps = round(len(panels[0].series[0].values) / max(use.size, 1))
    return {"plots": drawn, "panels": data, "chosen": first, "step": max(steps, 1)}


def _known_well(series: Series) -> float:
    """How well a quantity is known over all frames: the sum of 1/u²."""
    assert series.stderr is not None
    known = np.isfinite(series.values) & (series.stderr > 0.0)
    return float((series.stderr[known] ** -2.0).sum())


def fit_plots(record: Record) -> list[dict[str, Any]]:
    """Best, median and worst frame: data, fitted curve, difference."""
    peaks = step_of(record, "peaks")
    stack = None if peaks is None else same_frames(record, peaks)
    if peaks is None or stack is None or not can_evaluate(peaks):
        return []
    plots = []
    for name, i in example_frames(peaks):
        example = fit_example(stack, peaks, i)
        chi2 = f"{misfit_name(peaks)} = {peaks['chi2_reduced'][i]:.3g}"
        plots.append(
            {
                "id": f"fit-{name}",
                "heading": f"{name.capitalize()} frame: {example.name} (frame {i}, {chi2})",
                "alt": f"Measured and fitted pattern of the {name} frame and their difference",
                **_fit(example, axis_label(stack.axis)),
            }
        )
    return plots


def _fit(example: FitExample, label: str) -> dict[str, Any]:
    use = envelope(example.y, _MOST_FIT)
    x = numbers(example.x[use], 7)
    data: list[dict[str, Any]] = [
        {
            "x": x,
            "y": numbers(example.y[use], 6),
            "mode": "markers",
            "marker": {"size": 2.5, "color": GREY},
            "name": "measured",
        },
        {
            "x": x,
            "y": numbers(example.model[use], 6),
            "mode": "lines",
            "line": {"color": RED, "width": 1.3},
            "name": "fitted",
        },
        {
            "x": x,
            "y": numbers(example.difference[use], 4),
            "yaxis": "y2",
            "mode": "lines",
            "line": {"color": BLUE, "width": 0.9},
            "name": "difference",
            "showlegend": False,
        },
    ]
    layout = {
        "xaxis": {"title": {"text": plain_text(label)}, "anchor": "y2", "mirror": "all"},
        "yaxis": {"title": {"text": "intensity"}, "domain": [0.34, 1.0]},
        "yaxis2": {
            "title": {"text": "difference / σ" if example.scaled else "difference"},
            "domain": [0.0, 0.28],
            "nticks": 4,
            "zeroline": True,
        },
        "height": 380,
        "showlegend": True,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
    }
    return {"data": data, "layout": layout}
