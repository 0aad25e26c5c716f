"""The page of one sample: all its techniques over one axis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectra.batch import Batch, Outcome
from spectra.report import summary as told
from spectra.report.batch.axis import FRAMES, CommonAxis, ends
from spectra.report.batch.comparison import Points
from spectra.report.batch.lanes import MOST_POINTS, Curve, curves
from spectra.report.batch.links import link
from spectra.report.batch.ownaxis import of_sample
from spectra.report.batch.panels import Placed, parts
from spectra.report.batch.tones import technique_name, tones, written
from spectra.report.labels import frame_ticks, measured, with_unit
from spectra.report.plotdata import numbers
from spectra.report.select import is_simulated
from spectra.report.shell import render
from spectra.summary import Summary, sample_summary

_MOST_ROWS = 300
_MOST_LONE = 8
# Frames whose numbers need no ticks of their own.
_MANY = 1000


def sample_text(
    batch: Batch,
    sample: str,
    path: Path,
    summary: Summary | None = None,
    batch_page: str | Path | None = None,
) -> str:
    """Render the page."""
    own = batch.sheet.sample(sample)
    whole = summary or sample_summary(batch)
    # The summary's: results that could not be opened have failed, too.
    outcomes = [o for o in whole.outcomes if o.sample == sample]
    records = {o.name: o.record() for o in outcomes if o.state != "failed"}
    found = of_sample(whole, sample, records)
    axis = CommonAxis.of(found)
    placed = [Placed.of(o, records[o.name], found, axis) for o in outcomes if o.name in records]
    every = curves(found.headlines, axis)
    tone = tones(m.technique for _, m in batch.sheet.measurements())
    drawn = list(parts(placed, every, axis, tone))
    data = {
        "plots": [p for part in drawn for p in part.plots],
        "measurements": {
            p.outcome.name: {"title": p.title, "at": numbers(p.at, 7), "names": p.names}
            for p in placed
            if p.at is not None
        },
        "range": ends([c.at for c in every] + [p.at for p in placed if p.at is not None]),
        "axis": axis.label,
        "ticks": frame_ticks(
            max((p.frames for p in placed), default=0) if axis.name == FRAMES else _MANY
        ),
    }
    return render(
        "sample.html",
        data,
        scripts=("sample.js",),
        styles=("batch.css",),
        title=sample,
        simulated=any(is_simulated(p.record) for p in placed),
        batch_title=batch.sheet.title or "All samples",
        batch_page=None if batch_page is None else link(Path(batch_page), path),
        facts=[*written(own.values, found.sheet.units), *_facts(placed, axis)],
        along=axis.name.replace("_", " "),
        parts=drawn,
        sequences=_sequences(placed),
        verdicts=[v for v in found.verdicts if v.sample == sample],
        notes=[*found.notes, *_notes(placed, axis)],
        cautions=[f"{p.title}, {said}" for p in placed for said in told.cautions(p.record)],
        rows=[_change(c) for c in every],
        lone=list(_lone(every))[:_MOST_ROWS],
        outcomes=list(_outcomes(outcomes, placed)),
        failures=[o for o in outcomes if o.state == "failed"],
        bad=list(_bad(placed))[:_MOST_ROWS],
        thinned=max((len(c.values) for c in every), default=0) > MOST_POINTS,
    )


def _sequences(placed: list[Placed]) -> list[tuple[str, str]]:
    """Measurements through whose frames one can step, the longest first."""
    counts = [(p, 0 if p.at is None else int(np.isfinite(p.at).sum())) for p in placed]
    return [
        (p.outcome.name, f"{p.title}, {n} {'frame' if n == 1 else 'frames'}")
        for p, n in sorted(counts, key=lambda c: -c[1])
        if n
    ]


def _notes(placed: list[Placed], axis: CommonAxis) -> Iterator[str]:
    if axis.name == FRAMES and len(placed) > 1:
        yield (
            "The measurements have no variable in common: frames of one number have nothing to "
            "do with each other."
        )


def _facts(placed: list[Placed], axis: CommonAxis) -> Iterator[tuple[str, str]]:
    """What was measured, and over which part of the axis."""
    counts = [f"{p.title}: {p.frames} {'frame' if p.frames == 1 else 'frames'}" for p in placed]
    if counts:
        yield "measured", "; ".join(counts)
    places = [p.at[np.isfinite(p.at)] for p in placed if p.at is not None]
    known = np.concatenate([np.empty(0), *places])
    if axis.name != FRAMES and known.size and np.ptp(known) > 0:
        yield axis.label, f"{known.min():.4g} … {known.max():.4g}"


def _change(curve: Curve) -> tuple[str, ...]:
    """Technique, quantity, points, first and last value and the change between them."""
    told_, source = Points.of([curve]).told, curve.source
    name = technique_name(source.technique)
    if source.measurement != source.technique:
        name = f"{name} ({source.measurement})"
    first, last, change = (measured(*told_[kind]) for kind in ("first", "last", "change"))
    if len(curve.values) == 1:
        first = change = ""
    elif source.common:
        change = "one for all"
    return name, with_unit(source.quantity, curve.unit), str(len(curve.values)), first, last, change


def _lone(every: list[Curve]) -> Iterator[tuple[str, ...]]:
    """Numbers of frames that have no place on the common axis: of a few frames each."""
    for curve in every:
        source = curve.source
        name, quantity = technique_name(source.technique), with_unit(source.quantity, curve.unit)
        lost = np.flatnonzero(~np.isfinite(curve.at)).tolist()
        for i in lost[:_MOST_LONE]:
            value = measured(float(curve.values[i]), float(curve.stderr[i]))
            yield name, quantity, source.names[int(curve.frames[i])], value
        if len(lost) > _MOST_LONE:
            yield name, quantity, f"{len(lost) - _MOST_LONE} more", ""


def _outcomes(outcomes: list[Outcome], placed: list[Placed]) -> Iterator[dict[str, Any]]:
    """What became of each measurement."""
    made = {p.outcome.name: p for p in placed}
    for outcome in outcomes:
        one = made.get(outcome.name)
        fine = None if one is None or one.last is None else int(one.last.ok().sum())
        yield {
            "technique": technique_name(outcome.technique),
            "name": outcome.name,
            "state": outcome.state,
            "frames": "–" if one is None else one.frames,
            "fine": "–" if fine is None else fine,
            "path": "–" if one is None else outcome.path,
        }


def _bad(placed: list[Placed]) -> Iterator[dict[str, str]]:
    """Frames that are not ok, with their measurement."""
    for one in placed:
        for row in told.bad_frames(one.record)[0]:
            yield {**row, "measurement": one.outcome.name}
