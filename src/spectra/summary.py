"""What became of the samples in numbers: the columns that methods declare as headlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectra.batch import Batch, Outcome
from spectra.commonaxis import common_unit, common_variable, in_unit
from spectra.depths import DEPTH, depth_of
from spectra.errors import SpectraError
from spectra.notation import with_uncertainty
from spectra.notebook import small_table
from spectra.results import Column, Record, Results
from spectra.samples import Sample, SampleSheet
from spectra.sharing import covariance_with
from spectra.stack import Variable
from spectra.status import Status, count_statuses

FloatArray = NDArray[np.float64]


class Quantity(NamedTuple):
    """A number with its standard uncertainty; NaN where one is not known."""

    value: float
    stderr: float


@dataclass(frozen=True)
class Row:
    """One number of one sample.

    Parameters
    ----------
    sample, technique, measurement, step : str
        Where it comes from; `measurement` is its name in the batch.
    column, entry : str
        The column of the step's table and, where that has several numbers for a frame, which:
        a phase, shell, species or band.
    quantity : str
        As it is printed, e.g. ``V of CuO``.
    unit : str
        As in the table, e.g. ``angstrom^3``.
    value, stderr : float
        NaN where there is no result; `stderr` also where there is no uncertainty, and 0 of what
        was held.
    status : str
        Of the frame, e.g. ``ok``.
    frame : int
    name : str
        Of the frame.
    at : float
        Value of the axis of the batch at the frame; NaN where it has none.
    """

    sample: str
    technique: str
    measurement: str
    step: str
    column: str
    entry: str
    quantity: str
    unit: str
    value: float
    stderr: float
    status: str
    frame: int
    name: str
    at: float


def change_of(values: FloatArray, stderr: FloatArray, correlation: float = 0.0) -> Quantity:
    """Last less first value; NaN of one alone, and of a number that all frames have in common.

    Parameters
    ----------
    values, stderr : array (frames,)
        Frames that have a value.
    correlation : float
        Of the uncertainties of the two. What frames share, such as a calibration, makes that of
        the change too large where it is not counted here.
    """
    if len(values) < 2 or (np.any(stderr > 0.0) and _are_one(values, stderr)):
        return Quantity(np.nan, np.nan)
    first, last = float(stderr[0]), float(stderr[-1])
    variance = first**2 + last**2 - 2.0 * correlation * first * last
    return Quantity(float(values[-1] - values[0]), float(np.sqrt(max(variance, 0.0))))


def _are_one(values: FloatArray, stderr: FloatArray) -> bool:
    """Whether several frames have the same value and uncertainty to the last bit."""
    pairs = zip(values.tolist(), stderr.tolist(), strict=True)
    return len(values) > 1 and len(set(pairs)) == 1


@dataclass(frozen=True)
class Headline:
    """One quantity of one sample along the frames of a measurement.

    Parameters
    ----------
    sample, technique, measurement, step, column, entry, quantity, unit : str
        As of a `Row`.
    values, stderr : array (frames,)
    at : array (frames,)
        Values of the axis of the batch.
    status : tuple of str
    names : tuple of str
        Of the frames.
    with_first : array (frames,)
        Correlation of the uncertainty of each frame with that of the first that has a value,
        zero where the results do not tell what frames share.
    """

    sample: str
    technique: str
    measurement: str
    step: str
    column: str
    entry: str
    quantity: str
    unit: str
    values: FloatArray
    stderr: FloatArray
    at: FloatArray
    status: tuple[str, ...]
    names: tuple[str, ...]
    with_first: FloatArray

    @property
    def known(self) -> NDArray[np.int_]:
        """Frames with a value."""
        return np.flatnonzero(np.isfinite(self.values))

    @property
    def held(self) -> bool:
        """Whether it was held and not measured: all of its uncertainties are 0."""
        return bool(self.known.size) and bool((self.stderr[self.known] == 0.0).all())

    @property
    def common(self) -> bool:
        """Whether it is one number of all frames together, such as a position that they share."""
        return not self.held and _are_one(self.values[self.known], self.stderr[self.known])

    def first(self) -> Quantity:
        """The value in the first frame that has one."""
        return self._at(self.known[:1])

    def last(self) -> Quantity:
        """The value in the last frame that has one."""
        return self._at(self.known[-1:])

    def change(self) -> Quantity:
        """Last less first, as `change_of`."""
        known = self.known
        return change_of(self.values[known], self.stderr[known], self.correlation(known))

    def correlation(self, frames: NDArray[np.int_]) -> float:
        """Of the uncertainties of the first and the last of some frames, as far as it is told."""
        if not frames.size or frames[0] != self.known[0]:
            return 0.0
        return float(self.with_first[frames[-1]])

    def rows(self) -> Iterator[Row]:
        """A row for each frame."""
        for frame, value in enumerate(self.values.tolist()):
            yield Row(
                sample=self.sample,
                technique=self.technique,
                measurement=self.measurement,
                step=self.step,
                column=self.column,
                entry=self.entry,
                quantity=self.quantity,
                unit=self.unit,
                value=value,
                stderr=float(self.stderr[frame]),
                status=self.status[frame],
                frame=frame,
                name=self.names[frame],
                at=float(self.at[frame]),
            )

    def _at(self, frames: NDArray[np.int_]) -> Quantity:
        if not frames.size:
            return Quantity(np.nan, np.nan)
        return Quantity(float(self.values[frames[0]]), float(self.stderr[frames[0]]))


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
