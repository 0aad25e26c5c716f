"""`raman.Carbon` on fluorescence: the degree of the background, and what its choice is worth."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_carbon import RATIO_AREA, RATIO_HEIGHT, SHIFT, D, G, counted, lorentzian, two_bands

from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.fit.residuals import akaike_weights
from spectra.raman import Carbon
from spectra.raman.curves import evaluate

ACROSS = (SHIFT - 900.0) / 1000.0
RATIOS = (("ratio_height", RATIO_HEIGHT), ("ratio_area", RATIO_AREA))


def glowing(glow, scale=1.0):
    return scale * (200.0 + glow + lorentzian(*D) + lorentzian(*G))


DECAY = glowing(500.0 * np.exp(-ACROSS / 0.9))
STEEP = glowing(500.0 * np.exp(-ACROSS / 0.3))
HUMP = glowing(500.0 * 2.0 ** -(((ACROSS - 0.5) / 0.6) ** 2))
NARROW_HUMP = glowing(300.0 * 2.0 ** -(((ACROSS - 0.55) / 0.3) ** 2), 8.0)


def pull(results, name, truth):
    return (results[name] - truth) / results[f"{name}_stderr"]


def test_a_straight_background_costs_nothing():
    results = Carbon(bands=(2,))(counted(two_bands(), 1500, seed=31))
    assert (results.status == Status.OK).all()
    for name, truth in RATIOS:
        z = pull(results, name, truth)
        assert abs(z.mean()) < 0.05
        assert abs(z.std() - 1) < 0.07
    assert np.mean(results["background_degree"] == 1) > 0.6


@pytest.mark.parametrize("curve", [DECAY, STEEP, HUMP], ids=["decay", "steep", "hump"])
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_ratios_on_fluorescence_are_honest(curve, scale):
    stack = counted(scale * curve, 200, seed=32)
    results = Carbon(bands=(2,))(stack)
    for name, truth in RATIOS:
        z = pull(results, name, truth)
        assert abs(z.mean()) < 0.75
        assert abs(z.std() - 1) < 0.2
    line = Carbon(bands=(2,), degree=1)(stack)
    assert abs(pull(line, "ratio_area", RATIO_AREA).mean()) > 0.6
    assert np.max(results["background_degree"]) > 1


def test_a_degree_that_was_given_stays_and_what_contradicts_it_is_told():
    results = Carbon(bands=(2,), degree=1)(counted(HUMP, 20))
    assert (results["background_degree"] == 1).all()
    assert (results["ratio_area_background"] == 0).all()
    told = "the data contradict 2 bands on a background of degree 1: 2 degrees more would lessen χ²"
    assert all(told in message for message in results.messages)


def test_nothing_is_told_of_a_background_that_is_right():
    results = Carbon(bands=(2,), degree=1)(counted(two_bands(), 1500, seed=33))
    assert np.mean([message != "" for message in results.messages]) < 0.004
    # A score of two degrees of freedom: means 2, and above 5.99 in one of twenty.
    gain = results["background_gain"]
    assert gain.mean() == pytest.approx(2.0, abs=0.2)
    assert np.mean(gain > 5.99) == pytest.approx(0.05, abs=0.02)


def test_what_no_degree_follows_is_told():
    results = Carbon(bands=(2,))(counted(NARROW_HUMP, 20))
    assert all("on a background of degree 4" in message for message in results.messages)


@pytest.mark.parametrize("noise", ["counts", "given", "unknown"])
def test_the_gain_is_what_a_fit_of_more_degrees_gains(noise):
    curve = glowing(60.0 * np.exp(-ACROSS / 0.5))
    counts = np.random.default_rng(34).poisson(curve, (12, len(curve)))
    spread = {"errors": np.tile(np.sqrt(curve), (12, 1))} if noise == "given" else {}
    stack = Stack.from_arrays(
        SHIFT, counts, noise=noise, axis_name="raman_shift", axis_unit="1/cm", **spread
    )
    low, high = (Carbon(bands=(2,), degree=d)(stack) for d in (1, 3))
    n = len(SHIFT)
    fitted = low["model_bic"][:, 0] - high["model_bic"][:, 0] + 2 * np.log(n)
    np.testing.assert_allclose(low["background_gain"], fitted, rtol=0.1, atol=0.5)


def test_the_choice_is_part_of_the_uncertainty():
    stack = counted(0.1 * DECAY, 40, seed=35)
    both = Carbon(bands=(2,), degree=(1, 2))(stack)
    fixed = [Carbon(bands=(2,), degree=d)(stack) for d in (1, 2)]
    rows, which = np.arange(40), both["background_degree"] - 1
    assert {0, 1} == set(which.tolist())
    cost = np.stack([f["model_bic"][:, 0] for f in fixed], axis=1) - np.log(400) * np.array([8, 9])
    weights = akaike_weights(cost, np.array([1, 2]))
    for name, _ in RATIOS:
        value = np.stack([f[name] for f in fixed], axis=1)
        error = np.stack([f[f"{name}_stderr"] for f in fixed], axis=1)[rows, which]
        told = value[rows, which]
        worth = np.sqrt((weights * (value - told[:, None]) ** 2).sum(axis=1))
        np.testing.assert_allclose(both[name], told, rtol=1e-5)
        np.testing.assert_allclose(both[f"{name}_background"], worth, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(both[f"{name}_stderr"], np.hypot(error, worth), rtol=1e-4)


def test_curves_are_those_of_the_degree_that_is_told():
    stack = counted(HUMP, 6)
    results = Carbon(bands=(2,), degree=(1, 2, 4))(stack)
    curves = evaluate(SHIFT, results)
    residual = (np.asarray(stack.signal) - curves.total) / np.sqrt(curves.total)
    assert np.abs((residual**2).mean(axis=1) - 1).max() < 0.3
    lacks = results["background_degree"] == 2
    names = results.table.coords["parameter"]["label"].tolist()
    assert lacks.any()
    assert np.isnan(results["parameter"][lacks][:, names.index("bkg_c3")]).all()
    assert np.isfinite(results["parameter"][lacks][:, names.index("bkg_c2")]).all()


@pytest.mark.parametrize("degree", [(), (7,), (1, 1)])
def test_degrees_are_checked(degree):
    with pytest.raises(SettingError, match=r"degree = \(.*expected some of -1 to 6, none twice"):
        Carbon(degree=degree)
