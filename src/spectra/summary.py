"""What became of the samples in numbers: a row for each headline quantity of each frame."""

from __future__ import annotations

from dataclasses import dataclass

from spectra.batch import Batch, Outcome
from spectra.samples import SampleSheet


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
        NaN where there is no result; `stderr` also where there is no uncertainty.
    status : str
        Of the frame, e.g. ``ok``.
    frame : int
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
    at: float


@dataclass(frozen=True)
class Summary:
    """The numbers of a batch, in the order of its sheet.

    Parameters
    ----------
    sheet : SampleSheet
    rows : tuple of Row
    failures : tuple of Outcome
        Measurements without results, with their reasons.
    axis_unit : str
        Unit of `Row.at`.
    """

    sheet: SampleSheet
    rows: tuple[Row, ...]
    failures: tuple[Outcome, ...]
    axis_unit: str = ""


def sample_summary(batch: Batch) -> Summary:
    """Collect the columns that the methods declare as headlines, from all results of a batch."""
    raise NotImplementedError
