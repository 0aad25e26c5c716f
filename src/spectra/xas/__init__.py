"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.mixture.ambiguity import rotational_bands as rotational_bands
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination
    from spectra.xas.mixture.components import PrincipalComponents as PrincipalComponents
    from spectra.xas.mixture.components import component_spectra as component_spectra
    from spectra.xas.mixture.resolution import CurveResolution as CurveResolution

_LAZY: dict[str, str] = {
    "CurveResolution": "spectra.xas.mixture.resolution",
    "rotational_bands": "spectra.xas.mixture.ambiguity",
    "LinearCombination": "spectra.xas.mixture.combination",
    "PrincipalComponents": "spectra.xas.mixture.components",
    "component_spectra": "spectra.xas.mixture.components",
}

__all__ = [
    "CurveResolution",
    "LinearCombination",
    "PrincipalComponents",
    "component_spectra",
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
