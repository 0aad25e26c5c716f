"""Values ± standard uncertainties are central 68 % intervals, to second order."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.cutting import Windows
from spectra.fit.lineshapes import get_profile
from spectra.fit.losses import SQUARES, Counts
from spectra.fit.model import Model, Points
from spectra.fit.objective import SpectraObjective
from spectra.fit.quantities import NAMES, Quantities, moves
from spectra.fit.solver import covariance
from spectra.fit.windows import WindowFitter

X = np.arange(-3.0, 3.0, 0.02)
WIDTH = 1.0
COUNTS = 400.0


def window(rows=1):
    one = np.ones((rows, 1))
    return Windows(
        frame=np.arange(rows),
        center=0.0 * one,
        fwhm=WIDTH * one,
        shape=np.full((rows, 1, 0), 0.5),
        shape_free=np.zeros((rows, 1), bool),
        reach=one,
        search=np.zeros(rows),
        low=np.full(rows, X[0]),
        high=np.full(rows, X[-1]),
    )


def move_of(name, profile, theta, free, loss=None):
    """Move and uncertainty of one quantity of a peak of `COUNTS` counts, without background."""
    model = Model((("p1_", get_profile(profile)),), degree=-1)
    theta = np.array([theta])
    at = Points.scaled(X[None], X[:1], X[-1:])
    curve = model.value(theta, at)
    weight = 1.0 / np.maximum(curve, 1e-12)
    loss = Counts(floor=1e-12) if loss is None else loss
    objective = SpectraObjective.of(model, at, curve, weight, loss)
    cov = covariance(objective.evaluate(theta).hessian, np.array([free]))
    told = Quantities.of(model, window(), theta, cov)
    q = NAMES.index(name)
    return moves(objective, model, window(), theta, cov)[0, 0, q], told.stderr[0, 0, q]


AREA = COUNTS * 0.02
GAUSS = (0.0, AREA, WIDTH)


def test_a_number_of_counts_is_half_a_count_below_the_middle_of_its_interval():
    move, error = move_of("area", "gaussian", GAUSS, [False, True, False])
    assert error / AREA == pytest.approx(1 / np.sqrt(COUNTS), rel=1e-6)
    assert move / AREA == pytest.approx(0.5 / COUNTS, rel=1e-4)


def test_the_width_of_a_normal_sample():
    # The estimate is too small by 3/(4N) on the mean and varies with its own uncertainty
    # w/√(2N): together 3/(4N) + 1/(2N) of it.
    move, error = move_of("fwhm", "gaussian", GAUSS, [True, True, True])
    assert error / WIDTH == pytest.approx(1 / np.sqrt(2 * COUNTS), rel=1e-4)
    assert move / WIDTH == pytest.approx(1.25 / COUNTS, rel=1e-3)


def test_a_place_has_no_side_to_move_to():
    move, error = move_of("center", "gaussian", GAUSS, [True, True, True])
    assert abs(move) < 1e-6 * error


def test_the_width_that_two_parameters_make():
    # A Voigt without Lorentzian part is the Gaussian.
    theta, free = (0.0, AREA, WIDTH, 1e-9), [True, True, True, False]
    gauss = move_of("fwhm", "gaussian", GAUSS, [True, True, True])
    assert move_of("fwhm", "voigt", theta, free) == pytest.approx(gauss, rel=1e-3)


def test_height_of_area_and_width():
    # h = k·A/w of independent A and w with the variances A²/N and w²/(2N). Its bias is h/(2N)
    # from its curvature and 3h/(4N) from that of w; its s, which goes as √A/w, changes by h/N
    # of itself along C·∂h, where A grows by hA/N and w falls by hw/(2N).
    move, error = move_of("height", "gaussian", GAUSS, [True, True, True])
    height = AREA * get_profile("gaussian").peak_height_and_gradient(WIDTH)[0]
    assert error / height == pytest.approx(np.sqrt(1.5 / COUNTS), rel=1e-4)
    assert move / height == pytest.approx((1.0 - 1.25) / COUNTS, rel=1e-2)


def test_linear_parameters_of_least_squares_stay():
    move, error = move_of("area", "gaussian", GAUSS, [False, True, False], SQUARES)
    assert abs(move) < 1e-6 * error


def test_pulls_of_weak_peaks_have_mean_zero():
    n = 4000
    profile = get_profile("pseudo_voigt")
    x = np.arange(0.0, 6.0, 0.1)
    true = {"center": 3.0, "area": 36.0, "fwhm": WIDTH, "background": 2.0}
    expected = true["background"] + true["area"] * profile.value(x, 3.0, WIDTH, 0.5)
    y = np.random.default_rng(5).poisson(expected, (n, len(x))).astype(float)
    windows = Windows(
        **vars(window(n))
        | {
            "center": np.full((n, 1), 3.0),
            "shape": np.full((n, 1, 1), 0.5),
            "low": np.zeros(n),
            "high": np.full(n, 6.0),
        }
    )
    fitter = WindowFitter(profile, keep=1.0, poisson=True)
    sigma = np.sqrt(np.tile(expected, (n, 1)))
    fit = fitter.fit(x, y, sigma, windows)
    told = fitter.tell(x, y, sigma, windows, fit, np.zeros((n, 0, 4)))
    for name, value in true.items():
        q = NAMES.index(name)
        off, error, move = ((a[:, 0, q]) for a in (told.value - value, told.stderr, told.move))
        assert abs(np.mean((off + move) / error)) < 0.05, name
        # The move is needed: the largest of likelihood alone is off for the width.
        if name == "fwhm":
            assert np.mean(off / error) < -0.08
