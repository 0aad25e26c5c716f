"""Intensities shared out among the reflections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, curves, model_of

from spectra.xrd import LeBail, Rietveld
from spectra.xrd.pattern.amplitude import HeldStrengths
from spectra.xrd.pattern.intensities import bragg_factors, share_out
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.tiles import Tiles

X = np.arange(20.0, 66.0, 0.02)
COMMON = {"start": INSTRUMENT, "widths": ("size",), "background_degree": 1}


def objective_of(model, y, use=None):
    weight = np.ones_like(y)
    if use is not None:
        weight[:, ~use] = 0.0
    return PatternObjective.of(model, Tiles.of(X, 128), y, weight)


def two_phases():
    model = model_of(Rietveld(phases=(ANATASE, RUTILE), **COMMON), X)
    theta = np.tile(model.layout.start, (2, 1))
    for name, value in {"background0": 50.0, "background1": 5.0}.items():
        theta[:, model.layout.index(name)] = value
    theta[:, model.layout.match(["*.scale"])] = 0.01
    theta[1, model.layout.match(["*.scale"])] = 0.03
    theta[:, model.layout.match(["*.size"])] = 0.1
    return model, theta


def test_what_is_calculated_is_observed():
    model, theta = two_phases()
    objective = objective_of(model, curves(model, X, theta))
    for shared in share_out(objective, theta):
        inside = shared.calculated > 0
        assert np.allclose(shared.observed[inside], shared.calculated[inside], rtol=1e-6)
    assert bragg_factors(objective, theta).max() < 1e-4


def test_shares_add_up_to_what_stands_above_the_background():
    model, theta = two_phases()
    rng = np.random.default_rng(0)
    y = curves(model, X, theta)
    bump = 1.0 + 0.3 * np.sin(X / 3.0) + 0.1 * rng.normal(size=y.shape)
    background = curves(model, X, np.where(model.layout.match(["*.scale"]), 0.0, theta))
    y = background + (y - background) * bump
    objective = objective_of(model, y)
    total = sum(s.observed.sum(axis=1) for s in share_out(objective, theta))
    measured = (y - background).sum(axis=1) * 0.02
    # All lines but the last stand inside the range; of their tails little is left out.
    assert np.allclose(total, measured, rtol=0.02)


def test_a_reflection_that_is_not_measured_is_as_calculated():
    model, theta = two_phases()
    y = curves(model, X, theta)
    first = np.abs(X - 25.3) < 2.5
    spoilt = np.where(first, 1e6, y)
    shared = share_out(objective_of(model, spoilt, ~first), theta)[0]
    strongest = shared.calculated[0].argmax()
    assert np.isclose(shared.observed[0, strongest], shared.calculated[0, strongest], rtol=0.02)
    assert np.isfinite(shared.observed).all()


def test_lebail_comes_to_rest_at_the_true_intensities():
    model = model_of(LeBail(phases=(RUTILE,), **COMMON), X)
    theta = model.layout.start[None].copy()
    theta[:, model.layout.index("background0")] = 50.0
    theta[:, model.layout.match(["*.size"])] = 0.02
    count = len(model.phases[0].hkl)
    true = np.random.default_rng(1).uniform(20.0, 200.0, (1, count))

    def with_strengths(strengths):
        phases = (replace(model.phases[0], amplitude=HeldStrengths(strengths)),)
        return replace(model, phases=phases)

    y = curves(with_strengths(true), X, theta)
    lines = model.lines(theta, np.empty(0, np.intp), np.zeros(1, np.intp))
    inside = (lines.center[0] > X[0] + 1.0) & (lines.center[0] < X[-1] - 1.0)
    assert inside.sum() > 6
    strengths = np.full((1, count), 100.0)
    for _ in range(60):
        shared = share_out(objective_of(with_strengths(strengths), y), theta)[0]
        strengths = strengths * shared.observed / shared.calculated
    assert np.allclose(strengths[0, inside], true[0, inside], rtol=2e-3)


def test_a_reflection_that_is_not_measured_follows_the_others():
    model, theta = two_phases()
    y = curves(model, X, theta)
    hidden = np.abs(X - 25.3) < 2.5
    # Ten times what is calculated, as the strengths that are begun with may be off by any factor.
    y = 10.0 * y - 9.0 * curves(model, X, np.where(model.layout.match(["*.scale"]), 0.0, theta))
    shared = share_out(objective_of(model, np.where(hidden, 0.0, y), ~hidden), theta)[0]
    strongest = shared.calculated[0].argmax()
    assert np.isclose(shared.ratio[0, strongest], 10.0, rtol=0.02)


def test_rows_do_not_hang_on_their_neighbours():
    model, theta = two_phases()
    y = curves(model, X, theta) * (1.0 + 0.05 * np.random.default_rng(2).normal(size=(2, X.size)))
    objective = objective_of(model, y)
    whole = share_out(objective, theta)
    part = share_out(objective.take(np.array([1])), theta[1:])
    for one, other in zip(whole, part, strict=True):
        assert np.array_equal(one.observed[1:], other.observed)
