"""Interactive plots of the page, as plain data for plotly."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.report.figures import varying_columns
from spectra.report.select import (
    Abscissa,
    abscissae,
    example_frames,
    pattern_map,
    step_of,
    thin,
)
from spectra.results import Record, Results
from spectra.status import Status
from spectra.xrd.curves import evaluate
from spectra.xrd.tracks import found

FloatArray = NDArray[np.float64]

_MOST = 1500
_BLUE, _RED, _CYAN = "#0072B2", "#D55E00", "#7FDBFF"
_UNITS = {"angstrom^3": "Å³", "angstrom": "Å", "deg": "°"}


def _numbers(values: Any, digits: int = 8) -> list[float | None]:
    """Numbers for JSON: NaN becomes null, digits are cut to what is seen."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values)]


def pattern_plot(record: Record) -> dict[str, Any] | None:
    """Pattern map as a picture with the tracked peaks over it, and the voltage beside."""
    reduced = pattern_map(record, 700, 1100)
    if reduced is None or record.stack is None:
        return None
    _, axis, rows = reduced
    low, high = -0.5, record.stack.n_frames - 0.5
    traces: list[dict[str, Any]] = []
    peaks = step_of(record, "peaks")
    if peaks is not None:
        use = thin(len(peaks), 400)
        there = found(peaks["peak_status"])[use]
        labels = peaks.table.coords["peak"]["label"].tolist()
        for t, label in enumerate(labels):
            centers = np.where(there[:, t], peaks["center"][use, t], np.nan)
            if np.isfinite(centers).any():
                traces.append(
                    {
                        "x": _numbers(centers, 7),
                        "y": use.tolist(),
                        "name": label,
                        "mode": "lines",
                        "line": {"color": _CYAN, "width": 1},
                        "hovertemplate": f"{label}: %{{x}}, frame %{{y}}<extra></extra>",
                    }
                )
    if not traces:
        traces = [{"x": [float(axis[0])], "y": [0], "mode": "markers", "marker": {"opacity": 0}}]
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": record.stack.axis.label},
            "range": [axis[0], axis[-1]],
            "showgrid": False,
        },
        "yaxis": {"title": {"text": "frame"}, "range": [low, high], "showgrid": False},
        "images": [
            {
                "source": _picture(rows),
                "xref": "x",
                "yref": "y",
                "x": float(axis[0]),
                "y": high,
                "sizex": float(axis[-1] - axis[0]),
                "sizey": high - low,
                "sizing": "stretch",
                "layer": "below",
            }
        ],
        "height": 480,
    }
    voltage = record.stack.variables.get("voltage")
    if voltage is not None and np.isfinite(voltage.values).any():
        use = thin(len(voltage.values), _MOST)
        traces.append(
            {
                "x": _numbers(voltage.values[use], 6),
                "y": use.tolist(),
                "xaxis": "x2",
                "mode": "lines",
                "line": {"color": _BLUE},
                "name": "voltage",
            }
        )
        layout["xaxis"]["domain"] = [0.0, 0.78]
        layout["xaxis2"] = {"domain": [0.82, 1.0], "title": {"text": f"voltage ({voltage.unit})"}}
    return {
        "id": "map",
        "alt": "Map of all patterns, frames upwards, with the tracked peaks as lines",
        "data": traces,
        "layout": layout,
    }


