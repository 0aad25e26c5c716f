"""A map of colours with curves along its sides, told once, and drawn on the page and in print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.report.plotdata import BLUE, CYAN, numbers, plain_text
from spectra.report.shades import magma

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

# Parts of the page's plot that map and curves take, and the gap between them.
_MAP, _GAP = 0.74, 0.03
_TITLE: dict[str, Any] = {"ha": "left", "va": "top", "color": "white", "fontsize": 7.0}


@dataclass(frozen=True)
class MapPanel:
    """A map over two axes, the curve below it and the one at its side.

    Attributes
    ----------
    x, y : array
        Evenly spaced.
    values : array (y, x)
    top : float
        Value of the brightest colour; the darkest is 0. Maps that share it can be compared.
    x_label, y_label, label : str
        Of the axes and of the values.
    title : str
    below, side : (positions, values, label), optional
        A curve over x, and one over y.
    points : tuple of (x, y, text)
        Marked on the map.
    """

    x: FloatArray
    y: FloatArray
    values: FloatArray
    top: float
    x_label: str
    y_label: str
    label: str
    title: str = ""
    below: tuple[FloatArray, FloatArray, str] | None = None
    side: tuple[FloatArray, FloatArray, str] | None = None
    points: tuple[tuple[float, float, str], ...] = ()

    @property
    def ends(self) -> tuple[float, float, float, float]:
        """Outer ends of the outer cells: left, right, bottom, top."""
        halves = [0.5 * float(v[1] - v[0]) for v in (self.x, self.y)]
        (left, right), (low, high) = (
            (float(v[0]) - half, float(v[-1]) + half)
            for v, half in zip((self.x, self.y), halves, strict=True)
        )
        return left, right, low, high


def plotly_map(key: str, panel: MapPanel) -> dict[str, Any]:
    """The map as plain data for the page."""
    left, right, low, high = panel.ends
    traces: list[dict[str, Any]] = [_heat(panel)]
    if panel.points:
        x, y, texts = zip(*panel.points, strict=True)
        marker = {"symbol": "cross-thin", "size": 9, "line": {"color": CYAN, "width": 1.5}}
        traces.append(
            {
                "x": numbers(x),
                "y": numbers(y),
                "text": [plain_text(t) for t in texts],
                "mode": "markers",
                "marker": marker,
                "hovertemplate": "%{text}<br>%{x}<br>%{y}<extra></extra>",
            }
        )
    layout: dict[str, Any] = {
        "xaxis": _axis(panel.x_label, (left, right), [0.0, 1.0]),
        "yaxis": _axis(panel.y_label, (low, high), [0.0, 1.0]),
        "title": {"text": plain_text(panel.title), "font": {"size": 13}, "x": 0.02},
        "height": 420,
        "margin": {"l": 64, "r": 14, "t": 74, "b": 46},
    }
    line = {"mode": "lines", "line": {"color": BLUE, "width": 1.2}, "hoverinfo": "x+y"}
    if panel.side is not None:
        positions, values, label = panel.side
        layout["xaxis"]["domain"] = [0.0, _MAP]
        layout["xaxis2"] = _axis(label, None, [_MAP + _GAP, 1.0]) | {"anchor": "y", "nticks": 4}
        layout["xaxis2"]["rangemode"] = "tozero"
        traces.append({**line, "x": numbers(values, 5), "y": numbers(positions, 5), "xaxis": "x2"})
    if panel.below is not None:
        positions, values, label = panel.below
        layout["yaxis"]["domain"] = [1.0 - _MAP, 1.0]
        layout["yaxis2"] = _axis(label, None, [0.0, 1.0 - _MAP - _GAP]) | {"nticks": 4}
        domain = layout["xaxis"]["domain"]
        layout["xaxis3"] = {**layout["xaxis"], "anchor": "y2", "matches": "x", "domain": domain}
        layout["xaxis"] |= {"title": {"text": ""}, "showticklabels": False}
        # Plotly puts the title of such an axis over its numbers: it is written by itself.
        layout["xaxis3"]["title"] = {"text": ""}
        layout["annotations"] = [
            {
                "text": plain_text(panel.x_label),
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.5 * domain[1],
                "y": 0.0,
                "yshift": -36,
                "yanchor": "middle",
            }
        ]
        layout["height"] = 520
        curve = {"x": numbers(positions, 5), "y": numbers(values, 5)}
        traces.append({**line, **curve, "xaxis": "x3", "yaxis": "y2"})
    alt = f"Map of {panel.label} over {panel.x_label} and {panel.y_label}"
    return {"id": key, "alt": f"{panel.title}: {alt}", "data": traces, "layout": layout}


def _axis(label: str, ends: tuple[float, float] | None, domain: list[float]) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": plain_text(label)}, "domain": domain}
    if ends is not None:
        axis |= {"range": list(ends), "showgrid": False}
    return axis


def _heat(panel: MapPanel) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "x": numbers(panel.x, 5),
        "y": numbers(panel.y, 5),
        "z": [numbers(row, 3) for row in panel.values],
        "zmin": 0.0,
        "zmax": float(f"{panel.top:.4g}"),
        "zsmooth": "best",
        "colorscale": [[float(f"{f:.4g}"), f"rgb({r},{g},{b})"] for f, (r, g, b) in magma(17)],
        "colorbar": {
            "orientation": "h",
            "x": 0.0,
            "xanchor": "left",
            "y": 1.01,
            "yanchor": "bottom",
            "len": 0.5,
            "thickness": 8,
            "outlinewidth": 0,
            "nticks": 5,
            "title": {"text": plain_text(panel.label), "side": "top", "font": {"size": 11}},
        },
        "hovertemplate": "%{x}<br>%{y}<br>%{z}<extra></extra>",
    }


def fill_map(ax: Axes, panel: MapPanel) -> None:
    """Draw the map into the place of some axes, its curves along its sides."""
    figure, place = ax.get_figure(), ax.get_subplotspec()
    assert figure is not None
    assert place is not None
    along: dict[str, Any] = {"color": BLUE, "lw": 0.7}
    image = ax.imshow(
        panel.values,
        origin="lower",
        aspect="auto",
        extent=panel.ends,
        cmap="magma",
        vmin=0.0,
        vmax=panel.top,
        interpolation="bilinear",
    )
    ax.set(xlabel=_plain(panel.x_label), ylabel=_plain(panel.y_label))
    ax.text(0.02, 0.97, _plain(panel.title), transform=ax.transAxes, **_TITLE)
    for x, y, _ in panel.points:
        ax.plot(x, y, "+", color=CYAN, ms=5.0, mew=0.8)
    ax.tick_params(color="0.8")
    if panel.side is None or panel.below is None:
        bar = figure.colorbar(image, ax=ax, pad=0.02, aspect=24)
    else:
        cells = place.subgridspec(
            2, 2, width_ratios=(3.2, 1.0), height_ratios=(2.6, 1.0), hspace=0.0, wspace=0.0
        )
        ax.set_subplotspec(cells[0, 0])
        low = figure.add_subplot(cells[1, 0], sharex=ax)
        low.plot(*panel.below[:2], **along)
        low.set(xlabel=_plain(panel.x_label), ylabel=_plain(panel.below[2]))
        side = figure.add_subplot(cells[0, 1], sharey=ax)
        side.plot(panel.side[1], panel.side[0], **along)
        side.set(xlim=(0.0, None), xlabel=_plain(panel.side[2]))
        # Above, so that nothing stands between the map and the curve below it.
        side.xaxis.tick_top()
        side.xaxis.set_label_position("top")
        side.tick_params(labelleft=False, bottom=True)
        side.locator_params(axis="x", nbins=3)
        ax.tick_params(labelbottom=False)
        ax.set_xlabel("")
        corner = figure.add_subplot(cells[1, 1])
        corner.set_axis_off()
        bar = figure.colorbar(image, cax=corner.inset_axes((0.3, 0.0, 0.12, 0.62)))
    bar.set_label(_plain(panel.label))
    bar.outline.set_linewidth(0.5)
    ax.set(xlim=panel.ends[:2], ylim=panel.ends[2:])


def _plain(text: str) -> str:
    # A $ in a file's name is no mathematics.
    return text.replace("$", r"\$")
