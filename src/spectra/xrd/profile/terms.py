"""What a term of the profile is: named values, and what they add, with derivatives.

Terms are batched over rows (patterns): values (rows, n), angles 2θ (rows, R) in deg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """One refinable value of a term.

    Parameters
    ----------
    name, unit, meaning : str
    start : float
        Where a refinement starts.
    lower, upper : float
        Allowed range.
    """

    name: str
    unit: str
    meaning: str
    start: float = 0.0
    lower: float = -np.inf
    upper: float = np.inf


class HasCoefficients(Protocol):
    """Anything that declares refinable values."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]: ...


class Declared:
    """The declared values of a term, as arrays in their order."""

    @property
    def names(self: HasCoefficients) -> tuple[str, ...]:
        """Names of the values."""
        return tuple(c.name for c in self.coefficients)

    @property
    def units(self: HasCoefficients) -> tuple[str, ...]:
        """Their units."""
        return tuple(c.unit for c in self.coefficients)

    @property
    def start(self: HasCoefficients) -> FloatArray:
        """Where they start (n,)."""
        return np.array([c.start for c in self.coefficients], dtype=float)

    @property
    def lower(self: HasCoefficients) -> FloatArray:
        """Lower bounds (n,)."""
        return np.array([c.lower for c in self.coefficients], dtype=float)

    @property
    def upper(self: HasCoefficients) -> FloatArray:
        """Upper bounds (n,)."""
        return np.array([c.upper for c in self.coefficients], dtype=float)


@dataclass(frozen=True)
class Theta:
    """θ (rad) of lines at 2θ (deg), with the functions of it that terms share."""

    sine: FloatArray
    cosine: FloatArray

    @classmethod
    def of(cls, two_theta: FloatArray) -> Theta:
        """Half the angle."""
        theta = np.radians(0.5 * np.asarray(two_theta, dtype=float))
        return cls(np.sin(theta), np.cos(theta))

    @property
    def tangent(self) -> FloatArray:
        """Tan θ."""
        return self.sine / self.cosine


# dθ/d(2θ in deg)
BY_TWO_THETA = float(np.pi / 360.0)
DEGREES = float(180.0 / np.pi)


def gather(columns: Sequence[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    """Arrays that broadcast to `shape` as the last axis of one array (*shape, n)."""
    out = np.empty((*shape, len(columns)))
    for i, column in enumerate(columns):
        out[..., i] = column
    return out
