"""Cost, gradient and Hessian of whole patterns against differences of high order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_patterns import ANATASE, RUTILE, model_of

from spectra.fit.losses import SQUARES, Counts
from spectra.fit.uncertainty import point_sigma
from spectra.reference import load_phase
from spectra.xrd import Pawley, Rietveld
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.tiles import Tiles
from spectra.xrd.profile.texture import MarchDollase

ROWS = 3
SHARP = {"u": 0.003, "v": -0.002, "w": 0.008, "p": 0.001, "x": 0.01, "y": 0.02, "z": 0.001}


def built(method, x, metadata, **axial):
    """The model of a method, with phases that have texture, and axial divergence if wanted."""
    model = model_of(method, x, metadata)
    phases = [load_phase(p) for p in method.phases]
    if axial:
        nodes = tuple(np.where(np.arange(len(p.hkl)) < 12, 4, 1) for p in model.phases)
        nodes[0][:3] = 8
        model = replace(model, nodes=nodes).starting(axial)
    textured = (
        replace(p, factors=(MarchDollase.of(p.hkl, (0, 0, 1), c.cell, c.operations.laue()),))
        for p, c in zip(model.phases, phases, strict=True)
    )
    return replace(model, phases=tuple(textured))


def rietveld_doublet():
    """Copper Kα, Bragg–Brentano, axial divergence, two phases, one of low symmetry."""
    method = Rietveld(
        phases=("CuO", ANATASE),
        radiation="Cu",
        corrections=("zero", "displacement", "transparency"),
        widths={"CuO": ("size", "stephens"), ANATASE: ("size_gauss", "strain_gauss", "strain")},
        factors=("suortti",),
        background_degree=3,
        background_inverse=True,
        humps=((40.0, 8.0),),
    )
    model = built(method, np.arange(15.0, 65.0, 0.06), {}, s_l=0.03, h_l=0.02)
    return model, np.arange(15.0, 65.0, 0.06), {"CuO.scale": 2e-2, f"{ANATASE}.scale": 4e-3}


def rietveld_capillary():
    """One wavelength, a capillary, to the highest angles: some lines are out of reach."""
    x = np.arange(100.0, 178.0, 0.08)
    method = Rietveld(
        phases=(RUTILE, ANATASE),
        corrections=("zero", "along", "across"),
        factors=("capillary",),
        background_degree=2,
    )
    model = built(method, x, {"wavelength": 2.2})
    shrunk = {f"{RUTILE}.a": 0.98, f"{ANATASE}.a": 0.98}
    return model, x, {f"{RUTILE}.scale": 2e-2, f"{ANATASE}.scale": 4e-3} | shrunk


def rietveld_neutrons():
    """Neutrons."""
    x = np.arange(20.0, 120.0, 0.08)
    method = Rietveld(phases=("Al2O3",), radiation="neutron", background_degree=2)
    return built(method, x, {"wavelength": 1.8}), x, {"Al2O3.scale": 0.02}


def pawley_doublet():
    """Every intensity free."""
    x = np.arange(20.0, 75.0, 0.05)
    method = Pawley(phases=("CuO",), radiation="Cu", corrections=("zero",), background_degree=2)
    return built(method, x, {}, s_l=0.02, h_l=0.02), x, {"*intensity*": 0.05}


CASES = (rietveld_doublet, rietveld_capillary, rietveld_neutrons, pawley_doublet)


def near_truth(case, loss):
    """Objective of patterns of counts, and parameters about one standard deviation off."""
    model, x, scales = case()
    layout = model.layout
    theta = layout.start.copy()
    for name, factor in scales.items():
        theta[layout.match([name.replace("(", "[(]")])] *= factor
    moved = SHARP | {"zero": 0.02, "displacement": 0.05, "transparency": 0.03, "along": 0.05}
    moved |= {"across": 0.02, "background0": 80.0, "background1": -10.0, "hump1": 30.0}
    for name, value in moved.items():
        if name in layout.names:
            theta[layout.index(name)] = value
    for i, name in enumerate(layout.names):
        if name.endswith(("size", "strain", "size_gauss", "strain_gauss")):
            theta[i] = 0.08
        if name.endswith(".march"):
            theta[i] = 0.8
        if name in ("mu_r", "capillary"):
            theta[i] = 0.5
    rng = np.random.default_rng(5)
    theta = np.tile(theta, (ROWS, 1))
    tiles = Tiles.of(x, 128)
    blank = np.ones((ROWS, x.size))
    expected = PatternObjective.of(model, tiles, blank, blank).curve(theta)
    assert expected.min() > 1.0
    y = rng.poisson(expected).astype(float)
    weight = 1.0 / point_sigma(y, None, "counts") ** 2
    weight[:, 100:110] = 0.0
    objective = PatternObjective.of(model, tiles, y, weight, loss)
    here = objective.evaluate(theta)
    spread = 1.0 / np.sqrt(np.maximum(np.einsum("rii->ri", here.hessian), 1e-300))
    step = rng.normal(size=theta.shape) * np.where(spread < 1e100, spread, 0.0)
    inside = np.clip(theta + 0.3 * step, layout.lower + 1e-3, layout.upper - 1e-3)
    return objective, np.where(np.isfinite(layout.start), inside, theta)


def difference(function, theta, i, step):
    """Derivative (rows, …) by parameter i: central, of fourth order."""

    def at(k):
        moved = theta.copy()
        moved[:, i] += k * step
        return function(moved)

    width = (12.0 * step).reshape(-1, *([1] * (at(0).ndim - 1)))
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / width


@pytest.mark.parametrize("loss", [SQUARES, Counts()], ids=["squares", "counts"])
@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_the_cost(case, loss):
    objective, theta = near_truth(case, loss)
    here = objective.evaluate(theta)
    for i, name in enumerate(objective.model.layout.names):
        curvature = here.hessian[:, i, i]
        if not curvature.any():
            assert not here.gradient[:, i].any(), name
            continue
        slope = difference(
            lambda t: objective.evaluate(t).cost, theta, i, 1e-3 / np.sqrt(curvature)
        )
        pull = here.gradient[:, i] / np.sqrt(curvature)
        off = np.abs(-0.5 * slope / np.sqrt(curvature) - pull)
        assert (off < 1e-5 * np.maximum(1.0, np.abs(pull))).all(), (name, off, pull)


@pytest.mark.parametrize("case", CASES)
def test_hessian_is_made_of_the_slopes_of_the_curve(case):
    objective, theta = near_truth(case, SQUARES)
    here = objective.evaluate(theta)
    steps = 1e-2 / np.sqrt(np.maximum(np.einsum("rii->ri", here.hessian), 1e-300))
    weight = objective.tiles.join(objective.weight)
    slopes = np.stack(
        [
            difference(objective.curve, theta, i, np.where(s < 1e100, s, 1e-6))
            for i, s in enumerate(steps.T)
        ],
        axis=1,
    )
    true = np.einsum("rin,rn,rjn->rij", slopes, weight, slopes)
    root = np.sqrt(np.maximum(np.einsum("rii->ri", true), 1e-300))
    # What is believed of the cells beforehand is no slope of the curve.
    seen = here.hessian - objective.prior.precision[:, :, None] * np.eye(theta.shape[1])
    off = np.abs(seen - true) / root[:, :, None] / root[:, None, :]
    assert off.max() < 1e-5


@pytest.mark.parametrize("case", CASES)
def test_rows_and_active_parameters_do_not_change_a_bit(case):
    objective, theta = near_truth(case, Counts())
    whole = objective.evaluate(theta)
    for rows in ([0], [2], [1, 2], [2, 0]):
        part = objective.take(np.array(rows)).evaluate(theta[rows])
        assert np.array_equal(part.cost, whole.cost[rows])
        assert np.array_equal(part.gradient, whole.gradient[rows])
        assert np.array_equal(part.hessian, whole.hessian[rows])
    free = objective.model.layout.match(["*.a", "*.scale" if "Rie" in case.__name__ else "*.c"])
    some = objective.vary(free).evaluate(theta)
    scale = np.abs(whole.gradient[:, free]).max()
    assert np.abs(some.gradient[:, free] - whole.gradient[:, free]).max() < 1e-9 * scale
    assert not some.gradient[:, ~free].any()


def test_points_without_weight_say_nothing():
    objective, theta = near_truth(rietveld_capillary, Counts())
    unused = objective.weight == 0
    changed = replace(objective, y=np.where(unused, 1e5, objective.y))
    one, other = objective.evaluate(theta), changed.evaluate(theta)
    assert np.array_equal(one.cost, other.cost)
    assert np.array_equal(one.gradient, other.gradient)


def test_lines_out_of_reach_are_not_there():
    model, _, factors = rietveld_capillary()
    theta = model.layout.start[None].copy()
    for name, factor in factors.items():
        theta[:, model.layout.index(name)] *= factor
    lines = model.lines(theta, np.arange(model.layout.size), np.zeros(1, np.intp))
    beyond = lines.area[0] == 0.0
    assert beyond.any()
    assert not beyond.all()
    assert not lines.slopes[0, beyond, 1].any()
    assert np.isfinite(lines.slopes).all()
