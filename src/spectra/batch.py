"""A batch: every measurement of every sample put through its recipe, and only what changed."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spectra.cluster import Workers
from spectra.errors import ReaderError, SpectraError, SpectraWarning, StoreError
from spectra.ledger import MADE_OF, Ledger
from spectra.nexus import open_file
from spectra.notebook import small_table
from spectra.provenance import code_digest, digest_plain, versions
from spectra.recipe import Recipe, named_files, run_recipe
from spectra.results import Record
from spectra.samples import Measurement, Sample, SampleSheet

Progress = bool | Callable[[int, int], None] | None
# What shows results, and does not make them.
_SHOWS = ("cli", "report", "demo.py", "summary.py", "commonaxis.py")
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
        if self.state == "failed":
            raise ReaderError(self.path, f"no results of {self.sample}, {self.name}: {self.reason}")
        content = open_file(self.path)
        if not isinstance(content, Record):
            raise ReaderError(self.path, "no results of a batch", remedy="move it elsewhere")
        return content


@dataclass(frozen=True)
class Batch:
    """A sheet of samples and what became of each of its measurements, in its order.

    Parameters
    ----------
    sheet : SampleSheet
    outcomes : tuple of Outcome
    left : tuple of Path
        Results in its folder of measurements that are not in the sheet any more, relative to it.
    """

    sheet: SampleSheet
    outcomes: tuple[Outcome, ...]
    left: tuple[Path, ...] = ()

    def of(self, sample: str) -> tuple[Outcome, ...]:
        """The outcomes of one sample."""
        return tuple(o for o in self.outcomes if o.sample == sample)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The measurements without results."""
        return tuple(o for o in self.outcomes if o.state == "failed")

    def _repr_html_(self) -> str:
        """What became of each measurement, the failed ones first."""
        every = sorted(self.outcomes, key=lambda o: o.state != "failed")
        rows = [(o.sample, o.name, o.state, o.reason) for o in every]
        heads = ("sample", "measurement", "state", "reason")
        return small_table(self.sheet.title or "Batch", rows, heads)


def run_batch(
    sheet: SampleSheet,
    *,
    workers: Workers = 1,
    progress: Progress = None,
    resume: bool = True,
    tell: Callable[[Outcome], None] | None = None,
) -> Batch:
    """Evaluate every measurement whose results are missing or out of date.

    Results are up to date if they were made by `spectra` as it is installed, of this recipe and
    of files with these contents: those measured, those that the recipe names, and those that
    these link to. Where files lie makes no difference.

    Parameters
    ----------
    sheet : SampleSheet
    workers : int, str or distributed.Client
        As `spectra.run` takes them.
    progress : bool or callable, optional
        None shows bars if stderr is a terminal; a callable is given (done, total) measurements.
    resume : bool
        Keep what is up to date and go on with what was stopped; else all is done anew.
    tell : callable, optional
        Called with each outcome as soon as it is known.

    Returns
    -------
    Batch
        A measurement that cannot be evaluated is among the outcomes with its reason.

    Raises
    ------
    StoreError
        If the folder of the results cannot be written or is in use.
    """
    everything = list(sheet.measurements())
    outcomes: list[Outcome] = []
    ledger = Ledger(sheet.output)
    work = _Work(sheet, ledger, workers, progress, resume)
    try:
        for sample, measurement in everything:
            work.announce(sample, measurement, len(outcomes), len(everything))
            outcomes.append(work.outcome(sample, measurement))
            if tell is not None:
                tell(outcomes[-1])
        work.count(len(outcomes), len(everything))
        left = tuple(_left(sheet, ledger))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {len(outcomes)} of {len(everything)} measurements are done: "
            "run the same batch again to go on"
        ) from None
    finally:
        ledger.close()
    return Batch(sheet, tuple(outcomes), left)


