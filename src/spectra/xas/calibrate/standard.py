"""A standard spectrum in a setting: of a file, or as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.kinds import shown
from spectra.stack import InputFile, Stack

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Standard:
    """A spectrum: the path of its file, or its energies (eV) and absorption."""

    file: str = ""
    energy: tuple[float, ...] = ()
    mu: tuple[float, ...] = ()

    def to_plain(self) -> str | list[list[float]]:
        """As it stands in a recipe."""
        return self.file or [list(self.energy), list(self.mu)]

    def load(self) -> tuple[FloatArray, FloatArray, tuple[InputFile, ...]]:
        """Energies (points,) in eV, the absorption, and the file that they come from.

        Raises
        ------
        StackError
            If the file does not hold one spectrum over energy.
        """
        if not self.file:
            return np.array(self.energy), np.array(self.mu), ()
        from spectra.readers import read

        stack = read(self.file).load()
        if stack.axis.name != "energy" or stack.n_frames != 1:
            raise StackError(
                f"standard {self.file}: {stack.n_frames} frames over {stack.axis.name}; "
                "expected one spectrum over energy"
            )
        known = np.isfinite(np.asarray(stack.signal)[0])
        return stack.x[known], np.asarray(stack.signal)[0][known], stack.inputs

    @classmethod
    def as_setting(cls, value: Any) -> Standard:
        """Take it as a user may give it: a path, a Stack of one frame, two lists.

        Raises
        ------
        SettingError
            If it is none of these.
        """
        if isinstance(value, str | Path):
            return cls(file=str(value))
        if isinstance(value, Stack):
            if value.n_frames != 1:
                raise SettingError(f"has {value.n_frames} frames; expected one, stack[i]")
            value = (value.x, np.asarray(value.load().signal)[0])
        try:
            energy, mu = (np.asarray(v, dtype=float) for v in value)
        except (TypeError, ValueError):
            raise SettingError(
                f"= {shown(value)}; expected a path, a Stack of one frame, or two lists: "
                "energies (eV) and absorption"
            ) from None
        known = np.isfinite(mu) if energy.shape == mu.shape else np.zeros(0, bool)
        if energy.ndim != 1 or known.sum() < 8 or (np.diff(energy) <= 0).any():
            raise SettingError(
                f"has energies of shape {energy.shape} and absorption of {mu.shape}; expected two "
                "lists of one length, energies rising, eight points or more"
            )
        return cls("", tuple(energy[known].tolist()), tuple(mu[known].tolist()))
