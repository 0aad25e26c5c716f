"""A recipe's frames analysed as they come, before the measurement is finished.

What is shown meanwhile is provisional: plans are made of the frames so far. When the watch
ends, the recipe is run as always on all files, and only that makes the results.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from spectra.arrivals import Arrival, Arrivals
from spectra.errors import SettingError, StoreError, reason
from spectra.journal import Journal, Row, Value, values_of
from spectra.plans import Plans, quiet
from spectra.provenance import digest_plain, versions
from spectra.recipe import Recipe
from spectra.stack import Stack
from spectra.status import Status

_LAGS_SHOWN = 200
_RELEARNED = 32


@dataclass(frozen=True)
class Lag:
    """Seconds from when frames were last seen not to be there to when they had been worked on."""

    last: float
    median: float
    longest: float

    @classmethod
    def of(cls, rows: list[Row]) -> Lag | None:
        """The lag of the last frames; None where there are none."""
        lags = [row.lag for row in rows[-_LAGS_SHOWN:]]
        return cls(lags[-1], statistics.median(lags), max(lags)) if lags else None


class Watch:
    """The frames of a recipe as they come; a context manager that closes its journal.

    Every frame is worked on once. What was worked out is in the journal
    ``<output>.watch.jsonl`` before anything else happens; a watch that was killed goes on.

    Parameters
    ----------
    recipe : Recipe
    output : path, optional
        Instead of the recipe's own.
    patience : float
        Seconds for which an unreadable file or half a frame is waited for before it is flagged.
    executor : Executor, optional
        A thread that makes plans, so that frames need not wait for them.
    clock, now : callable
        Seconds that only go forward, and seconds since 1970.

    Raises
    ------
    StoreError
        If the journal cannot be written.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        output: str | Path | None = None,
        patience: float = 30.0,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        if patience <= 0:
            raise SettingError(f"patience = {patience}; expected seconds above 0")
        target = Path(output) if output is not None else recipe.output
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{target.parent}: {reason(error)}") from None
        self.recipe, self.output = recipe, target
        self._clock, self._now = clock, now
        self.arrivals = Arrivals(recipe, patience, clock)
        self.plans = Plans(recipe, executor)
        place = target.with_name(f"{target.name}.watch.jsonl")
        told = recipe.settings.model_dump(exclude={"output", "report"}, exclude_none=True)
        self._journal = Journal(place, digest_plain({"recipe": told, "versions": versions()}))
        self._rows: dict[tuple[str, int], Row] = {}
        self._states: dict[str, tuple[int, ...]] = {}
        self.rewritten: dict[str, int] = {}
        for row in self._journal.rows:
            self._keep(row)
        self._resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.__exit__(kind, error, trace)

    @property
    def rows(self) -> list[Row]:
        """The frames in the order they came; one that was measured again stands once."""
        return list(self._rows.values())

    @property
    def failures(self) -> list[Row]:
        """The frames without trusted numbers."""
        return [row for row in self._rows.values() if row.failed]

    def poll(self) -> int:
        """Work on what has come; return the number of frames.

        Raises
        ------
        SettingError
            If the recipe cannot be watched.
        StoreError
            If the journal cannot be written.
        """
        arrivals = self.arrivals.poll()
        whole = [a for a in arrivals if not a.flagged and a.item.frame is not None]
        found: list[Row] = []
        if whole:
            stack = self.plans.correct(self.arrivals.stack(whole))
            found = self._work_on(whole, stack)
        for arrival in arrivals:
            if arrival.flagged or arrival.item.frame is None:
                found.append(self._row(arrival, {}, {"": arrival.flagged or arrival.item.message}))
        if found:
            self._journal.add(found)
            for row in found:
                self._keep(row)
        return len(found)

    def _resume(self) -> None:
        """Do nothing twice that an earlier watch has done, and learn from its first frames."""
        self.resumed = len(self._rows)
        self.arrivals.skip([row.key for row in self._rows.values()])
        if self._rows and (early := self.arrivals.early(_RELEARNED)):
            self.plans.add(self.plans.correct(self.arrivals.stack(early)))

    def _keep(self, row: Row) -> None:
        """Remember a frame; if its file was written anew, those of the old one are forgotten."""
        file, state = row.key.file, row.key.state
        if self._states.setdefault(file, state) != state:
            self._states[file] = state
            self.rewritten[file] = self.rewritten.get(file, 0) + 1
            self._rows = {at: old for at, old in self._rows.items() if at[0] != file}
        self._rows[file, row.key.frame] = row

    def _work_on(self, arrivals: list[Arrival], stack: Stack) -> list[Row]:
        results = self.plans.work_on(stack)
        samples = self.plans.samples()
        columns: dict[str, list[dict[str, Value]]] = {
            step: values_of(step, found, samples.get(step)) for step, found in results.items()
        }
        rows = []
        for i, arrival in enumerate(arrivals):
            status = {step: int(found.status[i]) for step, found in results.items()}
            messages = {s: found.messages[i] for s, found in results.items() if found.messages[i]}
            if not results:
                # Without a plan nothing is known of the frame, until the final run.
                status = dict.fromkeys(self.plans.problems, int(Status.BAD_INPUT))
                messages = dict(self.plans.problems)
            values: dict[str, Value] = {}
            for step in results:
                values |= columns[step][i]
            rows.append(self._row(arrival, status, messages, values))
        return rows

    def _row(
        self,
        arrival: Arrival,
        status: dict[str, int],
        messages: dict[str, str],
        values: dict[str, Value] | None = None,
    ) -> Row:
        lag = round(self._clock() - arrival.absent, 3)
        return Row(
            arrival.key,
            arrival.item.name,
            lag,
            round(self._now(), 3),
            status,
            messages,
            values or {},
        )


def watch(
    recipe: Recipe,
    *,
    output: str | Path | None = None,
    interval: float = 0.5,
    patience: float = 30.0,
    timeout: float | None = None,
    finished: str | Path | None = None,
    show: Callable[[Watch, str], None] | None = None,
) -> str:
    """Watch until somebody says that the measurement is finished.

    Parameters
    ----------
    recipe : Recipe
    output, patience
        As for `Watch`.
    interval : float
        Seconds between looks.
    timeout : float, optional
        Seconds without a new frame after which the measurement counts as finished.
    finished : path, optional
        A file whose appearance says so.
    show : callable
        Called after every look with the watch and, at the end, why it ended.

    Returns
    -------
    str
        Why it ended: the mark, the timeout, or Ctrl-C.

    Raises
    ------
    SettingError, StoreError
        As for `Watch.poll`.
    """
    if interval <= 0:
        raise SettingError(f"interval = {interval}; expected seconds above 0")
    with (
        # Here and not in the thread: warnings are filtered for all threads at once.
        quiet(),
        ThreadPoolExecutor(1) as thread,
        Watch(recipe, output=output, patience=patience, executor=thread) as watching,
    ):
        ended = ""
        last = time.monotonic()
        try:
            while not ended:
                begin = time.monotonic()
                # Looked for before the frames: what was written before the mark is then seen.
                marked = finished is not None and Path(finished).exists()
                if watching.poll():
                    last = time.monotonic()
                elif marked:
                    ended = f"{finished} has appeared"
                elif timeout is not None and time.monotonic() - last > timeout:
                    ended = f"no new frame for {timeout:g} s"
                if show is not None:
                    show(watching, ended)
                if not ended:
                    time.sleep(max(0.0, interval - (time.monotonic() - begin)))
        except KeyboardInterrupt:
            ended = "Ctrl-C"
            if show is not None:
                show(watching, ended)
    return ended
