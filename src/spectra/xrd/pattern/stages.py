"""In which order the parameters of a pattern are set free, when little is known yet.

Lines that stand beside their place by more than their width pull a refinement nowhere. They are
made wide first: a phase whose cell is off by ε has lines off by 2ε·tanθ, so that much is added to
their width, and taken away again in steps as the cell comes right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.xrd.pattern.layout import Layout

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class Stage:
    """One step of the way.

    Attributes
    ----------
    name : str
    free : bool array (P,)
    blur : float
        Relative error of a cell that the lines are widened for.
    """

    name: str
    free: BoolArray
    blur: float = 0.0

    def widened(self, layout: Layout, theta: FloatArray) -> FloatArray:
        """Parameters (rows, P) with wider lines: U grows by (4ε)² in the unit of 2θ, deg."""
        out = theta.copy()
        out[:, layout.index("u")] += np.degrees(4.0 * self.blur) ** 2
        return out


def make_stages(layout: Layout, free: BoolArray, blur: float) -> tuple[Stage, ...]:
    """Stages for refining the `free` parameters (P,) from cells off by up to `blur`.

    Scales and background come first, then cells, then what shifts lines, then their widths,
    last the atoms and everything else.
    """
    kinds = np.array([_kind(name) for name in layout.names])

    def up_to(*names: str) -> BoolArray:
        return np.asarray(free & np.isin(kinds, names))

    start = up_to("strength", "background")
    cells = up_to("strength", "background", "cell")
    shifts = up_to("strength", "background", "cell", "shift")
    widths = up_to("strength", "background", "cell", "shift", "width")
    return (
        Stage("scales and background, wide lines", start, blur),
        Stage("cells, wide lines", cells, blur),
        Stage("cells, narrower lines", cells, 0.25 * blur),
        Stage("cells and shifts, narrower lines", shifts, 0.06 * blur),
        Stage("cells and shifts", shifts),
        Stage("widths", widths),
        Stage("all", free),
    )


def check_free(layout: Layout, free: BoolArray) -> None:
    """Refuse a refinement in which nothing scales the pattern.

    Raises
    ------
    SettingError
    """
    kinds = [_kind(name) for name, f in zip(layout.names, free, strict=True) if f]
    if "background" not in kinds and "strength" not in kinds:
        raise SettingError("neither scales nor background are refined; leave out `hold`")


def at_bounds(layout: Layout, theta: FloatArray, held: BoolArray) -> list[str]:
    """Names of parameters whose bound a reader must know of.

    A width of zero is none: the sample is then as sharp as the instrument.

    Parameters
    ----------
    layout : Layout
    theta : array (P,)
    held : bool array (P,)
        Parameters held by a bound.
    """
    return [
        layout.names[i]
        for i in np.flatnonzero(held).tolist()
        if not (_kind(layout.names[i]) == "width" and theta[i] == 0.0)
    ]


def _kind(name: str) -> str:
    """What a parameter does: background, strength, cell, shift, width or other."""
    last = name.rsplit(".", 1)[-1]
    if "." not in name:
        if name.startswith(("background", "hump")):
            return "background"
        if name in ("u", "v", "w", "p", "x", "y", "z", "s_l", "h_l"):
            return "width"
        return "shift"
    if last == "scale" or last.startswith("intensity"):
        return "strength"
    if name.count(".") == 1 and last in _CELL:
        return "cell"
    if name.count(".") == 1 and last.startswith(("size", "strain", "s")):
        return "width"
    return "other"
