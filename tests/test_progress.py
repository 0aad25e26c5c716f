"""Progress: a bar, lines, a callable or nothing."""

from __future__ import annotations

import io
import sys

import pytest

from spectra import progress
from spectra.progress import end_progress, make_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """Within the test: pytest puts its own stderr in place before each one."""
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return out


def test_silent_where_nobody_looks(capsys):
    for choice in (None, False):
        show = make_progress(choice, "x")
        show(1, 2)
        end_progress(show)
    assert capsys.readouterr() == ("", "")


def test_a_callable_is_used_as_it_is():
    seen = []
    show = make_progress(lambda d, t: seen.append((d, t)), "x")
    show(1, 2)
    end_progress(show)
    assert seen == [(1, 2)]


def test_lines_for_log_files(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 7.0, 8.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    show = make_progress(True, "xrd.Peaks")
    for done in (100, 240, 300, 1100):
        show(done, 1100)
    # Frames 0 to 100 were done by an earlier run: they do not count as speed.
    assert capsys.readouterr().err.splitlines() == [
        "xrd.Peaks: 240/1100 frames, 20.0 frames/s, 43 s left",
        "xrd.Peaks: 1100/1100 frames, 100.0 frames/s",
    ]


@pytest.mark.parametrize("choice", [None, True])
def test_a_bar_for_terminals(monkeypatch, choice):
    out = terminal(monkeypatch)
    show = make_progress(choice, "xrd.Peaks")
    for done in (10, 20, 30):
        show(done, 30)
    text = out.getvalue()
    assert "xrd.Peaks" in text
    assert "30/30" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back


def test_a_broken_off_bar_gives_the_cursor_back(monkeypatch):
    out = terminal(monkeypatch)
    show = make_progress(None, "xrd.Peaks")
    show(10, 30)
    end_progress(show)
    end_progress(show)
    assert out.getvalue().count("\x1b[?25h") == 1
    assert make_progress(False, "x") is progress._silent
