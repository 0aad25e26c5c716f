"""What the reflections of a phase weigh: by its atoms, freely, or as they were found.

That is all in which Rietveld, Pawley and Le Bail refinements differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.crystal.structure_factors import StructureFactors
from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Amplitude(Protocol):
    """Strengths of the R reflections of a phase, before the factors that hang on 2θ."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The parameters."""
        ...

    def evaluate(
        self, values: FloatArray, inverse_d2: FloatArray, rows: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give strengths (rows, R), and their slopes by the values (rows, R, n) and by 1/d².

        Parameters
        ----------
        values : array (rows, n)
        inverse_d2 : array (rows, R)
            1/angstrom².
        rows : int array (rows,)
            Which of the patterns the rows are.
        """
        ...


@dataclass(frozen=True)
class Structural:
    """scale·m·|F|²: the strengths follow from the atoms (H. M. Rietveld, J. Appl. Cryst. 2 (1969)
    65, eq. 3).

    Parameters
    ----------
    factors : StructureFactors
    multiplicity : array (R,)
    """

    factors: StructureFactors
    multiplicity: FloatArray

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The scale, and the free parameters of the atoms."""
        f = self.factors
        atoms = zip(f.names, f.start.tolist(), f.lower.tolist(), f.upper.tolist(), strict=True)
        return (
            Coefficient("scale", "", "scale of the phase", 1.0, 0.0),
            *(Coefficient(n, _unit(n), _meaning(n), s, lo, hi) for n, s, lo, hi in atoms),
        )

    def evaluate(
        self, values: FloatArray, inverse_d2: FloatArray, rows: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give strengths and their slopes, as `Amplitude.evaluate`."""
        f2, by_atoms, by_inverse_d2 = self.factors.evaluate(values[:, 1:], inverse_d2)
        scale = values[:, :1]
        by_values = np.concatenate([f2[..., None], scale[..., None] * by_atoms], axis=2)
        m = self.multiplicity
        return scale * m * f2, m[:, None] * by_values, scale * m * by_inverse_d2


@dataclass(frozen=True)
class FreeStrengths:
    """Every reflection as strong as the pattern says (G. S. Pawley, J. Appl. Cryst. 14 (1981) 357).

    Reflections at one spacing in whatever cell, such as 333 and 511 of a cubic one, share one
    parameter.

    Parameters
    ----------
    names : tuple of str
        Of the parameters.
    start : array (n,)
    group : int array (R,)
        The parameter of each reflection.
    """

    names: tuple[str, ...]
    start: FloatArray
    group: IntArray

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """One for each line that symmetry does not merge."""
        return tuple(
            Coefficient(name, "", f"{name}: multiplicity times |F|^2, relative", float(s))
            for name, s in zip(self.names, self.start, strict=True)
        )

    def evaluate(
        self, values: FloatArray, inverse_d2: FloatArray, rows: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give strengths and their slopes, as `Amplitude.evaluate`."""
        share = 1.0 / np.bincount(self.group)[self.group]
        slopes = np.zeros((len(self.group), len(self.names)))
        slopes[np.arange(len(self.group)), self.group] = share
        by_values = np.broadcast_to(slopes, (len(values), *slopes.shape))
        return values[:, self.group] * share, by_values, np.zeros_like(inverse_d2)


@dataclass(frozen=True)
class HeldStrengths:
    """Strengths that each pattern has by itself, not refined (A. Le Bail, H. Duroy and J. L.
    Fourquet, Mater. Res. Bull. 23 (1988) 447).

    Parameters
    ----------
    strengths : array (patterns, R)
    """

    strengths: FloatArray

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """None."""
        return ()

    def evaluate(
        self, values: FloatArray, inverse_d2: FloatArray, rows: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give strengths and their slopes, as `Amplitude.evaluate`."""
        # Before they are known, all patterns share one set.
        held = self.strengths[rows if len(self.strengths) > 1 else np.zeros_like(rows)]
        return held, np.zeros((*held.shape, 0)), np.zeros_like(held)


_MEANINGS = {
    "x": "coordinate x",
    "y": "coordinate y",
    "z": "coordinate z",
    "occupancy": "occupancy",
    "u_iso": "isotropic displacement",
}


def _unit(name: str) -> str:
    return "angstrom^2" if name.rsplit(".", 1)[-1].startswith("u") else ""


def _meaning(name: str) -> str:
    site, _, what = name.rpartition(".")
    return f"{_MEANINGS.get(what, f'displacement {what}')} of {site}"
