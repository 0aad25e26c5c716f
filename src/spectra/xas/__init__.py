"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.curves import flattened as flattened
    from spectra.xas.curves import normalized as normalized
    from spectra.xas.mixture.ambiguity import rotational_bands as rotational_bands
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination
    from spectra.xas.mixture.components import PrincipalComponents as PrincipalComponents
    from spectra.xas.mixture.components import component_spectra as component_spectra
    from spectra.xas.mixture.resolution import CurveResolution as CurveResolution
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.preedge import PreEdge as PreEdge
    from spectra.xas.soft import SoftEdge as SoftEdge

_LAZY = {
    "CurveResolution": "spectra.xas.mixture.resolution",
    "LinearCombination": "spectra.xas.mixture.combination",
    "Normalize": "spectra.xas.normalize",
    "PreEdge": "spectra.xas.preedge",
    "PrincipalComponents": "spectra.xas.mixture.components",
    "SoftEdge": "spectra.xas.soft",
    "component_spectra": "spectra.xas.mixture.components",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
    "rotational_bands": "spectra.xas.mixture.ambiguity",
}

__all__ = [
    "CurveResolution",
    "LinearCombination",
    "Normalize",
    "PreEdge",
    "PrincipalComponents",
    "SoftEdge",
    "component_spectra",
    "flattened",
    "normalized",
    "rotational_bands",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
