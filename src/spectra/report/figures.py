"""Figures a journal would take: one or two columns wide, plain, with error bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra.errors import SettingError, StoreError, reason
from spectra.report.drawing import journal_figure
from spectra.report.edgestory import edge_story
from spectra.report.labels import axis_label, slug
from spectra.report.patternfigures import refined_figures
from spectra.report.plotdata import BLUE, CYAN, GREY, RED
from spectra.report.sections import technique_sections
from spectra.report.select import (
    Abscissa,
    abscissae,
    beside,
    can_evaluate,
    example_frames,
    fit_example,
    is_simulated,
    misfit_name,
    pattern_map,
    same_frames,
    step_of,
    thin,
)
from spectra.report.series import Group, PeakPanel, Series, beside_map, groups, peak_panels
from spectra.results import Record, Results
from spectra.xrd.tracks import found

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SINGLE, DOUBLE = 85.0, 170.0
"""Widths of one and of two columns, mm."""

_MM = 1.0 / 25.4
_MOST_POINTS = 2000
# Letters that fit on a line beside a panel, and below a narrow one.
_LONGEST_BESIDE, _LONGEST_BELOW = 16, 17
_MOST_ROWS = 6
_PEAK_PANELS = 4
_FAINT = "#8fc1de"
_LINE_AXES = {
    "lorentzian": ("sin θ", "β cos θ (rad)"),
    "gaussian": ("sin² θ", "(β cos θ)² (rad²)"),
    "size_strain": ("β*/d*² (Å)", "(β*/d*)²"),
}
# In the order of preference; the last has the signs that others lack, such as a raised minus.
_FONTS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
_STYLE: dict[Any, Any] = {
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "axes.linewidth": 0.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 0.8,
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "mathtext.default": "regular",
    # Letters as letters, which journals ask for.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
}


def write_all(record: Record, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Write every figure the record has data for.

    Raises
    ------
    SettingError
        For a format that cannot be written.
    StoreError
        If a file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if unknown := [f for f in formats if f not in known]:
        raise SettingError(
            f"figures cannot be written as {', '.join(unknown)}; "
            f"expected some of {', '.join(sorted(known))}"
        )
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({**_STYLE, "font.family": _fonts()}):
            for name, figure in _figures(record):
                for form in formats:
                    path = folder / f"{name}.{form}"
                    _save(figure, path, form)
                    paths.append(path)
    except OSError as error:
        raise StoreError(f"{folder}: figures cannot be written: {reason(error)}") from error
    return paths


def _fonts() -> list[str]:
    """Fonts that are there: only of those named one by one does another stand in for a sign."""
    from matplotlib.font_manager import get_font_names

    known = get_font_names()
    return [name for name in _FONTS if name in known]


def _save(figure: Figure, path: Path, form: str) -> None:
    # Without the date, the same results give the same file.
    dated = {"pdf": "CreationDate", "svg": "Date"}
    metadata = {dated[form]: None} if form in dated else None
    with warnings.catch_warnings():
        # No font has every sign that a sample's name may hold; a box is drawn in its place.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(path, dpi=400, metadata=metadata)


def _figures(record: Record) -> Iterator[tuple[str, Figure]]:
    simulated = is_simulated(record)
    if (figure := map_figure(record)) is not None:
        yield "patterns", figure
    for group in groups(record):
        parts = [group.series[i : i + _MOST_ROWS] for i in range(0, len(group.series), _MOST_ROWS)]
        for number, part in enumerate(parts):
            name = slug(group.key) + (f"-{number + 1}" if len(parts) > 1 else "")
            yield name, group_figure(group, part, simulated)
    if panels := peak_panels(record, _PEAK_PANELS):
        yield "peaks", peaks_figure(panels, simulated)
    for name, results in record.steps.items():
        if results.table.name == "williamson_hall" and np.isfinite(results["slope"]).any():
            yield f"{slug(name)}_lines", lines_figure(results, simulated)
    peaks = step_of(record, "peaks")
    if peaks is not None and same_frames(record, peaks) is not None and can_evaluate(peaks):
        for name, i in example_frames(peaks):
            yield f"fit_{name}", fit_figure(record, peaks, i, name)
    yield from refined_figures(record, simulated)
    for section in technique_sections(record):
        for drawing in section.drawings:
            yield slug(drawing.key), journal_figure(drawing, "simulated data" * simulated)
    if (story := edge_story(record)) is not None:
        yield slug(story.key), journal_figure(story, "simulated data" * simulated)


def _new(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * _MM, height * _MM), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def _title(text: str, simulated: bool) -> str:
    # A $ in a file's name is no mathematics.
    return (text + (" (simulated data)" if simulated else "")).replace("$", r"\$")


def map_figure(record: Record) -> Figure | None:
    """Pattern map with the tracked peaks, beside the voltage where there is one."""
    from matplotlib import colormaps
    from matplotlib.colors import PowerNorm

    reduced, stack = pattern_map(record, 800, 1200), record.stack
    if reduced is None or stack is None:
        return None
    side, columns = beside(stack), beside_map(record)
    ratios = [4.0, *[1.0] * ((side is not None) + len(columns))]
    figure: Figure
    figure, axes = _new(
        DOUBLE, 95, 1, len(ratios), sharey=True, gridspec_kw={"width_ratios": ratios}
    )
    ax = axes[0, 0]
    known = reduced.rows[np.isfinite(reduced.rows)]
    top = float(np.quantile(known, 0.999)) if known.size else 1.0
    image = ax.imshow(
        np.maximum(reduced.rows, 0.0),
        norm=PowerNorm(0.5, vmin=0.0, vmax=top if top > 0 else 1.0),
        cmap=colormaps["magma"].with_extremes(bad="0.6"),
        aspect="auto",
        origin="lower",
        interpolation="none",
        extent=reduced.edges,
    )
    _draw_tracks(ax, record)
    ax.set(xlabel=axis_label(stack.axis), ylabel="frame")
    _tick_frames(ax.yaxis)
    ax.set(xlim=reduced.edges[:2], ylim=reduced.edges[2:])
    ax.tick_params(color="0.8")
    if is_simulated(record):
        ax.set_title("simulated data")
    bar = figure.colorbar(image, ax=axes[0, -1], pad=0.03, aspect=32, extend="max")
    bar.set_label("intensity (square-root scale)")
    bar.outline.set_linewidth(0.5)
    if side is not None:
        use = thin(stack.n_frames, _MOST_POINTS)
        axes[0, 1].plot(side.values[use], use, color=BLUE, marker="." if use.size == 1 else "")
        axes[0, 1].set_xlabel(side.label)
        axes[0, 1].locator_params(axis="x", nbins=4)
    first = len(ratios) - len(columns)
    for axis, series in zip(axes[0, first:], columns, strict=True):
        use = thin(len(series.values), _MOST_POINTS)
        error = None if series.stderr is None else series.stderr[use]
        axis.errorbar(
            *(series.values[use], use),
            xerr=error,
            **{"fmt": "o", "ms": 1.8, "color": BLUE, "ecolor": _FAINT, "elinewidth": 0.6},
        )
        axis.set_xlabel(_broken(series.label, _LONGEST_BELOW).replace("$", r"\$"))
        axis.locator_params(axis="x", nbins=3)
    return figure


def _draw_tracks(ax: Axes, record: Record) -> None:
    peaks = step_of(record, "peaks")
    if peaks is None or same_frames(record, peaks) is None or "peak_status" not in peaks.columns:
        return
    use = thin(len(peaks), _MOST_POINTS)
    there = found(peaks["peak_status"])[use]
    centers = np.where(there, peaks["center"][use], np.nan)
    ax.plot(centers, use, color=CYAN, lw=0.4, alpha=0.9)


def group_figure(group: Group, series: Sequence[Series], simulated: bool) -> Figure:
    """One column of panels on a common abscissa."""
    against = abscissae(series[0].results)[0]
    figure: Figure
    figure, axes = _new(SINGLE, 12 + 30 * len(series), len(series), 1, sharex=True)
    for ax, one in zip(axes[:, 0], series, strict=True):
        _errorbars(ax, one, against)
        ax.set_ylabel(_broken(one.label, _LONGEST_BESIDE).replace("$", r"\$"))
    axes[-1, 0].set_xlabel(against.label)
    if against.name == "frame":
        _tick_frames(axes[-1, 0].xaxis)
    axes[0, 0].set_title(_title(group.heading, simulated))
    figure.align_ylabels()
    return figure


def peaks_figure(panels: Sequence[PeakPanel], simulated: bool) -> Figure:
    """Position, width and area of a few strong peaks, one column for each."""
    against = abscissae(panels[0].series[0].results)[0]
    figure: Figure
    figure, axes = _new(DOUBLE, 90, 3, len(panels), sharex=True)
    for column, panel in enumerate(panels):
        axes[0, column].set_title(panel.title.replace("$", r"\$"), fontsize=7.0)
        for ax, one in zip(axes[:, column], panel.series, strict=True):
            _errorbars(ax, one, against)
            ax.locator_params(axis="y", nbins=5)
            if column == 0:
                ax.set_ylabel(one.label)
        axes[-1, column].set_xlabel(against.label)
        if against.name == "frame":
            _tick_frames(axes[-1, column].xaxis)
        axes[-1, column].locator_params(axis="x", nbins=5)
    if simulated:
        figure.suptitle("simulated data", fontsize=7.5)
    figure.align_ylabels()
    return figure


def _broken(label: str, most: int) -> str:
    """A label in lines of no more than `most` letters, where its words and unit allow it."""
    head, bracket, unit = label.rpartition(" (")
    whole = head + bracket + unit.replace(" ", "\N{NO-BREAK SPACE}") if bracket else label
    return "\n".join(wrap(whole, most, break_long_words=False, break_on_hyphens=False))


def _tick_frames(axis: Axis) -> None:
    """Ticks at whole frames only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _errorbars(ax: Axes, series: Series, against: Abscissa) -> None:
    use = thin(len(series.values), _MOST_POINTS)
    x, y = against.values[use], series.values[use]
    error = None if series.stderr is None else np.abs(series.stderr[use])
    size = 2.6 if use.size < 60 else (1.8 if use.size < 200 else 1.1)
    if series.zero:
        ax.axhline(0.0, color=GREY, lw=0.5, ls=(0, (4, 3)))
    weak = np.zeros(use.size, bool) if series.weak is None else series.weak[use]
    for part, face in ((~weak, BLUE), (weak, "white")):
        if part.any():
            ax.errorbar(
                x[part],
                y[part],
                yerr=None if error is None else error[part],
                fmt="o",
                ms=size,
                mfc=face,
                mec=BLUE,
                mew=0.4,
                ecolor=_FAINT,
                elinewidth=0.6,
                capsize=0,
            )
    ax.margins(x=0.02)


