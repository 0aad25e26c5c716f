"""Progress of long work: a bar where somebody looks, lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Progress = Callable[[int, int], None]


def make_progress(choice: bool | Progress | None, label: str) -> Progress:
    """Return what to call with (frames done, frames in all).

    None shows a bar if stderr is a terminal, True shows progress in any case, False never;
    a callable is used as it is.
    """
    if callable(choice):
        return choice
    terminal = sys.stderr.isatty()
    if choice is False or (choice is None and not terminal):
        return lambda done, total: None
    return _Lines(label, terminal)


class _Lines:
    """Rate and remaining time, on one line of a terminal or every ten seconds."""

    def __init__(self, label: str, terminal: bool) -> None:
        self._label, self._terminal = label, terminal
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if done < total and now - self._last < (0.1 if self._terminal else 10.0):
            return
        self._last = now
        rate = (done - self._first) / max(now - self._start, 1e-9)
        left = (total - done) / rate if rate > 0 else 0.0
        text = f"{self._label}: {done}/{total} frames, {rate:.1f}/s, {left:.0f} s left"
        end = "\n" if done >= total or not self._terminal else ""
        start = "\r" if self._terminal else ""
        sys.stderr.write(f"{start}{text:<70}{end}")
        sys.stderr.flush()
