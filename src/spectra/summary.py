"""What became of the samples in numbers: the columns that methods declare as headlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.batch import Batch, Outcome
from spectra.commonaxis import common_unit, common_variable, in_unit
from spectra.depths import DEPTH, depth_of
from spectra.errors import SpectraError
from spectra.headlines import Headline, Row
from spectra.notation import with_uncertainty
from spectra.notebook import small_table
from spectra.results import Column, Record, Results
from spectra.samples import Sample, SampleSheet
from spectra.sharing import covariance_with
from spectra.stack import Variable
from spectra.status import Status, count_statuses

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """A sentence that a step says of the whole sequence, e.g. of its strain.

    ``differs`` is None where it decides nothing.
    """

    sample: str
    measurement: str
    step: str
    sentence: str
    differs: bool | None = None


@dataclass(frozen=True)
class Summary:
    """The numbers of a batch, in the order of its sheet.

    Parameters
    ----------
    sheet : SampleSheet
    headlines : tuple of Headline
    verdicts : tuple of Verdict
    outcomes : tuple of Outcome
        Of all measurements; those whose results cannot be opened have failed.
    statuses : mapping of (sample, measurement) to mapping
        For each step how many frames have which status.
    axis, axis_unit : str
        The variable of `Row.at`; "" if there is none.
    notes : tuple of str
        What a reader must know before comparing.
    """

    sheet: SampleSheet
    headlines: tuple[Headline, ...]
    verdicts: tuple[Verdict, ...]
    outcomes: tuple[Outcome, ...]
    statuses: Mapping[tuple[str, str], Mapping[str, Mapping[str, int]]]
    axis: str = ""
    axis_unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Measurements without results."""
        return tuple(o for o in self.outcomes if o.state == "failed")

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every number, a row each."""
        return tuple(row for headline in self.headlines for row in headline.rows())

    def _repr_html_(self) -> str:
        """Every quantity, its first and last value and the change."""
        rows = [
            (
                *(h.sample, h.measurement, h.quantity, h.unit),
                *(with_uncertainty(*q) for q in (h.first(), h.last(), h.change())),
            )
            for h in self.headlines
        ]
        heads = ("sample", "measurement", "quantity", "unit", "first", "last", "change")
        return small_table(self.sheet.title or "Summary", rows, heads)

    def of(self, sample: str) -> tuple[Headline, ...]:
        """The quantities of one sample."""
        return tuple(h for h in self.headlines if h.sample == sample)


@dataclass(frozen=True)
class _Part:
    """What one step of one measurement tells."""

    headlines: list[Headline]
    variables: Mapping[str, Variable]
    sample: Sample


def sample_summary(batch: Batch) -> Summary:
    """Collect the columns that the methods declare as headlines, from all results of a batch.

    Cell parameters that symmetry makes equal to another, or angles that it fixes, stand there
    once or not at all; so does a column that a step repeats from the step it works on.

    Parameters
    ----------
    batch : Batch

    Returns
    -------
    Summary
    """
    parts: list[_Part] = []
    verdicts: list[Verdict] = []
    outcomes: list[Outcome] = []
    statuses: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for outcome in batch.outcomes:
        record: Record | None = None
        if outcome.state != "failed":
            try:
                record = outcome.record()
            except SpectraError as error:
                reason = f"{error}; delete the file and run the batch again"
                outcome = replace(outcome, state="failed", reason=reason)
        outcomes.append(outcome)
        if record is None:
            continue
        counts = statuses.setdefault((outcome.sample, outcome.name), {})
        before: dict[str, list[Headline]] = {}
        for step, results in record.steps.items():
            counts[step] = count_statuses(results.status)
            verdicts += _verdicts(outcome, step, results)
            table = results.table.name
            told = [h for other, found in before.items() if other != table for h in found]
            depth = _depth(batch.sheet, outcome, record, results)
            own = list(_headlines(outcome, step, results, depth))
            found = [h for h in own if not any(_repeats(h, other) for other in told)]
            before.setdefault(table, []).extend(own)
            parts.append(_Part(found, results.variables, batch.sheet.sample(outcome.sample)))
    every = [part.variables for part in parts]
    axis = batch.sheet.axis or common_variable(every)
    unit, notes = common_unit(axis, every)
    placed = tuple(
        replace(h, at=_places(axis, unit, part)) for part in parts for h in part.headlines
    )
    return Summary(
        batch.sheet,
        _told_apart(placed),
        tuple(verdicts),
        tuple(outcomes),
        statuses,
        axis,
        unit,
        notes,
    )


def _depth(sheet: SampleSheet, outcome: Outcome, record: Record, results: Results) -> str:
    """``bulk`` or ``surface``, as the sheet, the measurement or the method tell."""
    measurements = sheet.sample(outcome.sample).measurements
    stated = next((m.values.get(DEPTH) for m in measurements if m.name == outcome.name), None)
    metadata = {} if record.stack is None else record.stack.metadata
    return depth_of(results.table.depth, stated, metadata)


def _headlines(outcome: Outcome, step: str, results: Results, depth: str) -> Iterator[Headline]:
    table = results.table
    status = tuple(Status(int(s)).label for s in results.status)
    nowhere = np.full(len(results), np.nan)
    before: dict[tuple[str, str], list[FloatArray]] = {}
    for column in table.columns:
        if not column.headline:
            continue
        values, errors = _flat(results, column.name), _flat(results, f"{column.name}_stderr")
        for k, entry in enumerate(_entries(results, column)):
            own, error = values[:, k], errors[:, k] if errors.size else nowhere
            twins = before.setdefault((entry, column.unit), [])
            symmetric = column.unit == "deg" and _is_fixed(own, error)
            if symmetric or any(np.array_equal(own, t, equal_nan=True) for t in twins):
                continue
            if np.isfinite(own).any():
                twins.append(own)
            quantity = column.headline + (f" of {entry}" if entry else "")
            quantity += f", {depth}" if depth else ""
            yield Headline(
                sample=outcome.sample,
                technique=outcome.technique,
                measurement=outcome.name,
                step=step,
                column=column.name,
                entry=entry,
                quantity=quantity,
                unit=column.unit,
                values=own,
                stderr=error,
                at=nowhere,
                status=status,
                names=results.names,
                with_first=_with_first(results, column.name, k, error),
            )


def _with_first(results: Results, name: str, k: int, stderr: FloatArray) -> FloatArray:
    """Correlations (frames,) of the k-th entry of a column with its first value."""
    known = np.flatnonzero(np.isfinite(_flat(results, name)[:, k]))
    if not known.size:
        return np.zeros(len(results))
    together = covariance_with(results, name, int(known[0])).reshape(len(results), -1)[:, k]
    scale = stderr * stderr[known[0]]
    return np.where(scale > 0, together, 0.0) / np.where(scale > 0, scale, 1.0)


def _repeats(one: Headline, other: Headline) -> bool:
    """Whether a headline is that of another table, taken over by a step that worked on it."""
    alike = (one.column, one.entry, one.unit) == (other.column, other.entry, other.unit)
    return alike and np.array_equal(one.values, other.values, equal_nan=True)


def _flat(results: Results, name: str) -> FloatArray:
    """A column as an array (frames, entries); (frames, 0) if there is none."""
    n = len(results)
    array = results.columns.get(name)
    return np.empty((n, 0)) if array is None else np.asarray(array, dtype=float).reshape(n, -1)


def _entries(results: Results, column: Column) -> list[str]:
    """What the entries of a column are called, those of several dimensions by all."""
    names = [""]
    for dim in column.dims:
        labels = results.table.coords[dim]
        own = [str(v) for v in next(iter(labels.values())).tolist()]
        told = [str(v) for v in labels["assignment"].tolist()] if "assignment" in labels else []
        if told:
            own = [f"{o} ({t})" if t else o for o, t in zip(own, told, strict=True)]
        names = [f"{name} {o}".strip() for name in names for o in own]
    return names


def _is_fixed(values: FloatArray, errors: FloatArray) -> bool:
    known = np.isfinite(values)
    return bool(known.any()) and bool((errors[known] == 0.0).all())


def _verdicts(outcome: Outcome, step: str, results: Results) -> Iterator[Verdict]:
    told: Any = results.attrs.get("verdict", {})
    for verdict in told.values() if isinstance(told, Mapping) else ():
        if isinstance(verdict, Mapping) and "sentence" in verdict:
            differs = verdict.get("differs_from_zero")
            yield Verdict(
                outcome.sample,
                outcome.name,
                step,
                str(verdict["sentence"]),
                None if differs is None else bool(differs),
            )


def _places(axis: str, unit: str, part: _Part) -> FloatArray:
    """Values of the axis: of the frames, else of the sample."""
    n = len(part.headlines[0].values)
    if axis in part.variables:
        return in_unit(part.variables[axis], unit)
    value = part.sample.values.get(axis, np.nan)
    return np.full(n, value if isinstance(value, float) else np.nan)


def _told_apart(headlines: tuple[Headline, ...]) -> tuple[Headline, ...]:
    """Quantities that two steps of a measurement give by one name, with the steps' names."""

    def key(h: Headline) -> tuple[str, str, str]:
        return h.sample, h.measurement, h.quantity

    counts = Counter(map(key, headlines))
    return tuple(
        replace(h, quantity=f"{h.quantity} ({h.step})") if counts[key(h)] > 1 else h
        for h in headlines
    )
