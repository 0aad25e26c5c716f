"""Panels of a sample as plain data for plotly, all with one axis below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.report.batch.lanemap import LaneMap
from spectra.report.batch.lanes import SHARES, Curve, Lane, names
from spectra.report.batch.tones import SYMBOLS, variants
from spectra.report.labels import measured, unit_symbol, with_unit
from spectra.report.plotdata import RED, numbers, plain_text, see_through

FloatArray = NDArray[np.float64]

_HEIGHT, _MAP_HEIGHT = 162, 270
_MARGIN = {"l": 82, "r": 14, "t": 6, "b": 22}
_LONGEST_LABEL = 16
# A bar longer than this many spans of the values does not rule the scale.
_LONG_BAR = 3.0
_FEW = 60
# Height of the marks of failed frames above the foot, in parts of the whole.
_FOOT = 0.06


def lane_plot(
    lane: Lane,
    tone: str,
    x_label: str,
    *,
    line: bool = False,
    failed: Sequence[tuple[int, float, str]] = (),
) -> dict[str, Any]:
    """A panel, and which of its traces are curves over which frames.

    Parameters
    ----------
    lane : Lane
    tone : str
        Colour of its technique.
    x_label : str
        Of the common axis.
    line : bool
        Draw a line through the points: for what was set, not fitted.
    failed : sequence of (frame, place, what happened)
        Frames without a result, marked at the foot.
    """
    traces, told = [], []
    own = names(lane)
    for k, (curve, colour) in enumerate(zip(lane.curves, variants(tone), strict=False)):
        use = curve.thinned()
        texts = [_written(curve, int(i)) for i in use]
        told.append(
            {
                "measurement": curve.source.measurement,
                "frames": curve.frames[use].tolist(),
                "texts": texts,
                "whole": len(use) == len(curve.frames),
            }
        )
        name = own[k] or curve.source.quantity
        traces.append(_trace(curve, use, texts, name, colour, SYMBOLS[k], line=line))
    low, high = _reach(lane)
    if failed:
        traces.append(_failed(failed, low + _FOOT * (high - low)))
    layout = {
        "xaxis": {},
        "yaxis": {
            "title": {"text": plain_text(_short(lane))},
            "range": [low, high],
            "fixedrange": True,
            "nticks": 6,
            "zeroline": lane.zero,
            "automargin": False,
            "exponentformat": "power",
        },
        "height": _HEIGHT,
        "margin": dict(_MARGIN),
    }
    bars = " with standard uncertainties" if np.isfinite(_errors(lane)).any() else ""
    alt = f"{lane.label}{bars} against {x_label}: {_span(lane)}"
    return {"alt": alt, "data": traces, "layout": layout, "curves": told}


def map_plot(lane: LaneMap, measurement: str, tone: str, x_label: str) -> dict[str, Any]:
    """A map of patterns; ticks at its foot stand for the frames."""
    left, right, low, high = lane.ends
    ticks = {
        "x": numbers(lane.at, 7),
        "y": [low] * len(lane.at),
        "text": [f"frame {i}" for i in lane.frames.tolist()],
        "mode": "markers",
        "cliponaxis": False,
        "marker": {"symbol": "line-ns-open", "size": 7, "color": tone, "line": {"width": 1}},
        "hovertemplate": "%{text}<br>%{x}<extra></extra>",
    }
    layout = {
        "xaxis": {"showgrid": False},
        "yaxis": {
            "title": {"text": plain_text(lane.label)},
            "range": [low, high],
            "fixedrange": True,
            "showgrid": False,
            "automargin": False,
        },
        "images": [
            {
                "source": lane.image,
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
        "height": _MAP_HEIGHT,
        "margin": dict(_MARGIN),
    }
    alt = f"Map of {len(lane.at)} {lane.kind.lower()}: {x_label} to the right, {lane.label} upwards"
    told = {
        "measurement": measurement,
        "frames": lane.frames.tolist(),
        "texts": [f"frame {i}" for i in lane.frames.tolist()],
        "whole": not lane.reduced,
    }
    return {"alt": alt, "data": [ticks], "layout": layout, "curves": [told], "map": True}


def _short(lane: Lane) -> str:
    """Label of the upright axis, for which there is little room: the heading tells the rest."""
    label = lane.label
    if len(lane.curves) == 1:
        label = with_unit(lane.curves[0].label, lane.unit)
    return label if len(label) <= _LONGEST_LABEL else unit_symbol(lane.unit)


def _trace(
    curve: Curve,
    use: NDArray[np.intp],
    texts: list[str],
    name: str,
    colour: str,
    symbol: str,
    *,
    line: bool,
) -> dict[str, Any]:
    doubtful = curve.doubtful[use].tolist()
    trace: dict[str, Any] = {
        "x": numbers(curve.at[use], 7),
        "y": numbers(curve.values[use], 9),
        "text": texts,
        "name": plain_text(name),
        "mode": "lines+markers" if line else "markers",
        "line": {"color": colour, "width": 1.2},
        "marker": {
            "color": colour,
            "size": 7 if use.size < _FEW else 4,
            "symbol": [f"{symbol}-open" if d else symbol for d in doubtful],
        },
        "hovertemplate": f"{plain_text(name)}<br>%{{text}} at %{{x}}<extra></extra>",
    }
    if np.isfinite(curve.stderr).any():
        bars = {"array": numbers(curve.stderr[use], 4), "thickness": 1.2, "width": 0}
        trace["error_y"] = {**bars, "color": see_through(colour, 0.55)}
    return trace


def _failed(failed: Sequence[tuple[int, float, str]], foot: float) -> dict[str, Any]:
    return {
        "x": numbers([at for _, at, _ in failed], 7),
        "y": [foot] * len(failed),
        "text": [plain_text(f"frame {i}: {why}") for i, _, why in failed],
        "mode": "markers",
        "cliponaxis": False,
        "marker": {"symbol": "triangle-up", "size": 9, "color": RED},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _written(curve: Curve, i: int) -> str:
    told = measured(float(curve.values[i]), float(curve.stderr[i]))
    return f"{told} {unit_symbol(curve.unit)}".strip()


def _errors(lane: Lane) -> FloatArray:
    return np.concatenate([c.stderr for c in lane.curves])


def _reach(lane: Lane) -> tuple[float, float]:
    """Range of the values: bars included, as far as they leave something to be seen."""
    values = np.concatenate([c.values for c in lane.curves])
    errors = np.nan_to_num(_errors(lane))
    span = float(np.ptp(values))
    if span > 0:
        errors = np.minimum(errors, _LONG_BAR * span)
    low, high = float((values - errors).min()), float((values + errors).max())
    if len(lane.curves) > 1 and lane.curves[0].source.column in SHARES:
        low = min(low, 0.0)
    margin = 0.1 * (high - low) or 0.02 * abs(high) or 1.0
    return low - margin, high + margin


def _span(lane: Lane) -> str:
    """What the panel shows in words, for who does not see it."""
    parts = []
    for curve, own in zip(lane.curves, names(lane), strict=True):
        i, j = int(np.argmin(curve.values)), int(np.argmax(curve.values))
        name = f"{own} " if own else ""
        if i == j:
            parts.append(f"{name}{_written(curve, i)}")
        else:
            points = len(curve.values)
            parts.append(f"{name}{_written(curve, i)} to {_written(curve, j)}, {points} points")
    return "; ".join(parts)


def legend(lane: Lane, tone: str) -> list[Mapping[str, str]]:
    """Names, colours and symbols of the curves of a panel, if it has several."""
    return [
        {"name": name, "colour": colour, "symbol": symbol}
        for name, colour, symbol in zip(names(lane), variants(tone), SYMBOLS, strict=False)
        if name
    ]
