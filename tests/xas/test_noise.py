"""The noise of spectra that come without uncertainties, also of interpolated ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d

from spectra import Stack, xas
from spectra.xas.noise import points_together

STEP = 0.7
MEASURED = np.arange(5380.0, 5800.0, STEP)


def spectra(n, sigma, seed=0):
    """Frames of an edge with a pre-edge peak and some oscillation."""
    e = MEASURED
    edge = 0.5 + np.arctan((e - 5480.0) / 1.5) / np.pi
    curve = 0.3 - 2e-4 * (e - 5465.0) + edge + 0.3 * np.exp(-(((e - 5490.0) / 5.0) ** 2))
    curve = curve + 0.6 * np.exp(-(((e - 5469.0) / 1.2) ** 2))
    curve = curve + 0.03 * np.sin((e - 5480.0) / 12.0) * (e > 5490.0)
    return curve + sigma * np.random.default_rng(seed).standard_normal((n, e.size))


def stack_of(energy, mu, **given):
    return Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu", **given)


def interpolated(step, kind, n, sigma):
    energy = np.arange(MEASURED[0], MEASURED[-1] - 1.0, step)
    return stack_of(energy, interp1d(MEASURED, spectra(n, sigma), kind=kind)(energy))


@pytest.mark.parametrize("sigma", [2e-2, 2e-3, 1e-4, 1e-5, 0.0])
def test_measured_points_do_not_hang_together(sigma):
    assert points_together(stack_of(MEASURED, spectra(20, sigma))) == 1.0
    assert points_together(stack_of(MEASURED, spectra(1, sigma, seed=3))) == 1.0


@pytest.mark.parametrize(
    ("step", "kind"), [(0.35, "linear"), (0.35, "cubic"), (0.175, "cubic"), (0.5, "cubic")]
)
@pytest.mark.parametrize("sigma", [2e-3, 1e-4])
def test_uncertainties_of_interpolated_spectra_hold_their_scatter(step, kind, sigma):
    stack = interpolated(step, kind, 120, sigma)
    assert points_together(stack) > 3.0
    for results, name in (
        (xas.Normalize()(stack), "edge_step"),
        (xas.PreEdge()(stack), "ratio"),
        (xas.Ratio()(stack), "ratio"),
    ):
        said = np.median(results[f"{name}_stderr"])
        # Straight pieces have less noise between the measured points: said to be too much.
        assert 0.4 < np.std(results[name]) / said < 1.3, name


def test_known_noise_is_taken_as_it_is():
    stack = interpolated(0.35, "cubic", 3, 2e-3)
    errors = np.full(stack.signal.shape, 2e-3)
    assert points_together(stack_of(stack.x, stack.signal, errors=errors)) == 1.0


def test_few_points_tell_nothing():
    stack = interpolated(0.35, "cubic", 3, 2e-3).crop(5460.0, 5485.0)
    assert points_together(stack) == 1.0
    holes = interpolated(0.35, "cubic", 2, 2e-3).load()
    signal = np.array(holes.signal)
    signal[:, 10] = np.nan
    assert points_together(stack_of(holes.x, signal)) == 1.0
