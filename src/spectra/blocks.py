"""Blocks of frames worked through: here or in worker processes, whatever fails among them."""

from __future__ import annotations

import re
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from typing import Any

import numpy as np

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
    blocks = job.blocks(without)
    while True:
        suspects = yield from _work_together(job, blocks, workers)
        if not suspects:
            return
        yield from _work_alone(job, suspects)


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


def _work_together(
    job: Job, blocks: Iterator[Block], workers: int
) -> Generator[tuple[int, Results], None, list[Block]]:
    """Work through `blocks` in a pool until it breaks; return the blocks it then held."""
    suspects: list[Block] = []
    first = list(islice(blocks, _IN_FLIGHT_PER_WORKER * workers))
    if not first:
        return suspects
    with _pool(job, min(workers, len(first))) as pool:
        flying: dict[Future[Results], Block] = {_submit(pool, job, b): b for b in first}
        while flying:
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                block = flying.pop(future)
                try:
                    results = future.result()
                except BrokenProcessPool:
                    suspects.append(block)
                    continue
                yield block.start, results
                for fresh in islice(blocks, 0 if suspects else 1):
                    try:
                        flying[_submit(pool, job, fresh)] = fresh
                    except BrokenProcessPool:
                        suspects.append(fresh)
    return suspects


def _work_alone(job: Job, suspects: list[Block]) -> Finished:
    """Do blocks one at a time; give up the one that kills its worker."""
    left = list(suspects)
    while left:
        with _pool(job, 1) as pool:
            while left:
                block = left.pop(0)
                try:
                    results = _submit(pool, job, block).result()
                except BrokenProcessPool:
                    why = "the worker process died twice on this block (killed or out of memory)"
                    yield block.start, give_up(job.method, block.frames, block.plan, why)
                    break
                yield block.start, results


@contextmanager
def _pool(job: Job, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that have proved to be alive and to know the method."""
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(job.method, job.plan if _shares_plan(job.method) else None),
    )
    try:
        try:
            pool.submit(_is_ready).result()
        except BrokenProcessPool:
            raise SettingError(
                f"worker processes cannot start with {job.method.name}; in a script, call "
                'spectra.run below `if __name__ == "__main__":`; define methods of your own in a '
                "module, not in a notebook; or use workers=1"
            ) from None
        except (AttributeError, TypeError, ImportError) as error:
            raise SettingError(
                f"{job.method.name} cannot be sent to worker processes ({error}); define it at "
                "the top of a module, or use workers=1"
            ) from None
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _shares_plan(method: Method) -> bool:
    """Whether all blocks have the same plan, which is then sent once per worker."""
    return type(method).narrow is Method.narrow


def _submit(pool: ProcessPoolExecutor, job: Job, block: Block) -> Future[Results]:
    plan = None if _shares_plan(job.method) else block.plan
    return pool.submit(_fit_in_worker, block.frames, plan)


class _Worker:
    """What a worker process keeps between blocks."""

    method: Method
    plan: Any


def _start_worker(method: Method, plan: Any) -> None:
    import hdf5plugin  # noqa: F401 - each process registers the compression filters itself

    # Ctrl-C reaches all processes; the main one ends the others after their present block.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()
    _Worker.method, _Worker.plan = method, plan


def _is_ready() -> bool:
    return True


def _fit_in_worker(frames: Source, plan: Any) -> Results:
    own = _Worker.plan if _shares_plan(_Worker.method) else plan
    return fit_block(_Worker.method, frames, own)
