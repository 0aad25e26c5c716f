"""Broad bands that overlap on a luminescence, found over the whole range: truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack, Status
from spectra.raman import Bands
from spectra.raman.bands import BandStatus

SHIFT = np.arange(200.0, 1280.0, 1.25)
CENTERS, WIDTHS = (400.0, 520.0, 720.0, 980.0), (110.0, 120.0, 130.0, 180.0)
BANDS = Bands(profile="gaussian", fwhm_max=250.0)


def glassy(n: int, seed: int = 4, noise: float = 15.0) -> tuple[Stack, np.ndarray]:
    """Spectra of unknown noise, and the areas of their bands; the third fades away."""
    rng = np.random.default_rng(seed)
    heights = np.array([500.0, 800.0, 400.0, 1500.0]) * rng.uniform(0.7, 1.3, (n, 4))
    heights[:, 2] *= np.clip(np.linspace(1.5, -0.5, n), 0.0, 1.0)
    u = (SHIFT - SHIFT.mean()) / 540.0
    y = np.tile(6000.0 - 1500.0 * u + 300.0 * u**2, (n, 1))
    for k, (center, width) in enumerate(zip(CENTERS, WIDTHS, strict=True)):
        y += heights[:, k, None] * np.exp(-4 * np.log(2) * ((SHIFT - center) / width) ** 2)
    y += rng.normal(0.0, noise, y.shape)
    areas = heights * np.array(WIDTHS) * np.sqrt(np.pi / np.log(2)) / 2
    return Stack.from_arrays(SHIFT, y, axis_name="raman_shift", axis_unit="1/cm"), areas


@pytest.fixture(scope="module")
def found():
    stack, areas = glassy(120)
    return BANDS(stack), areas


def test_bands_of_glasses_are_found_over_the_whole_range(found):
    results, _ = found
    np.testing.assert_allclose(results.table.coords["band"]["start"], CENTERS, atol=8.0)
    assert np.isin(results.status, (Status.OK, Status.AT_BOUND)).all()
    assert (results["band_status"][:, [0, 1, 3]] == BandStatus.OK).all()


def test_a_band_that_fades_from_a_glass_is_lost(found):
    results, areas = found
    state = results["band_status"][:, 2]
    assert (state[:60] == BandStatus.OK).all()
    gone = areas[:, 2] == 0
    assert (state[gone] == BandStatus.LOST).mean() > 0.9
    assert "no band at 7" in results.messages[-1]


def test_pulls_of_determined_bands(found):
    results, areas = found
    rows = slice(0, 60)
    for name, true in (("area", areas[rows]), ("center", CENTERS), ("fwhm", WIDTHS)):
        pull = (results[name][rows] - true) / results[f"{name}_stderr"][rows]
        assert np.abs(pull.mean(axis=0)).max() < 0.45, name
        assert abs(pull.std() - 1.0) < 0.15, name
