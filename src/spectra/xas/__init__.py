"""X-ray absorption: correct, normalise, and read valences from edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.lazy import lazy_names

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
    from spectra.xas.exafs.back import BackTransform as BackTransform
    from spectra.xas.exafs.background import Background as Background
    from spectra.xas.exafs.background import background_curve as background_curve
    from spectra.xas.exafs.framemap import wavelet_map as wavelet_map
    from spectra.xas.exafs.smoothing_spline import SmoothBackground as SmoothBackground
    from spectra.xas.exafs.transform import FourierTransform as FourierTransform
    from spectra.xas.exafs.wavelet import Wavelet as Wavelet
    from spectra.xas.mback import Mback as Mback
    from spectra.xas.mixture.ambiguity import rotational_bands as rotational_bands
    from spectra.xas.mixture.combination import LinearCombination as LinearCombination
    from spectra.xas.mixture.components import PrincipalComponents as PrincipalComponents
    from spectra.xas.mixture.components import component_spectra as component_spectra
    from spectra.xas.mixture.resolution import CurveResolution as CurveResolution
    from spectra.xas.normalize import Normalize as Normalize
    from spectra.xas.paths.checks import check_paths as check_paths
    from spectra.xas.paths.feff import feff_paths as feff_paths
    from spectra.xas.paths.folder import read_paths as read_paths
    from spectra.xas.paths.path import ScatteringPath as ScatteringPath
    from spectra.xas.paths.pathlist import PathList as PathList
    from spectra.xas.paths.quick import quick_path as quick_path
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
    "BackTransform": "spectra.xas.exafs.back",
    "Background": "spectra.xas.exafs.background",
    "Calibrate": "spectra.xas.calibrate.axis",
    "CurveResolution": "spectra.xas.mixture.resolution",
    "DeadTime": "spectra.xas.calibrate.deadtime",
    "Deglitch": "spectra.xas.calibrate.glitches",
    "FourierTransform": "spectra.xas.exafs.transform",
    "LinearCombination": "spectra.xas.mixture.combination",
    "Mback": "spectra.xas.mback",
    "Merge": "spectra.xas.calibrate.merge",
    "Normalize": "spectra.xas.normalize",
    "OverAbsorption": "spectra.xas.calibrate.overabsorption",
    "PathList": "spectra.xas.paths.pathlist",
    "PreEdge": "spectra.xas.preedge",
    "PrincipalComponents": "spectra.xas.mixture.components",
    "Ratio": "spectra.xas.peak_ratio",
    "Rebin": "spectra.xas.calibrate.rebin",
    "RemoveSteps": "spectra.xas.calibrate.steps",
    "ScatteringPath": "spectra.xas.paths.path",
    "Shells": "spectra.xas.shells.shells",
    "SmoothBackground": "spectra.xas.exafs.smoothing_spline",
    "SoftEdge": "spectra.xas.soft",
    "Valence": "spectra.xas.valence",
    "Wavelet": "spectra.xas.exafs.wavelet",
    "background_curve": "spectra.xas.exafs.background",
    "bond_table": "spectra.xas.shells.bonds",
    "check_paths": "spectra.xas.paths.checks",
    "compare": "spectra.xas.shells.compare",
    "component_spectra": "spectra.xas.mixture.components",
    "feff_paths": "spectra.xas.paths.feff",
    "flattened": "spectra.xas.curves",
    "normalized": "spectra.xas.curves",
    "quick_path": "spectra.xas.paths.quick",
    "read_paths": "spectra.xas.paths.folder",
    "rotational_bands": "spectra.xas.mixture.ambiguity",
    "sensitivity": "spectra.xas.sensitivity",
    "wavelet_map": "spectra.xas.exafs.framemap",
}

__all__ = [
    "Align",
    "BackTransform",
    "Background",
    "Calibrate",
    "CurveResolution",
    "DeadTime",
    "Deglitch",
    "FourierTransform",
    "LinearCombination",
    "Mback",
    "Merge",
    "Normalize",
    "OverAbsorption",
    "PathList",
    "PreEdge",
    "PrincipalComponents",
    "Ratio",
    "Rebin",
    "RemoveSteps",
    "ScatteringPath",
    "Shells",
    "SmoothBackground",
    "SoftEdge",
    "Valence",
    "Wavelet",
    "background_curve",
    "bond_table",
    "check_paths",
    "compare",
    "component_spectra",
    "feff_paths",
    "flattened",
    "normalized",
    "quick_path",
    "read_paths",
    "rotational_bands",
    "sensitivity",
    "wavelet_map",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY, __all__)
