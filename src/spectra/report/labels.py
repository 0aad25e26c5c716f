"""How names, units and values are written for a reader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile

from spectra.filenames import slug as slug
from spectra.notation import with_uncertainty
from spectra.stack import Axis

_UNITS = {
    "angstrom": "Å",
    "angstrom^2": "Å²",
    "angstrom^3": "Å³",
    "1/angstrom": "Å⁻¹",
    "1/cm": "cm⁻¹",
    "counts/cm": "counts cm⁻¹",
    "deg": "°",
    "deg^2": "°²",
    "counts*deg": "counts·°",
    "counts*1/angstrom": "counts·Å⁻¹",
    "degC": "°C",
    "mAh/g": "mAh g⁻¹",
}
# Up to so many frames plots by themselves have ticks between them.
_FEW_FRAMES = 10
# Longer names of frames fill a table and run out of a title.
_LONGEST_NAME = 24
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
    "ratio": "P/M",
    "ratio_height": "I_D/I_G by height",
    "ratio_area": "I_D/I_G by area",
    "ratio_subtracted": "P/M, baseline subtracted",
    "e0": "E0",
    "edge_half": "half-step energy",
    "edge_integral": "edge energy (integral)",
    "edge_moment": "edge energy (first moment)",
    "norm": "normalised μ",
    "peak_r": "R of the peak, k-weight",
    "lobe_r": "lobe",
    "mu": "μ",
}


def frame_ticks(count: int) -> dict[str, int]:
    """Ticks of an axis over the numbers of `count` frames, as plotly wants them: whole ones."""
    return {"tick0": 0, "dtick": 1} if count <= _FEW_FRAMES else {}


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


def measured(value: float, stderr: float) -> str:
    """A value with its uncertainty, or in few digits where it was held and has none.

    Examples
    --------
    >>> measured(-0.0812, 0.0021), measured(6.0, 0.0), measured(float("nan"), 1.0)
    ('−0.081(2)', '6', '–')
    """
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(stderr) and stderr > 0.0):
        return f"{value:.4g}".replace("-", "−")
    return with_uncertainty(value, stderr).replace("-", "−")


def counted(number: int, what: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "frame"), counted(17, "frame")
    ('1 frame', '17 frames')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def from_to(low: float, high: float, digits: int) -> str:
    """A range in so many digits.

    Examples
    --------
    >>> from_to(-8.1, 4.7312, 3)
    '−8.1 … 4.73'
    """
    return f"{low:.{digits}g} … {high:.{digits}g}".replace("-", "−")


def without_common_words(names: Sequence[str]) -> list[str]:
    """Names without the words that all begin with, such as the file that all are of.

    Examples
    --------
    >>> without_common_words(["gold.prj 0.12 h", "gold.prj 33 h"])
    ['0.12 h', '33 h']
    """
    if len(names) < 2:
        return list(names)
    columns = zip(*(n.split(" ")[:-1] for n in names), strict=False)
    common = sum(1 for _ in takewhile(lambda words: len(set(words)) == 1, columns))
    return [n.split(" ", common)[-1] for n in names]


def frame_names(names: Sequence[str], order: Sequence[str] = ()) -> list[str]:
    """What frames are called where there is little room: their names, or numbers if these are long.

    Parameters
    ----------
    names : sequence of str
    order : sequence of str
        Where each frame is along the sequence, with its unit, to be told beside its number.

    Examples
    --------
    >>> frame_names(["foil", "oxide"])
    ['foil', 'oxide']
    >>> frame_names(["scan_of_a_sample_in_a_cell_0001.dat", "b"], ["0 h", "2 h"])
    ['frame 0 (0 h)', 'frame 1 (2 h)']
    """
    short = without_common_words(names)
    if all(len(name) <= _LONGEST_NAME for name in short):
        return short
    if not order:
        return [f"frame {i}" for i in range(len(names))]
    return [f"frame {i} ({where})" for i, where in enumerate(order)]


def axis_label(axis: Axis) -> str:
    """Label of a pattern's axis, e.g. ``2θ (°)``."""
    name = axis.long_name or {"two_theta": "2θ"}.get(axis.name, axis.name)
    symbol = unit_symbol(axis.unit)
    return f"{name} ({symbol})" if symbol else name
