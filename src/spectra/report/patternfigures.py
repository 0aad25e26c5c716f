"""Figures of refined patterns: observed, calculated, difference, ticks; correlations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from spectra.report.labels import axis_label, slug
from spectra.report.patternplot import PHASES, TEAL, frame_heading
from spectra.report.plotdata import BLUE, GREY, RED
from spectra.report.refined import (
    Correlations,
    Curves,
    Step,
    correlations,
    curves_of,
    refinements,
    shown_frames,
    worst_frame,
)
from spectra.results import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MM = 1.0 / 25.4
_WIDE = 170.0
_MOST_NAMED = 60


def refined_figures(record: Record, simulated: bool) -> Iterator[tuple[str, Figure]]:
    """Name and figure of the first, middle, last and worst frame, and of the correlations."""
    for step in refinements(record):
        frames = [(what, i) for what, i in shown_frames(step.results) if what]
        shown = curves_of(record, step.results, frames)
        label = "" if record.stack is None else axis_label(record.stack.axis)
        for k, (what, _) in enumerate(frames if shown is not None else ()):
            if shown is not None:
                name = f"{slug(step.name)}_fit_{what.replace(' and ', '_')}"
                yield name, curves_figure(step, shown, k, label, simulated)
        worst = worst_frame(step.results)
        found = None if worst is None else correlations(step.results, worst)
        if found is not None and len(found.names) <= _MOST_NAMED:
            yield f"{slug(step.name)}_correlations", correlation_figure(step, found)


def curves_figure(step: Step, shown: Curves, k: int, label: str, simulated: bool) -> Figure:
    """One frame: measured and calculated pattern, ticks of the reflections, difference."""
    from matplotlib.figure import Figure as New

    curves = shown.curves
    figure = New(figsize=(_WIDE * _MM, 95 * _MM), layout="constrained")
    count = len(curves.ticks)
    top, middle, low = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [6, 0.45 * count, 1.8], "hspace": 0.02}
    )
    x = curves.x
    calculated = np.where(curves.used, curves.calculated[k], np.nan)
    top.plot(x, curves.observed[k], ".", ms=1.4, mew=0, color=GREY, label="observed")
    top.plot(x, curves.background[k], color=TEAL, lw=0.6, label="background")
    top.plot(x, calculated, color=RED, lw=0.6, label="calculated")
    top.set_ylabel("intensity")
    top.legend(loc="upper right", markerscale=4)
    what, i = shown.frames[k]
    title = frame_heading(step.results, what, i) + (" (simulated data)" if simulated else "")
    top.set_title(title.replace("$", r"\$"))
    for p, ticks in enumerate(curves.ticks):
        color = PHASES[p % len(PHASES)]
        places = ticks.two_theta[k]
        places = places[np.isfinite(places)]
        middle.vlines(places, -p - 0.35, -p + 0.35, color=color, lw=0.6)
    middle.set_yticks([-float(p) for p in range(count)])
    middle.set_yticklabels([t.phase.replace("$", r"\$") for t in curves.ticks])
    middle.set_ylim(-count + 0.4, 0.6)
    middle.tick_params(axis="y", length=0)
    low.axhline(0, color=GREY, lw=0.4)
    low.plot(x, shown.difference[k], lw=0.4, color=BLUE)
    low.set_ylabel("difference / σ" if shown.scaled else "difference")
    low.set_xlabel(label)
    low.set_xlim(x[0], x[-1])
    for first, last in shown.excluded:
        for axes in (top, middle, low):
            axes.axvspan(first, last, color="0.85", lw=0, zorder=0)
    figure.align_ylabels([top, low])
    return figure


def correlation_figure(step: Step, found: Correlations) -> Figure:
    """The correlation matrix of one frame."""
    from matplotlib.figure import Figure as New

    count = len(found.names)
    size = max(85.0, 3.0 * count + 45.0)
    figure = New(figsize=(size * _MM, 0.92 * size * _MM), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(found.matrix, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    names = [n.replace("$", r"\$") for n in found.names]
    axes.set_xticks(range(count), names, rotation=90, fontsize=5)
    axes.set_yticks(range(count), names, fontsize=5)
    axes.tick_params(length=0)
    axes.set_title(f"correlations, {step.results.names[found.frame]}".replace("$", r"\$"))
    figure.colorbar(image, ax=axes, shrink=0.7)
    return figure
