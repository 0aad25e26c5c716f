"""A plot told once, and drawn twice: on the page by plotly, for a journal by matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.report.labels import frame_ticks, slug
from spectra.report.mapdrawing import MapPanel, fill_map, plotly_map
from spectra.report.plotdata import BLUE, numbers, plain_text, see_through

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

_MM = 1.0 / 25.4
_PANEL = 85.0
_HEIGHT = 68.0
# From so many points on, smaller ones keep a curve in sight.
_MANY = 100
# Height of each of several panels above one another.
_STACKED = 34.0
# Letters that a line above a plot holds, and what the symbol of an entry takes of them.
_ONE_LINE, _SYMBOL = 70, 5
# The same below a plot in print.
_LINE_BELOW = 52
# What the abscissa is called where frames are only counted.
_NUMBERED = "frame"
_DASHES = {"solid": "-", "dash": "--", "dot": ":"}


@dataclass(frozen=True)
class Mark:
    """Points, a line, or a band in a plot.

    Parameters
    ----------
    kind : {"points", "line", "band"}
        A band fills between `y` and `high`.
    x, y : array (n,)
    high : array (n,), optional
    x_stderr, y_stderr : array (n,), optional
        Bars of one standard uncertainty.
    name : str
        In the legend; empty for none.
    colour : str
        As ``#rrggbb``.
    hollow : array of bool (n,), optional
        Points drawn open: those that are flagged.
    texts : tuple of str
        What stands beside a point when it is pointed at.
    dash : {"solid", "dash", "dot"}
    labelled : bool
        Whether the texts are written beside the points.
    colours : tuple of str (n,)
        Of each point, instead of `colour`.
    """

    kind: Literal["points", "line", "band"]
    x: FloatArray
    y: FloatArray
    high: FloatArray | None = None
    x_stderr: FloatArray | None = None
    y_stderr: FloatArray | None = None
    name: str = ""
    colour: str = BLUE
    hollow: NDArray[np.bool_] | None = None
    texts: tuple[str, ...] = ()
    dash: Literal["solid", "dash", "dot"] = "solid"
    labelled: bool = False
    colours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes: labels with units, marks in the order in which they are drawn."""

    x_label: str
    y_label: str
    marks: tuple[Mark, ...]
    title: str = ""
    x_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Drawing:
    """Panels or maps that belong side by side, and what must be known to read them.

    In print, `columns` says how many stand above one another in each column, on a common
    abscissa; all stand side by side by default.
    """

    key: str
    panels: tuple[Panel | MapPanel, ...]
    note: str = ""
    columns: tuple[int, ...] = ()


def plotly_plots(drawing: Drawing) -> list[dict[str, Any]]:
    """The panels as plain data for the page, one plot each."""
    return [
        plotly_map(key, panel) if isinstance(panel, MapPanel) else _plotly(key, panel)
        for key, panel in ((f"{slug(drawing.key)}-{i}", p) for i, p in enumerate(drawing.panels))
    ]


def _plotly(key: str, panel: Panel) -> dict[str, Any]:
    xaxis: dict[str, Any] = {"title": {"text": plain_text(panel.x_label)}}
    if panel.x_range is not None:
        xaxis["range"] = list(panel.x_range)
    if panel.x_label == _NUMBERED:
        xaxis |= frame_ticks(max((len(m.x) for m in panel.marks), default=0))
    layout = {
        "xaxis": xaxis,
        "yaxis": {"title": {"text": plain_text(panel.y_label)}},
        "title": {"text": plain_text(panel.title), "font": {"size": 13}, "x": 0.02},
        "height": 380,
        "showlegend": any(m.name for m in panel.marks),
        "legend": _legend(panel),
    }
    data = [trace for mark in panel.marks for trace in _traces(mark)]
    alt = f"{panel.y_label} against {panel.x_label}"
    return {"id": key, "alt": f"{panel.title}: {alt}".strip(": "), "data": data, "layout": layout}


