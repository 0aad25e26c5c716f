"""Derivatives by eighth-order central differences, to hold exact ones against."""

from __future__ import annotations

import numpy as np

_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


def slope(function, step):
    """Derivative of an array-valued function of one number at 0."""
    total = 0.0
    for k, weight in enumerate(_WEIGHTS, 1):
        total = total + weight * (function(k * step) - function(-k * step))
    return total / step


def assert_slope(exact, function, step, tolerance=1e-8):
    """The exact derivative agrees, relative to its greatest value."""
    numeric = slope(function, step)
    assert np.shape(exact) == np.shape(numeric)
    scale = max(float(np.abs(numeric).max()), 1e-30)
    assert np.abs(exact - numeric).max() <= tolerance * scale
