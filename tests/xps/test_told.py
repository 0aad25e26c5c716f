"""What a region's messages must tell: wrong backgrounds, species that are not determined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import carbon

from spectra import Stack, Status
from spectra.xps import Model, MonteCarlo, Region, Species

X = np.linspace(278.0, 298.0, 101)
LOSSES = (60.0, 1.0, 0.0, 0.0)
MODEL = replace(carbon(apart=2.0), parameters={"C_O_fwhm": {"expr": "C_C_fwhm"}})
KINDS = {
    "constant": {"background": "none"},
    "linear": {"background": "none", "degree": 1},
    "shirley": {"background": "shirley"},
    "tougaard": {"background": "tougaard", "losses": LOSSES},
}
TRUTH = {"C_C_area": 6000.0, "C_O_area": 2500.0, "background_c0": 300.0, "background_c1": 90.0}
TRUTH |= {"shirley": 0.025, "tougaard": 22.0}


def region_of(kind):
    return Region(model=MODEL, **KINDS[kind])


def simulated(kind, n, seed):
    built = region_of(kind).built(X)
    for name, value in TRUTH.items():
        if name in built.params:
            built.params[name].set(value=value)
    curve = built.model.eval(built.params, x=X)
    y = np.random.default_rng(seed).poisson(curve, (n, X.size))
    return Stack.from_arrays(X, y, noise="counts", axis_name="binding_energy")


@pytest.mark.parametrize("true", sorted(KINDS))
@pytest.mark.parametrize("fitted", sorted(KINDS))
def test_a_background_of_the_wrong_kind_is_told(true, fitted):
    results = region_of(fitted)(simulated(true, 20, seed=len(true)))
    told = np.array(["the residual is not noise" in m for m in results.messages])
    if fitted == true or (true, fitted) == ("constant", "linear"):
        # Once in a thousand frames by either of two criteria.
        assert told.sum() <= 1
        assert results["chi2_reduced"].mean() == pytest.approx(1.0, abs=0.1)
        return
    if true == "constant":
        # Its strength comes out as none, and nothing is wrong.
        assert told.sum() <= 1
        k = results["parameter"][:, results.table.coords["parameter"]["label"] == fitted]
        assert np.abs(k).max() < 0.1 * TRUTH[fitted]
        return
    assert told.mean() > 0.9
    assert results["chi2_reduced"].mean() > 1.3
    assert results["abbe"].mean() < 0.85


def test_residuals_of_unknown_scale_are_told_by_their_structure():
    stack = replace(simulated("tougaard", 20, seed=1), noise="unknown")
    wrong = region_of("linear")(stack)
    assert all("not noise (Abbe 0." in m for m in wrong.messages)
    right = region_of("tougaard")(stack)
    assert sum("not noise" in m for m in right.messages) <= 1


def test_free_cross_sections_are_recovered():
    ties = {**MODEL.parameters, "tougaard_c": {"vary": True}}
    free = Region(model=replace(MODEL, parameters=ties), background="tougaard")
    results = free(simulated("tougaard", 90, seed=2))
    labels = results.table.coords["parameter"]["label"].tolist()
    for name, truth in (("tougaard_c", 60.0), ("tougaard", 22.0)):
        i = labels.index(name)
        z = (results["parameter"][:, i] - truth) / results["parameter_stderr"][:, i]
        assert abs(z.mean()) < 0.4
        assert z.std() == pytest.approx(1.0, abs=0.25)
    # What is not known of the losses is in the areas.
    fixed = region_of("tougaard")(simulated("tougaard", 20, seed=2))
    assert (results["area_stderr"][:20, 0] > fixed["area_stderr"][:, 0]).all()
    given = {**MODEL.parameters, "tougaard_c": {"value": 60.0}}
    same = Region(model=replace(MODEL, parameters=given), background="tougaard")
    other = same(simulated("tougaard", 3, seed=2))
    np.testing.assert_allclose(other["area"], fixed["area"][:3], rtol=1e-6)


def vanadium(spread):
    common = {"level": "V 2p", "spread": spread, "width": 1.3, "widths": (0.6, 3.0)}
    species = tuple(
        Species(name=n, position=p, valence=v, splitting=7.4, broadening=1.6, **common)
        for n, p, v in (("V4+", 516.0, 4), ("V3+", 515.7, 3))
    )
    return Model(name="close", species=species, parameters={"V3_fwhm": {"expr": "V4_fwhm"}})


def close_vanadium(n, counts):
    axis = np.linspace(509.0, 529.0, 134)
    built = Region(model=vanadium(0.2)).built(axis)
    truth = {"V4_area": 10 * counts, "V3_area": 10 * counts, "background_c0": counts}
    for name, value in truth.items():
        built.params[name].set(value=value)
    curve = built.model.eval(built.params, x=axis)
    y = np.random.default_rng(8).poisson(curve, (n, axis.size))
    return Stack.from_arrays(axis, y, noise="counts", axis_name="binding_energy")


@pytest.mark.parametrize("counts", [15.0, 60.0])
def test_v4_and_v3_close_together_are_not_quoted_as_known(counts):
    results = Region(model=vanadium(0.2))(close_vanadium(30, counts))
    assert np.isin(results.status, (Status.OK, Status.AT_BOUND)).all()
    error = results["fraction_stderr"][:, 0]
    # Half of everything, known to a tenth at best or not at all, and said so in every frame.
    assert not (error < 0.1).any()
    said = ("told apart (correlation -", "fractions not determined: V4+, V3+", "at its bound")
    assert all(any(s in m for s in said) for m in results.messages)
    assert sum("told apart" in m or "not determined" in m for m in results.messages) >= 24
    # What is reported covers the truth.
    z = (results["fraction"][:, 0] - 0.5) / error
    assert (np.abs(z[np.isfinite(z)]) < 2.6).mean() > 0.9
    valence = (results["valence"] - 3.5) / results["valence_stderr"]
    assert (np.abs(valence[np.isfinite(valence)]) < 2.6).mean() > 0.9
    # The sum, which is determined, is known well.
    total = results["area"].sum(axis=1)
    assert total.mean() == pytest.approx(20 * counts, rel=0.1)


def test_drawn_intervals_say_that_anything_is_possible():
    method = MonteCarlo(region=Region(model=vanadium(0.2)), draws=60)
    results = method(close_vanadium(3, 15.0))
    low, high = results["fraction_95"][:, 0].T
    assert (high - low > 0.5).all()
    assert ((low <= 0.5) & (high >= 0.5)).mean() > 0.6


def test_knowledge_makes_them_determined():
    results = Region(model=vanadium(0.0))(close_vanadium(20, 2000.0))
    assert (results["fraction_stderr"][:, 0] < 0.1).all()
    z = (results["fraction"][:, 0] - 0.5) / results["fraction_stderr"][:, 0]
    assert z.std() == pytest.approx(1.0, abs=0.5)
