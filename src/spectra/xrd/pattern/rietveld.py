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

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Rietveld
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> refined = Rietveld(phases="Si", profile=("w",))(stack)
    >>> refined["a"].round(2).tolist()
    [[5.43]]
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
