"""A batch: every measurement of every sample put through its recipe, and only what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spectra.cluster import Workers
from spectra.results import Record
from spectra.samples import SampleSheet

State = Literal["computed", "kept", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of one measurement.

    Parameters
    ----------
    sample, technique, name : str
        Name of the sample; technique and name of the measurement.
    path : Path
        Its results; they may be missing, or old, if it failed.
    state : {"computed", "kept", "failed"}
    reason : str
        Why it failed, with the remedy; empty if it did not.
    """

    sample: str
    technique: str
    name: str
    path: Path
    state: State
    reason: str = ""

    def record(self) -> Record:
        """Open its results; spectra stay on the disk until they are asked for.

        Raises
        ------
        ReaderError
            If they cannot be read, or the measurement failed.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Batch:
    """A sheet of samples and what became of each of its measurements, in its order."""

    sheet: SampleSheet
    outcomes: tuple[Outcome, ...]

    def of(self, sample: str) -> tuple[Outcome, ...]:
        """The outcomes of one sample."""
        return tuple(o for o in self.outcomes if o.sample == sample)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The measurements without results."""
        return tuple(o for o in self.outcomes if o.state == "failed")


def run_batch(
    sheet: SampleSheet,
    *,
    workers: Workers = 1,
    progress: bool | Callable[[int, int], None] | None = None,
    resume: bool = True,
) -> Batch:
    """Evaluate every measurement whose results are missing or out of date.

    Parameters
    ----------
    sheet : SampleSheet
    workers : int, str or distributed.Client
        As `spectra.run` takes them.
    progress : bool or callable, optional
        None shows a bar if stderr is a terminal; a callable is given (done, total) measurements.
    resume : bool
        Keep what is up to date and go on with what was stopped; else all is done anew.

    Returns
    -------
    Batch
        A measurement that cannot be evaluated is among the outcomes with its reason.

    Raises
    ------
    StoreError
        If the folder of the results cannot be written or is in use.
    """
    raise NotImplementedError
