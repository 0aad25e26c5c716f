"""One phase of a pattern: its reflections, and what its parameters are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.lattice import CellConstraint
from spectra.xrd.pattern.amplitude import Amplitude
from spectra.xrd.profile.intensity import FactorTerm
from spectra.xrd.profile.terms import Coefficient
from spectra.xrd.profile.widths import WidthTerm

_DEGREES = 180.0 / np.pi


@dataclass(frozen=True)
class PhaseModel:
    """One phase: its reflections and what its parameters are.

    Parameters
    ----------
    name : str
    hkl : int array (R, 3)
    cell : tuple of float
        Start of a, b, c (angstrom), alpha, beta, gamma (deg).
    constraint : CellConstraint
    amplitude : Amplitude
    widths : tuple of WidthTerm
        Of the sample: size, microstrain.
    factors : tuple of FactorTerm
        Of the phase: texture.
    cell_range : float
        How far the lengths of the cell may go from their start, as a share of them; angles as
        far in radians.
    """

    name: str
    hkl: NDArray[np.int32]
    cell: tuple[float, ...]
    constraint: CellConstraint
    amplitude: Amplitude
    widths: tuple[WidthTerm, ...] = ()
    factors: tuple[FactorTerm, ...] = ()
    cell_range: float = 0.03

    @property
    def cell_coefficients(self) -> tuple[Coefficient, ...]:
        """The free parameters of the cell."""
        out = []
        for name, start in zip(
            self.constraint.names, self.constraint.free(self.cell).tolist(), strict=True
        ):
            length = name in "abc"
            room = self.cell_range * (start if length else _DEGREES)
            unit = "angstrom" if length else "deg"
            out.append(
                Coefficient(name, unit, f"cell parameter {name}", start, start - room, start + room)
            )
        return tuple(out)

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """All parameters of the phase: cell, strengths, widths, factors."""
        terms: tuple[WidthTerm | FactorTerm, ...] = (*self.widths, *self.factors)
        return (
            *self.cell_coefficients,
            *self.amplitude.coefficients,
            *(c for term in terms for c in term.coefficients),
        )