@dataclass(frozen=True)
class _Work:
    """One call of `run_batch`."""

    sheet: SampleSheet
    ledger: Ledger
    workers: Workers
    progress: Progress
    resume: bool

    def announce(self, sample: Sample, measurement: Measurement, done: int, total: int) -> None:
        """Say what comes next."""
        self.count(done, total)
        shown = sys.stderr.isatty() if self.progress is None else self.progress is True
        if shown:
            sys.stderr.write(f"[{done + 1}/{total}] {sample.name}, {measurement.name}\n")
            sys.stderr.flush()

    def count(self, done: int, total: int) -> None:
        """Tell the caller how many measurements are done."""
        if callable(self.progress):
            self.progress(done, total)

    def outcome(self, sample: Sample, measurement: Measurement) -> Outcome:
        """Evaluate a measurement, or find that its results are up to date."""
        where = (sample.name, measurement.technique, measurement.name, measurement.output)
        try:
            wanted = _made_of(self.sheet, measurement.recipe, self.ledger)
            if self.resume and self.ledger.made_of(measurement.output) == wanted:
                _clear(measurement.output)
                return Outcome(*where, "kept")
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self._compute(measurement, wanted)
            _pass_on(caught, f"{sample.name}, {measurement.name}")
        except SpectraError as error:
            notes = getattr(error, "__notes__", ())
            return Outcome(*where, "failed", "; ".join((str(error), *notes)))
        except Exception as error:  # noqa: BLE001 - one measurement must not stop the others
            told = f"{type(error).__name__}: {error}"
            remedy = "a fault of the program: `spectra --debug run` of its recipe shows where"
            return Outcome(*where, "failed", f"{told}; {remedy}")
        return Outcome(*where, "computed")

    def _compute(self, measurement: Measurement, wanted: str) -> None:
        target = measurement.output
        target.parent.mkdir(parents=True, exist_ok=True)
        mark = _mark(target)
        goes_on = self.resume and mark.is_file() and mark.read_text() == wanted
        if not goes_on:
            _clear(target)
            mark.write_text(wanted)
        try:
            self._run(measurement, wanted, resume=goes_on)
        except StoreError:
            if not goes_on:
                raise
            # What was left behind does not fit after all.
            self._run(measurement, wanted, resume=False)
        self.ledger.add(target, wanted)
        self.ledger.save()
        _clear(target)

    def _run(self, measurement: Measurement, wanted: str, *, resume: bool) -> None:
        run_recipe(
            measurement.recipe,
            output=measurement.output,
            workers=self.workers,
            progress=False if callable(self.progress) else self.progress,
            resume=resume,
            origin={MADE_OF: wanted},
        )


def _made_of(sheet: SampleSheet, recipe: Recipe, ledger: Ledger) -> str:
    """SHA-256 of all that the results of a recipe depend on."""
    settings = recipe.settings.model_dump(exclude={"output", "report"}, exclude_none=True)
    # Files are told by their contents, and by their names as far as frames are called by them.
    settings["stack"].pop("files")
    for key in ("poni", "mask"):
        settings["stack"].pop(key, None)
    settings.get("electrochemistry", {}).pop("file", None)
    inputs = [
        (os.path.relpath(file.absolute(), sheet.folder.absolute()), digest)
        for path in named_files(recipe)
        for file, digest in ledger.digests(path)
    ]
    program = {"versions": versions(), "code": code_digest(_SHOWS)}
    return digest_plain({**program, "settings": settings, "inputs": inputs})


def _left(sheet: SampleSheet, ledger: Ledger) -> Iterator[Path]:
    """Results of measurements that are not in the sheet any more; other files are not ours."""
    wanted = {m.output for _, m in sheet.measurements()}
    measured = {f.absolute() for _, m in sheet.measurements() for f in m.files}
    for path in sorted(sheet.output.glob("*/*.h5")):
        if path in wanted or path.absolute() in measured or not path.is_file():
            continue
        if ledger.made_of(path):
            yield path.relative_to(sheet.output)


def _mark(target: Path) -> Path:
    """The file that says what is being made, as long as it is."""
    return target.with_name(f"{target.name}.started")


def _clear(target: Path) -> None:
    """Remove what an interrupted run left beside its results."""
    if not target.parent.is_dir() or not _mark(target).exists():
        return
    mark = _mark(target)
    for path in target.parent.iterdir():
        if path.name.startswith(f"{target.name}.") and path != mark:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    mark.unlink()


def _pass_on(caught: list[warnings.WarningMessage], where: str) -> None:
    """Warn of what was warned of, saying which measurement it is about."""
    for one in caught:
        message = one.message
        if isinstance(message, SpectraWarning):
            message = type(message)(f"{where}: {message}")
        warnings.warn(message, one.category, stacklevel=2)
