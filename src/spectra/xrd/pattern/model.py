"""A model of a powder pattern: phases, instrument, aberrations and background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.aberrations import Aberration
from spectra.xrd.pattern.amplitude import HeldStrengths
from spectra.xrd.pattern.background import Background
from spectra.xrd.pattern.compose import PhaseLines, Term
from spectra.xrd.pattern.layout import Layout, prefixed
from spectra.xrd.pattern.lines import Lines
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.restraints import Restraints
from spectra.xrd.pattern.ties import PatternTies
from spectra.xrd.profile.axial import AxialTerm
from spectra.xrd.profile.instrument import EmissionLine
from spectra.xrd.profile.intensity import FactorTerm
from spectra.xrd.profile.terms import Coefficient
from spectra.xrd.profile.widths import WidthTerm

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class PatternModel:
    """The whole model; its parameters are those of `layout`.

    Parameters
    ----------
    emission : tuple of EmissionLine
        Lines of the radiation; their weights have the sum 1.
    radius : float
        Of the diffractometer, mm.
    phases : tuple of PhaseModel
    aberrations : tuple of Aberration
    widths : tuple of WidthTerm
        Of the instrument.
    factors : tuple of FactorTerm
        Of instrument and specimen: Lorentz and polarisation factor, absorption.
    background : Background
    limits : (float, float)
        Range of 2θ (deg) that is used.
    axial : AxialTerm
    nodes : tuple of int array (R,)
        For each phase, into how many lines axial divergence splits each reflection.
    overrides : mapping of str to float
        Starts of parameters that differ from their usual ones.
    bounds : mapping of str to (float, float)
        Bounds of parameters that differ from their usual ones.
    ties : PatternTies, optional
    restraints : Restraints, optional
    """

    emission: tuple[EmissionLine, ...]
    radius: float
    phases: tuple[PhaseModel, ...]
    aberrations: tuple[Aberration, ...]
    widths: tuple[WidthTerm, ...]
    factors: tuple[FactorTerm, ...]
    background: Background
    limits: tuple[float, float]
    axial: AxialTerm
    nodes: tuple[IntArray, ...]
    overrides: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ties: PatternTies | None = None
    restraints: Restraints | None = None

    def starting(self, values: Mapping[str, float]) -> PatternModel:
        """The same model, its parameters starting at these values; others stay."""
        return replace(self, overrides={**self.overrides, **values})

    def with_strengths(self, strengths: Sequence[FloatArray]) -> PatternModel:
        """The same model with strengths (patterns, R) for each phase that are not refined."""
        phases = tuple(
            replace(phase, amplitude=HeldStrengths(own))
            for phase, own in zip(self.phases, strengths, strict=True)
        )
        return replace(self, phases=phases)

    @cached_property
    def layout(self) -> Layout:
        """All parameters: of the pattern, of each phase, and last of the background."""
        shifts = (Coefficient(a.name, a.unit, a.meaning) for a in self.aberrations)
        background = (
            Coefficient(n, "counts", f"coefficient {n} of the background")
            for n in self.background.names
        )
        whole = Layout(
            (
                *shifts,
                *(c for term in self.widths for c in term.coefficients),
                *self.axial.coefficients,
                *(c for term in self.factors for c in term.coefficients),
                *(c for p in self.phases for c in prefixed(f"{p.name}.", p.coefficients)),
                *background,
            )
        )
        start = [self.overrides.get(p.name, p.start) for p in whole.parameters]
        return whole.starting(np.array(start)).bounded(self.bounds)

    def bounded(self, patterns: Mapping[str, tuple[float, float]]) -> PatternModel:
        """The same model with other bounds of the parameters that are named.

        Raises
        ------
        SettingError
            For a name, with wildcards, that no parameter matches.
        """
        names = self.layout.names
        chosen = {
            names[i]: limits
            for pattern, limits in patterns.items()
            for i in np.flatnonzero(self.layout.match([pattern])).tolist()
        }
        return replace(self, bounds={**self.bounds, **chosen})

    def lines(self, theta: FloatArray, active: IntArray, rows: IntArray) -> Lines:
        """Lines of all phases.

        Parameters
        ----------
        theta : array (rows, P)
            All parameters, those of the background included.
        active : int array (A,)
            The parameters by which derivatives are formed.
        rows : int array (rows,)
            Which of the patterns the rows are.

        Returns
        -------
        Lines
            Every reflection of every phase once for each line of the radiation, and several
            times where axial divergence bends it.
        """
        place = np.full(self.layout.size, -1)
        place[active] = np.arange(len(active))
        return Lines.concatenate(
            [made.lines(theta, place, len(active), rows) for made in self._phase_lines]
        )

    def reflection_of_lines(self) -> list[tuple[slice, IntArray, int]]:
        """For each phase, which `lines` are its own, of which reflection, and of how many."""
        found, first = [], 0
        count = len(self.emission)
        for number, phase in enumerate(self.phases):
            some = self._phase_lines[number * count : (number + 1) * count]
            reflection = np.concatenate([made.reflection for made in some])
            found.append((slice(first, first + len(reflection)), reflection, len(phase.hkl)))
            first += len(reflection)
        return found

    def cell_columns(self, number: int) -> slice:
        """Places of the cell of a phase."""
        phase = self.phases[number]
        return self._columns(phase.cell_coefficients, f"{phase.name}.")

    @cached_property
    def _phase_lines(self) -> tuple[PhaseLines, ...]:
        shifts = tuple((a, self.layout.index(a.name)) for a in self.aberrations)
        made = []
        for phase, nodes in zip(self.phases, self.nodes, strict=True):
            prefix = f"{phase.name}."
            for line in self.emission:
                made.append(
                    PhaseLines(
                        phase=phase,
                        cell=self._columns(phase.cell_coefficients, prefix),
                        amplitude=self._columns(phase.amplitude.coefficients, prefix),
                        shifts=shifts,
                        radius=self.radius,
                        widths=(*self._terms(self.widths), *self._terms(phase.widths, prefix)),
                        factors=(*self._terms(self.factors), *self._terms(phase.factors, prefix)),
                        axial=self.axial,
                        divergence=self._columns(self.axial.coefficients),
                        nodes=nodes,
                        line=line,
                    )
                )
        return tuple(made)

    def _terms(
        self, terms: Sequence[WidthTerm] | Sequence[FactorTerm], prefix: str = ""
    ) -> tuple[Term, ...]:
        return tuple(Term(t, self._columns(t.coefficients, prefix)) for t in terms)

    def _columns(self, coefficients: Sequence[Coefficient], prefix: str = "") -> slice:
        return self.layout.columns([c.name for c in coefficients], prefix)
