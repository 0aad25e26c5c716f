"""What `Shells` is told, and what it says of data that do not suit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from copper_shells import S02, K, chi_stack, sequence, simulated_path, truth_of

from spectra import Status
from spectra.errors import ReaderError, SettingError, StackError
from spectra.recipe import check_recipe
from spectra.stack import Variable
from spectra.xas import Shells, bond_table, compare
from spectra.xas.shells.equation import chi_of_path
from spectra.xas.shells.information import hamilton_probability, independent_points

PATH = simulated_path()
RANGES = {"k_range": (3.0, 15.0), "r_range": (1.4, 3.0)}
FREE = {"n": 12.0, "e0": 0.0, "delta_r": 0.0, "sigma2": 0.005}


@pytest.fixture(scope="module")
def stack():
    return sequence(truth_of(4, PATH), PATH)


def shells(**settings):
    return Shells(**RANGES | {"paths": (PATH,), "parameters": FREE} | settings)


def test_settings_are_plain_and_come_back():
    method = shells(
        parameters=FREE | {"s02": {"value": S02, "across": {"polynomial": 1, "over": "x"}}},
        paths=({"path": PATH, "label": "Cu", "sigma2": "2*sigma2", "only": {"x": 1.0}},),
        restraints=({"of": "n*sigma2", "value": 0.07, "stderr": 0.01},),
    )
    assert Shells.from_settings(json.loads(json.dumps(method.settings()))) == method


def test_files_of_paths_are_relative_to_a_recipe(tmp_path):
    (tmp_path / "feff0001.dat").write_text("not read yet")
    step = {"name": "fit", "method": "xas.Shells", "paths": [{"file": "feff0001.dat", "n": "n"}]}
    recipe = {"stack": {"files": "a.xdi"}, "step": [step]}
    method = check_recipe(recipe, tmp_path, "recipe").methods["fit"]
    assert method.paths[0] == {"file": str(tmp_path / "feff0001.dat"), "n": "n"}
    step["paths"] = [{"file": "feff0002.dat"}]
    with pytest.raises(SettingError, match=r"feff0002\.dat, which does not exist") as error:
        check_recipe(recipe, tmp_path, "recipe")
    assert str(error.value).count("recipe, step 'fit'") == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"k_range": (5.0, 3.0)}, "k_range"),
        ({"space": "p"}, "expected r, k, q, wavelet"),
        ({"noise": -1.0}, "above 0"),
        ({"paths": ()}, "give paths"),
        ({"paths": (7,)}, "expected a ScatteringPath"),
        ({"k_weight": ()}, "k_weight"),
    ],
)
def test_bad_settings_are_refused(settings, told):
    with pytest.raises(SettingError, match=told):
        shells(**settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"parameters": FREE | {"e1": 0.0}}, "no path depends on e1"),
        ({"parameters": FREE | {"e0": {"valu": 1.0}}}, "did you mean 'value'"),
        ({"parameters": FREE | {"e0": {"value": 3.0, "max": 1.0}}}, "outside its bounds"),
        ({"parameters": FREE | {"reff": 1.0}}, "what paths tell of themselves"),
        ({"parameters": FREE | {"x": 1.0}}, "a variable of the frames"),
        ({"parameters": FREE | {"n": "2*m"}}, "no parameter 'm'"),
        ({"parameters": FREE | {"e0": {"across": "all"}}}, "polynomial"),
        (
            {"parameters": FREE | {"e0": {"value": 0, "stderr": 1, "vary": True}}},
            "cannot be varied",
        ),
        ({"paths": ({"path": PATH, "sigm2": 1},)}, "did you mean 'sigma2'"),
        ({"paths": ({"path": PATH, "sigma2": "einstien(300, 10)"},)}, "did you mean 'einstein'"),
        ({"paths": ({"path": PATH, "sigma2": "einstein(300)"},)}, "takes 2"),
        ({"paths": ({"path": PATH, "only": {"edge": 1}},)}, "a variable they lack"),
        ({"paths": ({"label": "Cu"},)}, "needs one of file, path"),
        ({"restraints": ({"of": "n"},)}, "value and stderr"),
    ],
)
def test_what_cannot_be_understood_is_told(stack, settings, told):
    with pytest.raises(SettingError, match=told):
        shells(**settings).prepare(stack)


def test_a_missing_file_and_a_missing_variable_are_told(stack):
    with pytest.raises(ReaderError, match=r"nowhere\.dat"):
        shells(paths=("nowhere.dat",)).prepare(stack)
    across = {"value": 0.0, "across": {"polynomial": 1, "over": "charge"}}
    with pytest.raises(StackError, match="charge"):
        shells(parameters=FREE | {"e0": across}).prepare(stack)


def test_paths_of_another_absorber_are_refused(stack):
    for metadata in ({"element": "Fe", "edge": "K"}, {"element": "Cu", "edge": "L3"}):
        with pytest.raises(StackError, match=r"is of Cu K, the spectra of"):
            shells().prepare(stack.with_metadata(**metadata))
    shells().prepare(stack.with_metadata(element="Cu", edge="K"))


def test_a_range_too_short_is_refused_and_one_hardly_enough_warned_of(stack):
    results = shells(k_range=(3.0, 5.0), r_range=(1.4, 2.2))(stack)
    assert (results.status == Status.BAD_INPUT).all()
    assert "2.0 independent points, too few" in results.messages[0]
    assert np.isnan(results["r"]).all()
    tight = shells(k_range=(3.0, 7.0), r_range=(1.4, 3.0))(stack)
    assert "two thirds" in tight.attrs["warnings"][0]
    together = {k: {"value": v, "across": "common"} for k, v in FREE.items()}
    own = {"c3": 0.0, "c4": 0.0, "ei": 0.0}
    method = shells(k_range=(3.0, 5.0), r_range=(1.4, 1.5), parameters=together | own)
    with pytest.raises(StackError, match="parameters that vary"):
        method.prepare(stack)


def test_holes_short_ranges_and_silence_are_told(stack):
    chi = np.array(stack.signal)
    chi[0, 180] = np.nan
    chi[1, 250:] = np.nan
    chi[2] = 0.0
    results = shells()(replace(stack, signal=chi))
    assert "not a number at k = 9" in results.messages[0]
    assert "χ(k) goes from 0 to 12.45" in results.messages[1]
    assert results.status.tolist() == [6, 6, 1, 0]


@pytest.mark.parametrize("across", ["common", {"polynomial": 1, "over": "x"}])
def test_what_frames_share_is_flagged_at_its_bound(stack, across):
    # The distances are up to 0.02 A longer than that of the path.
    bounded = {"value": 0.0, "min": -0.001, "max": 0.001, "across": across}
    results = shells(parameters=FREE | {"delta_r": bounded})(stack)
    assert results.status[-1] == Status.AT_BOUND
    assert "delta_r of all frames at the bound" in results.messages[-1]


def test_an_edge_energy_off_by_20_ev_is_told():
    k2 = K**2 - 20.0 * 0.2624682917
    right = np.sqrt(np.maximum(k2, 0.5))
    chi = chi_of_path(PATH, right, amplitude=10.8, sigma2=0.005, e0=2.0)
    results = shells()(chi_stack(np.where(K > 2.5, chi, 0.0)))
    assert results.status[0] == Status.BAD_INPUT
    assert "ran 22.0 eV away" in results.messages[0]


def test_parameters_that_imitate_each_other_are_told(stack):
    results = shells(parameters=FREE | {"s02": 0.9})(stack)
    assert (results.status == Status.NOT_CONVERGED).all()
    assert "do not determine n, s02" in results.messages[0]


def test_a_restraint_settles_what_the_data_cannot(stack):
    method = shells(
        parameters=FREE | {"s02": 0.8}, restraints=({"of": "s02", "value": 0.9, "stderr": 0.05},)
    )
    results = method(stack)
    assert results.ok().all()
    assert results["value"][:, -1] == pytest.approx(0.9, abs=1e-6)
    assert results["value_stderr"][:, -1] == pytest.approx(0.05, rel=1e-6)
    held = shells(parameters=FREE | {"s02": {"value": 0.9, "stderr": 0.05}})(stack)
    assert results["n_stderr"] == pytest.approx(held["n_stderr"], rel=1e-3)


def test_a_restraint_on_what_all_share_counts_once():
    method = shells(
        parameters=FREE | {"s02": {"value": 0.8, "across": "common"}},
        restraints=({"of": "s02", "value": 0.9, "stderr": 0.05},),
    )
    for n in (4, 16):
        results = method(sequence(truth_of(n, PATH), PATH))
        (common,) = results.attrs["common"]
        assert common["value"] == pytest.approx(0.9, abs=1e-4)
        assert common["stderr"] == pytest.approx(0.05, rel=1e-3)


def test_two_edges_are_fitted_at_once():
    oxygen = simulated_path(2.0, 4.0, 8)
    chi = np.zeros((2, len(K)))
    for row, path in zip(chi, (PATH, oxygen), strict=True):
        row[1:] = chi_of_path(
            path, K[1:], amplitude=0.85 * path.degeneracy, sigma2=0.004, delta_r=0.01 * path.reff
        )
    both = chi_stack(chi, np.full(chi.shape, 1e-3), data=Variable(np.array([1.0, 2.0])))
    results = Shells(
        **RANGES | {"r_range": (1.0, 3.0)},
        parameters={
            "s02": {"value": 0.9, "across": "common"},
            "alpha": {"value": 0.0, "across": "common"},
            "e0": 0.0,
            "s_cu": 0.005,
            "s_o": 0.005,
        },
        paths=(
            {"path": PATH, "delta_r": "alpha*reff", "sigma2": "s_cu", "only": {"data": 1}},
            {"path": oxygen, "delta_r": "alpha*reff", "sigma2": "s_o", "only": {"data": 2}},
        ),
    )(both)
    assert results.ok().all()
    values = dict(zip(results.table.coords["parameter"]["name"], results["value"].T, strict=True))
    assert values["s02"] == pytest.approx(0.85, abs=1e-4)
    assert values["alpha"] == pytest.approx(0.01, abs=1e-5)
    assert np.isnan(values["s_cu"][1])
    assert np.isnan(values["s_o"][0])
    assert np.isnan(results["r"][0, 1])
    assert results["r"][1, 1] == pytest.approx(2.02, abs=1e-4)


def test_bounds_hold_and_are_told(stack):
    results = shells(parameters=FREE | {"n": {"value": 6.0, "min": 0.0, "max": 8.0}})(stack)
    assert (results.status == Status.AT_BOUND).all()
    assert "n at the bound" in results.messages[0]
    assert results["n"] == pytest.approx(8.0)
    assert np.isnan(results["value_stderr"][:, 0]).all()


def test_independent_points_by_their_definitions():
    found = [independent_points((3, 15), (1, 3), d) for d in ("nyquist", "larch", "stern")]
    assert np.diff(found) == pytest.approx(1.0)
    assert found[0] == pytest.approx(48.0 / np.pi)


def test_hamilton_against_the_f_distribution():
    from scipy.stats import f

    n, few, many, ratio = 20.0, 4.0, 6.0, 0.7
    expected = f.sf((1 / ratio - 1) * (n - many) / (many - few), many - few, n - many)
    numbers = (np.array([v]) for v in (ratio, 1.0, n, few, many))
    assert hamilton_probability(*numbers)[0] == pytest.approx(expected)


def test_tables_of_other_methods_are_refused(stack):
    results = shells()(stack)
    bonds = bond_table(results)
    with pytest.raises(Exception, match=r"xas\.Shells"):
        bond_table(bonds)
    with pytest.raises(Exception, match="k_range"):
        compare(results, shells(k_range=(3.0, 14.0))(stack))
    with pytest.raises(SettingError, match="charge"):
        bond_table(results, against="charge")


def with_einstein(sigma2):
    parameters = {"theta": {"value": 300.0, "across": "common"}, "n": 12.0}
    path = {"path": PATH, "sigma2": sigma2}
    return shells(parameters=parameters, paths=(path,))


def test_temperatures_are_kelvin(stack):
    celsius = np.array([20.0, 40.0, 60.0, 80.0])
    warm = stack.with_variables(temperature=Variable(celsius, "degC"))
    with pytest.raises(SettingError, match=r"in degC; convert it, as in einstein\(theta"):
        with_einstein("einstein(theta, temperature)")(warm)
    converted = with_einstein("einstein(theta, temperature + 273.15)")(warm)
    kelvin = stack.with_variables(temperature=Variable(celsius + 273.15, "K"))
    expected = with_einstein("einstein(theta, temperature)")(kelvin)
    np.testing.assert_allclose(converted["sigma2"], expected["sigma2"], rtol=1e-6)


def test_nothing_is_colder_than_zero(stack):
    cold = stack.with_variables(temperature=Variable(np.array([20.0, -4.0, 60.0, 80.0]), "K"))
    with pytest.raises(SettingError, match="it is -4 in frame 1"):
        with_einstein("debye(theta, temperature)")(cold)


def test_distances_that_the_grid_does_not_tell(stack):
    with pytest.raises(SettingError, match=r"r_range ends at 33 .* up to 31\.42"):
        shells(r_range=(30.0, 33.0))(stack)


def test_paths_that_end_before_the_range(stack):
    names = ("k", "central_phase", "feff_amplitude", "feff_phase", "reduction")
    names += ("mean_free_path", "real_p")
    short = PATH.replace(**{n: getattr(PATH, n)[:60] for n in names})
    with pytest.raises(SettingError, match=r"end at k = [\d.]+ 1/angstrom, k_range at 15"):
        shells(paths=(short,))(stack)


def test_frames_that_fail_have_no_numbers(stack):
    far = FREE | {"e0": {"value": 30.0, "vary": False}}
    results = shells(parameters=far)(stack)
    assert (results.status == Status.BAD_INPUT).all()
    assert np.isnan(results["r"]).all()
    assert np.isnan(results["value"]).all()
    assert np.isfinite(results["r_factor"]).all()


@pytest.mark.parametrize("common", [{}, {"e0": {"value": 0.0, "across": "common"}}])
def test_a_path_without_length_fails_its_frame_alone(stack, common):
    path = {"path": PATH, "delta_r": "-reff*floor"}
    whole = stack.with_variables(floor=Variable(np.array([0.0, 0.0, 1.0, 0.0])))
    parameters = {"n": 12.0, "e0": 0.0, "sigma2": 0.005} | common
    results = shells(parameters=parameters, paths=(path,))(whole)
    assert results.status.tolist() == [Status.OK, Status.OK, Status.BAD_INPUT, Status.OK]
    assert "starts at R = 0 angstrom (reff + delta_r)" in results.messages[2]
    assert np.isnan(results["r"][2]).all()
    others = shells(parameters=parameters, paths=(PATH,))(stack[[0, 1, 3]])
    np.testing.assert_array_equal(results["r"][[0, 1, 3]], others["r"])
    np.testing.assert_array_equal(results["n_stderr"][[0, 1, 3]], others["n_stderr"])
    with pytest.raises(SettingError, match=r"above 0"):
        chi_of_path(PATH, K[1:], delta_r=-PATH.reff)


def test_units_of_k_are_asked_for(stack):
    wrong = replace(stack, axis=replace(stack.axis, unit="1/nm"))
    with pytest.raises(StackError, match="k in 1/angstrom; that of the stack is in '1/nm'"):
        shells()(wrong)


def test_one_path_needs_no_list(stack):
    np.testing.assert_array_equal(shells(paths=PATH)(stack)["r"], shells()(stack)["r"])
    with pytest.raises(SettingError, match="noise = None"):
        shells(noise=None)
