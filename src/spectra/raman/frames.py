"""What corrections of Raman spectra share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.stack import Stack

FloatArray = NDArray[np.float64]


def load_spectra(stack: Stack, name: str) -> Stack:
    """The stack in memory, if it is over Raman shifts.

    Raises
    ------
    StackError
        If the axis is another, or there are no frames.
    """
    axis = stack.axis
    if (axis.name, axis.unit) != ("raman_shift", "1/cm"):
        raise StackError(
            f"{name} needs spectra over raman_shift in 1/cm; the axis is {axis.name} "
            f'({axis.unit}); read them with axis="raman_shift", or with the laser line of spectra '
            "over wavelengths"
        )
    if stack.n_frames == 0:
        raise StackError(f"{name}: there are no frames")
    return stack.load()


def check_window(name: str, window: tuple[float, ...]) -> None:
    """Refuse a window that is neither empty nor two rising Raman shifts.

    Raises
    ------
    SettingError
        Naming the setting.
    """
    if window and (len(window) != 2 or not window[0] < window[1]):
        raise SettingError(
            f"{name}: window = {window!r}; expected two rising Raman shifts in 1/cm, or none"
        )


def within(x: FloatArray, window: tuple[float, ...]) -> NDArray[np.bool_]:
    """Points of a window (points,); all for an empty one."""
    if not window:
        return np.ones(len(x), bool)
    return np.asarray((x >= window[0]) & (x <= window[1]))


def say_window(window: tuple[float, ...]) -> str:
    """A window in words."""
    return f"from {window[0]:g} to {window[1]:g} 1/cm" if window else "of the axis"
