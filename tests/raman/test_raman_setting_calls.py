"""Raman methods and corrections work or refuse, whatever their settings are."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_bands import CENTRES, SHIFT, series
from simulated_carbon import counted, two_bands

from setting_values import call_with_each
from spectra import Stack, raman

FEW = series(2, base=True, metadata={"laser_wavelength": 532.0})
COARSE = Stack.from_arrays(
    SHIFT[::8], FEW.signal[:1, ::8], axis_name="raman_shift", axis_unit="1/cm"
)
NEON = {"lines": CENTRES[:3], "search": 20.0}
LAMP = {"shift": SHIFT[::80].tolist(), "measured": (1 + np.arange(10)).tolist()}
CASES = [
    (raman.Bands, {"positions": CENTRES[2:3]}, COARSE),
    (raman.Carbon, {"bands": (2,)}, counted(two_bands(), 2)),
    (raman.Baseline, {}, FEW),
    (raman.Calibrate, NEON, FEW),
    (raman.Despike, {}, FEW),
    (raman.Response, LAMP, FEW),
    (raman.Scale, {}, FEW),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) >= 0
