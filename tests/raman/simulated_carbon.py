"""Carbon whose every band is known, on a sloping background that is fitted with them."""

from __future__ import annotations

import numpy as np

from spectra import Stack

SHIFT = np.arange(900.0, 1900.0, 2.5)
D, G = (1350.0, 120.0, 900.0), (1585.0, 70.0, 1000.0)
RATIO_HEIGHT, RATIO_AREA = 0.9, 0.9 * 120.0 / 70.0


def lorentzian(center: float, fwhm: float, height: float) -> np.ndarray:
    return height / (1 + ((SHIFT - center) / (fwhm / 2)) ** 2)


def two_bands() -> np.ndarray:
    return 300 + 0.1 * (SHIFT - 900) + lorentzian(*D) + lorentzian(*G)


def five_bands() -> np.ndarray:
    d3 = 250 * np.exp(-4 * np.log(2) * ((SHIFT - 1500) / 110) ** 2)
    rest = lorentzian(1200, 120, 200) + lorentzian(1620, 26, 450) + d3
    return 300 + lorentzian(*D) + lorentzian(1580, 50, 1000) + rest


def counted(curve: np.ndarray, n: int, seed: int = 1) -> Stack:
    counts = np.random.default_rng(seed).poisson(curve, (n, len(curve)))
    return Stack.from_arrays(
        SHIFT, counts, noise="counts", axis_name="raman_shift", axis_unit="1/cm"
    )
