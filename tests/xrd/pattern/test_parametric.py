"""Parametric refinement: pulls, agreement with brute force, what is left out, real patterns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares
from simulated_sequences import (
    OTHER,
    PHASE,
    TRUE,
    expected,
    method,
    model_of,
    stack_of,
    theta_of,
)

import spectra
from conformance import MethodConformance
from spectra.errors import SettingError, StackError
from spectra.stack import Variable
from spectra.status import Status
from spectra.xrd.pattern.lebail import LeBail
from spectra.xrd.pattern.parametric import Parametric
from spectra.xrd.pattern.rietveld import Rietveld

FUNCTIONS = {"LaB6.a": "polynomial 2", "zero": "constant"}
COEFFICIENTS = np.array([4.157, 4e-5, 2e-8, TRUE["zero"]])


def kelvin(t):
    return Variable(np.asarray(t, float), "K")


def cells(t):
    z = t - 300.0
    return COEFFICIENTS[0] + COEFFICIENTS[1] * z + COEFFICIENTS[2] * z**2


def counted(t, refinement, seed=0, scale=1.0):
    """Frames whose cell follows the polynomial, and their true parameters."""
    model = model_of(refinement)
    theta = theta_of(model, len(t), LaB6__a=cells(t), LaB6__scale=scale * TRUE["LaB6.scale"])
    y = expected(model, theta)
    return stack_of(y, np.random.default_rng(seed), temperature=kelvin(t)), theta


def refined_names(results):
    return results.table.coords["refined"]["name"].tolist()


class TestParametric(MethodConformance):
    without_uncertainty = frozenset({"value_held"}) | frozenset(
        {"cell_cov", "value_cov", "r_bragg", "rwp", "rp", "rexp", "gof", "durbin_watson"}
        | {"berar_lelann", "scaled"}
    )

    def make_method(self):
        refinement = method(phases=("LaB6",), widths=("size", "strain"))
        return Parametric(refinement=refinement, functions=FUNCTIONS)

    def make_source(self):
        return counted(np.linspace(100.0, 500.0, 16), method(phases=("LaB6",)))[0]


@pytest.mark.slow
def test_pulls_of_coefficients_and_of_the_rest():
    refinement = method(coarse_frames=1)
    parametric = Parametric(refinement=refinement, functions=FUNCTIONS)
    t = np.linspace(100.0, 500.0, 8)
    pulls, others, chi2 = [], [], []
    for seed in range(60):
        stack, theta = counted(t, refinement, seed)
        plan = parametric.prepare(stack)
        assert plan.converged
        stderr = np.sqrt(np.diagonal(plan.known.covariance))
        pulls.append((plan.known.beta - COEFFICIENTS) / stderr)
        chi2.append(plan.attrs["function_fit"]["chi2"])
        results = parametric.fit(stack, plan)
        at = [model_of(refinement).layout.index(n) for n in refined_names(results)]
        others.append((results["value"] - theta[:, at]) / results["value_stderr"])
    pulls, others = np.array(pulls), np.array(others)
    # 60 pulls: their mean is known to 0.13, their width to 0.09.
    assert (np.abs(pulls.mean(axis=0)) < 0.45).all()
    assert (np.abs(pulls.std(axis=0) - 1.0) < 0.32).all()
    # 480 of each; those of the two functions are not independent within a sequence.
    own = [i for i, n in enumerate(refined_names(results)) if n not in FUNCTIONS]
    assert (np.abs(others[..., own].mean(axis=(0, 1))) < 0.19).all()
    assert (np.abs(others[..., own].std(axis=(0, 1)) - 1.0) < 0.13).all()
    assert plan.attrs["function_fit"]["dof"] == 12
    assert np.mean(chi2) == pytest.approx(12.0, abs=3.5 * np.sqrt(24.0 / 60.0))


def test_esds_are_smaller_than_those_of_free_refinements():
    refinement = method()
    t = np.linspace(100.0, 500.0, 40)
    stack, _ = counted(t, refinement)
    free = refinement(stack)
    joint = Parametric(refinement=refinement, functions=FUNCTIONS)(stack)
    assert (joint.status == Status.OK).all()
    for i, name in enumerate(refined_names(free)):
        ratio = joint["value_stderr"][:, i] / free["value_stderr"][:, i]
        assert (ratio < 1.001).all(), name
        if name in FUNCTIONS:
            assert (ratio < 0.35).all(), name
    np.testing.assert_array_equal(joint["free_value"][:, 1], free["value"][:, 0])
    fit = joint.attrs["function_fit"]
    assert fit["converged"]
    assert fit["dof"] == 76
    assert 0.5 < fit["chi2"] / fit["dof"] < 1.6
    told = joint.attrs["functions"][0]
    assert (told["parameter"], told["origin"]) == ("LaB6.a", 300.0)
    assert [c["unit"] for c in told["coefficients"]] == ["angstrom", "angstrom/K", "angstrom/K^2"]
    cov = np.array(joint.attrs["function_covariance"])
    stderr = [c["stderr"] for f in joint.attrs["functions"] for c in f["coefficients"]]
    np.testing.assert_allclose(np.sqrt(np.diagonal(cov)), stderr)


def test_equals_brute_force():
    # With weights of 1/σ² given, scipy can minimise the very same sum over all frames at once.
    refinement = method(errors="given", background_degree=0)
    t = np.linspace(100.0, 500.0, 4)
    stack, _ = counted(t, refinement)
    sigma = np.sqrt(np.maximum(stack.signal, 1.0))
    stack = spectra.Stack.from_arrays(
        stack.x, stack.signal, sigma, variables={"temperature": kelvin(t)}
    )
    functions = FUNCTIONS
    parametric = Parametric(refinement=refinement, functions=functions)
    plan = parametric.prepare(stack)
    results = parametric.fit(stack, plan)
    model, names = plan.pattern.model, refined_names(results)
    own = [model.layout.index(n) for n in names if n not in functions]
    objective = refinement.objective(model, stack.x, stack.signal, sigma, "given")
    observed = objective.tiles.join(objective.y)
    held = np.tile(model.layout.start, (4, 1))

    def residual(z):
        theta = held.copy()
        theta[:, own] = (z[4:] * unit[4:]).reshape(4, -1)
        c0, c1, c2, zero = (z[:4] * unit[:4]).tolist()
        theta[:, model.layout.index("LaB6.a")] = c0 + c1 * (t - 300.0) + c2 * (t - 300.0) ** 2
        theta[:, model.layout.index("zero")] = zero
        return ((observed - objective.curve(theta)) / sigma).ravel()

    values = results["value"][:, [names.index(model.layout.names[c]) for c in own]]
    found = np.concatenate([plan.known.beta, values.ravel()])
    errors = results["value_stderr"][:, [names.index(model.layout.names[c]) for c in own]]
    unit = np.concatenate([np.sqrt(np.diagonal(plan.known.covariance)), errors.ravel()])
    start = found / unit + np.random.default_rng(1).normal(size=found.size)
    brute = least_squares(residual, start, method="lm", xtol=1e-13, ftol=1e-13, gtol=1e-13)
    # In units of the standard uncertainty, and as a share of the value.
    np.testing.assert_allclose(found / unit, brute.x, atol=2e-3)
    np.testing.assert_allclose(found[:2], (brute.x * unit)[:2], rtol=1e-6)
    cov = np.linalg.inv(brute.jac.T @ brute.jac)
    np.testing.assert_allclose(np.sqrt(np.diagonal(cov)), 1.0, rtol=2e-3)


def test_bits_do_not_depend_on_blocks(monkeypatch):
    refinement = method()
    stack, _ = counted(np.linspace(100.0, 500.0, 10), refinement)
    parametric = Parametric(refinement=refinement, functions=FUNCTIONS)
    whole = parametric(stack)
    plan = parametric.prepare(stack)
    part = parametric.fit(stack[3:5].load(), parametric.narrow(plan, 3, 5))
    np.testing.assert_array_equal(whole["value"][3:5], part["value"])
    np.testing.assert_array_equal(whole["value_cov"][3:5], part["value_cov"])
    monkeypatch.setattr(Rietveld, "block_size", 3)
    monkeypatch.setattr("spectra.xrd.pattern.alone._KEPT", 0)
    other = parametric.prepare(stack)
    np.testing.assert_array_equal(plan.known.beta, other.known.beta)
    np.testing.assert_array_equal(plan.known.covariance, other.known.covariance)
    np.testing.assert_array_equal(plan.pattern.start, other.pattern.start)


def test_frames_that_cannot_help_have_no_part():
    refinement = method()
    t = np.linspace(100.0, 500.0, 12)
    stack, _ = counted(t, refinement)
    clean = Parametric(refinement=refinement, functions=FUNCTIONS)(stack)
    signal, unknown = stack.signal.copy(), t.copy()
    signal[4] = 0.0
    signal[7, 200:400] = 0.0
    unknown[2] = np.nan
    spoilt = spectra.Stack.from_arrays(
        stack.x, signal, noise="counts", variables={"temperature": kelvin(unknown)}
    )
    results = Parametric(refinement=refinement, functions=FUNCTIONS)(spoilt)
    assert results.status[2] == Status.BAD_INPUT
    assert results.messages[2] == "temperature is not known"
    assert np.isnan(results["value"][2]).all()
    assert results.status[4] == Status.NO_SIGNAL
    assert results.status[7] == Status.BAD_INPUT
    assert "no part in the functions" in results.messages[7]
    assert results.attrs["function_fit"]["frames"] == 9
    good = [0, 1, 3, 5, 6, 8, 9, 10, 11]
    assert (results.status[good] == Status.OK).all()
    shift = results["value"][good, 1] - clean["value"][good, 1]
    assert (np.abs(shift) < 2.0 * clean["value_stderr"][good, 1]).all()


def test_a_phase_that_is_not_there_has_no_part_in_its_function():
    refinement = method(phases=(PHASE, OTHER))
    model = model_of(refinement)
    t = np.linspace(100.0, 500.0, 8)
    scale = np.where(t < 300.0, 0.002, 0.0)
    theta = theta_of(model, 8, LaB6__a=cells(t), Si__scale=scale, Si__size=0.1)
    theta[:, model.layout.index("Si.a")] = 5.431 + 2e-5 * (t - 300.0)
    rng = np.random.default_rng(5)
    stack = stack_of(expected(model, theta), rng, temperature=kelvin(t))
    functions = {"LaB6.a": "polynomial 2", "Si.a": "polynomial 1"}
    results = Parametric(refinement=refinement, functions=functions)(stack)
    at = refined_names(results).index("Si.a")
    assert np.isfinite(results["value"][:4, at]).all()
    assert np.isnan(results["value"][4:, at]).all()
    assert np.isnan(results["free_value"][4:, 1]).all()
    assert results.attrs["function_fit"]["dof"] == 8 + 4 - 5
    slope = results.attrs["functions"][1]["coefficients"][1]
    assert abs(slope["value"] - 2e-5) < 4.0 * slope["stderr"]


def test_a_function_too_simple_is_noticed():
    refinement = method()
    stack, _ = counted(np.linspace(100.0, 500.0, 10), refinement)
    fit = Parametric(refinement=refinement, functions={"LaB6.a": "constant"})(stack).attrs
    assert fit["function_fit"]["chi2"] > 100 * fit["function_fit"]["dof"]
    assert fit["function_fit"]["scaled"] > 10.0


def test_settings_make_the_method_again():
    refinement = method()
    stack, _ = counted(np.linspace(100.0, 500.0, 4), refinement)
    parametric = Parametric(refinement=refinement, functions={"zero": "constant"})
    again = Parametric.from_settings(parametric.settings())
    np.testing.assert_array_equal(parametric(stack)["value"], again(stack)["value"])


@pytest.mark.slow
@pytest.mark.realdata
def test_the_cell_of_a_chromite(data):
    folder = data / "xrd" / "cucr2o4_temperature"
    numbers = (38, 41, 45, 49, 53)
    stack = spectra.read([folder / f"OH_{n}.fxye" for n in numbers])
    refinement = Rietveld(
        phases=(folder / "CuCr2O4.cif", folder / "CuO.cif"),
        instrument=folder / "OH_00.prm",
        low=2.0,
        high=24.0,
        background_degree=14,
        widths={"CuCr2O4": ("size", "stephens"), "CuO": ("size", "strain")},
    )
    parametric = Parametric(refinement=refinement, functions={"CuCr2O4.a": "spline 2"})
    results = parametric(stack)
    assert results.attrs["function_fit"]["converged"]
    assert results.attrs["function_fit"]["frames"] == 5
    at = refined_names(results).index("CuCr2O4.a")
    value, stderr = results["value"][:, at], results["value_stderr"][:, at]
    free, free_stderr = results["free_value"][:, 0], results["free_value_stderr"][:, 0]
    assert (np.abs(value - free) < 2.0 * np.hypot(stderr, free_stderr)).all()
    # The temperatures are not known to better than some tenths of a kelvin: 1e-4 angstrom.
    assert (np.abs(value - free) < 1.5e-4).all()
    assert (np.diff(value) > 0.003).all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"functions": {}}, "functions is empty"),
        ({"functions": {"LaB6.b": "constant"}}, "no parameter 'LaB6.b'"),
        ({"functions": {"LaB6.B1.x": "constant"}}, "'LaB6.B1.x', which is not refined"),
        ({"functions": {"LaB6.a": "constant", "LaB6.?": "constant"}}, "'LaB6.a' twice"),
        ({"functions": {"LaB6.a": "polinomial 2"}}, "did you mean 'polynomial'"),
        ({"variable": "temprature"}, "did you mean 'temperature'"),
        ({"refinement": {"method": "xrd.Peaks"}}, "refinement 'xrd.Peaks'"),
        ({"refinement": LeBail(phases=("Si",))}, "refinement is xrd.LeBail"),
    ],
)
def test_what_is_refused(settings, told):
    stack, _ = counted(np.linspace(100.0, 500.0, 3), method())
    with pytest.raises((SettingError, StackError), match=told):
        Parametric(**{"refinement": method(), "functions": FUNCTIONS, **settings}).prepare(stack)
