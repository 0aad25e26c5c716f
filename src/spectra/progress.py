"""Progress of long work: a bar where somebody looks, lines elsewhere, or nothing."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Progress = Callable[[int, int], None]

_SECONDS_BETWEEN_LINES = 5.0


def make_progress(choice: bool | Progress | None, label: str) -> Progress:
    """Return what to call with (frames done, frames in all).

    None shows a bar on stderr if that is a terminal, else nothing; True shows the bar, or a
    line every few seconds where there is no terminal; False shows nothing; a callable is
    used as it is.
    """
    if callable(choice):
        return choice
    terminal = sys.stderr.isatty()
    if choice is False or (choice is None and not terminal):
        return _silent
    return _Bar(label) if terminal else _Lines(label)


def end_progress(progress: Progress) -> None:
    """Give the terminal back, however the work ended."""
    if isinstance(progress, _Bar):
        progress.close()


def _silent(done: int, total: int) -> None:
    """Show nothing."""


class _Bar:
    """A bar with frames per second and remaining time, for a terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None or self._task is None:
            self._bar = self._start()
            # Frames that an earlier run did must not count as this run's speed.
            self._task = self._bar.add_task(self._label, total=total, completed=done)
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Leave the bar as it stands and show the cursor again."""
        if self._bar is not None:
            self._bar.stop()
            atexit.unregister(self.close)
        self._bar = self._task = None

    def _start(self) -> RichProgress:
        from rich import progress
        from rich.console import Console

        class Rate(progress.ProgressColumn):
            """Frames per second."""

            def render(self, task: progress.Task) -> str:
                speed = task.finished_speed or task.speed
                return f"{speed:.1f} frames/s" if speed else ""

        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            Rate(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        bar.start()
        atexit.register(self.close)
        return bar


class _Lines:
    """A plain line every few seconds, for log files."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if done < total and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = (done - self._first) / max(now - self._start, 1e-9)
        told = f"{self._label}: {done}/{total} frames"
        if rate > 0:
            told += f", {rate:.1f} frames/s"
        if rate > 0 and done < total:
            told += f", {(total - done) / rate:.0f} s left"
        sys.stderr.write(f"{told}\n")
        sys.stderr.flush()
