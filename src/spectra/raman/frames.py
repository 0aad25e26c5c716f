"""What corrections of Raman spectra share."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.stack import Stack

FloatArray = NDArray[np.float64]

LASERS = (200.0, 2000.0)
"""Wavelengths of lasers (nm)."""

_WAVELENGTH = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9]*)\s*")
# In nm; a number by itself is in nm.
_UNITS = {"": 1.0, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "m": 1e9, "å": 0.1}
_UNITS |= {"nanometer": 1.0, "nanometers": 1.0, "angstrom": 0.1, "angstroms": 0.1}


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


def laser_of(stack: Stack, name: str) -> float | None:
    """Laser line (nm) that the metadata state, as a number or a text with its unit; None if none.

    Raises
    ------
    StackError
        If it is no wavelength of 200 to 2000 nm, naming the file.
    """
    stated = stack.metadata.get("laser_wavelength")
    if stated is None or stated == "":
        return None
    found = _WAVELENGTH.fullmatch(str(stated))
    value = float(found[1]) * _UNITS.get(found[2].lower(), np.nan) if found else np.nan
    if not LASERS[0] <= value <= LASERS[1]:
        files = ", ".join(i.path for i in stack.inputs[:1]) or "the stack"
        raise StackError(
            f"{files}: laser_wavelength = {stated!r}; {name} expected {LASERS[0]:g} to "
            f"{LASERS[1]:g} nm, as a number or with its unit (532 nm); give laser=... to "
            f"{name}, or mend the metadata"
        )
    return value


def check_laser(name: str, laser: float) -> None:
    """Refuse a setting that is neither 0 nor the wavelength of a laser.

    Raises
    ------
    SettingError
    """
    if laser and not LASERS[0] <= laser <= LASERS[1]:
        raise SettingError(
            f"{name}: laser = {laser!r}; expected {LASERS[0]:g} to {LASERS[1]:g} nm, or 0"
        )


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
