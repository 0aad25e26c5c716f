"""The results of one measurement of a batch, made here or beside others in worker processes."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from spectra.cluster import Workers
from spectra.crew import Crew
from spectra.errors import SpectraError, StoreError, reason
from spectra.ledger import MADE_OF
from spectra.recipe import Recipe, run_recipe

_DIED = (
    "the worker process died twice on it (killed or out of memory); make room in the memory, "
    "or use fewer workers"
)
# Notes of errors say how a single recipe goes on.
_GOES_ON = "what was finished is safe, and the same batch again goes on from there"


@dataclass(frozen=True)
class Task:
    """Results that are to be made.

    Parameters
    ----------
    number : int
        Of the measurement in its sheet, from 0.
    recipe : Recipe
    output : Path
    made_of : str
        SHA-256 of all that they depend on.
    workers : int, str or distributed.Client
        For the frames of this measurement, as `spectra.run` takes them.
    resume : bool
        Go on with what an earlier run has left behind, if it was made of the same.
    progress : bool, optional
        As `run_recipe` takes it.
    """

    number: int
    recipe: Recipe
    output: Path
    made_of: str
    workers: Workers
    resume: bool
    progress: bool | None = False


@dataclass(frozen=True)
class Made:
    """What became of a task.

    Parameters
    ----------
    reason : str
        Why there are no results, with the remedy; empty if there are.
    warned : tuple of (class, text)
        What was warned of meanwhile.
    """

    reason: str = ""
    warned: tuple[tuple[type[Warning], str], ...] = ()


def make(task: Task) -> Made:
    """Make the results of a measurement; whatever goes wrong concerns it alone."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        why = _reason_of(task)
    return Made(why, tuple((one.category, str(one.message)) for one in caught))


def make_side_by_side(
    tasks: Iterator[Task], workers: int
) -> Generator[tuple[Task, Made], None, None]:
    """Yield (task, what became of it) as worker processes finish them.

    Parameters
    ----------
    tasks : iterator of Task
        Asked for the next one when a worker is free for it.
    workers : int

    Raises
    ------
    SettingError
        If workers cannot start.
    """
    crew: Crew[Task, Made] = Crew(make, _alone, _start_worker, (), "the measurements of a batch")
    with closing(crew.work_through(tasks, workers)) as found:
        for task, made in found:
            yield task, Made(_DIED) if made is None else made


def clear(target: Path) -> None:
    """Remove what an interrupted run left beside its results."""
    if not target.parent.is_dir() or not _mark(target).exists():
        return
    mark = _mark(target)
    for path in target.parent.iterdir():
        if path.name.startswith(f"{target.name}.") and path != mark:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    mark.unlink()


def _reason_of(task: Task) -> str:
    try:
        _compute(task)
    except SpectraError as error:
        return f"{error}; {_GOES_ON}" if getattr(error, "__notes__", ()) else str(error)
    except Exception as error:  # noqa: BLE001 - one measurement must not stop the others
        told = f"{type(error).__name__}: {error}"
        return f"{told}; a fault of the program: `spectra --debug run` of its recipe shows where"
    return ""


def _compute(task: Task) -> None:
    target, mark = task.output, _mark(task.output)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        goes_on = task.resume and mark.is_file() and mark.read_text() == task.made_of
        if not goes_on:
            clear(target)
            mark.write_text(task.made_of)
    except OSError as error:
        raise StoreError(f"{target.parent}: {reason(error)}") from None
    try:
        _run(task, resume=goes_on)
    except StoreError:
        if not goes_on:
            raise
        # What was left behind does not fit after all.
        _run(task, resume=False)


def _run(task: Task, *, resume: bool) -> None:
    run_recipe(
        task.recipe,
        output=task.output,
        workers=task.workers,
        progress=task.progress,
        resume=resume,
        origin={MADE_OF: task.made_of},
    )


def _mark(target: Path) -> Path:
    """The file that says what is being made, as long as it is."""
    return target.with_name(f"{target.name}.started")


def _alone(task: Task) -> tuple[Task]:
    return (task,)


def _start_worker() -> None:
    import hdf5plugin  # noqa: F401 - each process registers the compression filters itself
