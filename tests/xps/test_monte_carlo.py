"""`xps.MonteCarlo`: drawn uncertainties beside linear ones, and where they differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import ENERGY, REGION, carbon, counted, curve_of
from vanadium_regions import SETS, simulated

from conformance import MethodConformance
from spectra import Stack
from spectra.errors import SettingError
from spectra.xps import MonteCarlo, Region

SMALL = MonteCarlo(region=REGION, draws=20)


class TestMonteCarlo(MethodConformance):
    blocks = (1, 64)
    without_uncertainty = frozenset(
        {"area_correlation", "transmission", "chi2_reduced", "residual_sd", "abbe", "bic", "scaled"}
        | {f"{n}_{p}" for n in ("area", "fraction", "valence") for p in ("68", "95")}
    )

    def make_method(self):
        return replace(SMALL, frames=(0, 3))

    def make_source(self):
        return counted(curve_of(), 14, seed=1)


def test_well_determined_fits_have_the_linear_uncertainties():
    found = MonteCarlo(region=Region(model=SETS), draws=250)(simulated(2, seed=2, step=4))
    assert (found["draws"] == 250).all()
    for name in ("area", "fraction", "valence"):
        ratio = found[f"{name}_drawn_stderr"] / found[f"{name}_stderr"]
        # A standard deviation of 250 scatters by 4.5 %.
        np.testing.assert_allclose(ratio, 1.0, atol=0.2)
        shift = (found[f"{name}_drawn"] - found[name]) / found[f"{name}_stderr"]
        assert np.abs(shift).max() < 0.3
        for share, width in (("68", 1.0), ("95", 1.96)):
            low, high = np.moveaxis(found[f"{name}_{share}"], -1, 0)
            half = 0.5 * (high - low) / found[f"{name}_stderr"]
            np.testing.assert_allclose(half, width, rtol=0.2)
    assert not any("Monte Carlo" in m for m in found.messages)


def test_linear_columns_are_those_of_the_region():
    stack = counted(curve_of(), 3, seed=4)
    found, linear = SMALL(stack), REGION(stack)
    for name in linear.columns:
        np.testing.assert_array_equal(found[name], linear[name])
    assert found.table.name == linear.table.name
    assert found.attrs["region"] == linear.attrs["region"]


def test_only_chosen_frames_are_drawn_and_alike_wherever_they_stand():
    stack = counted(curve_of(), 6, seed=4)
    whole, some = SMALL(stack), replace(SMALL, frames=(1, 4))(stack)
    assert np.flatnonzero(some["draws"] > 0).tolist() == [1, 4]
    for name in ("area_drawn", "fraction_95", "valence_drawn_stderr"):
        np.testing.assert_array_equal(some[name][[1, 4]], whole[name][[1, 4]])
        assert np.isnan(some[name][[0, 2, 3, 5]]).all()
    np.testing.assert_array_equal(some["area_stderr"], whole["area_stderr"])
    other = replace(SMALL, seed=1)(stack)
    assert (other["area_drawn"] != whole["area_drawn"]).all()


def test_vanishing_species_have_one_sided_intervals_and_are_told():
    stack = counted(curve_of(C_O_area=4.0), 12, seed=3)
    found = MonteCarlo(region=REGION, draws=200)(stack)
    gone = found["area"][:, 1] < 0.3 * found["area_stderr"][:, 1]
    assert gone.sum() >= 3
    low, high = found["area_95"][gone, 1].T
    assert (low == 0).all()
    assert (high > found["area"][gone, 1]).all()
    told = [m for m, g in zip(found.messages, gone, strict=True) if g]
    assert sum("not the linear ones" in m and "of C-O 0." in m for m in told) >= 2


def test_noise_of_other_kinds():
    curve = curve_of()
    stack = counted(curve, 4, seed=5)
    y = np.asarray(stack.signal)
    method = MonteCarlo(region=REGION, draws=200)
    given = Stack.from_arrays(stack.x, y, np.sqrt(y), axis_name="binding_energy")
    rates = replace(stack, signal=y / 13.0, noise="unknown")
    for other in (given, rates):
        found = method(other)
        ratio = found["area_drawn_stderr"] / found["area_stderr"]
        np.testing.assert_allclose(ratio, 1.0, atol=0.25)


def test_where_the_model_is_wrong_both_are_widened():
    wrong = curve_of() + 400 * np.exp(-(((ENERGY - 288.3) / 0.6) ** 2))
    found = MonteCarlo(region=REGION, draws=200)(counted(wrong, 3, seed=6))
    assert (found["chi2_reduced"] > 4).all()
    ratio = found["area_drawn_stderr"] / found["area_stderr"]
    np.testing.assert_allclose(ratio, 1.0, atol=0.3)


def test_shared_positions_are_drawn_as_well():
    region = Region(model=carbon(apart=0.9), common=("positions",))
    stack = counted(curve_of(region, C_O_area=1200.0), 2, seed=7)
    found = MonteCarlo(region=region, draws=200)(stack)
    ratio = found["area_drawn_stderr"] / found["area_stderr"]
    np.testing.assert_allclose(ratio, 1.0, atol=0.25)
    # Were the positions held as they are, uncertainties would be much less.
    held = MonteCarlo(region=Region(model=carbon(apart=0.9, spread=0.0)), draws=200)(stack)
    assert (held["area_drawn_stderr"] < 0.7 * found["area_drawn_stderr"]).all()


def test_wrong_settings_are_named():
    stack = counted(curve_of(), 2)
    with pytest.raises(SettingError, match="draws = 5"):
        MonteCarlo(region=REGION, draws=5)
    with pytest.raises(SettingError, match="seed = -1; expected 0 or more"):
        MonteCarlo(region=REGION, seed=-1)
    with pytest.raises(SettingError, match="frames = 2; expected 0 to 1"):
        replace(SMALL, frames=(0, 2))(stack)
