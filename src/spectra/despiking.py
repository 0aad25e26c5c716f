"""Corrections that take odd points out of spectra, whatever made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.corrected import errors_of, remark, signal_of, usable, with_errors, with_signal
from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.spikes import POINTS, SpikeFinder
from spectra.settings import setting
from spectra.stack import Stack, Variable


@dataclass(frozen=True, kw_only=True)
class Despiking(Correction):
    """Base of corrections that find odd points with `SpikeFinder` and replace them.

    A replaced point takes the cubic's value, or none; where uncertainties are known, its own
    becomes that of its distance from the cubic, so that it never counts more than a measured
    one. Frames that are marked already are left alone.

    Parameters
    ----------
    threshold, contrast, width
        As `SpikeFinder` has them.
    neighbours : int
        Frames before and after whose median, brought to a spectrum's scale and offset, is
        subtracted first.
    replace : {"cubic", "nan"}
    """

    upward: ClassVar[bool] = False
    """Whether only points that stand out upwards are odd."""

    threshold: float = setting(
        10.0, "times the noise by which points must stand out", within="3 or more"
    )
    contrast: float = setting(
        6.0, "times what is left of the curve around without them", within="2 or more"
    )
    width: int = setting(2, "largest number of neighbouring points", within="1 to 4")
    neighbours: int = setting(
        0, "frames before and after that a spectrum is compared with; 0 takes it by itself"
    )
    replace: Literal["cubic", "nan"] = setting(
        "cubic", "what the points become: values of the cubic around, or nothing"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.threshold >= 3:
            raise SettingError(f"{self.name}: threshold = {self.threshold!r}; expected 3 or more")
        if not self.contrast >= 2:
            raise SettingError(f"{self.name}: contrast = {self.contrast!r}; expected 2 or more")
        if not 1 <= self.width <= 4:
            raise SettingError(f"{self.name}: width = {self.width!r}; expected 1 to 4 points")
        if self.neighbours < 0:
            raise SettingError(
                f"{self.name}: neighbours = {self.neighbours!r}; expected 0 or more frames"
            )
        if self.replace not in ("cubic", "nan"):
            raise SettingError(f"{self.name}: replace = {self.replace!r}; expected cubic or nan")

    def take_out(self, full: Stack, channel: str = "") -> Despiked:
        """Take the odd points out of a stack in memory, or out of one of its channels.

        Raises
        ------
        StackError
            If there are too few points for the cubic.
        """
        spectra, errors = signal_of(full, channel), errors_of(full, channel)
        if full.n_points < POINTS:
            raise StackError(f"{self.name}: {full.n_points} points; expected {POINTS} or more")
        finder = SpikeFinder(self.threshold, self.contrast, self.width, self.upward)
        mended, spread = finder.take_out(full.x, spectra, usable(full), self.neighbours)
        odd = spread > 0
        new = np.where(odd, np.nan, mended) if self.replace == "nan" else mended
        corrected = with_signal(full, channel, new)
        if errors is not None and odd.any():
            corrected = with_errors(corrected, np.where(odd, np.hypot(errors, spread), errors))
        return Despiked(corrected, spectra, new, odd)


@dataclass(frozen=True)
class Despiked:
    """A stack without its odd points, and which they were.

    Attributes
    ----------
    stack : Stack
    before, after : array (frames, points)
    odd : bool array (frames, points)
    """

    stack: Stack
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    odd: NDArray[np.bool_]

    def told(
        self, variable: str, meaning: str, say: Callable[[int, float], str]
    ) -> tuple[Stack, Mapping[str, Any]]:
        """The stack with a remark for each frame that had odd points, and a record of all.

        Parameters
        ----------
        variable, meaning : str
            Of the number of points replaced in each frame, added to the variables.
        say : callable
            Makes a remark of the number of points and where the first is on the axis.

        Returns
        -------
        stack : Stack
        changed : mapping
            Every point replaced.
        """
        counts = self.odd.sum(axis=1)
        remarks = {
            i: say(int(counts[i]), float(self.stack.x[np.argmax(self.odd[i])]))
            for i in np.flatnonzero(counts).tolist()
        }
        counted = Variable(counts.astype(float), "", meaning)
        stack = remark(self.stack, remarks).with_variables(**{variable: counted})
        return stack, {"changed": self._record()}

    def _record(self) -> list[Mapping[str, Any]]:
        frames, points = np.nonzero(self.odd)
        return [
            {
                "frame": frame,
                self.stack.axis.name: float(self.stack.x[point]),
                "before": float(self.before[frame, point]),
                "after": _number(self.after[frame, point]),
            }
            for frame, point in zip(frames.tolist(), points.tolist(), strict=True)
        ]


def _number(value: np.float64) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if np.isfinite(value) else None
