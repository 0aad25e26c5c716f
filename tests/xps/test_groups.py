"""Lines that belong together: multiplets, satellites, plasmons; positions that samples share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import carbon, counted, curve_of

from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.fit.lineshapes import PROFILES
from spectra.xps import Model, Region, Species

X = np.linspace(704.0, 724.0, 161)
LINES = ((0.0, 1.0), (0.9, 0.8, 1.1), (1.7, 0.5, 1.3), (2.9, 0.2, 1.3))


def iron(**changes):
    common = {"level": "Fe 2p", "profile": "gaussian", "width": 1.0, "widths": (0.5, 2.0)}
    common |= {"name": "Fe3+", "position": 709.8, "multiplet": LINES}
    species = Species(**common | changes)
    return Model(name="iron", species=(species,))


def test_a_multiplet_is_the_sum_of_its_lines():
    built = Region(model=iron(), background="none").built(X)
    built.params["Fe3_area"].set(value=500.0)
    built.params["Fe3_center"].set(value=709.9)
    whole = sum(line[1] for line in LINES)
    expected = sum(
        500.0 * weight / whole * PROFILES["gaussian"].value(X, 709.9 + offset, 1.0 * factor)
        for offset, weight, factor in ((*line, 1.0)[:3] for line in LINES)
    )
    np.testing.assert_allclose(built.model.eval(built.params, x=X), expected, rtol=1e-12)


def test_a_multiplet_moves_as_one():
    region = Region(model=iron())
    built = region.built(X)
    truth = {"Fe3_area": 6000.0, "Fe3_center": 709.95, "shirley": 0.02, "background_c0": 200.0}
    for name, value in truth.items():
        built.params[name].set(value=value)
    curve = built.model.eval(built.params, x=X)
    y = np.random.default_rng(3).poisson(curve, (200, X.size))
    stack = Stack.from_arrays(X, y, noise="counts", axis_name="binding_energy")
    results = region(stack)
    assert results["area"].shape == (200, 1)
    for name, value in (("area", 6000.0), ("position", 709.95), ("fwhm", 1.0)):
        z = (results[name][:, 0] - value) / results[f"{name}_stderr"][:, 0]
        assert abs(z.mean()) < 0.25
        assert z.std() == pytest.approx(1.0, abs=0.17)
    # Its height is that of its first line.
    peak = 6000.0 * LINES[0][1] / sum(line[1] for line in LINES)
    peak *= float(PROFILES["gaussian"].value(np.zeros(1), 0.0, 1.0)[0])
    assert results["height"].mean() == pytest.approx(peak, rel=0.02)


def test_wrong_multiplets_are_named():
    for lines, message in (
        (((0.0, 1.0, 1.2), (1.0, 0.5)), "first line of the multiplet has the factor 1.2"),
        (((0.0, 1.0), (1.0, -0.5)), r"\[1.0, -0.5\]; expected offset"),
        (((0.0,), (1.0, 1.0)), "expected offset"),
    ):
        with pytest.raises(SettingError, match=message):
            iron(multiplet=lines)


def test_plasmons_of_one_energy_and_strength():
    # Orders n at n times the plasmon's energy, each b times the one before.
    common = {"level": "Al 2s", "spread": 0.5, "profile": "gaussian", "widths": (0.4, 8.0)}
    species = (
        Species(name="Al", position=118.0, width=1.0, **common),
        Species(name="p1", position=133.3, width=2.5, **common),
        Species(name="p2", position=148.6, width=3.5, **common),
    )
    ties = {
        "loss": {"value": 15.0, "min": 14.0, "max": 16.0, "vary": True},
        "b": {"value": 0.4, "min": 0.0, "max": 1.0, "vary": True},
        "p1_center": {"expr": "Al_center + loss"},
        "p2_center": {"expr": "Al_center + 2*loss"},
        "p1_area": {"expr": "b*Al_area"},
        "p2_area": {"expr": "b*p1_area"},
    }
    region = Region(model=Model(name="plasmons", species=species, parameters=ties))
    axis = np.linspace(112.0, 157.0, 151)
    built = region.built(axis)
    truth = {"loss": 15.3, "b": 0.55, "Al_area": 9000.0, "shirley": 0.003, "background_c0": 300.0}
    for name, value in truth.items():
        built.params[name].set(value=value)
    curve = built.model.eval(built.params, x=axis)
    y = np.random.default_rng(4).poisson(curve, (60, axis.size))
    stack = Stack.from_arrays(axis, y, noise="counts", axis_name="binding_energy")
    results = region(stack)
    labels = results.table.coords["parameter"]["label"].tolist()
    for name in ("loss", "b"):
        i = labels.index(name)
        z = (results["parameter"][:, i] - truth[name]) / results["parameter_stderr"][:, i]
        assert abs(z.mean()) < 0.45
        assert z.std() == pytest.approx(1.0, abs=0.3)
    z = (results["area"][:, 2] - 0.55**2 * 9000.0) / results["area_stderr"][:, 2]
    assert z.std() == pytest.approx(1.0, abs=0.25)


def test_samples_share_positions_and_have_areas_of_their_own():
    # Twenty series of six samples whose areas differ, the lines 0.9 eV apart.
    model = carbon(apart=0.9)
    region = Region(model=model, common=("positions", "C_C_fwhm"))
    amounts = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.6])
    curves = np.stack(
        [curve_of(region, C_C_area=2000.0 * (1 - a), C_O_area=2000.0 * a) for a in amounts]
    )
    truth = 2000.0 * np.stack([1 - amounts, amounts], axis=1)
    areas, positions = [], []
    for seed in range(20):
        stack = counted(curves, 6, seed=200 + seed)
        shared = region(stack)
        assert np.ptp(shared["position"], axis=0).max() == 0.0
        assert np.ptp(shared["fwhm"], axis=0).max() == 0.0
        areas.append((shared["area"] - truth) / shared["area_stderr"])
        at = shared["position"][0] - np.array([284.8, 285.7])
        positions.append(at / shared["position_stderr"][0])
    assert np.std(areas) == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(areas)) < 0.2
    assert np.std(positions) == pytest.approx(1.0, abs=0.3)
    # What samples tell together each alone does not.
    alone = Region(model=model)(counted(curves, 6, seed=200))
    assert (shared["area_stderr"] < 0.7 * alone["area_stderr"])[1:5].all()


def test_a_shared_position_at_its_bound_is_flagged_and_leaves_the_others_at_their_minimum():
    # The model lets C-O come down to 285.3 eV; it is at 285.0, half under C-C.
    truth = Region(model=carbon(apart=0.9))
    stack = counted(curve_of(truth, C_O_center=285.0), 6, seed=11)
    shared = Region(model=carbon(apart=0.9), common=("positions",))(stack)
    assert (shared.status == Status.AT_BOUND).all()
    assert all("C_O_center at its bound 285.3" in text for text in shared.messages)
    labels = shared.table.coords["parameter"]["label"].tolist()
    at = labels.index("C_O_center")
    assert shared["parameter"][:, at] == pytest.approx(285.3)
    end = {"value": 285.3, "vary": False}
    held = replace(carbon(apart=0.9), parameters=carbon().parameters | {"C_O_center": end})
    other = Region(model=held, common=("C_C_center",))(stack)
    sigma = other["position_stderr"][0, 0]
    assert abs(shared["position"][0, 0] - other["position"][0, 0]) < 0.01 * sigma
