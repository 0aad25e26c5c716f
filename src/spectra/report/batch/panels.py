"""The panels of a sample: what was set, then each technique in the order of the sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.batch import Outcome
from spectra.commonaxis import in_unit
from spectra.headlines import Headline
from spectra.report.batch.axis import FRAMES, CommonAxis
from spectra.report.batch.lanedrawing import lane_plot, legend, map_plot
from spectra.report.batch.lanemap import lane_maps
from spectra.report.batch.lanes import MOST_POINTS, Curve, Lane, lanes
from spectra.report.batch.tones import technique_name
from spectra.report.labels import slug
from spectra.results import Record, Results
from spectra.stack import Variable
from spectra.summary import Summary

FloatArray = NDArray[np.float64]

# What was set while the sample was measured, and stands on top.
_CONDITIONS = ("voltage", "temperature")
# Kelvin or degrees within which a temperature was held.
_HELD = {"temperature": 1.0}
_CONDITIONS_TONE = "#333333"
_WHOLE_FROM = 100.0


@dataclass(frozen=True)
class Placed:
    """A measurement, its results, and where its frames stand.

    Attributes
    ----------
    outcome : Outcome
    record : Record
    at : array (frames,), optional
        On the common axis; None if nothing tells.
    """

    outcome: Outcome
    record: Record
    at: FloatArray | None

    @classmethod
    def of(cls, outcome: Outcome, record: Record, summary: Summary, axis: CommonAxis) -> Placed:
        """Place the frames of a measurement where its headlines have them, or its variables."""
        own = [h for h in summary.of(outcome.sample) if h.measurement == outcome.name]
        told = next((axis.at(h) for h in own if np.isfinite(axis.at(h)).any()), None)
        return cls(outcome, record, _places(record, axis) if told is None else told)

    @property
    def last(self) -> Results | None:
        """The results of the last step."""
        return _last(self.record)

    @property
    def title(self) -> str:
        """Technique, and the name of the measurement where that says more."""
        title = technique_name(self.outcome.technique)
        own = self.outcome.name
        return title if own == self.outcome.technique else f"{title} ({own})"

    @property
    def frames(self) -> int:
        """Number of its frames."""
        if self.record.stack is not None:
            return self.record.stack.n_frames
        return max((len(r) for r in self.record.steps.values()), default=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its frames."""
        source = self.record.stack or self.last
        return () if source is None else source.names

    def failed(self) -> list[tuple[int, float, str]]:
        """Frames that have a place, but no result of the last step: which, where and why."""
        last = self.last
        if self.at is None or last is None or len(last) != len(self.at):
            return []
        lost = np.flatnonzero(~last.ok() & np.isfinite(self.at)).tolist()
        return [(i, float(self.at[i]), last.messages[i] or "no result") for i in lost[:MOST_POINTS]]

    def levels(self) -> dict[tuple[str, str], str]:
        """The whole that each entry of a step is a share of, as (step, entry) to level."""
        return {
            (step, str(entry)): str(level)
            for step, results in self.record.steps.items()
            for coord in results.table.coords.values()
            if {"label", "level"} <= coord.keys()
            for entry, level in zip(coord["label"], coord["level"], strict=True)
        }


@dataclass(frozen=True)
class Part:
    """The panels of one technique; each has `wide`, whether it takes the whole width."""

    technique: str
    name: str
    tone: str
    facts: str = ""
    plots: list[dict[str, Any]] = field(default_factory=list)

    def add(self, plot: dict[str, Any], title: str, **more: Any) -> None:
        """Put a panel below the others."""
        key = f"lane-{slug(self.technique)}-{len(self.plots)}"
        heading = {"id": key, "title": title, "of": "", "legend": [], "note": "", "wide": False}
        self.plots.append({**plot, **heading, **more})


