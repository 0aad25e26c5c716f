"""Text read line by line, with errors that say where."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError

FloatArray = NDArray[np.float64]


class Lines:
    """Lines of a file, taken one after the other.

    Parameters
    ----------
    path : Path
        For messages.
    lines : list of str
    at : int
        Index of the next line.
    """

    def __init__(self, path: Path, lines: list[str], at: int = 0) -> None:
        self.path, self.lines, self.at = path, lines, at
        self.where = ""

    @property
    def left(self) -> int:
        """Lines that are left."""
        return max(len(self.lines) - self.at, 0)

    def text(self, what: str) -> str:
        """The next line, which is `what`."""
        if not self.left:
            raise self.error(
                "the file ends here", expected=what, remedy="it is cut off: copy it again"
            )
        self.at += 1
        return self.lines[self.at - 1].strip()

    def texts(self, count: int, what: str) -> list[str]:
        """The next `count` lines."""
        return [self.text(what) for _ in range(count)]

    def number(self, what: str) -> float:
        """The next line, a number; 1E37 and more stand for what is not known (ISO 14976)."""
        text = self.text(what)
        try:
            value = float(text)
        except ValueError:
            raise self.wrong(text, f"a number, the {what}") from None
        return value if abs(value) < 1e36 else math.nan

    def count(self, what: str, most: int | None = None) -> int:
        """The next line, a whole number that is not negative, at most `most` or as lines are left.

        Parameters
        ----------
        what : str
        most : int, optional
        """
        text = self.text(what)
        limit = self.left if most is None else most
        try:
            value = int(float(text))
        except (ValueError, OverflowError):
            value = -1
        if not 0 <= value <= limit:
            raise self.wrong(text, f"the {what}, a whole number from 0 to {limit}")
        return value

    def numbers(self, count: int, what: str) -> FloatArray:
        """The next `count` lines, a number each."""
        if count > self.left:
            raise self.error(
                f"{self.left} lines are left",
                expected=f"{count} {what}",
                remedy="the file is cut off: copy it again",
            )
        taken = self.lines[self.at : self.at + count]
        try:
            values = np.array(taken, dtype=float)
        except ValueError:
            return np.array([self.number(what) for _ in range(count)])
        self.at += count
        return np.where(np.abs(values) < 1e36, values, np.nan)

    def wrong(self, seen: str, expected: str) -> ReaderError:
        """An error about the line taken last."""
        self.at -= 1
        return self.error(f"{seen[:60]!r}", expected=expected, remedy="mend the line")

    def error(self, problem: str, *, expected: str = "", remedy: str = "") -> ReaderError:
        """An error about the next line."""
        where = ", ".join(text for text in (self.where, f"line {self.at + 1}") if text)
        return ReaderError(self.path, problem, where=where, expected=expected, remedy=remedy)
