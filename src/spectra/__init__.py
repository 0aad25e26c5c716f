"""spectra: raw diffraction and spectroscopy measurements into numbers a referee can trust.

``spectra.read`` and ``spectra.open`` give a `Stack`; a method such as ``spectra.xrd.Peaks``
turns it into `Results`; ``spectra.run`` does so block by block, for a million frames.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> (module, attribute): imported on first use, so that `import spectra` stays light.
_LAZY = {
    "Axis": ("spectra.stack", "Axis"),
    "InputFile": ("spectra.stack", "InputFile"),
    "Stack": ("spectra.stack", "Stack"),
    "Variable": ("spectra.stack", "Variable"),
    "Results": ("spectra.results", "Results"),
    "Status": ("spectra.status", "Status"),
    "read": ("spectra.readers", "read"),
    "read_regions": ("spectra.readers", "read_regions"),
    "open": ("spectra.nexus", "open_file"),
    "write": ("spectra.nexus", "write_file"),
    "run": ("spectra.engine", "run"),
}
_PACKAGES = frozenset(
    ("errors", "fit", "operando", "readers", "reference", "report", "units", "xas", "xrd")
)

__all__ = [  # noqa: RUF022 - in the order in which a user meets them
    "__version__",
    "read",
    "read_regions",
    "open",
    "write",
    "run",
    "Stack",
    "Axis",
    "Variable",
    "InputFile",
    "Results",
    "Status",
    "errors",
    "fit",
    "operando",
    "readers",
    "reference",
    "report",
    "units",
    "xas",
    "xrd",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module, attribute = _LAZY[name]
        value = getattr(importlib.import_module(module), attribute)
    elif name in _PACKAGES:
        value = importlib.import_module(f"spectra.{name}")
    else:
        raise AttributeError(f"module 'spectra' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
