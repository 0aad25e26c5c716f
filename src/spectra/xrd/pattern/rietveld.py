"""Rietveld refinement of a sequence: intensities from the atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spectra.reference import Phase
from spectra.xrd.crystal.reflections import Reflections
from spectra.xrd.crystal.structure_factors import StructureFactors
from spectra.xrd.pattern.amplitude import Amplitude, Structural
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.wholepattern import WholePattern
from spectra.xrd.profile.instrument import Instrument


@dataclass(frozen=True, kw_only=True)
class Rietveld(WholePattern):
    """Refine crystal structures, cells, scales and widths from whole patterns, frame by frame.

    H. M. Rietveld, J. Appl. Cryst. 2 (1969) 65. Refined are the scales, cells and widths of all
    phases, the background and the `corrections`; atoms where `refine` names them, e.g.
    ``refine=("CuO.O1.y", "*.u_iso")``.
    """

    name: ClassVar[str] = "xrd.Rietveld"
    block_size: ClassVar[int] = 32

    def _amplitude(self, phase: Phase, listed: Reflections, instrument: Instrument) -> Amplitude:
        factors = StructureFactors.of(
            phase, listed.hkl, instrument.radiation, instrument.wavelength
        )
        return Structural(factors, listed.multiplicity.astype(float))

    def _free(self, phase: PhaseModel) -> tuple[str, ...]:
        return ("scale",)
