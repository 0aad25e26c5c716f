"""Doublets of a laboratory tube: where the second line stands, and how strong it is."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import PROFILES, get_profile


def test_doublet_positions_and_areas():
    line = Doublet(get_profile("gaussian"), 1.544426 / 1.540593, 0.5)
    x = np.linspace(99, 102, 6001)
    y = line.value(x, 100.0, 0.05)
    second = 2 * np.degrees(np.arcsin(1.544426 / 1.540593 * np.sin(np.radians(50))))
    gap = 0.5 * (100 + second)
    step = x[1] - x[0]
    assert y[x < gap].sum() * step == pytest.approx(2 / 3, rel=1e-4)
    assert (x * y)[x > gap].sum() / y[x > gap].sum() == pytest.approx(second, abs=1e-4)


def test_doublet_beyond_180_degrees_is_single():
    line = Doublet(get_profile("gaussian"), 1.01, 0.5)
    x = np.linspace(175, 180, 101)
    y, gradient = line.value_and_gradient(x, 178.0, 0.3)
    assert np.isfinite(y).all()
    assert all(np.isfinite(g).all() for g in gradient)
    np.testing.assert_allclose(y, PROFILES["gaussian"].value(x, 178.0, 0.3))