def lines_figure(results: Results, simulated: bool) -> Figure:
    """Williamson–Hall or size–strain plot of the first, the middle and the last frame."""
    known = np.flatnonzero(np.isfinite(results["slope"]))
    chosen = np.unique(known[[0, len(known) // 2, -1]]).tolist()
    figure: Figure
    figure, axes = _new(SINGLE, 65)
    ax = axes[0, 0]
    for frame, colour in zip(chosen, (BLUE, RED, GREY), strict=False):
        x, y, error = (results[n][frame] for n in ("x", "y", "y_stderr"))
        ax.errorbar(
            *(x, y),
            yerr=error,
            fmt="o",
            ms=2.6,
            color=colour,
            elinewidth=0.6,
            label=results.names[frame].replace("$", r"\$"),
        )
        ends = np.array([0.0, float(np.nanmax(x))])
        line = results["intercept"][frame] + results["slope"][frame] * ends
        ax.plot(ends, line, color=colour, lw=0.6)
    ax.set(xlabel=_LINE_AXES[results.attrs["plot"]][0], ylabel=_LINE_AXES[results.attrs["plot"]][1])
    ax.legend(loc="best")
    ax.set_title(_title(str(results.attrs.get("phase", "")), simulated))
    return figure


def fit_figure(record: Record, peaks: Results, i: int, name: str) -> Figure:
    """One frame: data, fitted curve and the difference in units of its uncertainty."""
    stack = record.stack
    if stack is None:
        raise SettingError("a fit can only be drawn beside the patterns; this record has none")
    example = fit_example(stack, peaks, i)
    figure: Figure
    figure, axes = _new(DOUBLE, 80, 2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    ax, low = axes[:, 0]
    ax.plot(example.x, example.y, ".", ms=1.4, mew=0, color=GREY, label="measured")
    ax.plot(example.x, example.model, color=RED, lw=0.7, label="fitted")
    ax.set_ylabel("intensity")
    ax.legend(loc="best", markerscale=4)
    chi2 = peaks["chi2_reduced"][i]
    heading = f"{name} frame: {example.name}, {misfit_name(peaks)} = {chi2:.3g}"
    ax.set_title(_title(heading, is_simulated(record)))
    low.axhline(0, color=GREY, lw=0.4)
    low.plot(example.x, example.difference, lw=0.4, color=BLUE)
    low.set_ylabel("difference / σ" if example.scaled else "difference")
    low.set_xlabel(axis_label(stack.axis))
    low.set_xlim(example.x[0], example.x[-1])
    figure.align_ylabels()
    return figure
