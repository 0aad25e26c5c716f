"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination
    from spectra.xas.mixture.components import PrincipalComponents as PrincipalComponents
    from spectra.xas.mixture.components import component_spectra as component_spectra

_LAZY: dict[str, str] = {
    "LinearCombination": "spectra.xas.mixture.combination",
    "PrincipalComponents": "spectra.xas.mixture.components",
    "component_spectra": "spectra.xas.mixture.components",
}

__all__ = [
    "LinearCombination",
    "PrincipalComponents",
    "component_spectra",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
