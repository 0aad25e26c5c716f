"""One Shirley strength for unequal ones, one background for another: told, or carried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import REGION, carbon, counted, curve_of

from spectra import Stack
from spectra.xps import Model, Region, Species

ENERGY = np.linspace(506.0, 536.0, 301)
# Position, width and area of Gaussians (eV), lower line of a doublet first.
LINES = {"V5+": (517.2, 1.4, 6000.0), "V4+": (515.8, 1.4, 3000.0), "O": (530.0, 1.4, 12000.0)}
TRUTH = np.array([area for _, _, area in LINES.values()])
OTHER = "the background is of another kind (chi2 falls by"
TOLD = "one Shirley strength for all does not hold (chi2 falls by"


def model():
    common = {"spread": 0.3, "width": 1.4, "shape": {"mixing": 0.0}}
    vanadium = [
        Species(name=n, level="V 2p", position=LINES[n][0], splitting=7.4, **common)
        for n in ("V5+", "V4+")
    ]
    oxygen = Species(name="O", level="O 1s", position=530.0, **common)
    return Model(
        name="oxide",
        species=(*vanadium, oxygen),
        parameters={"V4_fwhm": {"expr": "V5_fwhm"}, "V4_center": {"expr": "V5_center - 1.4"}},
    )


def gaussian(at, fwhm):
    return np.exp(-4 * np.log(2) * ((ENERGY - at) / fwhm) ** 2) / (fwhm * 1.0644670194312262)


def stack(of_vanadium, of_oxygen, counts=1.0, n=80):
    """Lines on the sums of those below them, times a strength for each level."""
    curve = np.full(ENERGY.size, 600.0)
    for name, (at, fwhm, area) in LINES.items():
        line = gaussian(at, fwhm)
        if name != "O":
            line = 2 / 3 * line + 1 / 3 * gaussian(at + 7.4, fwhm)
        step = np.concatenate([[0.0], np.cumsum(0.5 * (line[1:] + line[:-1]))]) * 0.1
        curve += area * (line + (of_oxygen if name == "O" else of_vanadium) * step)
    y = np.random.default_rng(1).poisson(counts * curve, (n, ENERGY.size))
    return Stack.from_arrays(ENERGY, y, noise="counts", axis_name="binding_energy", axis_unit="eV")


def pulls(results, counts):
    return (results["area"] - counts * TRUTH) / results["area_stderr"]


@pytest.mark.parametrize("strengths", [(0.03, 0.012), (0.01, 0.03)])
@pytest.mark.parametrize("counts", [0.1, 1.0])
def test_unequal_strengths_of_levels_are_told_and_carried(strengths, counts):
    frames = stack(*strengths, counts)
    results = Region(model=model())(frames)
    assert np.mean([TOLD in m for m in results.messages]) > 0.9
    # The least counts leave residuals that noise could have left.
    assert np.sqrt((pulls(results, counts) ** 2).mean(axis=0)).max() < 1.3
    each = Region(model=model(), shirley_each=True)(frames)
    assert not any(TOLD in m for m in each.messages)
    assert np.abs(pulls(each, counts).mean(axis=0)).max() < 0.3


@pytest.mark.parametrize("counts", [0.03, 1.0, 30.0])
def test_equal_strengths_are_left_alone(counts):
    results = Region(model=model())(stack(0.02, 0.02, counts, n=150))
    # Once in a thousand.
    assert sum(TOLD in m for m in results.messages) <= 1
    assert np.abs(pulls(results, counts).std(axis=0) - 1.0).max() < 0.2


def test_rates_and_given_uncertainties_are_asked_as_well():
    counted = stack(0.03, 0.012, n=20)
    y = np.asarray(counted.signal, dtype=float)
    given = replace(counted, noise="given", signal=y, errors=np.sqrt(np.maximum(y, 1.0)))
    rates = replace(counted, noise="unknown", signal=y / 40.0)
    for other in (given, rates):
        results = Region(model=model())(other)
        assert np.mean([TOLD in m for m in results.messages]) > 0.9


def test_sums_over_points_are_asked_as_well():
    lines = tuple(
        replace(s, profile="voigt", shape={"fwhm_lorentz": 0.05}) for s in model().species
    )
    mixed = replace(model(), species=lines, parameters={"V4_center": {"expr": "V5_center - 1.4"}})
    results = Region(model=mixed)(stack(0.03, 0.012, n=10))
    assert any(TOLD in m for m in results.messages)


def test_species_of_one_level_are_asked_each():
    common = {"level": "C 1s", "spread": 0.3, "width": 1.4, "shape": {"mixing": 0.0}}
    lines = (Species(name="a", position=517.2, **common), Species(name="b", position=526, **common))
    shape = gaussian(517.2, 1.4), gaussian(526.0, 1.4)
    one, other = (np.cumsum(line) * 0.1 for line in shape)
    for strengths, told in (((0.02, 0.02), False), ((0.035, 0.0), True)):
        thrown = strengths[0] * one + strengths[1] * other
        y = np.random.default_rng(2).poisson(1000 + 9000 * (sum(shape) + thrown), (20, 301))
        frames = Stack.from_arrays(
            ENERGY, y, noise="counts", axis_name="binding_energy", axis_unit="eV"
        )
        results = Region(model=Model(name="carbon", species=lines))(frames)
        said = np.mean([TOLD in m for m in results.messages])
        assert said > 0.9 if told else said == 0.0


def test_what_a_frame_is_told_does_not_depend_on_others():
    frames = stack(0.03, 0.02, 0.3, n=130)
    region = Region(model=model())
    plan = region.prepare(frames)
    together, alone = region.fit(frames, plan), region.fit(frames[100:101], plan)
    assert alone.messages[0] == together.messages[100]
    np.testing.assert_array_equal(alone["area_stderr"][0], together["area_stderr"][100])


WIDE = np.linspace(278.0, 298.0, 201)


@pytest.mark.parametrize(
    ("true", "fitted", "counts"),
    [
        ({"background": "tougaard"}, {"background": "shirley"}, 1.0),
        ({"background": "shirley", "degree": 1}, {"background": "shirley"}, 0.4),
        ({"background": "shirley"}, {"background": "none", "degree": 1}, 0.05),
        ({"background": "shirley"}, {"background": "tougaard"}, 0.05),
    ],
)
def test_a_background_of_another_kind_is_told_before_the_residual_tells(true, fitted, counts):
    made, wrong = (replace(REGION, model=carbon(2.0), **how) for how in (true, fitted))
    strengths = {"C_C_area": 6000.0, "C_O_area": 2500.0, "background_c0": 300.0}
    strengths |= {"shirley": 0.03, "tougaard": 2000.0, "background_c1": 60.0}
    stack = counted(counts * curve_of(made, WIDE, **strengths), 60, seed=6, axis=WIDE)
    asked = wrong(stack).messages
    told = np.mean([OTHER in m for m in asked])
    assert told > 0.8
    assert told > np.mean(["residual is not noise" in m for m in asked])
    many = counted(30 * curve_of(made, WIDE, **strengths), 10, seed=7, axis=WIDE)
    assert np.mean([OTHER in m for m in wrong(many).messages]) > 0.8
    # Of the right kind one in 100000.
    assert not any(OTHER in m for m in made(stack).messages)
