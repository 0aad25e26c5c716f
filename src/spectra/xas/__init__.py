"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.xas.calibrate.align import Align as Align
    from spectra.xas.calibrate.axis import Calibrate as Calibrate
    from spectra.xas.calibrate.deadtime import DeadTime as DeadTime
    from spectra.xas.calibrate.glitches import Deglitch as Deglitch
    from spectra.xas.calibrate.merge import Merge as Merge
    from spectra.xas.calibrate.overabsorption import OverAbsorption as OverAbsorption
    from spectra.xas.calibrate.rebin import Rebin as Rebin
    from spectra.xas.calibrate.steps import RemoveSteps as RemoveSteps
    from spectra.xas.curves import flattened as flattened
    from spectra.xas.curves import normalized as normalized
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.preedge import PreEdge as PreEdge

_LAZY = {
    "Align": "spectra.xas.calibrate.align",
    "Calibrate": "spectra.xas.calibrate.axis",
    "DeadTime": "spectra.xas.calibrate.deadtime",
    "Deglitch": "spectra.xas.calibrate.glitches",
    "Merge": "spectra.xas.calibrate.merge",
    "Normalize": "spectra.xas.normalize",
    "OverAbsorption": "spectra.xas.calibrate.overabsorption",
    "PreEdge": "spectra.xas.preedge",
    "Rebin": "spectra.xas.calibrate.rebin",
    "RemoveSteps": "spectra.xas.calibrate.steps",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
}

__all__ = [
    "Align",
    "Calibrate",
    "DeadTime",
    "Deglitch",
    "Merge",
    "Normalize",
    "OverAbsorption",
    "PreEdge",
    "Rebin",
    "RemoveSteps",
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