def _legend(panel: Panel) -> dict[str, Any]:
    """Beside the title if there is room for both, below the plot if not."""
    # Plotly turns the order round where a band is filled.
    order = {"orientation": "h", "traceorder": "normal"}
    names = [m.name for m in panel.marks if m.name]
    if len(panel.title) + sum(len(n) + _SYMBOL for n in names) <= _ONE_LINE:
        return {**order, "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    return {**order, "x": 0, "xanchor": "left", "y": -0.22, "yanchor": "top"}


def _traces(mark: Mark) -> list[dict[str, Any]]:
    common: dict[str, Any] = {
        "x": numbers(mark.x, 8),
        "name": plain_text(mark.name),
        "showlegend": bool(mark.name),
    }
    if mark.kind == "band" and mark.high is not None:
        edge = {**common, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        fill = {"fill": "tonexty", "fillcolor": see_through(mark.colour, 0.18)}
        low = {**edge, "y": numbers(mark.y), "showlegend": False}
        return [low, {**edge, "y": numbers(mark.high), **fill}]
    trace = {**common, "y": numbers(mark.y)}
    if mark.kind == "line":
        line = {"color": mark.colour, "width": 1.3, "dash": mark.dash}
        return [{**trace, "mode": "lines", "line": line}]
    size = 6 if len(mark.x) < _MANY else 3
    marker: dict[str, Any] = {"color": list(mark.colours) or mark.colour, "size": size}
    if mark.hollow is not None and mark.hollow.any():
        marker["symbol"] = ["circle-open" if h else "circle" for h in mark.hollow.tolist()]
    trace |= {"mode": "markers+text" if mark.labelled else "markers", "marker": marker}
    if mark.texts:
        trace["text"] = [plain_text(t) for t in mark.texts]
        trace["hovertemplate"] = "%{text}<br>%{x}<br>%{y}<extra></extra>"
        sides = _label_sides(mark.x)
        places = {"left": "top left", "right": "bottom right"}
        trace["textposition"] = [places[side] for side in sides]
        trace["cliponaxis"] = not mark.labelled
    for name, errors in (("error_x", mark.x_stderr), ("error_y", mark.y_stderr)):
        if errors is not None and np.isfinite(errors).any():
            bar = {"array": numbers(errors, 4), "thickness": 0.9, "width": 0}
            trace[name] = {**bar, "color": see_through(mark.colour, 0.45)}
    return [trace]


def _label_sides(x: FloatArray) -> list[str]:
    """On which side of each point its label stands, within the axes and off a rising line."""
    known = x[np.isfinite(x)]
    middle = 0.5 * (known.min() + known.max()) if known.size else 0.0
    return ["right" if v < middle else "left" for v in x.tolist()]


def journal_figure(drawing: Drawing, heading: str = "") -> Figure:
    """The panels side by side as one figure."""
    from matplotlib.figure import Figure as New

    columns = drawing.columns or (1,) * len(drawing.panels)
    height = max(_HEIGHT, _STACKED * max(columns))
    figure = New(figsize=(_PANEL * len(columns) * _MM, height * _MM), layout="constrained")
    grid = figure.add_gridspec(1, len(columns))
    panels = iter(drawing.panels)
    for k, count in enumerate(columns):
        cells = grid[k].subgridspec(count, 1, hspace=0.0)
        lowest, begin = None, len(figure.axes)
        for row in range(count - 1, -1, -1):
            lowest = figure.add_subplot(cells[row], sharex=lowest)
        column = figure.axes[: begin - 1 if begin else None : -1]
        figure.align_ylabels(column)
        for ax, panel in zip(column, panels, strict=False):
            if isinstance(panel, MapPanel):
                fill_map(ax, panel)
            else:
                _fill(ax, panel)
            ax.label_outer(remove_inner_ticks=False)
            if count > 1 and (legend := ax.get_legend()) is not None:
                names = legend.legend_handles
                ax.legend(loc="lower right", bbox_to_anchor=(1.0, 0.96), ncols=len(names))
    if heading:
        figure.suptitle(_plain(heading), fontsize=7.5)
    return figure


def _fill(ax: Axes, panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    for mark in panel.marks:
        _draw(ax, mark)
    ax.set(xlabel=_plain(panel.x_label), ylabel=_plain(panel.y_label))
    ax.set_title(_plain(panel.title))
    if panel.x_range is not None:
        ax.set_xlim(*panel.x_range)
    if panel.x_label == _NUMBERED:
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    names = [m.name for m in panel.marks if m.name]
    if names and any(m.kind == "band" for m in panel.marks):
        # What is filled leaves no free corner.
        columns = max(1, min(len(names), _LINE_BELOW // (max(map(len, names)) + _SYMBOL)))
        tight: dict[str, Any] = {"handlelength": 1.2, "columnspacing": 1.0}
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=columns, **tight)
    elif names:
        ax.legend(loc="best")


def _draw(ax: Axes, mark: Mark) -> None:
    label = _plain(mark.name) or None
    if mark.kind == "band" and mark.high is not None:
        ax.fill_between(mark.x, mark.y, mark.high, color=mark.colour, alpha=0.18, lw=0, label=label)
        return
    if mark.kind == "line":
        ax.plot(mark.x, mark.y, _DASHES[mark.dash], color=mark.colour, lw=0.8, label=label)
        return
    if mark.colours:
        _draw_coloured(ax, mark)
        return
    hollow = np.zeros(len(mark.x), bool) if mark.hollow is None else mark.hollow
    for part, face in ((~hollow, mark.colour), (hollow, "white")):
        if part.any():
            ax.errorbar(
                mark.x[part],
                mark.y[part],
                xerr=None if mark.x_stderr is None else mark.x_stderr[part],
                yerr=None if mark.y_stderr is None else mark.y_stderr[part],
                fmt="o",
                # It draws the points 0.1 above that, and so over lines that come after them.
                zorder=1.9,
                ms=2.8 if len(mark.x) < _MANY else 1.8,
                mfc=face,
                mec=mark.colour,
                mew=0.5,
                ecolor=mark.colour,
                elinewidth=0.6,
                label=label,
            )
            label = None
    if mark.labelled:
        sides = _label_sides(mark.x)
        for x, y, text, side in zip(mark.x, mark.y, mark.texts, sides, strict=True):
            left = side == "left"
            place: dict[str, Any] = {"textcoords": "offset points"}
            place |= {"ha": "right", "va": "bottom"} if left else {"ha": "left", "va": "top"}
            away = (-3, 3) if left else (3, -3)
            ax.annotate(_plain(text), (x, y), away, fontsize=6.5, **place)


def _draw_coloured(ax: Axes, mark: Mark) -> None:
    """Points with a colour each."""
    colours = np.array(mark.colours)
    faces = colours if mark.hollow is None else np.where(mark.hollow, "white", colours)
    bars: dict[str, Any] = {"fmt": "none", "elinewidth": 0.6, "ecolor": list(mark.colours)}
    ax.errorbar(mark.x, mark.y, yerr=mark.y_stderr, xerr=mark.x_stderr, **bars)
    edges = {"edgecolors": colours.tolist(), "linewidths": 0.5, "zorder": 3}
    ax.scatter(mark.x, mark.y, s=5.0, c=faces.tolist(), label=_plain(mark.name) or None, **edges)


def _plain(text: str) -> str:
    # A $ in a file's name is no mathematics.
    return text.replace("$", r"\$")
