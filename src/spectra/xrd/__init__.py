"""Powder diffraction: follow peaks, refine cells and whole patterns, report strain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.lazy import lazy_names

if TYPE_CHECKING:
    from spectra.xrd.cell import Cell as Cell
    from spectra.xrd.export import export_cif as export_cif
    from spectra.xrd.pattern.lebail import LeBail as LeBail
    from spectra.xrd.pattern.parametric import Parametric as Parametric
    from spectra.xrd.pattern.pawley import Pawley as Pawley
    from spectra.xrd.pattern.rietveld import Rietveld as Rietveld
    from spectra.xrd.pattern.standard import instrument_of as instrument_of
    from spectra.xrd.peaks import Peaks as Peaks
    from spectra.xrd.strain import Strain as Strain
    from spectra.xrd.structure import Structure as Structure
    from spectra.xrd.williamson_hall import WilliamsonHall as WilliamsonHall

_LAZY = {
    "export_cif": "spectra.xrd.export",
    "instrument_of": "spectra.xrd.pattern.standard",
    "Peaks": "spectra.xrd.peaks",
    "Cell": "spectra.xrd.cell",
    "Strain": "spectra.xrd.strain",
    "Structure": "spectra.xrd.structure",
    "WilliamsonHall": "spectra.xrd.williamson_hall",
    "Rietveld": "spectra.xrd.pattern.rietveld",
    "LeBail": "spectra.xrd.pattern.lebail",
    "Parametric": "spectra.xrd.pattern.parametric",
    "Pawley": "spectra.xrd.pattern.pawley",
}

__all__ = [
    "Cell",
    "LeBail",
    "Parametric",
    "Pawley",
    "Peaks",
    "Rietveld",
    "Strain",
    "Structure",
    "WilliamsonHall",
    "export_cif",
    "instrument_of",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
