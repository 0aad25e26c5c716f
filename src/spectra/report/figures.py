"""Figures a journal would take: small, plain, with error bars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra.report.select import abscissae, example_frames, is_simulated, pattern_map, step_of
from spectra.results import Record, Results
from spectra.xrd.curves import evaluate
from spectra.xrd.tracks import found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MM = 1.0 / 25.4
_BLUE, _RED, _GREY = "#0072B2", "#D55E00", "#555555"
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 7.5,
    "axes.linewidth": 0.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 0.8,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}


def write_all(record: Record, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Write every figure the record has data for."""
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context(_STYLE):
        for name, figure in _figures(record):
            for form in formats:
                path = folder / f"{name}.{form}"
                figure.savefig(path, bbox_inches="tight")
                paths.append(path)
    return paths


def _figures(record: Record) -> Iterator[tuple[str, Figure]]:
    if (figure := map_figure(record)) is not None:
        yield "patterns", figure
    cell, peaks = step_of(record, "cell"), step_of(record, "peaks")
    if cell is not None:
        yield from cell_figures(cell)
    if peaks is not None and record.stack is not None:
        for name, i in example_frames(peaks):
            yield f"fit_{name}", fit_figure(record, peaks, i, name)


def _new(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * _MM, height * _MM), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def map_figure(record: Record) -> Figure | None:
    """Pattern map with the tracked peaks, beside the voltage where there is one."""
    reduced = pattern_map(record, 800, 1200)
    if reduced is None or record.stack is None:
        return None
    frames, axis, rows = reduced
    voltage = record.stack.variables.get("voltage")
    ratios = [4, 1] if voltage is not None else [1]
    figure: Figure
    figure, axes = _new(
        170, 95, 1, len(ratios), sharey=True, squeeze=False, gridspec_kw={"width_ratios": ratios}
    )
    ax = axes[0, 0]
    ax.pcolormesh(
        axis, frames, np.sqrt(np.maximum(rows, 0)), cmap="magma", shading="nearest", rasterized=True
    )
    peaks = step_of(record, "peaks")
    if peaks is not None:
        there = found(peaks["peak_status"])
        for t in range(there.shape[1]):
            centers = np.where(there[:, t], peaks["center"][:, t], np.nan)
            ax.plot(centers, np.arange(len(centers)), color="#7FDBFF", lw=0.5, alpha=0.8)
    ax.set_xlabel(record.stack.axis.label)
    ax.set_ylabel("frame")
    ax.set_xlim(axis[0], axis[-1])
    if is_simulated(record):
        ax.set_title("simulated data", fontsize=7.5)
    if voltage is not None:
        axes[0, 1].plot(voltage.values, np.arange(len(voltage.values)), color=_BLUE)
        axes[0, 1].set_xlabel(f"voltage ({voltage.unit})")
    return figure


def cell_figures(cell: Results) -> Iterator[tuple[str, Figure]]:
    """Lattice parameters and volume of every refined phase against the first abscissa."""
    names = cell.table.coords["phase"]["name"].tolist()
    against = abscissae(cell)[0]
    for p, name in enumerate(names):
        if name in cell.attrs.get("standards", []):
            continue
        shown = varying_columns(cell, p)
        if not shown:
            continue
        figure, axes = _new(85, 32 * len(shown), len(shown), 1, sharex=True, squeeze=False)
        for ax, column in zip(axes[:, 0], shown, strict=True):
            value, error = cell[column][:, p], cell[f"{column}_stderr"][:, p]
            ax.errorbar(
                against.values, value, yerr=error, fmt="o", ms=1.8, lw=0.5, color=_BLUE, capsize=0
            )
            unit = cell.table.column(column).unit.replace("angstrom^3", "Å³")
            unit = unit.replace("angstrom", "Å").replace("deg", "°")
            ax.set_ylabel(f"{column} ({unit})" if unit else column)
            ax.ticklabel_format(useOffset=False)
        axes[-1, 0].set_xlabel(against.label)
        axes[0, 0].set_title(name, fontsize=7.5)
        yield f"cell_{name}", figure


def varying_columns(cell: Results, p: int) -> list[str]:
    """Volume and those cell parameters of a phase that are refined on their own."""
    shown: list[str] = []
    for column in ("volume", "a", "b", "c", "alpha", "beta", "gamma"):
        value, error = cell[column][:, p], cell[f"{column}_stderr"][:, p]
        known = np.isfinite(value)
        twin = any(np.array_equal(value, cell[s][:, p], equal_nan=True) for s in shown)
        if known.any() and (error[known] > 0).any() and not twin:
            shown.append(column)
    return shown


def fit_figure(record: Record, peaks: Results, i: int, name: str) -> Figure:
    """One frame: data, fitted curve and the difference in units of its uncertainty."""
    assert record.stack is not None
    frame = record.stack[i].load()
    y, x = np.asarray(frame.signal)[0], frame.x
    model = evaluate(frame, peaks[i])[0]
    figure: Figure
    figure, (ax, low) = _new(170, 80, 2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    ax.plot(x, y, ".", ms=1.2, color=_GREY, label="measured")
    ax.plot(x, model, color=_RED, label="fitted")
    ax.set_ylabel("intensity")
    ax.legend(loc="upper right")
    chi2 = peaks["chi2_reduced"][i]
    ax.set_title(f"{name} frame: {frame.names[0]} (reduced χ² {chi2:.2f})", fontsize=7.5)
    sigma = np.sqrt(np.maximum(model, 1.0)) if frame.errors is None else np.asarray(frame.errors)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        low.plot(x, (y - model) / sigma, lw=0.4, color=_BLUE)
    low.axhline(0, color=_GREY, lw=0.4)
    low.set_ylabel("difference / σ")
    low.set_xlabel(frame.axis.label)
    return figure
