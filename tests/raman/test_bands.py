"""`raman.Bands`: bands found, fitted with their background, followed and assigned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_bands import CENTRES, HEIGHTS, SHIFT, WIDTHS, series

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.raman import Bands
from spectra.raman.assign import list_mode_sets, load_mode_set
from spectra.raman.bands import BandStatus

POSITIONS, FWHM, AREAS = (320.0, 520.0, 690.0), (14.0, 9.0, 22.0), (9000.0, 6000.0, 12000.0)


def followed(n=20, fading=True, seed=2) -> Stack:
    """Counts of three bands on a curved background; the second fades away."""
    rng = np.random.default_rng(seed)
    areas = np.tile(np.array(AREAS), (n, 1))
    if fading:
        areas[:, 1] *= np.linspace(1.0, 0.0, n)
    u = (SHIFT - SHIFT.mean()) / 400.0
    y = np.tile(120 + 30 * u - 20 * u**2, (n, 1))
    for k, (center, fwhm) in enumerate(zip(POSITIONS, FWHM, strict=True)):
        shape = 2 / np.pi / fwhm / (1 + ((SHIFT - center) / (fwhm / 2)) ** 2)
        y += areas[:, k, None] * shape
    return Stack.from_arrays(
        SHIFT, rng.poisson(y), noise="counts", axis_name="raman_shift", axis_unit="1/cm"
    )


class TestBands(MethodConformance):
    without_uncertainty = frozenset(
        {"significance", "background_poly", "chi2_reduced", "abbe", "bic", "scaled"}
    )

    def make_method(self):
        return Bands()

    def make_source(self):
        return followed(fading=False)


def test_bands_are_found_and_a_fading_one_is_lost():
    results = Bands()(followed())
    np.testing.assert_allclose(results.table.coords["band"]["start"], POSITIONS, atol=1.0)
    state = results["band_status"]
    assert (state[:, [0, 2]] == BandStatus.OK).all()
    assert (state[:12, 1] == BandStatus.OK).all()
    assert state[-1, 1] == BandStatus.LOST
    assert np.isnan(results["area"][-1, 1])
    assert "520" in results.messages[-1]


def test_pulls_with_the_background_free():
    stack = followed(1000, fading=False, seed=7)
    results = Bands(positions=POSITIONS, widths=FWHM)(stack)
    assert (results.status == Status.OK).all()
    for name, true in (("area", AREAS), ("center", POSITIONS), ("fwhm", FWHM)):
        pull = (results[name] - np.array(true)) / results[f"{name}_stderr"]
        assert np.abs(pull.mean()) < 0.05, name
        assert abs(pull.std() - 1) < 0.07, name


def test_overlapping_bands_of_known_positions():
    results = Bands(positions=CENTRES, widths=WIDTHS)(series(base=True))
    scale = np.linspace(1.0, 2.0, 16)[:, None]
    pull = (results["height"] - scale * np.array(HEIGHTS)) / results["height_stderr"]
    assert np.abs(pull).max() < 4
    assert abs(pull.std() - 1) < 0.25


@pytest.mark.parametrize(
    "profile", ["gaussian", "pseudo_voigt", "voigt", "breit_wigner_fano", "split_pseudo_voigt"]
)
def test_any_line_shape(profile):
    results = Bands(positions=POSITIONS, widths=FWHM, profile=profile)(followed(2, fading=False))
    np.testing.assert_allclose(results["center"], np.tile(POSITIONS, (2, 1)), atol=1.0)


def test_assignment_names_its_set():
    results = Bands(positions=POSITIONS, widths=FWHM, assignments=("vanadium_oxides",))(
        followed(2, fading=False)
    )
    texts = results.table.coords["band"]["assignment"]
    assert texts[0] == ""
    assert texts[1] == "V-O (522, vanadium_oxides)"
    assert "users fit them" in results.attrs["assignments"]["vanadium_oxides"]


def test_every_set_has_a_source():
    assert list_mode_sets()
    for name in list_mode_sets():
        found = load_mode_set(name)
        assert found.source
        assert found.compound
        assert found.modes


def test_settings_and_stacks_are_checked():
    with pytest.raises(SettingError, match="widths"):
        Bands(widths=(3.0,))
    with pytest.raises(SettingError, match="vanadium"):
        Bands(assignments=("nothing",))
    flat = Stack.from_arrays(
        SHIFT,
        np.random.default_rng(0).poisson(100, (3, len(SHIFT))),
        noise="counts",
        axis_name="raman_shift",
        axis_unit="1/cm",
    )
    with pytest.raises(StackError, match="no band"):
        Bands(threshold=8.0)(flat)
    with pytest.raises(StackError, match="two_theta"):
        Bands()(Stack.from_arrays(SHIFT, np.ones((2, len(SHIFT)))))


@pytest.mark.parametrize("noise", ["counts", "unknown"])
def test_perfect_fits_are_converged(noise):
    y = np.full((2, SHIFT.size), 120.0)
    for center, fwhm, area in zip(POSITIONS, FWHM, AREAS, strict=True):
        y += area * 2 / np.pi / fwhm / (1 + ((SHIFT - center) / (fwhm / 2)) ** 2)
    y[1] *= 2.0
    stack = Stack.from_arrays(SHIFT, y, noise=noise, axis_name="raman_shift", axis_unit="1/cm")
    for method in (Bands(), Bands(positions=POSITIONS), Bands(degree=0)):
        results = method(stack)
        assert results.status.tolist() == [Status.OK] * 2
        np.testing.assert_allclose(results["center"], [POSITIONS] * 2, rtol=1e-9)
        np.testing.assert_allclose(results["area"], np.outer([1.0, 2.0], AREAS), rtol=1e-7)


def test_positions_lie_in_the_window_and_differ():
    with pytest.raises(SettingError, match=r"positions = 994 1/cm given more than once"):
        Bands(positions=(994.0, 701.0, 994.0))
    far = SHIFT[-1] + 30.0
    with pytest.raises(SettingError, match=rf"positions = {far:g} 1/cm; expected within .* 1/cm"):
        Bands(positions=(*CENTRES, far))(followed(2))
    assert Bands(positions=CENTRES[:2], degree=1)(followed(2))["center"].shape == (2, 2)


def test_negative_counts_are_flagged():
    stack = followed(3, fading=False)
    y = np.array(stack.signal, dtype=float)
    y[1] -= 130.0
    results = Bands(positions=POSITIONS, widths=FWHM)(replace(stack, signal=y))
    assert results.status.tolist() == [Status.OK, Status.BAD_INPUT, Status.OK]
    assert "of the counts are negative" in results.messages[1]
    assert np.isnan(results["area"][1]).all()
