"""Widths of lines: at half of the height, and area over height."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]


def fwhm_and_gradient(profile: Profile | Doublet, *shape: ArrayLike) -> tuple[FloatArray, Gradient]:
    """Full width at half maximum of one component, and its derivatives by the shape."""
    single = profile.profile if isinstance(profile, Doublet) else profile
    return single.width(*(np.asarray(s, dtype=float) for s in shape))


def breadth_and_gradient(
    profile: Profile | Doublet, *shape: ArrayLike
) -> tuple[FloatArray, Gradient]:
    """Integral breadth of one component, area over height, and its derivatives by the shape."""
    single = profile.profile if isinstance(profile, Doublet) else profile
    height, slopes = single.peak_height_and_gradient(*shape)
    return 1.0 / height, tuple(-s / height**2 for s in slopes)


def fwhm_of(profile: Profile | Doublet, *shape: ArrayLike) -> FloatArray:
    """Full width at half maximum of one component."""
    return fwhm_and_gradient(profile, *shape)[0]
