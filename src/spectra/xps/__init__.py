"""X-ray photoemission: calibrate, and separate regions into species."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xps.calibrate import Calibrate as Calibrate
    from spectra.xps.endpoints import Endpoints as Endpoints
    from spectra.xps.flatten import Flatten as Flatten
    from spectra.xps.mean_free_path import Material as Material
    from spectra.xps.mean_free_path import imfp as imfp
    from spectra.xps.mean_free_path import information_depth as information_depth
    from spectra.xps.model import Model as Model
    from spectra.xps.model import Species as Species
    from spectra.xps.model import list_models as list_models
    from spectra.xps.model import load_model as load_model
    from spectra.xps.quantify import Quantify as Quantify
    from spectra.xps.region import Region as Region
    from spectra.xps.regions import join as join
    from spectra.xps.sensitivity import list_sensitivities as list_sensitivities
    from spectra.xps.sensitivity import load_sensitivities as load_sensitivities
    from spectra.xps.static import shirley as shirley

_LAZY = {
    "Calibrate": "spectra.xps.calibrate",
    "Endpoints": "spectra.xps.endpoints",
    "Flatten": "spectra.xps.flatten",
    "Material": "spectra.xps.mean_free_path",
    "Model": "spectra.xps.model",
    "Quantify": "spectra.xps.quantify",
    "Region": "spectra.xps.region",
    "Species": "spectra.xps.model",
    "imfp": "spectra.xps.mean_free_path",
    "information_depth": "spectra.xps.mean_free_path",
    "join": "spectra.xps.regions",
    "list_models": "spectra.xps.model",
    "list_sensitivities": "spectra.xps.sensitivity",
    "load_model": "spectra.xps.model",
    "load_sensitivities": "spectra.xps.sensitivity",
    "shirley": "spectra.xps.static",
}

__all__ = [
    "Calibrate",
    "Endpoints",
    "Flatten",
    "Material",
    "Model",
    "Quantify",
    "Region",
    "Species",
    "imfp",
    "information_depth",
    "join",
    "list_models",
    "list_sensitivities",
    "load_model",
    "load_sensitivities",
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
