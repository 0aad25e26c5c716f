"""Backgrounds removed: conformance, known oscillations, and calibrated uncertainties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edge_oscillations import E0, edge, scan, series, true_chi

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import ResultsError, SettingError, StackError
from spectra.units import energy_from_k, k_from_energy
from spectra.xas import Background, Normalize, SmoothBackground, background_curve
from spectra.xas.exafs.chi import chi_of

COMMON, OWN = {"e0": E0}, {"e0": "derivative"}
METHODS = (Background, SmoothBackground)


def as_stack(energy, mu, errors=None, **parts):
    return Stack.from_arrays(
        energy, mu, errors, axis_name="energy", axis_unit="eV", quantity="mu", **parts
    )


class TestBackgroundConforms(MethodConformance):
    without_uncertainty = frozenset(
        {"e0_offset", "k_max", "noise", "coefficients", "knots", "objective"}
        | {"first_shell", "first_shell_kept", "odd_point"}
    )

    def make_method(self):
        return Background(normalize=OWN)

    def make_source(self):
        return series(20)


class TestCommonEdgeConforms(TestBackgroundConforms):
    def make_method(self):
        return Background(normalize={"e0": "sequence"}, rbkg=1.1, k_weight=2, clamp_low=0.5)

    def make_source(self):
        return series(20, noise="unknown")


class TestSmoothBackgroundConforms(TestBackgroundConforms):
    without_uncertainty = TestBackgroundConforms.without_uncertainty | {"freedom"}

    def make_method(self):
        return SmoothBackground(normalize=COMMON)


class TestSmoothBackgroundOfOwnEdgesConforms(TestSmoothBackgroundConforms):
    def make_method(self):
        return SmoothBackground(normalize=OWN, k_weight=1, content=0.03)

    def make_source(self):
        return series(20, noise="unknown")


@pytest.mark.parametrize("method", METHODS)
def test_known_oscillations_come_back(method):
    energy = scan()
    stack = as_stack(energy, edge(energy))
    results = method(normalize=COMMON)(stack)
    found = chi_of("test", results)
    inside = (found.k > 3.5) & (found.k < 14.0)
    step = results["edge_step"][0]
    off = found.values[0, inside] * step - true_chi(found.k[inside])
    # The background of the model falls by some percent, and χ with it.
    assert np.abs(off).max() < 0.1 * np.abs(true_chi(found.k[inside])).max()
    assert results.messages == ("",)
    assert results["first_shell"][0] == pytest.approx(2.35, abs=0.15)
    assert results["first_shell_kept"][0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_frames_with_their_common_edge_as_their_own_give_the_same(method):
    stack = series(6, noise="unknown")
    common = method(normalize={"e0": E0 + 0.3})(stack)
    own = method(normalize={"e0": E0 + 0.3})
    plan = replace(own.prepare(stack), common=False)
    again = own.fit(stack, plan)
    for name in ("chi", "chi_stderr", "noise", "k_max", "knots", "coefficients"):
        np.testing.assert_allclose(again[name], common[name], rtol=1e-6, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_the_scale_and_the_zero_of_the_absorption_do_not_matter(method, noise):
    stack = series(3, noise=noise)
    first = method(normalize=COMMON)(stack)
    for scale, zero in ((1e6, 0.0), (1e-6, 0.0), (2e4, 5e4)):
        errors = None if stack.errors is None else scale * stack.errors
        counts = replace(stack, signal=scale * stack.signal + zero, errors=errors)
        again = method(normalize=COMMON)(counts)
        for name in ("chi", "chi_stderr", "noise", "first_shell_kept"):
            np.testing.assert_allclose(again[name], first[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(again["edge_step"], scale * first["edge_step"], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_edge_is_that_of_the_sequence_unless_said_otherwise(method):
    stack = series(7, noise="unknown")
    own = method(normalize=OWN)(stack)["e0"]
    assert len(np.unique(own)) == 7
    for given in ({}, {"normalize": {"degree": 2}}):
        results = method(**given)(stack)
        assert results["e0"] == pytest.approx(np.median(own), abs=1e-9)
        assert results.attrs["sequence_e0"] == results["e0"][0]
    assert method()(stack[2])["e0"] == pytest.approx(own[2], abs=1e-9)
    said = method(normalize=Normalize(degree=2))(stack)
    np.testing.assert_array_equal(said["e0"], own)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_pulls_of_chi_are_calibrated(method, noise):
    energy, count = scan(), 1500
    clean = edge(energy)
    level = np.full(len(energy), 4e-4)
    if noise == "given":
        level = 2e-4 * (1.0 + np.maximum(energy - E0, 0.0) / 400.0)
    rng = np.random.default_rng(11)
    mu = clean + level * rng.standard_normal((count, len(energy)))
    errors = np.broadcast_to(level, mu.shape) if noise == "given" else None
    run = method(normalize=COMMON)
    known = run(as_stack(energy, clean))
    true = known["chi"][0]
    if method is SmoothBackground:
        # Its smoothness is found from the spectra: noise must not make it another.
        run = replace(run, freedom=float(known["freedom"][0]))
    results = run(as_stack(energy, mu, errors))
    inside = np.flatnonzero(np.arange(len(true)) * 0.05 > 1.0)[::5]
    pulls = ((results["chi"] - true) / results["chi_stderr"])[:, inside]
    widths = pulls.std(axis=0)
    assert np.sqrt((widths**2).mean()) == pytest.approx(1.0, abs=0.05)
    assert np.abs(widths - 1.0).max() < 0.2
    assert abs(pulls.mean()) < 0.05


def test_the_clamp_that_pulls_hard_is_calibrated_too():
    energy = scan(end=12.0)
    clean = 30.0 * edge(energy)
    rng = np.random.default_rng(12)
    mu = clean + 0.01 * rng.standard_normal((1500, len(energy)))
    run = Background(normalize=COMMON, clamp_high=10.0, clamp_low=2.0, clamp_points=4)
    true = run(as_stack(energy, clean))["chi"][0]
    results = run(as_stack(energy, mu, np.full(mu.shape, 0.01)))
    pulls = ((results["chi"] - true) / results["chi_stderr"])[:, 20:]
    assert np.sqrt((pulls.std(axis=0) ** 2).mean()) == pytest.approx(1.0, abs=0.05)


def test_all_frames_have_one_smoothness_and_it_is_found():
    stack = series(8, noise="unknown")
    results = SmoothBackground()(stack)
    assert np.ptp(results["freedom"]) < 1e-9
    given = SmoothBackground(freedom=5.0)(stack)
    assert given["freedom"] == pytest.approx(5.0)
    assert results.attrs["freedom"] == pytest.approx(results["freedom"][0])
    stiff = SmoothBackground(content=0.5)(stack)
    assert stiff["freedom"][0] <= results["freedom"][0]


def test_noise_of_chi_is_told_by_high_r():
    rng = np.random.default_rng(5)
    energy = energy_from_k(np.arange(0.0, 15.0, 0.05), E0)
    before = np.arange(E0 - 180.0, E0 - 1.0, 4.0)
    energy = np.concatenate([before, energy])
    mu = np.where(energy >= E0, 2.0 * (1.0 + true_chi(k_from_energy(energy, E0))), 0.0)
    mu = mu + 6e-4 * rng.standard_normal((400, len(energy)))
    results = Background(normalize={"e0": E0 + 1e-6})(as_stack(energy, mu))
    # Points of the scan and of the grid are nearly the same: the noise stays white.
    assert results["noise"].mean() == pytest.approx(3e-4, rel=0.05)
    assert results["noise"].std() < 0.15 * 3e-4


@pytest.mark.parametrize("method", METHODS)
def test_the_background_curve_is_what_was_taken_off(method):
    stack = series(3)
    results = method()(stack)
    curve = background_curve(stack, results)
    assert curve.quantity == "mu"
    for i in range(3):
        e0, step = results["e0"][i], results["edge_step"][i]
        inside = np.isfinite(curve.signal[i])
        assert stack.x[inside][0] >= e0
        chi = (stack.signal[i] - curve.signal[i])[inside] / step
        k = k_from_energy(stack.x[inside], e0)
        grid = results.table.coords["k"]["k"]
        known = np.isfinite(results["chi"][i])
        some = (k > 6.0) & (k < grid[known].max())
        between = np.interp(k[some], grid[known], results["chi"][i][known])
        assert np.abs(chi[some] - between).max() < 5e-3
    with pytest.raises(ResultsError, match="normalize"):
        background_curve(stack, Normalize()(stack))
    with pytest.raises(ResultsError, match="2 rows"):
        background_curve(stack, results[:2])


def test_chi_ends_with_its_own_frame():
    long, short = scan(15.0), scan(12.0)
    mu = np.full((2, len(long)), np.nan)
    mu[0] = edge(long)
    mu[1, : len(short)] = edge(short)
    results = Background(normalize=COMMON)(as_stack(long, mu))
    assert results["k_max"] == pytest.approx([15.0, 12.0], abs=0.1)
    last = np.isfinite(results["chi"]).sum(axis=1) * 0.05
    assert last == pytest.approx([15.0, 12.0], abs=0.1)
    alone = Background(normalize=COMMON)(as_stack(short, edge(short)))
    kept = alone["chi"].shape[1]
    np.testing.assert_allclose(results["chi"][1, :kept], alone["chi"][0], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_range_too_short_is_refused(method):
    energy = scan(5.5)
    results = method(normalize=COMMON)(as_stack(energy, edge(energy), names=("short.xdi",)))
    assert results.status[0] == Status.BAD_INPUT
    assert "short.xdi" in results.messages[0]
    assert "6.3 1/angstrom" in results.messages[0]
    assert np.isnan(results["chi"]).all()


def test_points_too_sparse_for_the_knots_are_refused():
    energy = np.concatenate([scan(4.0), energy_from_k(np.array([6.0, 9.0, 12.0]), E0)])
    results = Background(normalize=COMMON, rbkg=2.0)(as_stack(energy, edge(energy)))
    assert results.status[0] == Status.BAD_INPUT
    assert "sparse" in results.messages[0]


@pytest.mark.parametrize("away", [-20.0, 20.0])
def test_an_edge_energy_far_off_is_told(away):
    stack = series(3)
    results = Background(normalize={"e0": E0 + away})(stack)
    assert results.ok().all()
    assert results["e0_offset"] == pytest.approx(away, abs=3.0)
    assert all("correct e0 in normalize" in message for message in results.messages)


def test_an_eaten_shell_is_told():
    results = Background(rbkg=2.6)(series(3))
    assert results.ok().all()
    assert all("lower rbkg from 2.6 to about 1." in message for message in results.messages)
    assert (results["first_shell_kept"] < 0.9).all()
    low = Background(rbkg=1.0)(series(3))
    assert low.messages == ("",) * 3


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_a_glitch_is_told_with_its_place(noise):
    stack = series(3, noise=noise)
    place = int(np.searchsorted(stack.x, energy_from_k(9.0, E0)))
    mu = stack.signal.copy()
    mu[1, place] += 0.02
    results = Background()(replace(stack, signal=mu))
    assert results["odd_point"][1] == pytest.approx(stack.x[place])
    assert np.isnan(results["odd_point"][[0, 2]]).all()
    assert "k = 8.9" in results.messages[1] or "k = 9.0" in results.messages[1]
    assert "xas.Deglitch" in results.messages[1]
    assert results.messages[0] == results.messages[2] == ""


def test_noise_alone_is_no_glitch():
    results = Background(normalize=COMMON)(series(400, sigma=2e-3, noise="unknown", seed=8))
    assert np.isnan(results["odd_point"]).all()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"rbkg": 0.0}, "rbkg = 0.0; expected 0.2 to 4"),
        ({"window": "boxcar"}, "hanning"),
        ({"k_weight": 4}, "k_weight"),
        ({"k_min": 3.0, "k_max": 2.0}, "k_min"),
        ({"k_max": -1.0}, "k_max"),
        ({"k_step": 0.5}, "0.01 to 0.2"),
        ({"normalize": "larch"}, "xas.Normalize"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(SettingError, match=match):
        Background(**settings)


def test_other_axes_are_refused():
    with pytest.raises(StackError, match="energy in eV"):
        Background()(Stack.from_arrays([1.0, 2.0, 3.0], [[1.0, 2.0, 3.0]]))
