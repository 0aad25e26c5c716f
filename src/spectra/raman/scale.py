"""`raman.Scale`: bring spectra to one scale, by what all of them are taken to share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.corrected import errors_of, remark, signal_of, usable, with_errors
from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.raman.frames import check_window, load_spectra, say_window, within
from spectra.settings import setting
from spectra.stack import Stack, Variable

FloatArray = NDArray[np.float64]

_KINDS = ("area", "maximum", "vector", "band")
_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Scale(Correction):
    """Divide each spectrum by a number of its own, which becomes 1.

    ``area`` is the integral over Raman shift by the trapezoidal rule, ``maximum`` the largest
    intensity, ``vector`` the root of the sum of squares (to which noise adds its own), ``band``
    the area above the straight line between the ends of the window. All are taken within
    `window`, of the points that hold numbers. Subtract the baseline before all but the last.

    The channel ``baseline`` is scaled along. Known uncertainties are divided too; that of the
    divisor follows from them, is told in the variable ``scale``, and is common to all points of
    a spectrum, for which reason it is not added to theirs. A spectrum whose divisor is not above
    zero is marked ``bad_input`` and keeps its numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> shift = np.arange(200.0, 1000.0, 2.0)
    >>> band = 500 / (1 + ((shift - 520) / 6) ** 2)
    >>> stack = Stack.from_arrays(
    ...     shift, band, axis_name="raman_shift", axis_unit="1/cm")
    >>> Scale(by="maximum")(stack).signal.max().round(6).tolist()
    1.0
    """

    name: ClassVar[str] = "raman.Scale"

    by: Literal["area", "maximum", "vector", "band"] = setting("area", "what becomes 1")
    window: tuple[()] | tuple[float, float] = setting(
        (), "Raman shifts that count; empty takes all", unit="1/cm"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in _KINDS:
            raise SettingError(f"{self.name}: by = {self.by!r}; expected {', '.join(_KINDS)}")
        check_window(self.name, self.window)
        if self.by == "band" and not self.window:
            raise SettingError(f'{self.name}: by="band" needs window, the ends of the band')

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        spectra, errors = signal_of(full), errors_of(full)
        part = np.flatnonzero(within(full.x, self.window))
        if part.size < _FEWEST:
            raise StackError(
                f"{self.name}: {part.size} points {say_window(self.window)}; the "
                f"axis runs from {full.x[0]:g} to {full.x[-1]:g}"
            )
        own = None if errors is None else errors[:, part]
        size, stderr = self._sizes(full.x[part], spectra[:, part], own)
        good = usable(full) & (size > 0) & np.isfinite(size)
        divisor = np.where(good, size, 1.0)[:, None]
        corrected = replace(full, signal=spectra / divisor)
        if "baseline" in full.channels:
            baseline = np.asarray(full.channels["baseline"], dtype=float) / divisor
            corrected = replace(corrected, channels={**full.channels, "baseline": baseline})
        if errors is not None:
            corrected = with_errors(corrected, errors / divisor)
        remarks = {
            i: f"its {self.by} is {size[i]:.4g}, nothing to scale by"
            for i in np.flatnonzero(usable(full) & ~good).tolist()
        }
        told = Variable(
            np.where(good, size, np.nan),
            "",
            f"{self.by} that became 1",
            None if stderr is None else np.where(good, stderr, np.nan),
        )
        return remark(corrected, remarks, bad=True).with_variables(scale=told), {
            "frames": int(good.sum())
        }

    def _sizes(
        self, x: FloatArray, y: FloatArray, errors: FloatArray | None
    ) -> tuple[FloatArray, FloatArray | None]:
        """What each spectrum is divided by, and its standard uncertainty (frames,)."""
        known = np.isfinite(y)
        filled = np.where(known, y, 0.0)
        if self.by == "maximum":
            at = np.where(known, y, -np.inf).argmax(axis=1)[:, None]
            size = np.take_along_axis(y, at, axis=1)[:, 0]
            return size, None if errors is None else np.take_along_axis(errors, at, axis=1)[:, 0]
        if self.by == "vector":
            size = np.sqrt((filled**2).sum(axis=1))
            weights = filled / np.where(size > 0, size, 1.0)[:, None]
        else:
            weights = _trapezoid(x, known)
            if self.by == "band":
                weights -= _line(x, known, weights)
            size = (weights * filled).sum(axis=1)
        if errors is None:
            return size, None
        variance = (weights * np.where(np.isfinite(errors), errors, 0.0)) ** 2
        return size, np.sqrt(variance.sum(axis=1))


def _trapezoid(x: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Weights of the trapezoidal rule over the points of each spectrum that hold numbers."""
    position = np.where(known, x, np.nan)
    before = _last_known(position)
    after = _last_known(position[:, ::-1])[:, ::-1]
    left = np.nan_to_num(position - np.roll(before, 1, axis=1))
    right = np.nan_to_num(np.roll(after, -1, axis=1) - position)
    left[:, 0], right[:, -1] = 0.0, 0.0
    weights: FloatArray = np.where(known, (left + right) / 2, 0.0)
    return weights


def _last_known(values: FloatArray) -> FloatArray:
    """Each value, or the last finite one before it."""
    index = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(index, axis=1)
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=1), np.nan)


def _line(x: FloatArray, known: NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """Weights by which the area below the line through the first and last number is taken off."""
    out = np.zeros(weights.shape)
    first, last = known.argmax(axis=1), known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    rows = np.arange(len(known))
    half = (x[last] - x[first]) / 2
    out[rows, first] += half
    out[rows, last] += half
    return out
