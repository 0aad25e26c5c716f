"""X-ray photoemission: calibrate, and separate regions into species."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.lazy import lazy_names

if TYPE_CHECKING:
    from spectra.xps.calibrate import Calibrate as Calibrate
    from spectra.xps.endpoints import Endpoints as Endpoints
    from spectra.xps.evidence import Evidence as Evidence
    from spectra.xps.flatten import Flatten as Flatten
    from spectra.xps.mean_free_path import Material as Material
    from spectra.xps.mean_free_path import imfp as imfp
    from spectra.xps.mean_free_path import information_depth as information_depth
    from spectra.xps.model import Model as Model
    from spectra.xps.model import Species as Species
    from spectra.xps.model import list_models as list_models
    from spectra.xps.model import load_model as load_model
    from spectra.xps.monte_carlo import MonteCarlo as MonteCarlo
    from spectra.xps.quantify import Quantify as Quantify
    from spectra.xps.region import Region as Region
    from spectra.xps.regions import join as join
    from spectra.xps.sensitivity import list_sensitivities as list_sensitivities
    from spectra.xps.sensitivity import load_sensitivities as load_sensitivities
    from spectra.xps.static import shirley as shirley

_LAZY = {
    "Calibrate": "spectra.xps.calibrate",
    "Endpoints": "spectra.xps.endpoints",
    "Evidence": "spectra.xps.evidence",
    "Flatten": "spectra.xps.flatten",
    "Material": "spectra.xps.mean_free_path",
    "Model": "spectra.xps.model",
    "MonteCarlo": "spectra.xps.monte_carlo",
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
    "Evidence",
    "Flatten",
    "Material",
    "Model",
    "MonteCarlo",
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

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
