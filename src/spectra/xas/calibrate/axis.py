"""`xas.Calibrate`: the energy axis of a whole stack, by a foil's edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.calibrate.frames import (
    edge_energy,
    load_spectra,
    signal_of,
    typical_spectrum,
)
from spectra.xas.calibrate.inflection import steepest_points


@dataclass(frozen=True, kw_only=True)
class Calibrate(Correction):
    """Shift the energy axis by one constant, so that a foil's edge lies where it should.

    The edge of the median of all frames, where it rises most steeply, is brought to the energy
    given or tabulated; align the frames among themselves first (`xas.Align`). No number but the
    axis changes. The standard uncertainty, of the foil's edge by the scatter of the points
    around it, is recorded. Which inflection of an edge a table means is a convention: for iron
    and nickel foils it is the first one, and `search` should hold only that.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> foil = 0.5 + np.arctan((energy - 5466.2) / 1.5) / np.pi
    >>> stack = Stack.from_arrays(energy, foil, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> moved = Calibrate(channel="", energy=5465.0)(stack)
    >>> (moved.x - stack.x)[:1].round(2).tolist()
    [-1.2]
    """

    name: ClassVar[str] = "xas.Calibrate"

    channel: str = setting("reference", "channel of the foil; empty takes the signal itself")
    element: str = setting("", "element of the foil; empty takes that of the stack's metadata")
    edge: str = setting("", "edge of the foil, such as K; empty takes that of the metadata, or K")
    energy: float = setting(
        0.0, "energy that the edge is brought to; 0 takes the tabulated one", unit="eV"
    )
    search: tuple[float, float] = setting(
        (-20.0, 20.0), "where the edge is looked for, around that energy", unit="eV"
    )
    half_width: float = setting(
        2.0, "points this close to the edge tell its steepest place", unit="eV", within="above 0"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.energy < 0 or not self.half_width > 0:
            raise SettingError(
                f"{self.name}: energy = {self.energy!r}, half_width = {self.half_width!r}; "
                "expected eV, 0 or more and above 0"
            )
        if len(self.search) != 2 or not self.search[0] < self.search[1]:
            raise SettingError(
                f"{self.name}: search = {self.search!r}; expected two rising energies in eV"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        target = self.energy or edge_energy(full, self.element, self.edge, self.name)
        x, typical = typical_spectrum(full, signal_of(full, self.channel))
        found, stderr = steepest_points(
            x,
            typical[None],
            low=target + self.search[0],
            high=target + self.search[1],
            half_width=self.half_width,
        )
        if not np.isfinite(found[0]):
            raise StackError(
                f"{self.name}: no edge from {target + self.search[0]:g} to "
                f"{target + self.search[1]:g} eV in {self.channel or 'the signal'}; check "
                "channel, element and search"
            )
        shift = target - float(found[0])
        moved = replace(full, axis=replace(full.axis, values=full.x + shift))
        return moved, {
            "found": float(found[0]),
            "stderr": float(stderr[0]),
            "target": target,
            "shift": shift,
        }
