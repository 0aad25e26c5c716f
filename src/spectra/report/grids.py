"""Tables of a batch: what each compares, in cells that any writer can write."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from spectra.headlines import Headline, Quantity
from spectra.report.labels import quantity, unit_symbol, with_unit
from spectra.samples import Sample
from spectra.summary import Summary

Cell = str | float | Quantity | None


@dataclass(frozen=True)
class Head:
    """Of one column: its name, its unit and whether its cells are values with uncertainties."""

    name: str
    unit: str = ""
    measured: bool = False

    @property
    def label(self) -> str:
        """Name and unit, e.g. ``V (Å³)``."""
        return with_unit(self.name, self.unit)


@dataclass(frozen=True)
class Grid:
    """A table of rows under heads; `name` is that of its file, `title` what it shows."""

    name: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]


def samples_grid(summary: Summary) -> Grid:
    """One row for each sample: its values, its quantities and what is said of it."""
    own = list(dict.fromkeys(k for s in summary.sheet.samples for k in s.values))
    units = summary.sheet.units
    groups: dict[tuple[str, str, str], dict[str, Headline]] = {}
    for h in summary.headlines:
        if h.known.size:
            groups.setdefault((h.measurement, h.quantity, h.unit), {})[h.sample] = h
    told = list(dict.fromkeys((v.measurement, v.step) for v in summary.verdicts))
    heads = [Head("sample"), *(Head(k.replace("_", " "), units.get(k, "")) for k in own)]
    for (measurement, name, unit), found in groups.items():
        heads.append(Head(f"{measurement}: {name}", unit, measured=True))
        if _moves(found):
            heads.append(Head(f"{measurement}: change of {name}", unit, measured=True))
    heads += [Head(f"{measurement}: verdict of {step}") for measurement, step in told]
    rows = []
    for sample in summary.sheet.samples:
        cells: list[Cell] = [sample.name, *(sample.values.get(k) for k in own)]
        for found in groups.values():
            one = found.get(sample.name)
            cells.append(None if one is None else one.first())
            if _moves(found):
                cells.append(None if one is None else one.change())
        cells += [_verdict(summary, sample, *place) for place in told]
        rows.append(tuple(cells))
    return Grid("samples", "Samples", tuple(heads), tuple(rows))


def _moves(found: dict[str, Headline]) -> bool:
    return any(len(h.known) > 1 for h in found.values())


def _verdict(summary: Summary, sample: Sample, measurement: str, step: str) -> str | None:
    said = [
        v.sentence
        for v in summary.verdicts
        if (v.sample, v.measurement, v.step) == (sample.name, measurement, step)
    ]
    return " ".join(said) or None


def quantities_grid(summary: Summary, sample: str = "") -> Grid:
    """One row for each quantity of each sample, or of one: first value, last, change."""
    axis = quantity(summary.axis)
    heads = [] if sample else [Head("sample")]
    heads += [Head("measurement"), Head("quantity"), Head("unit")]
    ends = [Head("first", measured=True), Head("last", measured=True)]
    if summary.axis:
        heads += [Head(f"{axis} at first", summary.axis_unit), ends[0]]
        heads += [Head(f"{axis} at last", summary.axis_unit), ends[1]]
    else:
        heads += ends
    heads += [Head("change", measured=True), Head("frames with it"), Head("statuses")]
    rows = tuple(
        _quantity_row(summary, h, named=not sample)
        for h in summary.headlines
        if h.known.size and sample in ("", h.sample)
    )
    return Grid("quantities", sample or "Quantities", tuple(heads), rows)


def _quantity_row(summary: Summary, h: Headline, *, named: bool) -> tuple[Cell, ...]:
    cells: list[Cell] = [h.sample] if named else []
    cells += [h.measurement, h.quantity, unit_symbol(h.unit)]
    several = len(h.known) > 1
    first, last = int(h.known[0]), int(h.known[-1])
    ends: tuple[tuple[int, Cell], ...] = (
        (first, h.first()),
        (last, h.last() if several else None),
    )
    for frame, value in ends:
        if summary.axis:
            cells.append(_finite(h.at[frame]) if value is not None else None)
        cells.append(value)
    cells.append(h.change() if several and not h.common else None)
    cells.append(f"{len(h.known)} of {len(h.values)}")
    cells.append(states(h))
    return tuple(cells)


def states(h: Headline) -> str:
    """How many frames have which status, or that there was nothing to measure in them."""
    if h.held:
        return "held"
    counts = {s: h.status.count(s) for s in dict.fromkeys(h.status)}
    told = ", ".join(f"{n} {s}" for s, n in counts.items())
    return f"one value for all: {told}" if h.common else told


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def values_grid(summary: Summary) -> Grid:
    """Every value of every frame, a row each."""
    names = ("sample", "technique", "measurement", "step", "column", "entry", "quantity", "unit")
    heads = [*map(Head, names), Head("frame"), Head("name")]
    heads.append(Head(summary.axis or "at", summary.axis_unit))
    heads += [Head("value", measured=True), Head("status")]
    rows = tuple(
        (
            *(str(getattr(row, name)) for name in names),
            float(row.frame),
            row.name,
            _finite(row.at),
            Quantity(row.value, row.stderr),
            row.status,
        )
        for row in summary.rows
    )
    return Grid("values", "All values", tuple(heads), rows)


def measurements_grid(summary: Summary) -> Grid:
    """What became of each measurement; those that failed with their reasons."""
    heads = ("sample", "measurement", "technique", "results", "statuses of frames", "reason")
    rows = tuple(
        (
            outcome.sample,
            outcome.name,
            outcome.technique,
            "failed" if outcome.state == "failed" else "there",
            "; ".join(_statuses(summary, outcome.sample, outcome.name)),
            outcome.reason,
        )
        for outcome in summary.outcomes
    )
    return Grid("measurements", "Measurements", tuple(map(Head, heads)), rows)


def _statuses(summary: Summary, sample: str, measurement: str) -> Iterator[str]:
    for step, counts in summary.statuses.get((sample, measurement), {}).items():
        yield f"{step}: {', '.join(f'{n} {s}' for s, n in counts.items())}"


def verdicts_grid(summary: Summary) -> Grid:
    """What steps say of whole sequences."""
    rows = tuple((v.sample, v.measurement, v.step, v.sentence) for v in summary.verdicts)
    heads = tuple(map(Head, ("sample", "measurement", "step", "verdict")))
    return Grid("verdicts", "Verdicts", heads, rows)


def all_grids(summary: Summary) -> tuple[Grid, ...]:
    """The tables of a batch, those that compare first."""
    return (
        samples_grid(summary),
        quantities_grid(summary),
        verdicts_grid(summary),
        measurements_grid(summary),
        values_grid(summary),
    )
