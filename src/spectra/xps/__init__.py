"""X-ray photoemission: calibrate, and separate regions into species."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.lazy import lazy_names

if TYPE_CHECKING:
    from spectra.xps.calibrate import Calibrate as Calibrate
    from spectra.xps.evidence import Evidence as Evidence
    from spectra.xps.model import Model as Model
    from spectra.xps.model import Species as Species
    from spectra.xps.model import list_models as list_models
    from spectra.xps.model import load_model as load_model
    from spectra.xps.monte_carlo import MonteCarlo as MonteCarlo
    from spectra.xps.region import Region as Region
    from spectra.xps.static import shirley as shirley

_LAZY = {
    "Calibrate": "spectra.xps.calibrate",
    "Evidence": "spectra.xps.evidence",
    "Model": "spectra.xps.model",
    "MonteCarlo": "spectra.xps.monte_carlo",
    "Region": "spectra.xps.region",
    "Species": "spectra.xps.model",
    "list_models": "spectra.xps.model",
    "load_model": "spectra.xps.model",
    "shirley": "spectra.xps.static",
}

__all__ = [
    "Calibrate",
    "Evidence",
    "Model",
    "MonteCarlo",
    "Region",
    "Species",
    "list_models",
    "load_model",
    "shirley",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
