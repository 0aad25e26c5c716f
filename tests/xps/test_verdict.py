"""What a frame's message says of single points, and of species that others imitate together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import ENERGY, REGION, carbon, counted, curve_of

from spectra.xps import Model, Region, Species
from spectra.xps.verdict import multiple_correlation

SPIKE = "alone lies where noise does not reach"


@pytest.mark.parametrize(("counts", "height"), [(1.0, 90.0), (0.02, 15.0)])
def test_a_spike_is_told_by_its_place(counts, height):
    stack = counted(counts * curve_of(), 40, seed=3)
    assert not any(SPIKE in m for m in REGION(stack).messages)
    y = np.asarray(stack.signal, dtype=float).copy()
    y[:, 10] += height
    spiked = REGION(replace(stack, signal=y))
    said = [f"the point at {ENERGY[10]:.2f} eV {SPIKE}" in m for m in spiked.messages]
    assert np.mean(said) > 0.7


def test_a_wrong_model_is_no_spike():
    wrong = Region(model=carbon(3.0), background="none")
    found = wrong(counted(30 * curve_of(), 20, seed=4))
    assert all("not noise" in m for m in found.messages)
    assert not any(SPIKE in m for m in found.messages)


def of_three(spread):
    common = {"level": "C 1s", "spread": spread, "width": 1.2, "shape": {"mixing": 0.0}}
    species = tuple(
        Species(name=n, position=p, **common) for n, p in (("a", 284.8), ("b", 285.1), ("c", 285.5))
    )
    ties = {f"{n}_fwhm": {"expr": "a_fwhm"} for n in "bc"}
    return Model(name="three", species=species, parameters=ties)


def test_three_lines_within_their_width_are_told():
    lines = [np.exp(-4 * np.log(2) * ((ENERGY - p) / 1.2) ** 2) for p in (284.8, 285.1, 285.5)]
    stack = counted(100 + 400 * np.sum(lines, axis=0), 60, seed=1)
    results = Region(model=of_three(0.2))(stack)
    said = ("told apart", "not determined")
    assert all(any(s in m for s in said) for m in results.messages)
    assert any("told apart together (multiple correlation 0.99" in m for m in results.messages)


def test_lines_that_are_resolved_are_not():
    model = Model(
        name="wide",
        species=tuple(
            Species(name=n, level="C 1s", position=p, spread=0.2, width=1.2, shape={"mixing": 0.0})
            for n, p in (("a", 283.0), ("b", 285.5), ("c", 288.0))
        ),
    )
    lines = [np.exp(-4 * np.log(2) * ((ENERGY - p) / 1.2) ** 2) for p in (283.0, 285.5, 288.0)]
    results = Region(model=model)(counted(100 + 900 * np.sum(lines, axis=0), 30, seed=2))
    assert not any("told apart" in m for m in results.messages)


def test_multiple_correlation_is_that_of_a_sum():
    # c = -(a + b)/sqrt 2 but for a part of 0.1.
    mixing = np.array([[1, 0, 0], [0, 1, 0], [-0.7, -0.7, 0.1]])
    cov = mixing @ mixing.T
    sigma = np.sqrt(np.diag(cov))
    found = multiple_correlation(of_three(0.2), (cov / sigma / sigma[:, None])[None])
    assert found[0, 2] == pytest.approx(np.sqrt(1 - 0.01 / cov[2, 2]), abs=1e-6)
    assert found[0, 0] > 0.98
    unknown = multiple_correlation(of_three(0.2), np.full((1, 3, 3), np.nan))
    assert unknown.tolist() == [[0.0, 0.0, 0.0]]
