"""Intensities of any method as parameters: what a pattern tells of them, and of all else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance
from spectra.fit.solver import Evaluation
from spectra.xrd.pattern.amplitude import FreeStrengths, HeldStrengths
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective, Prior
from spectra.xrd.pattern.phase import PhaseModel

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Uncertainty believed of a faint intensity, as a share of the strongest.
VAGUE = 1e-3


def intensity_columns(model: PatternModel) -> list[slice]:
    """Places of the intensities of each phase."""
    return [
        model.layout.columns([c.name for c in p.amplitude.coefficients], f"{p.name}.")
        for p in model.phases
    ]


def believed_precision(intensities: FloatArray) -> FloatArray:
    """1/σ² of intensities (rows, R) of a phase, each believed give or take all of it.

    A phase that is not there has none, and nothing is believed of it.
    """
    size = np.abs(intensities)
    sigma = size + VAGUE * size.max(axis=1, keepdims=True)
    return np.asarray(np.where(sigma > 0, 1.0 / np.maximum(sigma, 1e-150) ** 2, 0.0))


@dataclass(frozen=True)
class Freed:
    """Refined patterns, their intensities parameters, whatever they were.

    Nothing is tied, and nothing believed beforehand but that cells are within their range.

    Attributes
    ----------
    objective : PatternObjective
    theta : array (rows, P)
        Refined parameters, intensities among them.
    open : bool array (rows, P)
        Those that were refined, and the intensities of the phases that are there.
    place : int array (P,)
        Where each stands among the parameters of the method, -1 if it is not one.
    """

    objective: PatternObjective
    theta: FloatArray
    open: BoolArray
    place: IntArray

    @classmethod
    def of(
        cls, objective: PatternObjective, theta: FloatArray, vary: BoolArray, present: BoolArray
    ) -> Freed:
        """Of the parameters (rows, P) of a method, those refined, and phases (rows, phases)."""
        free = _freed(objective)
        own = {name: i for i, name in enumerate(objective.model.layout.names)}
        place = np.array([own.get(n, -1) for n in free.model.layout.names])
        moved = place >= 0
        inner = np.tile(free.model.layout.start, (len(theta), 1))
        opened: BoolArray = np.zeros(inner.shape, bool)
        inner[:, moved], opened[:, moved] = theta[:, place[moved]], vary[:, place[moved]]
        columns = intensity_columns(free.model)
        for number, (at, phase) in enumerate(zip(columns, objective.model.phases, strict=True)):
            if isinstance(phase.amplitude, HeldStrengths):
                held = phase.amplitude.strengths
                inner[:, at] = held[objective.rows if len(held) > 1 else 0 * objective.rows]
            opened[:, at] = present[:, number, None]
        return cls(free, inner, opened, place)

    def evaluate(self) -> Evaluation:
        """Cost, gradient and Hessian by all parameters.

        Only those that some row needs would do, but then bits would hang on which rows there are.
        """
        return self.objective.evaluate(self.theta)

    def covariance(self, held: BoolArray) -> FloatArray:
        """Covariance (rows, n, n) of the n parameters of the method, intensities unknown.

        Parameters
        ----------
        held : bool array (rows, n)
            What a bound holds.
        """
        moved = self.place >= 0
        hessian = self.evaluate().hessian
        diagonal = np.einsum("rii->ri", hessian)
        for at in intensity_columns(self.objective.model):
            diagonal[:, at] += believed_precision(self.theta[:, at])
        use = self.open.copy()
        use[:, moved] &= ~held[:, self.place[moved]]
        whole = covariance(hessian, use)
        out = np.full((len(whole), held.shape[1], held.shape[1]), np.nan)
        out[:, self.place[moved][:, None], self.place[moved]] = whole[:, moved][:, :, moved]
        return out


def _freed(objective: PatternObjective) -> PatternObjective:
    model = objective.model
    phases = tuple(replace(p, amplitude=_free_amplitude(p)) for p in model.phases)
    freed = replace(model, phases=phases, ties=None, restraints=None)
    return PatternObjective(
        freed,
        objective.tiles,
        objective.background,
        np.arange(freed.layout.size),
        objective.y,
        objective.weight,
        objective.loss,
        objective.rows,
        Prior.of_cells(freed, len(objective.y)),
    )


def _free_amplitude(phase: PhaseModel) -> FreeStrengths:
    if isinstance(phase.amplitude, FreeStrengths):
        return phase.amplitude
    count = len(phase.hkl)
    names = tuple(f"intensity({' '.join(map(str, hkl))})" for hkl in phase.hkl.tolist())
    return FreeStrengths(names, np.ones(count), np.arange(count))
