"""`xas.Deglitch`: single odd points, by the curve around them and by the neighbouring frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.spikes import POINTS, SpikeFinder
from spectra.settings import setting
from spectra.stack import Stack, Variable
from spectra.xas.calibrate.frames import (
    errors_of,
    load_spectra,
    remark,
    signal_of,
    usable,
    with_errors,
    with_signal,
)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Deglitch(Correction):
    """Find odd points of each spectrum and replace them, with a record of every one.

    A point (or up to `width` neighbouring ones) is odd if it stands off the cubic through the
    eleven points around by more than `threshold` times the noise of the spectrum further around
    (a running median, as in Hampel's filter), and by more than `contrast` times what is left of
    those eleven points when it is taken out. The second condition keeps pre-edge peaks and white
    lines, which no cubic follows whatever point is left out. The two points at either end of an
    axis are left alone.

    With `neighbours`, what the spectra before and after it have in common with a spectrum (their
    median, brought to its scale and offset) is subtracted first: little but noise is left, and
    glitches wider than a point come within reach. Glitches of the monochromator, which all
    spectra of a sequence share, cancel in this and are not found.

    A replaced point takes the cubic's value; its standard uncertainty becomes that of its
    distance from the cubic, so that it never counts more than a measured one. Frames that are
    marked already are left alone. Adds the variable ``glitches``, points replaced.
    """

    name: ClassVar[str] = "xas.Deglitch"

    channel: str = setting("", "channel that is mended; empty mends the signal")
    threshold: float = setting(
        10.0, "times the noise by which a point must stand out", within="3 or more"
    )
    contrast: float = setting(
        6.0, "times what is left of the curve around without it", within="2 or more"
    )
    width: int = setting(2, "largest number of neighbouring odd points", within="1 to 4")
    neighbours: int = setting(
        0, "frames before and after that a spectrum is compared with; 0 takes it by itself"
    )
    replace: Literal["cubic", "nan"] = setting(
        "cubic", "what odd points become: values of the cubic around, or nothing"
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

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        spectra, errors = signal_of(full, self.channel), errors_of(full, self.channel)
        if full.n_points < POINTS:
            raise StackError(f"{self.name}: {full.n_points} points; expected {POINTS} or more")
        finder = SpikeFinder(self.threshold, self.contrast, self.width)
        mended, spread = finder.take_out(full.x, spectra, usable(full), self.neighbours)
        odd = spread > 0
        new = np.where(odd, np.nan if self.replace == "nan" else mended, spectra)
        corrected = with_signal(full, self.channel, new)
        if errors is not None and odd.any():
            corrected = with_errors(corrected, np.where(odd, np.hypot(errors, spread), errors))
        return self._told(corrected, spectra, new, odd)

    def _told(
        self, stack: Stack, before: FloatArray, after: FloatArray, odd: BoolArray
    ) -> tuple[Stack, Mapping[str, Any]]:
        counts = odd.sum(axis=1)
        what = f" of {self.channel}" if self.channel else ""
        remarks = {
            i: f"{counts[i]} odd point{'s' if counts[i] > 1 else ''}{what} replaced, "
            f"the first at {stack.x[np.argmax(odd[i])]:.2f} eV"
            for i in np.flatnonzero(counts).tolist()
        }
        frames, points = np.nonzero(odd)
        changed = [
            {
                "frame": frame,
                "energy": float(stack.x[point]),
                "before": float(before[frame, point]),
                "after": None if self.replace == "nan" else float(after[frame, point]),
            }
            for frame, point in zip(frames.tolist(), points.tolist(), strict=True)
        ]
        counted = Variable(counts.astype(float), "", "odd points replaced")
        return remark(stack, remarks).with_variables(glitches=counted), {"changed": changed}
