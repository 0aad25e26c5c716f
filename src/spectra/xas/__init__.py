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
    from spectra.xas.mback import Mback as Mback
    from spectra.xas.mixture.ambiguity import rotational_bands as rotational_bands
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination
    from spectra.xas.mixture.components import PrincipalComponents as PrincipalComponents
    from spectra.xas.mixture.components import component_spectra as component_spectra
    from spectra.xas.mixture.resolution import CurveResolution as CurveResolution
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.paths.path import ScatteringPath as ScatteringPath
    from spectra.xas.peak_ratio import Ratio as Ratio
    from spectra.xas.preedge import PreEdge as PreEdge
    from spectra.xas.sensitivity import sensitivity as sensitivity
    from spectra.xas.shells.bonds import bond_table as bond_table
    from spectra.xas.shells.compare import compare as compare
    from spectra.xas.shells.shells import Shells as Shells
    from spectra.xas.soft import SoftEdge as SoftEdge
    from spectra.xas.valence import Valence as Valence

_LAZY = {
    "Align": "spectra.xas.calibrate.align",
    "Calibrate": "spectra.xas.calibrate.axis",
    "CurveResolution": "spectra.xas.mixture.resolution",
    "DeadTime": "spectra.xas.calibrate.deadtime",
    "Deglitch": "spectra.xas.calibrate.glitches",
    "LinearCombination": "spectra.xas.mixture.combination",
    "Mback": "spectra.xas.mback",
    "Merge": "spectra.xas.calibrate.merge",
    "Normalize": "spectra.xas.normalize",
    "OverAbsorption": "spectra.xas.calibrate.overabsorption",
    "PreEdge": "spectra.xas.preedge",
    "PrincipalComponents": "spectra.xas.mixture.components",
    "Ratio": "spectra.xas.peak_ratio",
    "Rebin": "spectra.xas.calibrate.rebin",
    "RemoveSteps": "spectra.xas.calibrate.steps",
    "ScatteringPath": "spectra.xas.paths.path",
    "Shells": "spectra.xas.shells.shells",
    "SoftEdge": "spectra.xas.soft",
    "Valence": "spectra.xas.valence",
    "bond_table": "spectra.xas.shells.bonds",
    "compare": "spectra.xas.shells.compare",
    "component_spectra": "spectra.xas.mixture.components",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
    "rotational_bands": "spectra.xas.mixture.ambiguity",
    "sensitivity": "spectra.xas.sensitivity",
}

__all__ = [
    "Align",
    "Calibrate",
    "CurveResolution",
    "DeadTime",
    "Deglitch",
    "LinearCombination",
    "Mback",
    "Merge",
    "Normalize",
    "OverAbsorption",
    "PreEdge",
    "PrincipalComponents",
    "Ratio",
    "Rebin",
    "RemoveSteps",
    "ScatteringPath",
    "Shells",
    "SoftEdge",
    "Valence",
    "bond_table",
    "compare",
    "component_spectra",
    "flattened",
    "normalized",
    "rotational_bands",
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
