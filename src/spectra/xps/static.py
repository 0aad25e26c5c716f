"""The iterative Shirley background of one spectrum, for comparison with the active one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]


def shirley(
    binding_energy: ArrayLike,
    intensity: ArrayLike,
    *,
    ends: int = 3,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
) -> tuple[FloatArray, bool]:
    """Iterate the background that joins both ends of a window.

    A. Proctor and P. M. A. Sherwood, Anal. Chem. 54 (1982) 13, doi:10.1021/ac00238a008: at each
    point the background is in proportion to the area above it at lower binding energy. Of use to
    look at, not to subtract before a fit: its uncertainty then never reaches the areas.

    Parameters
    ----------
    binding_energy, intensity : array (points,)
        Rising energies in eV.
    ends : int
        Points averaged at either end.
    tolerance : float
        Change of the background, over its range, at which to stop.
    max_iterations : int

    Returns
    -------
    background : array (points,)
    converged : bool

    Raises
    ------
    SettingError
        For energies that do not rise, or fewer points than both ends need.
    """
    x, y = (np.asarray(v, dtype=float) for v in (binding_energy, intensity))
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2 * ends + 1 or (np.diff(x) <= 0).any():
        raise SettingError(
            f"xps.shirley: energies {x.shape} and intensities {y.shape}; expected two arrays of "
            f"more than {2 * ends} points, the energies rising"
        )
    low, high = float(y[:ends].mean()), float(y[-ends:].mean())
    background = np.full_like(y, low)
    step = high - low
    for _ in range(max_iterations):
        above = y - background
        below = np.concatenate([[0.0], np.cumsum(0.5 * (above[1:] + above[:-1]) * np.diff(x))])
        if below[-1] <= 0:
            return background, False
        fresh = low + step * below / below[-1]
        change = float(np.abs(fresh - background).max())
        background = fresh
        if change <= tolerance * max(abs(step), np.finfo(float).tiny):
            return background, True
    return background, False
