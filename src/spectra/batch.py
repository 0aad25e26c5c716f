"""A batch: every measurement of every sample put through its recipe, and only what changed."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spectra.cluster import Workers, check_workers
from spectra.errors import ReaderError, SpectraError, SpectraWarning
from spectra.ledger import Ledger
from spectra.making import Made, Task, clear, make, make_side_by_side
from spectra.nexus import open_file
from spectra.notebook import small_table
from spectra.provenance import code_digest, digest_plain, versions
from spectra.recipe import Recipe, named_files
from spectra.results import Record
from spectra.samples import Measurement, SampleSheet

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
        As `spectra.run` takes them. Several processes work on several measurements side by
        side; one that is more than a worker's share of all data has its frames shared out, too.
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
    SettingError
        If the workers are not what `spectra.run` takes, or cannot start.
    """
    check_workers(workers)
    ledger = Ledger(sheet.output)
    work = _Work(sheet, ledger, workers, progress, resume)
    total = len(work.everything)
    try:
        work.count()
        for outcome in work.outcomes():
            if tell is not None:
                tell(outcome)
            work.count()
        left = tuple(_left(sheet, ledger))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {len(work.known)} of {total} measurements are done: "
            "run the same batch again to go on"
        ) from None
    finally:
        ledger.close()
    return Batch(sheet, tuple(work.known[i] for i in range(total)), left)


class _Work:
    """One call of `run_batch`: what it has to do, and what is known of it so far."""

    def __init__(
        self,
        sheet: SampleSheet,
        ledger: Ledger,
        workers: Workers,
        progress: Progress,
        resume: bool,
    ) -> None:
        self.everything = list(sheet.measurements())
        self.known: dict[int, Outcome] = {}
        self._sheet, self._ledger, self._workers = sheet, ledger, workers
        self._progress, self._resume = progress, resume

    def count(self) -> None:
        """Tell the caller how many measurements are done."""
        if callable(self._progress):
            self._progress(len(self.known), len(self.everything))

    def outcomes(self) -> Iterator[Outcome]:
        """What is up to date, then what is made, each as soon as it is known."""
        due: dict[int, str] = {}
        for number in range(len(self.everything)):
            try:
                due[number] = self._made_of(number)
                if self._is_kept(number, due[number]):
                    del due[number]
                    yield self._know(number, "kept")
            except SpectraError as error:
                yield self._know(number, "failed", str(error))
        with closing(self._make(due)) as found:
            for task, made in found:
                if not made.reason:
                    self._ledger.add(task.output, task.made_of)
                    self._ledger.save()
                    clear(task.output)
                outcome = self._know(
                    task.number, "failed" if made.reason else "computed", made.reason
                )
                _pass_on(made, f"{outcome.sample}, {outcome.name}")
                yield outcome

    def _know(self, number: int, state: State, reason: str = "") -> Outcome:
        sample, m = self.everything[number]
        found = Outcome(sample.name, m.technique, m.name, m.output, state, reason)
        self.known[number] = found
        return found

    def _made_of(self, number: int) -> str:
        return _made_of(self._sheet, self.everything[number][1].recipe, self._ledger)

    def _is_kept(self, number: int, wanted: str) -> bool:
        output = self.everything[number][1].output
        if not self._resume or self._ledger.made_of(output) != wanted:
            return False
        clear(output)
        return True

    def _make(self, due: dict[int, str]) -> Generator[tuple[Task, Made], None, None]:
        """Make results one after the other, or side by side if several are due."""
        workers = self._workers
        if isinstance(workers, int) and workers > 1 and len(due) > 1:
            yield from make_side_by_side(self._tasks(due, self._shares(due, workers)), workers)
            return
        for task in self._tasks(due, dict.fromkeys(due, workers)):
            yield task, make(task)

    def _shares(self, due: dict[int, str], workers: int) -> dict[int, Workers]:
        """Workers for the frames of each: more than one if it is more than a worker's share."""
        sizes = {i: _size(self.everything[i][1]) for i in due}
        total = sum(sizes.values())
        return {i: workers if size * workers > total else 1 for i, size in sizes.items()}

    def _tasks(self, due: dict[int, str], workers: Mapping[int, Workers]) -> Iterator[Task]:
        """What is to be made, with the contents that its files have when its turn comes."""
        beside = sum(w == 1 for w in workers.values()) > 0 and self._workers != 1
        bars = False if beside or callable(self._progress) else self._progress
        begun = len(self.everything) - len(due)
        for place, (number, made_of) in enumerate(due.items(), begun + 1):
            self._announce(place, number)
            # A file that has vanished meanwhile is told of when it is read.
            with suppress(SpectraError):
                made_of = self._made_of(number)
            _, m = self.everything[number]
            crew = workers[number]
            yield Task(number, m.recipe, m.output, made_of, crew, self._resume, bars)

    def _announce(self, place: int, number: int) -> None:
        """Say what comes next."""
        if sys.stderr.isatty() if self._progress is None else self._progress is True:
            sample, measurement = self.everything[number]
            told = f"[{place}/{len(self.everything)}] {sample.name}, {measurement.name}\n"
            sys.stderr.write(told)
            sys.stderr.flush()


def _size(measurement: Measurement) -> int:
    """Bytes of the files of a measurement, as far as they are there."""
    return sum(f.stat().st_size for f in measurement.files if f.is_file())


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


def _pass_on(made: Made, where: str) -> None:
    """Warn of what was warned of, saying which measurement it is about."""
    for category, text in made.warned:
        told = f"{where}: {text}" if issubclass(category, SpectraWarning) else text
        warnings.warn(told, category, stacklevel=2)