def _picture(rows: FloatArray) -> str:
    """Intensities as a PNG in a data URI, on a square-root scale."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    root = np.sqrt(np.maximum(np.nan_to_num(rows), 0.0))
    top = float(np.quantile(root, 0.999)) or 1.0
    buffer = io.BytesIO()
    imsave(buffer, colormaps["magma"](np.clip(root / top, 0, 1))[::-1], format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def series_plots(record: Record) -> list[dict[str, Any]]:
    """Cells, strains and the default columns of other steps against every abscissa."""
    plots = []
    for name, results in record.steps.items():
        if results.table.name == "cell":
            plots += _cell_plots(name, results)
        elif results.table.name != "peaks":
            plots += _default_plots(name, results)
    return plots


def _cell_plots(step: str, cell: Results) -> list[dict[str, Any]]:
    plots = []
    for p, phase in enumerate(cell.table.coords["phase"]["name"].tolist()):
        if phase in cell.attrs.get("standards", []):
            continue
        for column in varying_columns(cell, p):
            value, error = cell[column][:, p], cell[f"{column}_stderr"][:, p]
            unit = cell.table.column(column).unit
            plots.append(_series(step, cell, f"{phase} {column}", value, error, unit))
    return plots


def _default_plots(step: str, results: Results) -> list[dict[str, Any]]:
    column = results.table.column(results.table.default or results.table.columns[0].name)
    values = results[column.name].reshape(len(results), -1)
    errors = results.columns.get(f"{column.name}_stderr")
    labels = [""]
    if column.dims:
        labels = [str(v) for v in next(iter(results.table.coords[column.dims[0]].values()))]
    plots = []
    for i, label in enumerate(labels[: values.shape[1]][:12]):
        error = None if errors is None else errors.reshape(len(results), -1)[:, i]
        if np.isfinite(values[:, i]).any():
            title = f"{label} {column.name}".strip()
            plots.append(_series(step, results, title, values[:, i], error, column.unit))
    return plots


def _series(
    step: str,
    results: Results,
    title: str,
    value: FloatArray,
    error: FloatArray | None,
    unit: str,
) -> dict[str, Any]:
    use = thin(len(value), _MOST)
    trace: dict[str, Any] = {
        "y": _numbers(value[use], 9),
        "mode": "markers",
        "marker": {"color": _BLUE, "size": 4},
        "hovertemplate": "%{x}<br>%{y}<extra></extra>",
    }
    if error is not None:
        trace["error_y"] = {
            "array": _numbers(error[use], 4),
            "thickness": 0.8,
            "width": 0,
            "color": "rgba(0,114,178,0.45)",
        }
    choices = abscissae(results)
    trace["x"] = _numbers(choices[0].values[use], 7)
    label = f"{title} ({_UNITS.get(unit, unit)})" if unit else title
    return {
        "id": f"{step}-{title}".replace(" ", "-"),
        "alt": f"{title} with standard uncertainties against {choices[0].label}",
        "data": [trace],
        "layout": {
            "xaxis": {"title": {"text": choices[0].label}},
            "yaxis": {"title": {"text": label}, "exponentformat": "none"},
            "height": 300,
        },
        "choices": [_choice(c, use) for c in choices],
    }


def _choice(choice: Abscissa, use: NDArray[np.intp]) -> dict[str, Any]:
    return {"name": choice.name, "label": choice.label, "x": _numbers(choice.values[use], 7)}


def fit_plots(record: Record) -> list[dict[str, Any]]:
    """Best, median and worst frame: data, fitted curve, difference over uncertainty."""
    peaks = step_of(record, "peaks")
    if peaks is None or record.stack is None:
        return []
    plots = []
    for name, i in example_frames(peaks):
        frame = record.stack[i].load()
        y, x = np.asarray(frame.signal)[0], frame.x
        model = evaluate(frame, peaks[i])[0]
        use = np.arange(len(x)) if len(x) <= 8000 else thin(len(x), 8000)
        chi2 = peaks["chi2_reduced"][i]
        plots.append(
            {
                "id": f"fit-{name}",
                "alt": f"Measured and fitted pattern of the {name} frame",
                "data": [
                    {
                        "x": _numbers(x[use], 7),
                        "y": _numbers(y[use], 6),
                        "mode": "markers",
                        "marker": {"size": 2, "color": "#555"},
                        "name": "measured",
                    },
                    {
                        "x": _numbers(x[use], 7),
                        "y": _numbers(model[use], 6),
                        "mode": "lines",
                        "line": {"color": _RED, "width": 1.2},
                        "name": "fitted",
                    },
                ],
                "layout": {
                    "title": {
                        "text": f"{name}: {frame.names[0]}, reduced χ² {chi2:.2f}",
                        "font": {"size": 13},
                    },
                    "xaxis": {"title": {"text": frame.axis.label}},
                    "yaxis": {"title": {"text": "intensity"}},
                    "height": 320,
                    "showlegend": True,
                    "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02},
                },
            }
        )
    return plots


def status_rows(record: Record) -> list[dict[str, Any]]:
    """Counts of statuses of each step."""
    rows = []
    for name, results in record.steps.items():
        counts = [int(np.count_nonzero(results.status == s)) for s in Status]
        rows.append({"step": name, "counts": counts, "total": len(results)})
    return rows
