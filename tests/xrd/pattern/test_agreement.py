"""Figures of merit by hand and of white noise."""

from __future__ import annotations

import numpy as np

from spectra.xrd.pattern.statistics import agreement


def test_figures_of_four_points():
    observed = np.array([[10.0, 20.0, 40.0, 10.0]])
    calculated = np.array([[12.0, 18.0, 44.0, 10.0]])
    weight = 1.0 / observed
    # Σwδ² = 0.4 + 0.2 + 0.4 = 1, Σwy² = 80, Σ|δ| = 8, Σ|y| = 80, 4 − 2 degrees of freedom
    found = agreement(observed, calculated, weight, np.array([2]))
    assert np.isclose(found.rwp[0], 100.0 * np.sqrt(1.0 / 80.0))
    assert np.isclose(found.rp[0], 10.0)
    assert np.isclose(found.rexp[0], 100.0 * np.sqrt(2.0 / 80.0))
    assert np.isclose(found.gof[0], np.sqrt(0.5))
    steps = np.diff(np.array([-2.0, 2.0, -4.0, 0.0]) / np.sqrt(observed[0]))
    assert np.isclose(found.durbin_watson[0], (steps**2).sum())


def test_points_without_weight_do_not_count():
    rng = np.random.default_rng(0)
    y = rng.normal(100.0, 10.0, (2, 60))
    weight = np.full((2, 60), 0.01)
    weight[:, 20:30] = 0.0
    spoilt = y.copy()
    spoilt[:, 20:30] = np.nan
    n_free = np.array([3, 3])
    one = agreement(y, np.full_like(y, 100.0), weight, n_free)
    other = agreement(spoilt, np.full_like(y, 100.0), weight, n_free)
    for name, value in vars(one).items():
        assert np.array_equal(value, getattr(other, name)), name
    assert np.allclose(
        one.rexp, 100.0 * np.sqrt(47 / (0.01 * y[:, weight[0] > 0] ** 2).sum(axis=1))
    )


def test_white_noise():
    rng = np.random.default_rng(1)
    y = 100.0 + 10.0 * rng.normal(size=(40, 4000))
    found = agreement(y, np.full_like(y, 100.0), np.full_like(y, 0.01), np.zeros(40, int))
    assert abs(found.gof.mean() - 1.0) < 0.005
    assert abs(found.durbin_watson.mean() - 2.0) < 0.02
    assert abs(found.berar_lelann.mean() - 1.0) < 0.02


def test_residuals_that_follow_each_other_widen():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(20, 4000))
    smooth = (noise + np.roll(noise, 1, axis=1) + np.roll(noise, 2, axis=1)) / np.sqrt(3.0)
    found = agreement(
        100.0 + smooth, np.full_like(noise, 100.0), np.ones_like(noise), np.zeros(20, int)
    )
    # Correlations 2/3 and 1/3: d = 2·(1 − 2/3).
    assert abs(found.durbin_watson.mean() - 2.0 / 3.0) < 0.02
    assert (found.berar_lelann > 1.2).all()


def test_a_perfect_model():
    y = np.full((1, 20), 5.0)
    found = agreement(y, y, np.ones_like(y), np.array([1]))
    assert found.rwp[0] == 0.0
    assert found.berar_lelann[0] == 1.0
