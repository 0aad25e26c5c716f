"""Ties, bounds and restraints: derivatives, answers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_sequences import OTHER, PHASE, X, expected, method, model_of, stack_of, theta_of

from spectra.errors import SettingError
from spectra.reference import load_phase
from spectra.status import Status
from spectra.xrd.pattern.constrained import ConstrainedPattern

BONDS = (("LaB6", "B1-B1", 1.66, 0.004), ("LaB6", "La1-B1", 3.06, 0.01))
ATOMS = ("LaB6.B1.x", "LaB6.B1.u_iso")


def objective_of(refinement, model, theta):
    y = expected(model, theta) * (1.0 + 0.02 * np.sin(X))
    return refinement.objective(model, X, y, np.sqrt(y), "given")


def numeric_gradient(objective, theta, columns):
    """−½·∂cost/∂θ by central differences, for each row."""
    out = np.zeros(theta.shape)
    for p in columns:
        step = np.zeros(theta.shape[1])
        step[p] = 1e-6 * max(abs(theta[0, p]), 1e-2)
        ahead, behind = (objective.evaluate(theta + s * step).cost for s in (1, -1))
        out[:, p] = -0.25 * (ahead - behind) / step[p]
    return out


@pytest.mark.parametrize(
    "settings",
    [
        {"ties": {"LaB6.B1.u_iso": "LaB6.La1.u_iso * 0.8 + 0.1*LaB6.size**2"}, "refine": ATOMS},
        {"ties": {"v": "-2*sqrt(u*w)", "w": "0.02 + zero"}, "profile": ("u", "v", "w")},
        {"restraints": BONDS, "refine": ATOMS},
        {"restraints": BONDS, "refine": ATOMS, "ties": {"LaB6.B1.x": "0.2 + zero/10"}},
    ],
)
def test_gradients_are_those_of_the_cost(settings):
    refinement = method(**{**settings, "refine": (*settings.get("refine", ()), "*.u_iso")})
    model = model_of(refinement)
    theta = theta_of(model, 2, LaB6__B1__x=np.array([0.199, 0.202]))
    objective = objective_of(refinement, model, theta)
    assert isinstance(objective, ConstrainedPattern)
    free = refinement._chosen(model)
    found = objective.vary(free & ~objective.tied).evaluate(theta)
    columns = np.flatnonzero(free & ~objective.tied)
    numeric = numeric_gradient(objective, theta, columns)
    scale = np.sqrt(np.einsum("rii->ri", found.hessian))[:, columns]
    np.testing.assert_allclose(
        found.gradient[:, columns] / scale, numeric[:, columns] / scale, atol=2e-4, rtol=1e-5
    )
    assert not found.gradient[:, objective.tied].any()
    assert not found.gradient[:, ~free].any()


def test_distances_are_those_of_the_structure():
    refinement = method(restraints=BONDS)
    model = model_of(refinement)
    (restrained,) = model.restraints.phases
    theta = theta_of(model, 1)
    distance, slopes = restrained.distances(theta)
    a, x = 4.157, 0.1993
    # Between two octahedra, and from lanthanum to boron.
    assert distance[0, 0] == pytest.approx(2.0 * a * x, rel=1e-12)
    assert distance[0, 1] == pytest.approx(a * np.sqrt(x**2 + 0.5), rel=1e-12)
    at = model.layout.index("LaB6.B1.x")
    assert slopes[0, 0, at] == pytest.approx(2.0 * a, rel=1e-12)


def test_a_tied_parameter_follows_with_its_uncertainty():
    refinement = method(
        refine=("LaB6.La1.u_iso",), ties={"LaB6.B1.u_iso": "LaB6.La1.u_iso * 0.5 + 0.001"}
    )
    model = model_of(refinement)
    theta = theta_of(model, 6)
    y = expected(model, theta)
    results = refinement(stack_of(y, np.random.default_rng(0)))
    names = results.table.coords["refined"]["name"].tolist()
    own, tied = names.index("LaB6.La1.u_iso"), names.index("LaB6.B1.u_iso")
    value, cov = results["value"], results["value_cov"]
    np.testing.assert_allclose(value[:, tied], 0.5 * value[:, own] + 0.001, rtol=1e-12)
    np.testing.assert_allclose(
        results["value_stderr"][:, tied], 0.5 * results["value_stderr"][:, own], rtol=1e-9
    )
    np.testing.assert_allclose(cov[:, tied, own], 0.5 * cov[:, own, own], rtol=1e-9)
    pulls = (value[:, own] - 0.006) / results["value_stderr"][:, own]
    assert np.abs(pulls).max() < 4.0


def test_a_restraint_holds_a_distance_as_firmly_as_it_says():
    y = expected(model_of(method()), theta_of(model_of(method()), 3))
    stack = stack_of(y, np.random.default_rng(1))
    distance = []
    for sigma in (1e-5, 10.0):
        restraints = (("LaB6", "B1-B1", 1.70, sigma),)
        results = method(refine=("LaB6.B1.x",), restraints=restraints)(stack)
        names = results.table.coords["refined"]["name"].tolist()
        x, a = (results["value"][:, names.index(n)] for n in ("LaB6.B1.x", "LaB6.a"))
        distance.append(2.0 * a * x)
    np.testing.assert_allclose(distance[0], 1.70, atol=1e-4)
    np.testing.assert_allclose(distance[1], 2.0 * 4.157 * 0.1993, atol=0.02)


def test_bounds_are_kept():
    y = expected(model_of(method()), theta_of(model_of(method()), 2))
    results = method(bounds={"LaB6.si*": [0.0, 0.05]})(stack_of(y, np.random.default_rng(2)))
    names = results.table.coords["refined"]["name"].tolist()
    np.testing.assert_array_equal(results["value"][:, names.index("LaB6.size")], 0.05)
    assert (results.status == Status.AT_BOUND).all()


def test_rows_do_not_depend_on_their_neighbours():
    refinement = method(restraints=BONDS, refine=ATOMS, ties={"v": "-u/2"})
    model = model_of(refinement)
    theta = theta_of(model, 5, LaB6__B1__x=np.linspace(0.19, 0.21, 5))
    objective = objective_of(refinement, model, theta)
    whole = objective.evaluate(theta)
    one = objective.take(np.array([3])).evaluate(theta[3:4])
    for name in ("cost", "gradient", "hessian", "theta"):
        np.testing.assert_array_equal(getattr(whole, name)[3], getattr(one, name)[0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ties": {"LaB6.sise": "1"}}, "no parameter 'LaB6.sise'; did you mean LaB6.size"),
        ({"ties": {"LaB6.size": "2*LaB6.strian"}}, "no parameter 'LaB6.strian'"),
        ({"ties": {"LaB6.size": "zero +"}}, "is no arithmetic"),
        ({"ties": {"u": "v", "v": "u"}}, "in a circle"),
        ({"bounds": {"LaB6.sise": (0, 1)}}, "no parameter 'LaB6.sise'"),
        ({"bounds": {"LaB6.size": (1, 0)}}, "expected \\(lower, upper\\)"),
        ({"restraints": (("LaB", "B1-B1", 1.7, 0.1),)}, "no phase 'LaB'; did you mean LaB6"),
        ({"restraints": (("LaB6", "B1-B2", 1.7, 0.1),)}, "no site 'B2'; there are La1, B1"),
        ({"restraints": (("LaB6", "La1-La1", 1.0, 0.1),)}, "no such distance below 2 angstrom"),
        (
            {"restraints": (("LaB6", "B1-B1", 1.7),)},
            "phase, pair of sites, distance and its uncertainty",
        ),
        ({"restraints": (("LaB6", "B1-B1", 1.7, 0.0),)}, "expected positive lengths"),
    ],
)
def test_what_is_refused(settings, told):
    with pytest.raises(SettingError, match=told):
        model_of(method(**settings))


def test_phases_without_a_name_in_common_are_kept_apart():
    refinement = method(phases=(PHASE, OTHER), ties={"Si.size": "LaB6.size / 2"})
    model = model_of(refinement)
    own = model.ties.expand(theta_of(model, 1))[0]
    assert own[0, model.layout.index("Si.size")] == 0.05
    assert load_phase(PHASE).name == "LaB6"
