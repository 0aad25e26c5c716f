"""Raman methods and corrections work or refuse, whatever their settings are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_bands import CENTRES, SHIFT, series
from simulated_carbon import counted, two_bands

from setting_values import call_with_each
from spectra import Stack, raman
from spectra.errors import StackError
from spectra.raman.frames import laser_of
from spectra.stack import InputFile

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


@pytest.mark.parametrize("stated", [532.0, 532, "532 nm", "532", "0.532 µm", "5320 Å", "5.32e-7 m"])
def test_laser_of_the_metadata(stated):
    assert laser_of(FEW.with_metadata(laser_wavelength=stated), "raman.Carbon") == pytest.approx(
        532
    )


@pytest.mark.parametrize("stated", ["green", "nm", 0, -532, "2 eV", [532], "532 785", np.nan])
def test_laser_that_is_none_is_refused_by_the_file(stated):
    source = replace(counted(two_bands(), 2), inputs=(InputFile("a.txt", "", 0),))
    source = source.with_metadata(laser_wavelength=stated)
    with pytest.raises(StackError, match=r"^a\.txt: laser_wavelength = .* expected 200 to 2000 nm"):
        raman.Carbon(bands=2)(source)
    assert raman.Carbon(bands=2, laser=532.0)(source).attrs["laser"] == 532.0


def test_stacks_without_a_laser_need_none():
    assert laser_of(counted(two_bands(), 2), "raman.Carbon") is None
    assert laser_of(FEW.with_metadata(laser_wavelength=""), "raman.Carbon") is None
