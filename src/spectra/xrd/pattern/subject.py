"""What a function of a frame variable is, and the parameter that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]


class Function(Protocol):
    """A function g(t; β) of a frame variable."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The coefficients β, with units and bounds."""
        ...

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (n,) at t (n,), and their derivatives (n, K) by β (K,)."""
        ...

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Coefficients (K,) for values y (n,) of weights 1/σ²."""
        ...


@dataclass(frozen=True)
class Subject:
    """What a function is for.

    Parameters
    ----------
    name, unit : str
        The parameter.
    variable, variable_unit : str
        What it is a function of.
    """

    name: str
    unit: str
    variable: str
    variable_unit: str

    def coefficient(
        self, name: str, meaning: str, power: int = 0, lower: float = -np.inf, upper: float = np.inf
    ) -> Coefficient:
        """A coefficient in the parameter's unit over the variable's to a power."""
        unit = self.unit
        if power and self.variable_unit:
            unit = f"{unit or '1'}/{self.variable_unit}" + (f"^{power}" if power > 1 else "")
        return Coefficient(name, unit, meaning, 0.0, lower, upper)
