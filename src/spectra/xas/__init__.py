"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination

_LAZY: dict[str, str] = {
    "LinearCombination": "spectra.xas.mixture.combination",
}

__all__ = [
    "LinearCombination",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
