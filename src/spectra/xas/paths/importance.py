"""How much each path contributes to χ(k)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra.errors import SettingError
from spectra.xas.paths.path import FloatArray, ScatteringPath

_STEP = 0.05


def importances(
    paths: Sequence[ScatteringPath],
    *,
    k_weight: float = 2.0,
    k_range: tuple[float, float] = (3.0, 12.0),
) -> FloatArray:
    """Areas under the paths' envelopes, in percent of the largest: (paths,).

    The envelope is k^w·N·F(k)·exp(−2R/λ)/(k R²), without disorder. FEFF's own curved-wave
    amplitude ratio is the like without k-weight (S. I. Zabinsky, J. J. Rehr, A. Ankudinov,
    R. C. Albers, M. J. Eller, Phys. Rev. B 52 (1995) 2995).

    Parameters
    ----------
    paths : sequence of ScatteringPath
    k_weight : float
    k_range : tuple of float
        (1/angstrom); cut where a path ends.

    Raises
    ------
    SettingError
        If no path reaches into the range.
    """
    low, high = k_range
    if not (0.0 < low < high):
        raise SettingError(f"k_range {k_range}; expected 0 < begin < end, in 1/angstrom")
    if paths and max(path.k_max for path in paths) <= low:
        raise SettingError(
            f"k_range {k_range}: the paths end at {max(p.k_max for p in paths):g} 1/angstrom; "
            "take a lower range"
        )
    k = np.arange(low, high + _STEP / 2, _STEP)
    areas = np.array([_area(path, k, k_weight) for path in paths])
    return np.asarray(100.0 * (areas / areas.max())) if len(areas) else areas


def _area(path: ScatteringPath, k: FloatArray, k_weight: float) -> float:
    amplitude = np.interp(k, path.k, path.amplitude, right=0.0)
    damping = np.exp(-2.0 * path.reff / np.interp(k, path.k, path.mean_free_path))
    envelope = path.degeneracy * np.abs(amplitude) * damping / path.reff**2
    return float(np.trapezoid(envelope * k ** (k_weight - 1.0), k))
