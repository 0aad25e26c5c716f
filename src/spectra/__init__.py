"""spectra: raw diffraction and spectroscopy measurements into numbers a referee can trust.

``spectra.read`` and ``spectra.open`` give a `Stack`; a method such as ``spectra.xrd.Peaks``
turns it into `Results`; ``spectra.run`` does so block by block, for a million frames.
"""

from __future__ import annotations

from spectra.lazy import lazy_names

__version__ = "0.1.0"

_PACKAGES = (
    *("errors", "fit", "operando", "readers", "reference", "report", "units"),
    *("raman", "xas", "xps", "xrd"),
)
_LAZY = {
    "Axis": "spectra.stack",
    "InputFile": "spectra.stack",
    "Stack": "spectra.stack",
    "Variable": "spectra.stack",
    "Results": "spectra.results",
    "Status": "spectra.status",
    "read": "spectra.readers",
    "read_regions": "spectra.readers",
    "open": "spectra.nexus:open_file",
    "write": "spectra.nexus:write_file",
    "run": "spectra.engine",
    **{name: f"spectra.{name}" for name in _PACKAGES},
}

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
    "raman",
    "xas",
    "xps",
    "xrd",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
