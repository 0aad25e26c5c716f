"""Peaks found by significance."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.find import find_peaks

X = np.linspace(10, 40, 3001)
FWHM = 0.12


def spectrum(positions, heights, background=100.0, fwhm=FWHM):
    y = np.full(len(X), background) + 2.0 * (X - 25)
    for position, height in zip(positions, heights, strict=True):
        y = y + height * np.exp(-4 * np.log(2) * ((X - position) / fwhm) ** 2)
    return y


def noisy(y, seed=3):
    return np.random.default_rng(seed).poisson(y).astype(float)


def test_positions_widths_heights():
    positions, heights = [14.0, 20.3, 21.0, 33.3], [900, 400, 2000, 150]
    y = noisy(spectrum(positions, heights))
    found = find_peaks(X, y, np.sqrt(spectrum([], [])))
    np.testing.assert_allclose(found.position, positions, atol=0.3 * FWHM)
    np.testing.assert_allclose(found.fwhm, FWHM, rtol=0.4)
    np.testing.assert_allclose(found.height, heights, rtol=0.4)
    assert (found.significance > 5).all()


def test_two_peaks_a_width_and_a_half_apart_are_two():
    y = noisy(spectrum([20.0, 20.0 + 1.5 * FWHM], [2000, 1500]))
    found = find_peaks(X, y, np.sqrt(y + 1))
    assert len(found) == 2


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_gives_none(seed):
    y = noisy(spectrum([], []), seed)
    assert len(find_peaks(X, y, np.sqrt(spectrum([], [])))) == 0


def test_correlated_noise_gives_none():
    rng = np.random.default_rng(1)
    y = 100 + 10 * np.convolve(rng.standard_normal(len(X) + 8), np.ones(9) / 3, "valid")
    assert len(find_peaks(X, y, np.full(len(X), 10.0), fwhm=np.full(len(X), FWHM))) == 0


def test_a_broad_hump_is_background():
    y = noisy(spectrum([20.0], [800]) + 300 * np.exp(-(((X - 25) / 6) ** 2)))
    found = find_peaks(X, y, np.sqrt(y + 1))
    np.testing.assert_allclose(found.position, [20.0], atol=0.05)


def test_gaps_are_not_peaks():
    y = noisy(spectrum([20.0], [800]))
    y[500:700] = np.nan
    found = find_peaks(X, y, np.sqrt(spectrum([], [])))
    np.testing.assert_allclose(found.position, [20.0], atol=0.05)


def test_inputs_stay_as_they_are_and_answers_repeat():
    y = noisy(spectrum([20.0], [800]))
    sigma = np.sqrt(spectrum([], []))
    before = y.copy(), sigma.copy()
    first, second = find_peaks(X, y, sigma), find_peaks(X, y, sigma)
    assert (y == before[0]).all()
    assert (sigma == before[1]).all()
    assert (first.significance == second.significance).all()


def test_too_few_points_give_none():
    assert len(find_peaks(X[:5], X[:5], np.ones(5))) == 0
