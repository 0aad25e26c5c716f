"""What misfit and unknown units of rates do to uncertainties: once, and nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import ENERGY, carbon, counted, curve_of
from scipy.signal import lfilter

from spectra import Stack
from spectra.xps import Region

RIGHT = Region(model=carbon(3.0))


def of_lines_with_tails(n):
    lines = 9000 / (1 + ((ENERGY - 284.8) / 0.6) ** 2) + 3000 / (1 + ((ENERGY - 287.8) / 0.6) ** 2)
    return counted(100 + lines, n, seed=2)


def test_shared_positions_are_widened_once():
    stack = of_lines_with_tails(9)
    free = replace(RIGHT, background="none")(stack)
    assert free["chi2_reduced"].min() > 20.0
    shared = replace(RIGHT, background="none", common=("positions",))(stack)
    expected = free["position_stderr"] / np.sqrt(len(stack))
    np.testing.assert_allclose(shared["position_stderr"] / expected, 1.0, atol=0.3)


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 1e4])
def test_the_unit_of_a_rate_changes_no_relative_uncertainty(unit):
    stack = counted(curve_of(RIGHT), 4, seed=5)
    rate = Stack.from_arrays(
        ENERGY, np.asarray(stack.signal) * unit, axis_name="binding_energy", axis_unit="eV"
    )
    one, other = RIGHT(replace(rate, signal=stack.signal)), RIGHT(rate)
    np.testing.assert_allclose(other["area"], one["area"] * unit, rtol=1e-5)
    np.testing.assert_allclose(other["area_stderr"], one["area_stderr"] * unit, rtol=1e-3)
    np.testing.assert_allclose(other["fraction_stderr"], one["fraction_stderr"], rtol=1e-3)


@pytest.mark.parametrize("background", ["tougaard", "shirley_tougaard"])
def test_thrown_electrons_do_not_depend_on_other_frames(background):
    region = replace(RIGHT, background=background)
    stack = counted(curve_of(RIGHT), 9, seed=6)
    plan = region.prepare(stack)
    together = region.fit(stack, plan)
    for i in range(0, 9, 4):
        alone = region.fit(stack[i : i + 1], plan)
        for name in ("area", "area_stderr", "parameter"):
            np.testing.assert_array_equal(alone[name][0], together[name][i], err_msg=name)


def pulls(noise):
    """Width of the pulls of positions under `noise` (frames, points) that goes with √rate."""
    axis = np.linspace(281.0, 290.0, noise.shape[1])
    curve = curve_of(RIGHT, axis)
    y = curve + noise * np.sqrt(curve)
    stack = Stack.from_arrays(axis, y, axis_name="binding_energy", axis_unit="eV")
    found = RIGHT(stack)
    z = (found["position"] - [284.8, 287.8]) / found["position_stderr"]
    return z.std(axis=0)


def test_a_right_model_is_not_widened():
    found = RIGHT(counted(curve_of(RIGHT), 800, seed=8))
    z = (found["position"] - [284.8, 287.8]) / found["position_stderr"]
    assert np.abs(z.std(axis=0) - 1.0).max() < 0.07
    assert abs(z.mean()) < 0.07


def test_noise_that_hangs_together_widens_uncertainties():
    # An autoregressive process of first order: unwidened, pulls are sqrt(1.7 / 0.3) = 2.4 wide.
    # The fit takes part of the noise for background, and the residuals hang together less.
    white = np.random.default_rng(4).normal(0.0, 0.5, (400, 361))
    noise = lfilter([1.0], [1.0, -0.7], white, axis=1)
    assert np.abs(pulls(noise) - 1.0).max() < 0.25
