"""Linear combinations: exact, against independent solvers, and recovered from noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import ENERGY, LABELS, mixed, normalised, reaction, standards
from scipy.optimize import nnls
from scipy.stats import halfnorm

import spectra
from conformance import assert_same
from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.xas import (
    CurveResolution,
    LinearCombination,
    Normalize,
    PrincipalComponents,
    normalized,
)
from spectra.xas.mixture.bounded import Normal, solve_bounded
from spectra.xas.mixture.combination import upper_limit


def only(stack):
    return stack[3:]


def shares(n, seed=0):
    return np.random.default_rng(seed).dirichlet((2, 2, 2), n)


def test_shares_without_noise_are_exact():
    true = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6]])
    results = LinearCombination(standards=LABELS)(mixed(true, 0.0, given=False))
    assert results["weight"][3:] == pytest.approx(true, abs=1e-9)
    assert results["total"] == pytest.approx(1.0, abs=1e-12)
    assert results["r_factor"].max() < 1e-15


def test_bounded_solutions_are_those_of_lawson_and_hanson():
    rng = np.random.default_rng(1)
    design, y = rng.normal(size=(40, 6)), rng.normal(size=(200, 40))
    gram = np.broadcast_to(design.T @ design, (200, 6, 6))
    normal = Normal(gram, y @ design, (y**2).sum(axis=1), 6, closed=False)
    ours, chi2 = solve_bounded(normal, range(6))
    theirs = [nnls(design, one) for one in y]
    assert ours == pytest.approx(np.array([w for w, _ in theirs]), abs=1e-10)
    assert chi2 == pytest.approx(np.array([r**2 for _, r in theirs]), rel=1e-10)
    assert (ours == 0).any(axis=1).mean() > 0.9


def test_weights_that_need_not_add_up():
    true = np.array([[0.3, 0.0, 0.9], [0.1, 0.2, 0.3]])
    method = LinearCombination(standards=LABELS, sum_to_one=False)
    results = method(mixed(true, 1e-4))[3:]
    pull = (results["total"] - true.sum(axis=1)) / results["total_stderr"]
    assert np.abs(pull).max() < 4
    assert results["total_stderr"].max() < 1e-3
    assert results["weight"] == pytest.approx(true, abs=1e-3)


@pytest.mark.parametrize("given", [True, False])
def test_pulls_inside_the_bounds(given):
    true = 0.25 + 0.25 * shares(4000)
    results = LinearCombination(standards=LABELS)(mixed(true, 0.01, given=given))[3:]
    for name in ("weight", "weight_free"):
        pull = (results[name] - true) / results[f"{name}_stderr"]
        assert np.abs(pull.mean(axis=0)).max() < 0.05
        assert np.abs(pull.std(axis=0) - 1).max() < 0.05
    assert results["chi2_reduced"].mean() == pytest.approx(1.0 if given else 1e-4, rel=0.01)


def test_at_the_bound_weights_are_one_sided():
    true = np.tile([0.6, 0.4, 0.0], (4000, 1))
    results = LinearCombination(standards=LABELS)(mixed(true, 0.01, seed=5))[3:]
    absent, error = results["weight"][:, 2], results["weight_stderr"][:, 2]
    assert (absent == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (results.status[absent == 0] == Status.AT_BOUND).all()
    assert "no share of peroxide" in results.messages[int(np.argmin(absent))]
    # What is left above zero scatters as half a normal distribution with the error given.
    pull = (absent / error)[absent > 0]
    assert pull.mean() == pytest.approx(halfnorm.mean(), abs=0.05)
    assert pull.std() == pytest.approx(halfnorm.std(), abs=0.05)
    free = (results["weight_free"] - true) / results["weight_free_stderr"]
    assert np.abs(free.mean(axis=0)).max() < 0.05
    assert np.abs(free.std(axis=0) - 1).max() < 0.05
    # No weight is further off than its error says, whichever bound is at work.
    off = np.abs(results["weight"] - true) / results["weight_stderr"]
    assert (off < 1.96).mean(axis=0).min() > 0.945


@pytest.mark.parametrize("scale", [1.0, 1.1, 3e4, 1e-7])
def test_a_standard_among_the_frames_has_no_share_of_the_others(scale):
    spectra_ = mixed(shares(2), 0.0, given=False)
    spectra_ = replace(spectra_, signal=scale * (spectra_.signal + 0.7))
    for closed in (True, False):
        results = LinearCombination(standards=LABELS, sum_to_one=closed)(spectra_)
        assert results.status[:3].tolist() == [Status.AT_BOUND] * 3
        assert results.status[3:].tolist() == [Status.OK] * 2


def test_upper_limits_hold_the_truth():
    for present in (0.0, 0.01, 0.3):
        true = np.tile([0.6 - present, 0.4, present], (2000, 1))
        results = LinearCombination(standards=LABELS)(mixed(true, 0.02, seed=6))[3:]
        held = (results["weight_upper"][:, 2] >= present).mean()
        assert held >= 0.935
        if present == 0.3:
            assert held == pytest.approx(0.95, abs=0.015)


def test_the_limit_far_below_zero_is_a_number():
    limits = upper_limit(np.array([-40.0, 0.0, 5.0]), np.ones(3))
    assert np.isfinite(limits).all()
    assert limits[0] == pytest.approx(-np.log(0.05) / 40.0, rel=0.02)
    assert limits[1] == pytest.approx(1.95996, abs=1e-4)
    assert limits[2] == pytest.approx(5 + 1.64485, abs=1e-4)


def test_a_common_shift_comes_back_with_its_error():
    true = 0.2 + 0.4 * shares(1500, 2)
    method = LinearCombination(standards=LABELS, shift="common", window=(8325.0, 8415.0))
    results = only(method(mixed(true, 0.005, shift=0.37, seed=3)))
    assert (results.status == Status.OK).all()
    pull = (results["shift"][:, 0] - 0.37) / results["shift_stderr"][:, 0]
    assert abs(pull.mean()) < 0.08
    assert pull.std() == pytest.approx(1.0, abs=0.06)
    pull = (results["weight"] - true) / results["weight_stderr"]
    assert np.abs(pull.mean(axis=0)).max() < 0.08
    assert np.abs(pull.std(axis=0) - 1).max() < 0.06


def test_each_standard_may_have_its_own_shift():
    true = np.array([[0.5, 0.2, 0.3], [0.6, 0.4, 0.0]])
    moved = np.stack([standards(ENERGY - d)[i] for i, d in enumerate((0.3, -0.2, 0.1))])
    stack = normalised(np.concatenate([standards(), true @ moved]), names=(*LABELS, "a", "b"))
    results = LinearCombination(standards=LABELS, shift="each", window=(8325.0, 8415.0))(stack)
    assert results["shift"][3] == pytest.approx([0.3, -0.2, 0.1], abs=2e-3)
    assert results["weight"][3:] == pytest.approx(true, abs=1e-3)


def test_a_shift_beyond_its_limit_is_told():
    stack = mixed([[0.5, 0.3, 0.2]], 0.001, shift=1.5)
    results = LinearCombination(standards=LABELS, shift="common", shift_limit=1.0)(stack)
    assert results.status[3] == Status.NOT_CONVERGED
    assert "limit" in results.messages[3]


@pytest.mark.parametrize("penalty", ["bic", "hamilton", "aic"])
def test_the_right_combination_is_found(penalty):
    true = np.tile([[0.7, 0.3, 0.0], [0.4, 0.3, 0.3], [0.0, 0.5, 0.5]], (100, 1))
    method = LinearCombination(standards=LABELS, penalty=penalty)
    results = only(method(mixed(true, 0.01, given=False)))
    labels = results.table.coords["combination"]["label"]
    wanted = np.tile(["metal + oxide", "metal + oxide + peroxide", "oxide + peroxide"], 100)
    right = (labels[results["best"]] == wanted).mean()
    # Akaike keeps one superfluous standard in 16 % of the two-standard frames, halved by w ≥ 0.
    assert right > (0.9 if penalty == "aic" else 0.95)
    assert (results["weight"][labels[results["best"]] == "metal + oxide", 2] == 0).all()
    name = {"aic": "delta_aic", "bic": "delta_bic", "hamilton": "hamilton"}[penalty]
    best = np.take_along_axis(results[name], results["best"][:, None], axis=1)
    assert (best == 0).all() if penalty != "hamilton" else (best >= 0.05).all()


def test_the_bootstrap_agrees_with_the_covariance():
    true = np.tile([0.4, 0.35, 0.25], (60, 1))
    method = LinearCombination(standards=LABELS, bootstrap=200, seed=4)
    stack = mixed(true, 0.01, given=False)
    results = only(method(stack))
    ratio = results["weight_bootstrap_stderr"] / results["weight_stderr"]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    inside = (results["weight_low"] <= true) & (true <= results["weight_high"])
    assert 0.85 < inside.mean() <= 1.0
    again = only(method(stack))
    assert (again["weight_low"] == results["weight_low"]).all()


def test_missing_points_are_left_out():
    true = np.array([[0.4, 0.35, 0.25]])
    stack = mixed(true, 0.0, given=False)
    signal = stack.signal.copy()
    signal[3, 20:40] = np.nan
    results = LinearCombination(standards=LABELS)(normalised(signal, names=stack.names))
    assert results["points"][3] == len(ENERGY) - 20
    assert results["weight"][3] == pytest.approx(true[0], abs=1e-9)


def test_standards_come_from_files(tmp_path):
    grid = np.arange(8310.0, 8430.0, 0.35)
    spectra.write(tmp_path / "refs.h5", normalised(standards(grid), grid, names=LABELS))
    stack = only(mixed([[0.2, 0.3, 0.5]], 0.0, given=False))
    for specs in (
        (str(tmp_path / "refs.h5"),),
        tuple(f"{tmp_path / 'refs.h5'}::{label}" for label in LABELS),
    ):
        results = LinearCombination(standards=specs)(stack)
        assert results["weight"][0] == pytest.approx([0.2, 0.3, 0.5], abs=1e-3)
        assert results.attrs["standards"] == list(LABELS)


def test_absorption_is_normalised_first(tmp_path):
    grid = np.concatenate([np.arange(8200.0, 8320, 2.0), ENERGY, np.arange(8420.0, 8700, 2.0)])
    true = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    norm = np.concatenate([standards(grid), true @ standards(grid)])
    # Of the same thickness: edge steps of the species in proportion to their atoms.
    mu = 0.4 - 1e-4 * (grid - 8340) + 1.7 * norm
    parts = {"axis_name": "energy", "axis_unit": "eV", "quantity": "mu"}
    stack = Stack.from_arrays(grid, mu, names=(*LABELS, "a", "b"), **parts)
    settings = {"e0": 8344.0, "pre_edge": (-140.0, -40.0), "post_edge": (80.0, 340.0)}
    method = LinearCombination(standards=LABELS, window=(8325.0, 8415.0), normalize=settings)
    results = method(stack)
    assert results["weight"][3:] == pytest.approx(true, abs=0.01)
    again = LinearCombination.from_settings(method.settings())
    assert again == method
    spectra.write(tmp_path / "mu.h5", stack[:3])
    outside = replace(method, standards=(str(tmp_path / "mu.h5"),))(stack[3:])
    assert outside["weight"] == pytest.approx(results["weight"][3:], abs=1e-9)
    for other in (
        PrincipalComponents(components=2, window=(8325.0, 8415.0), normalize=settings),
        CurveResolution(components=2, window=(8325.0, 8415.0), normalize=settings),
    ):
        before = normalized(stack, Normalize(**settings)(stack))
        assert_same(other(stack), replace(other, normalize=None)(before))


def test_what_cannot_be_is_refused():
    stack = mixed(reaction(3), 0.01)
    with pytest.raises(SettingError, match=r"no standard 'gold'.*frame of the stack \(metal"):
        LinearCombination(standards=("gold",))(stack)
    with pytest.raises(StackError, match=r"'norm'.*'mu'"):
        LinearCombination(standards=LABELS)(replace(stack, quantity="mu"))
    with pytest.raises(StackError, match="usable points between 8340 and 8342"):
        LinearCombination(standards=LABELS, window=(8340.0, 8342.0))(stack)
    twin = np.concatenate([standards()[[0, 0]], standards()])
    with pytest.raises(StackError, match="'a' and 'b' are the same"):
        LinearCombination(standards=("a", "b"))(normalised(twin, names=tuple("abcde")))
    for wrong in ({"penalty": "x"}, {"shift": "x"}, {"bootstrap": 3}, {"window": (2.0, 1.0)}):
        with pytest.raises(SettingError):
            LinearCombination(standards=LABELS, **wrong)
