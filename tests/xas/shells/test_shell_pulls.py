"""Simulated sequences of 200 spectra: uncertainties are right, for any colour of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from copper_shells import S02, K, chi_stack, noise_of, sequence, simulated_path, truth_of

from spectra.stack import Variable
from spectra.xas import Shells, bond_table, compare
from spectra.xas.shells.equation import chi_of_path

N = 200
PATH = simulated_path()
RANGES = {"k_range": (3.0, 15.0), "r_range": (1.4, 3.0)}
FREE = {
    "n": 12.0,
    "s02": {"value": S02, "vary": False},
    "e0": 0.0,
    "delta_r": 0.0,
    "sigma2": 0.005,
}


@pytest.fixture(scope="module")
def truth():
    return truth_of(N, PATH)


def pulls(results, truth, name, kind):
    return (results[name][:, 0] - getattr(truth, name)) / results[f"{name}_{kind}"][:, 0]


def calibrated(values):
    return abs(values.mean()) < 0.1 + 3.0 / np.sqrt(N) and abs(values.std() - 1.0) < 0.1 + 2 / 20


@pytest.mark.parametrize("kind", ["white", "growing"])
@pytest.mark.parametrize("given", [True, False])
def test_pulls(truth, kind, given):
    means, widths = [], []
    for seed in range(4):
        results = Shells(**RANGES, parameters=FREE, paths=(PATH,))(
            sequence(truth, PATH, kind, seed=seed, given=given)
        )
        assert results.ok().all()
        for error in ("stderr", "stderr_unscaled"):
            found = [pulls(results, truth, q, error) for q in ("n", "r", "sigma2", "e0")]
            means.append([p.mean() for p in found])
            widths.append([p.std() for p in found])
    assert np.abs(np.mean(means, axis=0)).max() < 0.1
    assert np.abs(np.mean(widths, axis=0) - 1.0).max() < 0.1


@pytest.mark.parametrize("space", ["q", "k", "wavelet"])
def test_pulls_in_other_spaces(truth, space):
    settings = RANGES | {"k_weight": (1, 3)} if space == "q" else RANGES
    results = Shells(**settings, space=space, parameters=FREE, paths=(PATH,))(
        sequence(truth, PATH, "growing")
    )
    for name in ("n", "r", "sigma2", "e0"):
        assert calibrated(pulls(results, truth, name, "stderr_unscaled")), name


def together(n_frames, seed=0):
    truth = truth_of(n_frames, PATH)
    parameters = FREE | {
        "e0": {"value": 0.0, "across": "common"},
        "delta_r": {"value": 0.0, "across": {"polynomial": 1, "over": "x"}},
    }
    results = Shells(**RANGES, parameters=parameters, paths=(PATH,))(
        sequence(truth, PATH, "growing", seed=seed)
    )
    return truth, results, {c["name"]: c for c in results.attrs["common"]}


def test_common_parameters_gain_by_the_number_of_frames():
    few, many = (together(n)[2] for n in (N // 8, N))
    for name in ("e0", "delta_r.c0", "delta_r.c1"):
        ratio = few[name]["stderr"] / many[name]["stderr"]
        assert ratio == pytest.approx(np.sqrt(8.0), rel=0.1), name


def test_pulls_of_common_parameters_and_of_what_hangs_on_them():
    exact = {"e0": 3.0, "delta_r.c0": 0.01, "delta_r.c1": 0.02}
    common, own = [], []
    for seed in range(25):
        truth, results, found = together(20, seed)
        assert results.attrs["common_converged"]
        common.append([(found[k]["value"] - v) / found[k]["stderr"] for k, v in exact.items()])
        own.append(pulls(results, truth, "sigma2", "stderr"))
    assert np.abs(np.mean(common, axis=0)).max() < 0.5
    assert np.abs(np.std(common, axis=0) - 1.0).max() < 0.3
    assert np.std(own) == pytest.approx(1.0, abs=0.1)


def test_a_known_s02_widens_numbers_and_not_their_changes(truth):
    some = sequence(truth, PATH)[[0, 50, 100, 199]]
    results = [
        Shells(**RANGES, parameters=FREE | {"s02": s02}, paths=(PATH,))(some)
        for s02 in ({"value": S02, "vary": False}, {"value": S02, "stderr": 0.05})
    ]
    held, known = results
    assert np.allclose(held["n"], known["n"], rtol=1e-9)
    expected = np.hypot(held["n_stderr"], held["n"] * 0.05 / S02)
    assert known["n_stderr"] == pytest.approx(expected, rel=1e-3)
    tables = [bond_table(r, against="x") for r in results]
    for table in tables:
        assert table["n_change"][0, 0] == 0.0
        assert table["n_change_stderr"][0, 0] == 0.0
    # What S₀² does to a change of 1 is a twelfth of what it does to 12.
    assert tables[1]["n_change_stderr"][-1, 0] == pytest.approx(
        np.hypot(tables[0]["n_change_stderr"][-1, 0], 0.05 / S02), rel=0.05
    )
    assert tables[0]["r_significance"][-1, 0] > 5.0


def test_changes_have_right_uncertainties_where_parameters_in_common_are_fitted():
    truth = truth_of(3, PATH)
    parameters = FREE | {
        "n": "12.0 - x",
        "s02": {"value": S02, "across": "common"},
        "e0": {"value": 3.0, "across": "common"},
        "sigma2": 0.006,
    }
    found: dict[str, list] = {"r": [], "sigma2": []}
    for seed in range(N):
        results = Shells(**RANGES, parameters=parameters, paths=(PATH,))(
            sequence(truth, PATH, "growing", seed=seed)
        )
        bonds = bond_table(results)
        for name, values in found.items():
            exact = getattr(truth, name) - getattr(truth, name)[0]
            off = bonds[f"{name}_change"][1:, 0] - exact[1:]
            values.append(off / bonds[f"{name}_change_stderr"][1:, 0])
    # Both frames share the reference, so that 2·N pulls count as no more than N of them.
    for name, values in found.items():
        assert abs(np.mean(values)) < 3.0 / np.sqrt(N), name
        assert np.std(values) == pytest.approx(1.0, abs=2.5 / np.sqrt(2 * N)), name


def test_hamilton_tells_a_needed_parameter_from_an_idle_one(truth):
    stack = sequence(truth, PATH)
    plain = Shells(**RANGES, parameters=FREE, paths=(PATH,))(stack)
    more = Shells(**RANGES, parameters=FREE | {"c3": 0.0}, paths=(PATH,))(stack)
    probability = compare(plain, more)["probability"]
    assert np.mean(probability < 0.05) < 0.15
    exact = np.zeros((1, len(K)))
    exact[0, 1:] = chi_of_path(PATH, K[1:], amplitude=10.8, sigma2=0.006, c3=3e-4)
    noise = np.random.default_rng(3).normal(size=exact.shape) * noise_of("white")
    asymmetric = chi_stack(exact + noise, x=Variable(np.zeros(1)))
    pair = [
        Shells(**RANGES, parameters=p, paths=(PATH,))(asymmetric)
        for p in (FREE, FREE | {"c3": 0.0})
    ]
    assert compare(*pair)["probability"][0] < 0.01
    assert compare(*pair)["probability"][0] == compare(*pair[::-1])["probability"][0]
