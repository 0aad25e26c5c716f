"""Raman methods and corrections work or refuse, whatever their settings are."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_bands import CENTRES, SHIFT, series
from simulated_carbon import counted, two_bands

from setting_values import call_with_each
from spectra import raman

FEW = series(4, base=True, metadata={"laser_wavelength": 532.0})
NEON = {"lines": CENTRES[:3], "search": 20.0}
LAMP = {"shift": SHIFT[::80].tolist(), "measured": (1 + np.arange(10)).tolist()}
CASES = [
    (raman.Bands, {}, FEW),
    (raman.Bands, {"positions": CENTRES[:2]}, FEW),
    (raman.Carbon, {"bands": (2,)}, counted(two_bands(), 2)),
    (raman.Baseline, {}, FEW),
    (raman.Calibrate, NEON, FEW),
    (raman.Calibrate, {"standard": "polystyrene"}, FEW),
    (raman.Despike, {}, FEW),
    (raman.Response, LAMP, FEW),
    (raman.Scale, {"by": "band", "window": (500, 540)}, FEW),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 5