def parts(
    placed: list[Placed], every: list[Curve], axis: CommonAxis, tone: Mapping[str, str]
) -> Iterator[Part]:
    """All panels of a sample.

    Parameters
    ----------
    placed : list of Placed
        Its measurements that have results.
    every : list of Curve
        Its quantities.
    axis : CommonAxis
    tone : mapping of technique to colour
    """
    conditions = Part("conditions", "Conditions", _CONDITIONS_TONE)
    for lane in _conditions(placed, axis):
        plot = lane_plot(lane, conditions.tone, axis.label, line=True)
        conditions.add(plot, lane.label, wide=True)
    if conditions.plots:
        yield conditions
    for technique, group in groupby(placed, key=lambda p: p.outcome.technique):
        own = list(group)
        part = Part(technique, technique_name(technique), tone[technique], _facts(own))
        for one in own:
            _fill(part, one, every, axis, "" if len(own) < 2 else one.outcome.name)
        if part.plots:
            yield part


def _fill(part: Part, one: Placed, every: list[Curve], axis: CommonAxis, of: str) -> None:
    """Add the map and the quantities of one measurement."""
    for found in () if one.at is None else lane_maps(one.record, one.at):
        run = f" ({found.run})" if found.run else ""
        plot = map_plot(found, one.outcome.name, part.tone, axis.label)
        note = f"square root of the intensity, 0 to {found.top:.3g}"
        if found.top >= _WHOLE_FROM:
            note = f"square root of the intensity, 0 to {round(found.top)}"
        part.add(plot, f"{found.kind}{run}", of=of, note=note, wide=True)
    curves = [c for c in every if c.source.measurement == one.outcome.name and c.placed]
    for k, lane in enumerate(lanes(curves, one.levels())):
        plot = lane_plot(lane, part.tone, axis.label, failed=one.failed() if k == 0 else ())
        part.add(plot, lane.label, of=of, legend=legend(lane, part.tone))


def _facts(placed: list[Placed]) -> str:
    words = [f"{p.frames} {'frame' if p.frames == 1 else 'frames'}" for p in placed]
    if len(placed) < 2:
        return "".join(words)
    pairs = zip(placed, words, strict=True)
    return ", ".join(f"{p.outcome.name}: {word}" for p, word in pairs)


def _last(record: Record) -> Results | None:
    """The results of the last step."""
    return next(reversed(list(record.steps.values())), None)


def _places(record: Record, axis: CommonAxis) -> FloatArray | None:
    """Place of each frame of a record on the common axis (frames,)."""
    last = _last(record)
    source = record.stack if record.stack is not None else last
    if source is None:
        return None
    if axis.name == FRAMES:
        return np.arange(len(source.status), dtype=float)
    for variables in (source.variables, {} if last is None else last.variables):
        variable: Variable | None = variables.get(axis.name)
        if variable is not None and len(variable.values) == len(source.status):
            return axis.place(in_unit(variable, axis.own_unit))
    return None


def _conditions(placed: list[Placed], axis: CommonAxis) -> Iterator[Lane]:
    """Voltage and temperature, from the measurement that has most of them."""
    for name in _CONDITIONS:
        found = [c for p in placed if name != axis.name and (c := _condition(p, name))]
        if found:
            most = max(found, key=lambda c: len(c.values))
            yield Lane(name, most.unit, (most,))


def _condition(one: Placed, name: str) -> Curve | None:
    """A variable of the frames of a measurement, if it changes."""
    stack = one.record.stack
    if one.at is None or stack is None or name not in stack.variables:
        return None
    variable = stack.variables[name]
    values = np.asarray(variable.values, dtype=float)
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(one.at))
    if known.size < 2 or np.ptp(values[known]) <= _HELD.get(name, 0.0):
        return None
    errors = np.full(len(values), np.nan) if variable.stderr is None else variable.stderr
    source = Headline(
        sample=one.outcome.sample,
        technique=one.outcome.technique,
        measurement=one.outcome.name,
        step="",
        column=name,
        entry="",
        quantity=name,
        unit=variable.unit,
        values=values,
        stderr=np.asarray(errors, dtype=float),
        at=one.at,
        status=("ok",) * len(values),
        names=stack.names,
        with_first=np.zeros(len(values)),
    )
    return Curve(
        source,
        variable.unit,
        known,
        one.at[known],
        values[known],
        source.stderr[known],
        np.zeros(known.size, dtype=bool),
    )
