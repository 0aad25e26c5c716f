"""What is worth plotting along a sequence: one list, read by the page and by the figures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.report.labels import quantity, unit_symbol, with_unit
from spectra.report.select import misfit_name, same_frames, step_of
from spectra.results import Column, Record, Results
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.tracks import found

FloatArray = NDArray[np.float64]

MOST_SERIES = 12
_CELL = ("volume", "a", "b", "c", "alpha", "beta", "gamma")
_STRAIN = ("dv_over_v", "da_over_a", "db_over_b", "dc_over_c")
_BROADENING = "Left out where the uncertainty is larger than the value; the tables hold all."
_FRACTION = "{} (wt %)"
_FRACTIONS = "Shares of the crystalline phases of the model; what is amorphous is left out."
_PEAK = ("center", "fwhm", "area")
# What is worth plotting of steps that have several numbers for each frame.
_SEVERAL = {
    "normalize": ("edge_half", "e0"),
    "preedge": ("ratio", "area", "centroid"),
    "ratio": ("ratio", "peak_energy", "main_energy"),
}


@dataclass(frozen=True)
class Series:
    """One quantity along a sequence.

    Parameters
    ----------
    results : Results
        Where it comes from; its variables are what it can be plotted against.
    label : str
        Of its axis, with unit.
    values, stderr : array (frames,)
        NaN where there is no result; `stderr` is None for what has no uncertainty.
    weak : array of bool (frames,), optional
        Values known in part only (a degenerate cell), drawn with open symbols.
    zero : bool
        Whether zero means "no change" and deserves a line.
    """

    results: Results
    label: str
    values: FloatArray
    stderr: FloatArray | None = None
    weak: NDArray[np.bool_] | None = None
    zero: bool = False


@dataclass(frozen=True)
class Group:
    """Series that belong together, under one heading."""

    heading: str
    series: tuple[Series, ...]
    note: str = ""
    key: str = ""


def groups(record: Record) -> list[Group]:
    """Every group of a record that has a finite value to show, in the order of its steps."""
    out: list[Group] = []
    for step, results in record.steps.items():
        if results.table.name == "cell" and _has(results, "volume"):
            out += _cell_groups(results)
        elif results.table.name == "pattern":
            out += _pattern_groups(step, results)
        elif results.table.name == "strain" and _has(results, "dv_over_v"):
            out += _strain_groups(results)
        elif results.table.name == "structure" and _has(results, "mean_length"):
            out += _structure_groups(results)
        elif results.table.name == "shells":
            out.append(_shell_group(step, results))
        elif results.table.name != "peaks":
            out.append(_default_group(step, results))
    quality = tuple(
        Series(r, f"{misfit_name(r)} of {step}", r["chi2_reduced"])
        for step, r in record.steps.items()
        if _has(r, "chi2_reduced") and r.table.column("chi2_reduced").dims == ()
    )
    out.append(Group("Quality of the fits", quality, key="quality"))
    shown = [replace(g, series=tuple(s for s in g.series if _any(s.values))) for g in out]
    return [g for g in shown if g.series]


def _has(results: Results, *names: str) -> bool:
    return all(name in results.columns for name in names)


def _any(values: FloatArray) -> bool:
    return bool(np.isfinite(values).any())


def _still(values: FloatArray) -> bool:
    """Whether several frames have the same value to the last bit: set, not measured."""
    known = values[np.isfinite(values)]
    return known.size > 1 and bool((known == known[0]).all())


def _of_phase(results: Results, name: str, p: int) -> tuple[FloatArray, FloatArray | None]:
    errors = results.columns.get(f"{name}_stderr")
    return results[name][:, p], None if errors is None else errors[:, p]


def _phases(results: Results) -> list[tuple[int, str]]:
    """Phases whose cell is a result: standards are held fixed."""
    names = [str(n) for n in results.table.coords["phase"]["name"].tolist()]
    standards = results.attrs.get("standards", [])
    return [(p, name) for p, name in enumerate(names) if name not in standards]


def _cell_groups(cell: Results) -> list[Group]:
    out = []
    for p, phase in _phases(cell):
        weak = None
        if _has(cell, "phase_status"):
            weak = cell["phase_status"][:, p] == PhaseStatus.DEGENERATE
        series = []
        for name in varying_columns(cell, p):
            value, error = _of_phase(cell, name, p)
            label = with_unit(quantity(name), cell.table.column(name).unit)
            series.append(Series(cell, label, value, error, weak))
        note = ""
        if weak is not None and weak.any():
            note = (
                f"Open symbols: {int(weak.sum())} frames in which a direction of the cell is "
                "known only from lines being seen unsplit."
            )
        out.append(Group(f"Cell of {phase}", tuple(series), note, f"cell_{phase}"))
    corrections = [
        Series(cell, with_unit(quantity(c.name), c.unit), cell[c.name], cell[f"{c.name}_stderr"])
        for c in cell.table.columns
        if not c.dims and c.stderr
    ]
    out.append(Group("Corrections of the positions", tuple(corrections), key="corrections"))
    return out


def _pattern_groups(step: str, results: Results) -> list[Group]:
    """Cells, fractions, size and strain of the phases, corrections, and how well they fit."""
    out = [g for g in _cell_groups(results) if g.key != "corrections"]
    phases = _phases(results)
    for heading, names, note in (
        ("Weight fractions", ("weight_fraction",), _FRACTIONS),
        ("Size and microstrain", ("size", "strain"), _BROADENING),
    ):
        series = []
        for name in names:
            column = results.table.column(name)
            percent = name in ("weight_fraction", "strain")
            for p, phase in phases:
                value, error = _of_phase(results, name, p)
                label = with_unit(f"{quantity(name)} of {phase}", "%" if percent else column.unit)
                label = _FRACTION.format(phase) if name == "weight_fraction" else label
                factor = 100.0 if percent else 1.0
                if name in ("size", "strain") and error is not None:
                    # Broadening that is not seen gives any size, with a bar that hides the others.
                    value = np.where(error < value, value, np.nan)
                series.append(
                    Series(
                        results, label, factor * value, None if error is None else factor * error
                    )
                )
        out.append(Group(heading, tuple(series), note, heading.split()[0].lower()))
    out.append(Group("Corrections of the positions", _corrections(results), key="corrections"))
    fit = tuple(
        Series(results, with_unit(label, unit), results[name])
        for name, label, unit in (("rwp", "Rwp", "%"), ("gof", "GoF", ""))
    )
    out.append(Group("Agreement of the patterns", fit, key="agreement"))
    several = results.provenance.get("method")
    prefix = f"{str(several).rpartition('.')[2]}: " if several else ""
    return [replace(g, heading=f"{prefix}{g.heading}", key=f"{step}_{g.key}") for g in out]


def _corrections(results: Results) -> tuple[Series, ...]:
    """Refined parameters of the whole pattern that shift or widen lines."""
    refined = results.table.coords["refined"]
    return tuple(
        Series(
            results,
            with_unit(quantity(str(name)), str(refined["unit"][i])),
            results["value"][:, i],
            results["value_stderr"][:, i],
        )
        for i, name in enumerate(refined["name"].tolist())
        if "." not in name and not str(name).startswith(("background", "hump"))
    )


def beside_map(record: Record) -> list[Series]:
    """What deserves a place beside the map of patterns, on its frames: volume and fractions."""
    found = [r for r in (step_of(record, t) for t in ("pattern", "cell")) if r is not None]
    if not found or same_frames(record, found[0]) is None or not _has(found[0], "volume"):
        return []
    results, phases = found[0], _phases(found[0])
    out = []
    for name, factor, label in (
        ("volume", 1.0, "V of {} (Å³)"),
        ("weight_fraction", 100.0, _FRACTION),
    ):
        if not _has(results, name) or (name != "volume" and len(phases) < 2):
            continue
        # Of several phases, one picture holds the one that is seen most often.
        shown = max(
            phases,
            key=lambda phase: int(np.isfinite(results[name][:, phase[0]]).sum()),
            default=None,
        )
        if shown is None or not _any(results[name][:, shown[0]]):
            continue
        value, error = _of_phase(results, name, shown[0])
        out.append(
            Series(
                results,
                label.format(shown[1]),
                factor * value,
                None if error is None else factor * error,
            )
        )
    return out


def varying_columns(cell: Results, p: int) -> list[str]:
    """Volume and those cell parameters of a phase that are refined on their own."""
    shown: list[str] = []
    for name in _CELL:
        if not _has(cell, name, f"{name}_stderr"):
            continue
        value, error = cell[name][:, p], cell[f"{name}_stderr"][:, p]
        known = np.isfinite(value)
        twin = any(np.array_equal(value, cell[s][:, p], equal_nan=True) for s in shown)
        if known.any() and (error[known] > 0).any() and not twin:
            shown.append(name)
    return shown


def _strain_groups(strain: Results) -> list[Group]:
    out = []
    reference = strain.attrs.get("reference", "first")
    words = {"first": "the first frame in which the phase is found", "literature": "the literature"}
    against = words.get(str(reference), f"frame {reference}")
    for p, phase in _phases(strain):
        series: list[Series] = []
        for name in _STRAIN:
            if not _has(strain, name):
                continue
            value, error = _of_phase(strain, name, p)
            if any(np.array_equal(100.0 * value, s.values, equal_nan=True) for s in series):
                continue
            percent = None if error is None else 100.0 * error
            label = f"{quantity(name)} (%)"
            series.append(Series(strain, label, 100.0 * value, percent, zero=True))
        note = f"Relative to {against}, whose own uncertainty is included."
        out.append(Group(f"Strain of {phase}", tuple(series), note, f"strain_{phase}"))
    return out


def _structure_groups(structure: Results) -> list[Group]:
    """Mean bonds of the polyhedra of each phase, and how their volumes change."""
    polyhedra = structure.table.coords["polyhedron"]
    labels = [str(label) for label in polyhedra["label"].tolist()]
    out = []
    for _, phase in _phases(structure):
        own = np.flatnonzero(np.asarray(polyhedra["phase"]) == phase)
        series = []
        for name, words, unit in (
            ("mean_length", "mean bond", "angstrom"),
            ("polyhedron_volume_change", "ΔV/V", "percent"),
        ):
            for k in own.tolist():
                value, error = _of_phase(structure, name, k)
                label = with_unit(f"{words}, {labels[k]}", "%" if unit == "percent" else unit)
                series.append(Series(structure, label, value, error, zero=unit == "percent"))
        note = "Changes are against the reference frame, whose own uncertainty is included."
        out.append(
            Group(f"Polyhedra of {phase}", tuple(series[:MOST_SERIES]), note, f"polyhedra_{phase}")
        )
    return out


def _shell_group(step: str, results: Results) -> Group:
    """Distances, disorder and numbers of the shells, as far as they are not held."""
    labels = [str(label) for label in results.table.coords["path"]["label"]]
    series = []
    for name, symbol in (("r", "R"), ("sigma2", "σ²"), ("n", "N")):
        unit = results.table.column(name).unit
        for p, label in enumerate(labels):
            value, error = _of_phase(results, name, p)
            if error is not None and (error > 0).any():
                series.append(
                    Series(results, with_unit(f"{symbol} of {label}", unit), value, error)
                )
    note = "" if len(series) <= MOST_SERIES else f"The first {MOST_SERIES} of {len(series)}."
    return Group(f"Step {step}", tuple(series[:MOST_SERIES]), note, step)


def _default_group(step: str, results: Results) -> Group:
    """Small multiples of the default column of any step, or of its several numbers."""
    names = _SEVERAL.get(results.table.name, ())
    if names:
        return Group(f"Step {step}", tuple(_series(results, n) for n in names), key=step)
    spec = results.table.column(results.table.default or results.table.columns[0].name)
    n = len(results)
    values = np.asarray(results[spec.name], dtype=float).reshape(n, -1)
    errors = results.columns.get(f"{spec.name}_stderr")
    flat = None if errors is None else np.asarray(errors, dtype=float).reshape(n, -1)
    labels = _entries(results, spec, values.shape[1])
    there = [i for i in range(values.shape[1]) if _any(values[:, i]) and not _still(values[:, i])]
    series = [
        Series(
            results,
            with_unit(f"{quantity(spec.name)} {labels[i]}".strip(), spec.unit),
            values[:, i],
            None if flat is None else flat[:, i],
        )
        for i in there[:MOST_SERIES]
    ]
    note = f"{spec.meaning[:1].upper()}{spec.meaning[1:]}." if spec.meaning else ""
    if len(there) > MOST_SERIES:
        note += f" The first {MOST_SERIES} of {len(there)} are shown."
    return Group(f"Step {step}", tuple(series), note.strip(), step)


def _series(results: Results, name: str) -> Series:
    label = with_unit(quantity(name), results.table.column(name).unit)
    return Series(results, label, results[name], results[f"{name}_stderr"])


def _entries(results: Results, spec: Column, size: int) -> list[str]:
    """What the entries of a column are called."""
    if not spec.dims:
        return [""]
    if len(spec.dims) == 1:
        return [str(v) for v in next(iter(results.table.coords[spec.dims[0]].values()))]
    return [str(i) for i in range(size)]


@dataclass(frozen=True)
class PeakPanel:
    """Position, width and area of one tracked peak."""

    label: str
    title: str
    series: tuple[Series, ...]


def peak_panels(record: Record, most: int) -> list[PeakPanel]:
    """Panels of the `most` most significant peaks, in the order of their position."""
    peaks = step_of(record, "peaks")
    if peaks is None or not _has(peaks, "peak_status", *_PEAK):
        return []
    there = found(peaks["peak_status"])
    weight = np.where(there, np.nan_to_num(peaks["area"]), 0.0).sum(axis=0)
    chosen = np.sort(np.argsort(-weight, kind="stable")[:most])
    names = peaks.table.coords["peak"]["label"].tolist()
    meant = reflections(record)
    panels = []
    for t in chosen.tolist():
        if not there[:, t].any():
            continue
        series = []
        for name in _PEAK:
            value = np.where(there[:, t], peaks[name][:, t], np.nan)
            label = with_unit(quantity(name), peaks.table.column(name).unit)
            series.append(Series(peaks, label, value, peaks[f"{name}_stderr"][:, t]))
        unit = unit_symbol(peaks.table.column("center").unit)
        place = f"{np.nanmedian(series[0].values):.2f}{'' if unit == '°' else ' '}{unit}"
        title = " · ".join(filter(None, (str(names[t]), place, meant.get(str(names[t]), ""))))
        panels.append(PeakPanel(str(names[t]), title, tuple(series)))
    return panels


def reflections(record: Record) -> dict[str, str]:
    """Phase and indices by the label of a peak, where a cell was refined."""
    cell = step_of(record, "cell")
    peak = {} if cell is None else cell.table.coords.get("peak", {})
    if not {"label", "phase", "h", "k", "l"} <= set(peak):
        return {}
    rows = zip(
        *(np.asarray(peak[k]).tolist() for k in ("label", "phase", "h", "k", "l")), strict=True
    )
    return {str(lb): f"{ph} {h} {k} {ll}".replace("-", "−") for lb, ph, h, k, ll in rows if ph}
