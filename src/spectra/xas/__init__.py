"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.curves import flattened as flattened
    from spectra.xas.curves import normalized as normalized
    from spectra.xas.mback import Mback as Mback
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.preedge import PreEdge as PreEdge
    from spectra.xas.sensitivity import sensitivity as sensitivity

_LAZY = {
    "Mback": "spectra.xas.mback",
    "Normalize": "spectra.xas.normalize",
    "PreEdge": "spectra.xas.preedge",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
    "sensitivity": "spectra.xas.sensitivity",
}

__all__ = [
    "Mback",
    "Normalize",
    "PreEdge",
    "flattened",
    "normalized",
    "sensitivity",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'spectra.xas' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
