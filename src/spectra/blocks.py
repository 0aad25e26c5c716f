"""Blocks of frames worked through: here or in worker processes, whatever fails among them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from spectra.crew import Crew
from spectra.errors import DamagedFileError, ReaderError, ResultsError, SettingError
from spectra.method import Method
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status

Source = Stack | Results
Finished = Generator[tuple[int, Results], None, None]

_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
_LONGEST_MESSAGE = 500
_IN_FLIGHT_PER_WORKER = 2


@dataclass(frozen=True)
class Block:
    """Some frames to be worked on: where they start, themselves, and the plan for them."""

    start: int
    frames: Source
    plan: Any


@dataclass(frozen=True)
class Part:
    """One of several parts of a run, each a range of its blocks.

    Parameters
    ----------
    number : int
        From 1 to `count`.
    count : int

    Raises
    ------
    SettingError
        If there is no such part.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise SettingError(
                f"part {self.number} of {self.count}; expected a number from 1 to the count: "
                "in a job array the first task is 1, as in --array=1-20"
            )

    @classmethod
    def parse(cls, text: str) -> Part:
        """The part that a text such as ``3/20`` means.

        Raises
        ------
        SettingError

        Examples
        --------
        >>> Part.parse("3/20")
        Part(number=3, count=20)
        """
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None:
            raise SettingError(f"part {text!r}; expected number/count, such as 3/20")
        return cls(int(found[1]), int(found[2]))

    def take(self, starts: range) -> range:
        """Those of all blocks' first frames that belong to this part."""
        low, high = (len(starts) * k // self.count for k in (self.number - 1, self.number))
        return starts[low:high]


@dataclass(frozen=True)
class Job:
    """A method, its plan and the source it is put to."""

    data: Source
    method: Method
    plan: Any
    size: int
    part: Part = Part(1, 1)

    def starts(self) -> range:
        """First frames of the blocks that are to be done, in order."""
        return self.part.take(range(0, len(self.data), self.size))

    def n_frames(self) -> int:
        """How many frames these blocks have."""
        starts = self.starts()
        return min(len(starts) * self.size, len(self.data) - starts.start) if starts else 0

    def blocks(self, without: dict[int, int]) -> Iterator[Block]:
        """The blocks that are to be done, made when they are asked for."""
        for start in self.starts():
            if start not in without:
                frames = self.data[start : start + self.size]
                plan = self.method.narrow(self.plan, start, start + len(frames))
                yield Block(start, frames, plan)


def one_thread() -> Any:
    """Linear algebra in one thread: the same bits however many workers there are.

    Returns
    -------
    context manager
    """
    # Only libraries that are loaded are limited, so load SciPy's own now.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def work_here(job: Job, without: dict[int, int]) -> Finished:
    """Yield (start, results) block by block, in this process."""
    for block in job.blocks(without):
        yield block.start, fit_block(job.method, block.frames, block.plan)


def work_in_processes(job: Job, without: dict[int, int], workers: int) -> Finished:
    """Yield (start, results) of the blocks as they are finished by worker processes.

    If a worker dies (killed, out of memory), the blocks that were in its pool's hands are
    done again one at a time; the one that then kills its worker again is given up.

    Raises
    ------
    SettingError
        If workers cannot start, or the method cannot be sent to them.
    """
    shared = job.plan if _shares_plan(job.method) else None
    crew: Crew[Block, Results] = Crew(
        work=_fit_in_worker,
        send=partial(_sent, job.method),
        start=_start_worker,
        given=(job.method, shared),
        what=job.method.name,
        ahead=_IN_FLIGHT_PER_WORKER,
    )
    with closing(crew.work_through(job.blocks(without), workers)) as found:
        for block, results in found:
            if results is None:
                why = "the worker process died twice on this block (killed or out of memory)"
                results = give_up(job.method, block.frames, block.plan, why)
            yield block.start, results


def fit_block(method: Method, frames: Source, plan: Any) -> Results:
    """Fit a block; if that raises, its frames one by one, so that only the culprits fail.

    Raises
    ------
    SettingError
        That the method raises: it concerns the whole run.
    ReaderError
        If the file of the frames has vanished; damage in it only costs the frames concerned.
    """
    try:
        return _checked(method.fit(frames.load(), plan), frames)
    except _FAILURES as error:
        if isinstance(error, SettingError):
            raise
        if isinstance(error, ReaderError) and not isinstance(error, DamagedFileError):
            raise
        if len(frames) == 1:
            return give_up(method, frames, plan, f"{type(error).__name__}: {error}")
    singles = [
        fit_block(method, frames[i], method.narrow_block(plan, i, i + 1))
        for i in range(len(frames))
    ]
    return Results.concatenate(singles)


def give_up(method: Method, frames: Source, plan: Any, why: str) -> Results:
    """Rows without numbers for frames that could not be worked on."""
    table = method.table(plan)
    n = len(frames)
    return Results(
        table=table,
        columns=table.empty(n),
        status=np.full(n, Status.BAD_INPUT, np.int8),
        messages=(" ".join(why.split())[:_LONGEST_MESSAGE],) * n,
        names=frames.names,
        variables=frames.variables,
        attrs=getattr(plan, "attrs", {}),
    )


def _checked(results: Results, frames: Source) -> Results:
    """Results with a row per frame, in which no frame of bad input passes for a good one."""
    if len(results) != len(frames):
        raise ResultsError(f"the method gave {len(results)} rows for {len(frames)} frames")
    bad = frames.status == Status.BAD_INPUT
    if not bad.any():
        return results
    messages = tuple(
        (before or now) if b else now
        for b, before, now in zip(bad, frames.messages, results.messages, strict=True)
    )
    status = np.where(bad, np.int8(Status.BAD_INPUT), results.status).astype(np.int8)
    return replace(results, status=status, messages=messages)


def _shares_plan(method: Method) -> bool:
    """Whether all blocks have the same plan, which is then sent once per worker."""
    return type(method).narrow is Method.narrow


def _sent(method: Method, block: Block) -> tuple[Source, Any]:
    """What is sent of a block: its frames, and its plan unless all have the same."""
    return block.frames, None if _shares_plan(method) else block.plan


class _Worker:
    """What a worker process keeps between blocks."""

    method: Method
    plan: Any


def _start_worker(method: Method, plan: Any) -> None:
    import hdf5plugin  # noqa: F401 - each process registers the compression filters itself

    one_thread()
    _Worker.method, _Worker.plan = method, plan


def _fit_in_worker(frames: Source, plan: Any) -> Results:
    own = _Worker.plan if _shares_plan(_Worker.method) else plan
    return fit_block(_Worker.method, frames, own)
