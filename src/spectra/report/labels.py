"""How names, units and values are written for a reader."""

from __future__ import annotations

import math
import re

from spectra.stack import Axis

_UNITS = {
    "angstrom": "Å",
    "angstrom^2": "Å²",
    "angstrom^3": "Å³",
    "1/angstrom": "Å⁻¹",
    "deg": "°",
    "deg^2": "°²",
    "counts*deg": "counts·°",
    "counts*1/angstrom": "counts·Å⁻¹",
    "degC": "°C",
    "mAh/g": "mAh g⁻¹",
}
_NAMES = {
    "volume": "V",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "c_over_a": "c/a",
    "dv_over_v": "ΔV/V",
    "da_over_a": "Δa/a",
    "db_over_b": "Δb/b",
    "dc_over_c": "Δc/c",
    "chi2_reduced": "reduced χ²",
    "fwhm": "FWHM",
    "two_theta": "2θ",
    "center": "position",
}
# Beyond this an uncertainty says that nothing is known, and its digits say nothing more.
_MOST_DIGITS = 12


def unit_symbol(unit: str) -> str:
    """The unit as it is printed, e.g. ``Å³`` for ``angstrom^3``."""
    return _UNITS.get(unit, unit)


def quantity(name: str) -> str:
    """The quantity as it is printed, e.g. ``ΔV/V`` for ``dv_over_v``."""
    return _NAMES.get(name, name.replace("_", " "))


def with_unit(name: str, unit: str) -> str:
    """Label of an axis, e.g. ``V (Å³)``."""
    symbol = unit_symbol(unit)
    return f"{name} ({symbol})" if symbol else name


def slug(text: str) -> str:
    """What may stand in a file name or an element's id; other characters become ``-``.

    Examples
    --------
    >>> slug("../K3V5O14 <1>")
    'K3V5O14-1'
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "unnamed"


def with_uncertainty(value: float, stderr: float) -> str:
    """A value and its standard uncertainty in the short notation of the GUM (7.2.2).

    Crystallography's "rule of 19": the uncertainty keeps two digits where they are 19 or
    less, and one otherwise. An unknown one is left out.

    Examples
    --------
    >>> with_uncertainty(8.680312, 0.00012)
    '8.68031(12)'
    >>> with_uncertainty(325.5821, 0.0072)
    '325.582(7)'
    >>> with_uncertainty(float("nan"), 1.0)
    '–'
    """
    if not math.isfinite(value):
        return "–"
    if not math.isfinite(stderr) or stderr <= 0.0:
        return f"{value:.7g}"
    exponent = math.floor(math.log10(stderr))
    digits = round(stderr / 10.0 ** (exponent - 1))
    if digits > 19:
        digits = round(stderr / 10.0**exponent)
        places = -exponent
    else:
        places = 1 - exponent
    if places > _MOST_DIGITS:
        return f"{value:.{_MOST_DIGITS}g}"
    if places <= 0:
        scale = 10 ** (-places)
        return f"{round(value / scale) * scale:d}({digits * scale:d})"
    return f"{value:.{places}f}({digits:d})"


def axis_label(axis: Axis) -> str:
    """Label of a pattern's axis, e.g. ``2θ (°)``."""
    name = axis.long_name or {"two_theta": "2θ"}.get(axis.name, axis.name)
    symbol = unit_symbol(axis.unit)
    return f"{name} ({symbol})" if symbol else name
