"""X-ray photoemission: calibrate, and separate regions into species."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xps' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
