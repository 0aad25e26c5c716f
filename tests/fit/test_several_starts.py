"""Fits from several starts: which are followed, and what is told of the best."""

from __future__ import annotations

import numpy as np
import pytest
from lmfit.models import ConstantModel, GaussianModel

from spectra.errors import SettingError
from spectra.fit.batch import fit_stack

X = np.linspace(-10.0, 10.0, 201)
MODEL = GaussianModel() + ConstantModel()
ON_THE_LEFT, ON_THE_RIGHT = {"center": -4.0}, {"center": 4.0}


def two_peaks(frames: int) -> np.ndarray:
    """A peak on either side, now the left one the greater and now the right one."""
    rng = np.random.default_rng(3)
    left = rng.uniform(20.0, 60.0, frames)
    right = np.where(np.arange(frames) % 2 == 0, 1.5, 0.6) * left
    shape = np.exp(-0.5 * ((X - np.array([[-4.0], [4.0]])) / 1.1) ** 2)
    return rng.poisson(left[:, None] * shape[0] + right[:, None] * shape[1] + 5.0).astype(float)


def params():
    made = MODEL.make_params(amplitude=100.0, center=0.0, sigma=1.0, c=5.0)
    made["sigma"].set(min=0.3, max=2.0)
    return made


@pytest.mark.parametrize("errors", ["residual", "counts"])
def test_the_better_of_two_minima_is_found_from_either_order(errors) -> None:
    y = two_peaks(12)
    single = [
        fit_stack(MODEL, params(), X, y, starts=s, errors=errors)
        for s in (ON_THE_LEFT, ON_THE_RIGHT)
    ]
    least = np.minimum(single[0].chi2, single[1].chi2)
    assert np.abs(single[0].chi2 - single[1].chi2).min() > 1.0
    for starts in ([ON_THE_LEFT, ON_THE_RIGHT], [ON_THE_RIGHT, ON_THE_LEFT]):
        found = fit_stack(MODEL, params(), X, y, starts=starts, errors=errors)
        np.testing.assert_allclose(found.chi2, least, rtol=1e-8)
        np.testing.assert_array_equal(found["center"] > 0, np.arange(12) % 2 == 0)


def test_bits_do_not_hang_on_which_starts_the_neighbours_follow() -> None:
    y = two_peaks(6)
    starts = [ON_THE_LEFT, ON_THE_RIGHT, {"center": 4.3}]
    every = fit_stack(MODEL, params(), X, y, starts=starts, errors="counts")
    for row in range(6):
        one = fit_stack(MODEL, params(), X, y[row], starts=starts, errors="counts")
        np.testing.assert_array_equal(one.values[0], every.values[row])
        np.testing.assert_array_equal(one.stderr[0], every.stderr[row])


def test_what_is_fixed_is_the_same_in_all_starts() -> None:
    made = params()
    made["sigma"].set(vary=False)
    frames = two_peaks(3)
    widths = np.array([0.9, 1.1, 1.4])
    fits = fit_stack(
        *(MODEL, made, X, frames),
        starts=[ON_THE_LEFT | {"sigma": widths}, ON_THE_RIGHT | {"sigma": widths}],
    )
    np.testing.assert_array_equal(fits["sigma"], widths)
    assert np.isnan(fits.uncertainty("sigma")).all()
    assert np.isfinite(fits.uncertainty("center")).all()
    with pytest.raises(SettingError, match="what is fixed"):
        fit_stack(MODEL, made, X, frames, starts=[{"sigma": 1.0}, {"sigma": 1.2}])


def test_fitted_curves_are_made_once_and_not_to_be_changed() -> None:
    fits = fit_stack(MODEL, params(), X, two_peaks(2), starts=ON_THE_LEFT)
    curves = fits.best_fit()
    assert fits.best_fit() is curves
    with pytest.raises(ValueError, match="read-only"):
        curves[0, 0] = 0.0
