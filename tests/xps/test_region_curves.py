"""Curves of a region made again from its results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from vanadium_regions import AREAS, ENERGY, MODEL, SETS, simulated, true_curve

from spectra.xps import Region
from spectra.xps.curves import evaluate


@pytest.mark.parametrize(
    "settings",
    [{}, {"background": "tougaard", "degree": 1}, {"background": "shirley_tougaard"}],
)
def test_curves_are_those_of_the_fit(settings):
    stack = simulated(3, step=2)
    results = Region(model=SETS, **settings)(stack)
    curves = evaluate(stack.x, results)
    y = np.asarray(stack.signal)
    reduced = ((y - curves.total) ** 2 / np.maximum(curves.total, 0.25)).sum(axis=1)
    free = y.shape[1] - reduced / results["chi2_reduced"]
    # Points less degrees of freedom: the free parameters, the same number in each frame.
    np.testing.assert_allclose(free, np.round(free[0]), atol=1e-6)
    areas = np.trapezoid(curves.species, curves.x, axis=2)
    # Lorentzian tails end outside of the window.
    np.testing.assert_allclose(areas, results["area"], rtol=0.25)
    np.testing.assert_allclose(curves.background + curves.species.sum(axis=1), curves.total)


def test_background_of_many_counts_is_the_true_one():
    y = np.random.default_rng(3).poisson(1e4 * true_curve())[None]
    results = Region(model=SETS)(replace(simulated(1), signal=y))
    curves = evaluate(ENERGY, results)
    np.testing.assert_allclose(curves.total[0], 1e4 * true_curve(), rtol=1e-3)
    # The level at one end, at the other the strength times all areas as well, but for the tails.
    assert curves.background[0, 0] == pytest.approx(800e4, rel=0.01)
    thrown = 0.02 * 1e4 * sum(AREAS.values())
    assert curves.background[0, -1] == pytest.approx(800e4 + thrown, rel=0.02)
    assert curves.species.shape == (1, len(MODEL.species), ENERGY.size)


def test_frames_without_a_fit_have_no_curve():
    stack = simulated(3, step=4)
    y = np.array(stack.signal, dtype=float)
    y[1] = np.nan
    stack = replace(stack, signal=y, noise="counts")
    region = Region(model=SETS, window=(510.0, 536.0))
    curves = evaluate(stack.x, region(stack))
    assert np.isnan(curves.total[1]).all()
    assert np.isfinite(curves.total[[0, 2]]).all()
    assert stack.x[curves.points][0] >= 510.0
    assert stack.x[curves.points][-1] <= 536.0
