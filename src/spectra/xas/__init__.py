"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.valence import Valence as Valence

_LAZY = {
    "Valence": "spectra.xas.valence",
}

__all__ = [
    "Valence",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
