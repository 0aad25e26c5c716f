"""Quantities of samples along the frames of their measurements, and how they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
