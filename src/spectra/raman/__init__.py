"""Raman spectra: take cosmic rays out, calibrate, subtract baselines, normalise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.lazy import lazy_names

if TYPE_CHECKING:
    from spectra.raman.bands import Bands as Bands
    from spectra.raman.baseline import Baseline as Baseline
    from spectra.raman.calibrate import Calibrate as Calibrate
    from spectra.raman.carbon import Carbon as Carbon
    from spectra.raman.despike import Despike as Despike
    from spectra.raman.response import Response as Response
    from spectra.raman.scale import Scale as Scale

_LAZY = {
    "Bands": "spectra.raman.bands",
    "Baseline": "spectra.raman.baseline",
    "Carbon": "spectra.raman.carbon",
    "Calibrate": "spectra.raman.calibrate",
    "Despike": "spectra.raman.despike",
    "Response": "spectra.raman.response",
    "Scale": "spectra.raman.scale",
}

__all__ = ["Bands", "Baseline", "Calibrate", "Carbon", "Despike", "Response", "Scale"]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
