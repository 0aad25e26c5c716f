"""Edges found, steps measured and lines fitted: exact, on real spectra, and from noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_edges import as_stack, load_xdi, vanadium
from vanadium_edges import energies, operando_series

from conformance import MethodConformance
from spectra import Status, Variable
from spectra.errors import ResultsError, SettingError, StackError
from spectra.xas import Normalize, flattened, normalized
from spectra.xas.polynomials import Scale, fit_weights, products


class TestNormalizeConforms(MethodConformance):
    without_uncertainty = frozenset(
        {"step_energy", "pre_low", "pre_high", "post_low", "post_high", "line", "polynomial"}
        | {"lines_cov", "noise_before", "noise_after"}
    )

    def make_method(self):
        return Normalize()

    def make_source(self):
        return operando_series(20).stack


class TestHalfStepConforms(TestNormalizeConforms):
    def make_method(self):
        return Normalize(e0="half_step", exponent=2, element="V")

    def make_source(self):
        return operando_series(20, noise="unknown").stack


class TestSequenceConforms(TestNormalizeConforms):
    def make_method(self):
        return Normalize(e0="sequence", degree=2, pre_edge=(-100, -40), post_edge=(40, 350))


@pytest.mark.parametrize("size", [2, 3, 167])
def test_rows_of_a_product_do_not_hang_on_one_another(size):
    rng = np.random.default_rng(size)
    values, matrix = rng.standard_normal((400, size)), rng.standard_normal((size, 413))
    whole = products(values, matrix)
    np.testing.assert_allclose(whole, values @ matrix, rtol=1e-9, atol=1e-12)
    for first in (1, 190, 250, 399):
        np.testing.assert_array_equal(products(values[first:], matrix), whole[first:])


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_blocks_of_any_size_give_the_same_bits(noise):
    stack = operando_series(192, noise=noise, seed=3).stack
    whole = Normalize()(stack)
    curves = flattened(stack, whole).signal
    for size in (1, 7, 64):
        blocks = [stack[i : i + size] for i in range(0, len(stack), size)]
        parts = [Normalize()(block) for block in blocks]
        for name, column in whole.columns.items():
            again = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(again, column, err_msg=f"{name}, {size} frames")
        again = [flattened(b, p).signal for b, p in zip(blocks, parts, strict=True)]
        np.testing.assert_array_equal(np.concatenate(again), curves)


def logistic(energy, center=5480.3, step=2.0):
    return step / (1 + np.exp(-(energy - center) / 1.5))


def test_polynomials_are_those_of_numpy_to_the_last_digits():
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(5300, 6300, 400))
    scale = Scale.of(x)
    for first, last, degree in ((3, 40, 1), (100, 390, 3), (50, 60, 2)):
        y = rng.standard_normal(400)
        coefficients = fit_weights(scale.u[first:last], degree) @ y[first:last]
        found = products(coefficients[None], scale.powers(x, degree + 1).T)
        fit = np.polynomial.Polynomial.fit(x[first:last], y[first:last], degree)
        assert found[0] == pytest.approx(fit(x), rel=1e-9, abs=1e-11)
        assert found[0, first:last] == pytest.approx(fit(x[first:last]), abs=1e-12)


@pytest.mark.parametrize("definition", ["derivative", "second_derivative", "half_step"])
def test_a_known_edge_is_found_between_the_points(definition):
    energy = np.arange(5330.0, 6000.0, 0.5)
    mu = 0.7 - 2e-4 * (energy - 5480) + logistic(energy)
    results = Normalize(e0=definition)(as_stack(energy, mu))
    # Local cubics over 2 eV bend a little where the curve does.
    assert results["e0"][0] == pytest.approx(5480.3, abs=0.02)
    assert results["edge_step"][0] == pytest.approx(2.0, abs=1e-5)
    assert results["edge_half"][0] == pytest.approx(5480.3, abs=1e-3)


def test_the_integral_method_is_its_integral():
    energy = np.arange(5400.0, 5700.0, 0.1)
    norm = np.clip((energy - 5470.0) / 20.0, 0.0, 1.05)
    norm -= 0.05 * np.clip((energy - 5491.0) / 4.0, 0.0, 1.0)
    results = Normalize(e0=5480.0, post_edge=(40, 200), degree=0)(as_stack(energy, norm))
    # On the ramp, E(μ) = 5470 + 20 μ, averaged over μ from 0.15 to 1.
    assert results["edge_integral"][0] == pytest.approx(5470.0 + 20.0 * 0.575, abs=1e-3)
    # The mean energy of a rise that is even from 5470 to 5491.
    assert results["edge_moment"][0] == pytest.approx(5480.5, abs=0.1)


def test_victoreen_and_lines_are_recovered_exactly():
    energy = np.arange(5330.0, 6000.0, 0.5)
    background = 0.9 * (energy / 5480.0) ** -3 * (1 + 1e-4 * (energy - 5480))
    stack = as_stack(energy, background + logistic(energy, step=0.5))
    plain, victoreen = Normalize()(stack), Normalize(exponent=3)(stack)
    assert victoreen["edge_step"][0] == pytest.approx(0.5, abs=1e-8)
    assert abs(plain["edge_step"][0] - 0.5) > 1e-4
    norm = normalized(stack, victoreen)
    assert norm.quantity == "norm"
    assert np.asarray(norm.signal)[0, -200:] == pytest.approx(1.0, abs=1e-8)


def test_nothing_of_a_simulated_series_is_on_the_pre_edge():
    series = operando_series(300)
    for definition in ("derivative", "second_derivative", "half_step"):
        e0 = Normalize(e0=definition)(series.stack)["e0"]
        assert (e0 > 5475.0).all()


def test_pulls_of_edges_and_steps():
    series = operando_series(2000, jitter=0.0, drift=0.0, photons=1e6)
    method = Normalize(e0=5481.0)
    results, true = method(series.stack), method(series.true)
    for name in ("edge_step", "edge_half", "edge_integral", "edge_moment"):
        pulls = (results[name] - true[name]) / results[f"{name}_stderr"]
        assert abs(pulls.mean()) < 0.08, name
        assert 0.85 < pulls.std() < 1.12, name


def test_uncertainties_of_curves_are_their_scatter():
    series = operando_series(400, jitter=0.0, drift=0.0, photons=1e5)
    one = replace(
        series.stack,
        signal=np.array(operando_series(2, jitter=0.0, drift=0.0).stack.signal)[[0] * 400]
        + np.asarray(series.stack.errors) * np.random.default_rng(5).standard_normal((400, 1)) * 0
        + np.asarray(series.stack.errors)
        * np.random.default_rng(6).standard_normal(series.stack.signal.shape),
    )
    results = Normalize(e0=5478.0)(one)
    for curves in (normalized(one, results), flattened(one, results)):
        scatter = np.asarray(curves.signal).std(axis=0)
        stated = np.asarray(curves.errors).mean(axis=0)
        assert np.median(scatter / stated) == pytest.approx(1.0, abs=0.04)
        assert (np.abs(scatter / stated - 1.0) < 0.25).all()


def spoilt(name, series):
    """One frame of a series, spoilt, and what it must be called."""
    x, y = series.stack.x, np.array(series.stack.signal)[:1]
    if name == "saturated":
        return as_stack(x, np.minimum(y, 1.9)), Status.SATURATED, "saturated"
    if name == "truncated":
        return as_stack(x[x < 5484], y[:, x < 5484]), Status.BAD_INPUT, "truncated"
    if name == "no edge":
        flat = np.random.default_rng(1).normal(1.0, 1e-3, (1, x.size))
        return as_stack(x, flat), Status.NO_SIGNAL, "no edge"
    return as_stack(x + 1647.0, y), Status.LOST, "wrong element"


@pytest.mark.parametrize("name", ["saturated", "truncated", "no edge", "other element"])
def test_what_is_wrong_is_said_and_no_number_given(name):
    stack, status, words = spoilt(name, operando_series(3))
    results = Normalize(element="V")(stack)
    assert results.status[0] == status
    assert words in results.messages[0]
    assert np.isnan(results["e0"][0])
    assert np.isnan(results["edge_step"][0])
    assert np.isnan(np.asarray(normalized(stack, results).signal)).all()


def test_frames_measured_over_a_part_of_the_axis_are_as_if_alone():
    series = operando_series(6)
    signal = np.array(series.stack.signal)
    signal[2, :10] = np.nan
    signal[4, -30:] = np.nan
    signal[5, 200] = np.nan
    results = Normalize()(replace(series.stack, signal=signal))
    x = series.stack.x
    for frame in range(6):
        keep = np.isfinite(signal[frame])
        errors = np.asarray(series.stack.errors)[frame, keep]
        alone = Normalize()(as_stack(x[keep], signal[frame, keep], errors=errors))
        assert results["e0"][frame] == alone["e0"][0]
        assert results["edge_step"][frame] == pytest.approx(alone["edge_step"][0], rel=1e-12)


def test_wrong_settings_and_sources_are_refused():
    with pytest.raises(SettingError, match="half_step"):
        Normalize(e0="middle")
    with pytest.raises(SettingError, match="smoothing"):
        Normalize(smoothing=0.0)
    with pytest.raises(SettingError, match="degree"):
        Normalize(degree=7)
    with pytest.raises(SettingError, match="finite"):
        Normalize(e0=float("nan"))
    with pytest.raises(SettingError, match="search"):
        Normalize(search=(5490.0, 5460.0))
    stack = operando_series(2).stack
    with pytest.raises(SettingError, match="Xx"):
        Normalize(element="Xx")(stack)
    with pytest.raises(StackError, match="two_theta"):
        Normalize()(replace(stack, axis=replace(stack.axis, name="two_theta", unit="deg")))
    results = Normalize()(stack)
    with pytest.raises(ResultsError, match="axis"):
        normalized(stack.crop(5400, 5800), results)
    with pytest.raises(ResultsError, match="rows"):
        normalized(stack[:1], results)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["V2O5", "VO2"])
@pytest.mark.parametrize("definition", ["derivative", "second_derivative"])
def test_edges_of_vanadium_oxides_are_the_main_edges(data, name, definition):
    results = Normalize(e0=definition, element="V")(vanadium(data, name))
    assert 5481.0 < results["e0"][0] < 5485.0
    assert results["e0_stderr"][0] < 0.05


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("copper/cu_metal_rt.xdi", 8976, 8992),
        ("misc/Fe_metal_rt_01.xdi", 7110, 7126),
        ("misc/Fe2O3_rt_01.xdi", 7120, 7130),
        ("misc/Ni_metal_rt_01.xdi", 8330, 8348),
    ],
)
def test_other_elements_have_their_edges_found(data, path, low, high):
    energy, mu = load_xdi(data / "xas" / path)
    results = Normalize()(as_stack(energy, mu))
    assert low < results["e0"][0] < high


def test_energies_of_the_simulation_are_a_scan():
    x = energies()
    assert (np.diff(x) > 0).all()
    assert x.size > 300


def test_what_is_normalised_stays_as_it_is():
    stack = operando_series(6, noise="unknown").stack
    first = Normalize(post_edge=(60.0, 300.0))(stack)
    norm = normalized(stack, first)
    again = Normalize()(norm)
    assert (again["edge_step"] == 1.0).all()
    assert again["edge_half"] == pytest.approx(first["edge_half"], abs=1e-9)
    assert (np.asarray(normalized(norm, again).signal) == np.asarray(norm.signal)).all()
    assert (np.asarray(flattened(norm, again).signal) == np.asarray(norm.signal)).all()
    # Saying how has it done anew, and so has not knowing that it is normalised.
    for method, source in (
        (Normalize(degree=1), norm),
        (Normalize(), replace(norm, quantity="mu")),
    ):
        assert (method(source)["edge_step"] != 1.0).all()
    half = Normalize(e0="half_step")(norm)
    assert half["e0"] == pytest.approx(half["edge_half"], abs=1e-6)


def test_noise_taken_for_normalised_has_no_edge():
    x = energies()
    noise = np.random.default_rng(2).normal(0.0, 0.1, (3, x.size))
    results = Normalize()(replace(as_stack(x, noise), quantity="norm"))
    assert (results.status != Status.OK).all()


def test_energies_carry_the_uncertainty_of_their_shift():
    stack = operando_series(4, noise="unknown").stack
    shift = np.array([0.0, 0.03, 0.4, np.nan])
    moved = stack.with_variables(energy_shift=Variable(np.zeros(4), "eV", "energy shift", shift))
    plain, wider = Normalize()(stack), Normalize()(moved)
    for name in ("e0", "edge_half", "edge_integral", "edge_moment"):
        expected = np.hypot(plain[f"{name}_stderr"], np.nan_to_num(shift))
        assert wider[f"{name}_stderr"] == pytest.approx(expected, rel=1e-12)
    assert (wider["edge_step_stderr"] == plain["edge_step_stderr"]).all()
    # An energy that is given, and not found, has no uncertainty.
    assert (Normalize(e0=5480.0)(moved)["e0_stderr"] == 0.0).all()


def test_search_beyond_the_scan_is_refused():
    with pytest.raises(SettingError, match=r"8300 to 8340 eV lies beyond the scan, 5\d+ to"):
        Normalize(search=(8300.0, 8340.0))(operando_series(2).stack)


def test_rounded_maximum_is_not_taken_for_saturation():
    x = energies()
    smooth = as_stack(x, operando_series(2).stack.signal)
    step = np.exp(-0.5 * ((x - 5490.0) / 12.0) ** 2) + 1 / (1 + np.exp(-(x - 5480.0)))
    rounded = np.round(np.stack([step, step]), 2)
    assert (rounded[0] == rounded[0].max()).sum() > 4
    assert not (Normalize()(as_stack(x, rounded)).status == Status.SATURATED).any()
    cut = np.round(np.minimum(step, 0.8 * step.max()), 2)
    assert Normalize()(as_stack(x, cut[None])).status[0] == Status.SATURATED
    assert not (Normalize()(smooth).status == Status.SATURATED).any()
