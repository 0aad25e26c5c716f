"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.curves import flattened as flattened
    from spectra.xas.curves import normalized as normalized
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.preedge import PreEdge as PreEdge
    from spectra.xas.valence import Valence as Valence

_LAZY = {
    "Normalize": "spectra.xas.normalize",
    "PreEdge": "spectra.xas.preedge",
    "Valence": "spectra.xas.valence",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
}

__all__ = [
    "Normalize",
    "PreEdge",
    "Valence",
    "flattened",
    "normalized",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
