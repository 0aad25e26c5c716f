"""Worker processes that are given one thing after another; the death of one costs no other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Generic, TypeVar

from spectra.errors import SettingError

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Crew(Generic[Item, Made]):
    """Worker processes, and what they do.

    They end at once when the process that gives them their work ends or stops them: what it
    has not been given is not done.

    Parameters
    ----------
    work : callable
        What a worker does with what is sent to it; a function at the top of a module.
    send : callable
        What is sent of an item: the arguments of `work`.
    start : callable
        Called once in each worker, with `given`; also at the top of a module.
    given : tuple
    what : str
        What they work with, for messages.
    ahead : int
        Items of each worker that are in its hands or wait for it.
    """

    work: Callable[..., Made]
    send: Callable[[Item], tuple[Any, ...]]
    start: Callable[..., None]
    given: tuple[Any, ...]
    what: str
    ahead: int = 1

    def work_through(
        self, items: Iterator[Item], workers: int
    ) -> Generator[tuple[Item, Made | None], None, None]:
        """Yield (item, what was made of it) as they are finished.

        If a worker dies (killed, out of memory), the items that were in its pool's hands are
        done again one at a time; of the one that then kills its worker again, nothing is made.

        Parameters
        ----------
        items : iterator
            Asked for the next one when a worker is free for it.
        workers : int

        Raises
        ------
        SettingError
            If workers cannot start, or their work cannot be sent to them.
        """
        while True:
            suspects = yield from self._together(items, workers)
            if not suspects:
                return
            yield from self._alone(suspects)

    def _together(
        self, items: Iterator[Item], workers: int
    ) -> Generator[tuple[Item, Made | None], None, list[Item]]:
        """Work through `items` in a pool until it breaks; return the items it then held."""
        suspects: list[Item] = []
        first = list(islice(items, self.ahead * workers))
        if not first:
            return suspects
        with self._pool(min(workers, len(first))) as pool:
            flying: dict[Future[Made], Item] = {self._submit(pool, i): i for i in first}
            while flying:
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    item = flying.pop(future)
                    try:
                        made = future.result()
                    except BrokenProcessPool:
                        suspects.append(item)
                        continue
                    yield item, made
                    for fresh in islice(items, 0 if suspects else 1):
                        try:
                            flying[self._submit(pool, fresh)] = fresh
                        except BrokenProcessPool:
                            suspects.append(fresh)
        return suspects

    def _alone(self, suspects: list[Item]) -> Generator[tuple[Item, Made | None], None, None]:
        """Do items one at a time; give up the one that kills its worker."""
        left = list(suspects)
        while left:
            with self._pool(1) as pool:
                while left:
                    item = left.pop(0)
                    try:
                        made = self._submit(pool, item).result()
                    except BrokenProcessPool:
                        yield item, None
                        break
                    yield item, made

    @contextmanager
    def _pool(self, workers: int) -> Iterator[ProcessPoolExecutor]:
        """Worker processes that have proved to be alive and to know their work."""
        context = get_context("spawn")
        # Nothing is ever said through it: it closes when this process ends, however it does.
        line, held = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_start_worker,
            initargs=(line, self.start, self.given),
        )
        try:
            self._prove(pool)
            yield pool
        except BaseException:
            held.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            held.close()
            line.close()

    def _prove(self, pool: ProcessPoolExecutor) -> None:
        try:
            pool.submit(_is_ready).result()
        except BrokenProcessPool:
            raise SettingError(
                f"worker processes cannot start with {self.what}; in a script, call "
                'spectra below `if __name__ == "__main__":`; define methods of your own in a '
                "module, not in a notebook; or use workers=1"
            ) from None
        except (AttributeError, TypeError, ImportError) as error:
            raise SettingError(
                f"{self.what} cannot be sent to worker processes ({error}); define it at "
                "the top of a module, or use workers=1"
            ) from None

    def _submit(self, pool: ProcessPoolExecutor, item: Item) -> Future[Made]:
        return pool.submit(self.work, *self.send(item))


def _start_worker(line: Connection, start: Callable[..., None], given: tuple[Any, ...]) -> None:
    # Ctrl-C reaches all processes; the main one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(line,), daemon=True).start()
    start(*given)


def _end_with(line: Connection) -> None:
    """Wait until the process at the other end is gone or hangs up; then end this one."""
    with suppress(EOFError, OSError):
        line.recv_bytes()
    os._exit(1)


def _is_ready() -> bool:
    return True
