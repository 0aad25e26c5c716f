"""`xps.Region`: pulls, agreement with lmfit, models as text and in Python, what must be told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from vanadium_regions import (
    ENERGY,
    MODEL,
    SETS,
    TRUE_AREA,
    TRUE_FRACTION,
    built,
    simulated,
)

from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.fit.batch import fit_stack
from spectra.xps import Model, Region, Species, list_models, load_model, shirley
from spectra.xps.build import Background, build
from spectra.xps.quantities import species_quantities


def pulls(values, errors, truth):
    return (values - truth) / errors


@pytest.fixture(scope="module")
def thousand():
    return Region(model=SETS)(simulated(1000, seed=5))


def test_pulls_of_areas_and_fractions(thousand):
    assert (thousand.status == Status.OK).all()
    for name, truth in (("area", TRUE_AREA), ("fraction", TRUE_FRACTION)):
        z = pulls(thousand[name], thousand[f"{name}_stderr"], truth)
        # Means of 1000 have a standard error of 0.032, of seven the farthest 1.8 times that.
        np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.08)
        assert abs(z.mean()) < 0.05
        np.testing.assert_allclose(z.std(axis=0), 1.0, atol=0.07)
    valence = np.array([s.valence or 0 for s in MODEL.species]) @ np.where(
        [s.valence is not None for s in MODEL.species], TRUE_FRACTION, 0.0
    )
    z = pulls(thousand["valence"], thousand["valence_stderr"], valence)
    assert abs(z.mean()) < 0.08
    assert z.std() == pytest.approx(1, abs=0.07)


def test_the_misfit_of_the_right_model_is_noise(thousand):
    assert thousand["chi2_reduced"].mean() == pytest.approx(1, abs=0.01)
    assert thousand["abbe"].mean() == pytest.approx(1, abs=0.06)
    assert thousand.attrs["model"] == "V2p_silversmit + O1s_lattice"


def test_equals_lmfit():
    made = built()
    stack = simulated(4, seed=2)
    y = np.asarray(stack.signal)
    weights = 1 / np.sqrt(np.maximum(y, 1))
    errors = 1 / weights
    given = Stack.from_arrays(ENERGY, y, errors, axis_name="binding_energy")
    results = Region(model=SETS)(given)
    fits = fit_stack(made.model, made.params, ENERGY, y, weights=weights, errors="given")
    labels = results.table.coords["parameter"]["label"].tolist()
    for i in range(len(y)):
        found = made.model.fit(
            *(y[i], made.params), x=ENERGY, weights=weights[i], scale_covar=False
        )
        chi2 = results["chi2_reduced"][i] * found.nfree
        assert fits.chi2[i] <= found.chisqr * (1 + 1e-8)
        assert chi2 <= found.chisqr * (1 + 1e-8)
        for name in found.var_names:
            error = found.params[name].stderr
            column = labels.index(name)
            assert results["parameter_stderr"][i, column] == pytest.approx(error, rel=0.01), name
            assert abs(results["parameter"][i, column] - found.params[name].value) < 0.02 * error


@pytest.mark.parametrize("background", ["tougaard", "shirley_tougaard"])
def test_losses_are_fitted_with_the_peaks(background):
    made = built(background)
    made.params["tougaard"].set(value=1500.0)
    curve = made.model.eval(made.params, x=ENERGY)
    y = np.random.default_rng(4).poisson(curve, (60, ENERGY.size))
    stack = Stack.from_arrays(ENERGY, y, noise="counts", axis_name="binding_energy")
    results = Region(model=SETS, background=background)(stack)
    z = pulls(results["area"], results["area_stderr"], TRUE_AREA)
    assert np.abs(z.mean(axis=0)).max() < 0.5
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=0.35)
    # A background of the wrong kind is told.
    wrong = Region(model=SETS, background="none", degree=1)(stack)
    assert results["chi2_reduced"].mean() == pytest.approx(1, abs=0.04)
    assert wrong["chi2_reduced"].mean() > 1.1
    assert wrong["abbe"].mean() < results["abbe"].mean() - 0.05
    assert (wrong["bic"] > results["bic"]).mean() > 0.9


def test_a_static_background_hides_its_uncertainty():
    stack = simulated(60, seed=3)
    active = Region(model=SETS)(stack)
    y = np.asarray(stack.signal)
    bare = np.stack([row - shirley(ENERGY, row)[0] for row in y])
    subtracted = Stack.from_arrays(ENERGY, bare, np.sqrt(y), axis_name="binding_energy")
    static = Region(model=SETS, background="none", degree=-1)(subtracted)
    covered = [
        (np.abs(pulls(r["area"], r["area_stderr"], TRUE_AREA)) < 1.96).mean()
        for r in (active, static)
    ]
    assert covered[0] > 0.9
    assert covered[1] < 0.8


def test_toml_and_python_give_the_same(tmp_path):
    species = tuple(
        Species(name=n, level="C 1s", position=p, spread=0.3, width=1.2)
        for n, p in (("C-C", 284.8), ("C-O", 286.3))
    )
    ties = {"C_O_fwhm": {"expr": "C_C_fwhm"}}
    model = Model(name="carbon", species=species, parameters=ties)
    path = tmp_path / "carbon.toml"
    path.write_text(
        'name = "carbon"\n'
        '[defaults]\nlevel = "C 1s"\nspread = 0.3\nwidth = 1.2\n'
        '[[species]]\nname = "C-C"\nposition = 284.8\n'
        '[[species]]\nname = "C-O"\nposition = 286.3\n'
        '[parameters]\nC_O_fwhm = { expr = "C_C_fwhm" }\n'
    )
    assert load_model(str(path)) == model
    energy = np.linspace(280, 292, 121)
    rng = np.random.default_rng(1)
    curve = 200 + 900 * np.exp(-(((energy - 284.8) / 0.7) ** 2))
    curve += 300 * np.exp(-(((energy - 286.4) / 0.7) ** 2))
    stack = Stack.from_arrays(
        energy, rng.poisson(curve, (3, 121)), noise="counts", axis_name="binding_energy"
    )
    one, other = Region(model=model)(stack), Region(model=str(path))(stack)
    for name in one.columns:
        np.testing.assert_array_equal(one[name], other[name])
    again = Region.from_settings(Region(model=model).settings())
    assert again == Region(model=model)


def toml_of(model):
    """A model as a user would write it."""
    plain = model.to_plain()
    lines = [f"name = {json.dumps(plain['name'])}", f"source = {json.dumps(plain['source'])}"]
    for species in plain["species"]:
        shape = ", ".join(f"{k} = {v!r}" for k, v in species.pop("shape").items())
        lines += ["[[species]]", f"shape = {{ {shape} }}"]
        lines += [f"{k} = {json.dumps(v)}" for k, v in species.items()]
    lines.append("[parameters]")
    for name, hints in plain["parameters"].items():
        told = ", ".join(f"{k} = {json.dumps(v)}" for k, v in hints.items())
        lines.append(f"{name} = {{ {told} }}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", [*list_models(), "all kinds"])
def test_every_model_gives_the_same_bits_from_toml(tmp_path, name):
    if name == "all kinds":
        common = {"level": "Fe 2p", "widths": (0.3, 4.0)}
        species = (
            Species(name="a", position=707.0, profile="doniach_sunjic", width=0.5, **common),
            Species(name="b", position=710.0, multiplet=[[0, 1], [1.1, 0.7, 1.2]], **common),
            Species(name="c", position=713.0, splitting=13.1, broadening=1.3, valence=2, **common),
        )
        ties = {
            "ratio": {"value": 0.4, "vary": True, "min": 0.0, "max": 2.0},
            "c_area": {"expr": "ratio*b_area"},
            "a_fwhm_gauss": {"value": 0.7, "min": 0.3, "max": 2.0},
            "tougaard_c": {"value": 300.0, "vary": False},
        }
        model = Model(name="mixed", species=species, parameters=ties, source="this test")
    else:
        model = load_model(name)
    path = tmp_path / "model.toml"
    path.write_text(toml_of(model), encoding="utf-8")
    assert load_model(str(path)) == model
    at = np.array([s.position for s in model.species])
    energy = np.arange(at.min() - 5, at.max() + 12, 0.25)
    curve = 200 + sum(400 * np.exp(-(((energy - p) / 0.8) ** 2)) for p in at)
    y = np.random.default_rng(3).poisson(curve, (2, energy.size))
    stack = Stack.from_arrays(energy, y, noise="counts", axis_name="binding_energy")
    settings = {"background": "shirley_tougaard"} if name == "all kinds" else {}
    one, other = Region(model=model, **settings)(stack), Region(model=str(path), **settings)(stack)
    assert np.isfinite(one["area"]).all()
    for column in one.columns:
        np.testing.assert_array_equal(one[column], other[column], err_msg=column)


def test_species_that_overlap_are_told():
    two = tuple(
        Species(name=n, level="C 1s", position=p, spread=0.3, width=1.3)
        for n, p in (("a", 284.9), ("b", 285.1))
    )
    model = Model(name="close", species=two)
    energy = np.linspace(280, 290, 101)
    curve = 100 + 500 * np.exp(-(((energy - 285.0) / 0.8) ** 2))
    y = np.random.default_rng(0).poisson(curve, (8, 101))
    stack = Stack.from_arrays(energy, y, noise="counts", axis_name="binding_energy")
    results = Region(model=model, background="none")(stack)
    inside = (results["fraction"][:, 0] > 0.2) & (results["fraction"][:, 0] < 0.8)
    assert inside.sum() >= 5
    assert (results["fraction_stderr"][inside, 0] > 0.1).all()
    told = [m for m, i in zip(results.messages, inside, strict=True) if i]
    assert all("not told apart (correlation" in m for m in told)
    # Where one of them has vanished it stands on its bounds, which is told as well.
    rest = [m for m, i in zip(results.messages, inside, strict=True) if not i]
    assert all("at its bound" in m for m in rest)


def test_freed_positions_that_entangle_species_are_told_in_every_frame():
    # V4+ and V3+ are 0.55 eV apart: with both positions free linear uncertainties fall short.
    ties = {k: v for k, v in MODEL.parameters.items() if not k.endswith("_center")}
    freed = Region(model=replace(MODEL, parameters=ties))(simulated(40, seed=5))
    correlation = freed["area_correlation"][:, 2, 1]
    assert np.median(correlation) < -0.95
    assert all(
        "V4+ and V3+ are" in m
        for m, c in zip(freed.messages, correlation, strict=True)
        if c < -0.95
    )
    assert sum("V4+ and V3+ are" in m or "at its bound" in m for m in freed.messages) == 40
    assert any("may be too small" in m for m in freed.messages)
    tied = Region(model=SETS)(simulated(40, seed=5))
    assert not any("told apart" in m for m in tied.messages)


def test_common_positions_are_those_of_all_frames_together():
    # Many short series: the shared positions' error is the same within each, and must be
    # right between them.
    z = []
    for seed in range(12):
        results = Region(model=SETS, common=("positions",))(simulated(4, seed=100 + seed, step=2))
        positions = results["position"]
        np.testing.assert_array_equal(positions, positions[:1].repeat(4, axis=0))
        z.append(pulls(results["area"], results["area_stderr"], TRUE_AREA).mean(axis=0))
        z_position = pulls(positions[0], results["position_stderr"][0], MODEL_POSITIONS)
        assert np.abs(z_position).max() < 5
    assert np.abs(np.mean(z)) < 0.3
    # Errors of four frames that share part of theirs: their mean scatters by 1/2 to 1.
    assert 0.35 < np.std(z) < 1.05


MODEL_POSITIONS = np.array([s.position for s in MODEL.species])


def test_other_minima_are_counted():
    # Two lines that may exchange their places fit in two ways alike.
    species = tuple(
        Species(name=n, level="C 1s", position=p, spread=0.9, width=1.2, shape={"mixing": 0.0})
        for n, p in (("a", 284.9), ("b", 285.7))
    )
    energy = np.linspace(280, 292, 121)
    curve = 200 + 9000 * np.exp(-(((energy - 284.8) / 0.7) ** 2))
    curve += 4000 * np.exp(-(((energy - 285.7) / 0.7) ** 2))
    y = np.random.default_rng(1).poisson(curve, (3, 121))
    stack = Stack.from_arrays(energy, y, noise="counts", axis_name="binding_energy")
    model = Model(name="either", species=species)
    results = Region(model=model, background="none", starts=8)(stack)
    assert results["chi2_reduced"].max() < 1.5
    assert (results["other_minima"] > 0).all()
    assert all("another minimum" in m for m in results.messages)
    sure = Region(model=SETS, starts=3)(simulated(3, step=2))
    assert (sure["other_minima"] == 0).all()


def test_rates_of_unknown_time_get_their_noise_from_residuals():
    stack = simulated(40, seed=6)
    rates = replace(stack, signal=np.asarray(stack.signal) / 17.0, noise="unknown")
    results, counts = Region(model=SETS)(rates), Region(model=SETS)(stack)
    assert results.attrs["errors"] == "residual"
    ratio = results["area_stderr"].mean(axis=0) * 17.0 / counts["area_stderr"].mean(axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.1)
    z = pulls(results["area"] * 17.0, results["area_stderr"] * 17.0, TRUE_AREA)
    assert z.std() == pytest.approx(1.0, abs=0.15)


def test_each_species_may_have_its_own_shirley_strength():
    results = Region(model=SETS, shirley_each=True)(simulated(30, seed=7))
    labels = results.table.coords["parameter"]["label"].tolist()
    k = results["parameter"][:, labels.index("O_lattice_shirley")]
    error = results["parameter_stderr"][:, labels.index("O_lattice_shirley")]
    assert np.abs(pulls(k, error, 0.02)).max() < 4.5


@pytest.mark.parametrize("name", list_models())
def test_every_set_has_sources_and_can_be_fitted(name):
    model = load_model(name)
    assert model.source
    assert model.name == name
    at = np.array([s.position for s in model.species])
    energy = np.arange(at.min() - 6, at.max() + 14, 0.2)
    curve = np.full(energy.size, 300.0)
    for species in model.species:
        curve += 500 * np.exp(-(((energy - species.position) / 0.8) ** 2))
    stack = Stack.from_arrays(energy, curve[None], noise="counts", axis_name="binding_energy")
    results = Region(model=name)(stack)
    assert np.isfinite(results["area"]).all()
    assert results.attrs["source"] == model.source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "V2p"}, "no set 'V2p'"),
        ({"background": "shirly"}, "background = 'shirly'"),
        ({"losses": "wood"}, "losses = 'wood'"),
        ({"losses": (551.0, 1.0, 436.0, 2.0)}, "C' = -1"),
        ({"losses": (0.0, 0.0, 0.0, 0.0)}, r"losses = \(0.*expected C > 0"),
        ({"losses": (551.0, -1.0, 0.0, 0.0)}, "a pole at a loss"),
        ({"losses": (1643.0, 1.0, 0.0, -5.0)}, "gap of 0 or more"),
        ({"common": ("V9_center",)}, "V9_center"),
        ({"starts": 0}, "starts = 0"),
        ({"model": ()}, "no model"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(SettingError, match=message):
        Region(**({"model": SETS} | change))(simulated(2, step=4))


def test_wrong_models_are_named():
    good = {"name": "a", "level": "C 1s", "position": 285.0}
    for row, message in (
        (good | {"colour": 1}, "colour"),
        ({"name": "a"}, "lacks level, position"),
        (good | {"splitting": 1.0}, "no doublet"),
        (good | {"width": 9.0}, "width 9.0"),
        (good | {"shape": {"eta": 1}}, "no eta"),
    ):
        with pytest.raises(SettingError, match=message):
            Region(model={"species": [row]})(simulated(2, step=4))
    with pytest.raises(SettingError, match="nothing uses"):
        Region(model={"species": [good], "parameters": {"b_fwhm": {"value": 1}}})(
            simulated(2, step=4)
        )
    with pytest.raises(SettingError, match="share a"):
        load_model({"species": [good, good]})
    with pytest.raises(StackError, match="0 points"):
        Region(model=SETS, window=(100.0, 110.0))(simulated(2, step=4))


def test_other_profiles_multiplets_and_satellites():
    model = Model(
        name="mixed",
        species=(
            Species(
                name="main",
                level="Fe 2p",
                position=710.0,
                width=1.0,
                multiplet=((0.0, 1.0), (1.1, 0.7), (2.2, 0.4)),
            ),
            Species(
                name="metal",
                level="Fe 2p",
                position=706.8,
                width=0.5,
                profile="doniach_sunjic",
                shape={"asymmetry": 0.2, "fwhm_gauss": 0.7},
            ),
            Species(name="satellite", level="Fe 2p", position=715.0, width=2.5, widths=(1, 5)),
        ),
        parameters={
            "satellite_area": {"expr": "0.2*main_area"},
            "satellite_center": {"expr": "main_center + 5.0"},
        },
    )
    energy = np.linspace(700, 730, 301)
    region = Region(model=model, background="shirley")
    flat = Stack.from_arrays(
        energy, 100 + np.sin(energy)[None], noise="counts", axis_name="binding_energy"
    )
    made = region.built(region.prepare(flat).x)
    truth = {"main_area": 3000.0, "metal_area": 2000.0, "shirley": 0.01, "background_c0": 400.0}
    for name, value in truth.items():
        made.params[name].set(value=value)
    y = np.random.default_rng(2).poisson(made.model.eval(made.params, x=energy), (40, 301))
    stack = Stack.from_arrays(energy, y, noise="counts", axis_name="binding_energy")
    results = region(stack)
    z = pulls(results["area"][:, 0], results["area_stderr"][:, 0], 3000.0)
    assert abs(z.mean()) < 0.6
    assert z.std() == pytest.approx(1, abs=0.35)
    np.testing.assert_allclose(results["area"][:, 2], 0.2 * results["area"][:, 0])
    # A Doniach–Šunjić line has only the area within the window.
    assert (results["area"][:, 1] > 2000).all()


def test_the_sign_of_three_parameters():
    species = (Species(name="a", level="C 1s", position=284.8),)
    ends = {"scattering": "tougaard", "each": False, "degree": 0, "low": 270.0, "high": 290.0}
    over = Background(losses=(551.0, -1.0, 436.0, 2.0), **ends)
    assert build(Model(name="three", species=species), over).names
    free = Model(name="free", species=species, parameters={"tougaard_d": {"vary": True}})
    assert build(free, over).params["tougaard_d"].vary
    two = Background(losses=(551.0, 1.0, 0.0, 2.0), **ends)
    with pytest.raises(SettingError, match=r"tougaard_curvature = 1 is held, .*_d fitted"):
        build(free, two)
    # What the message gives as the same is the same.
    t = np.linspace(0.0, 60.0, 61)
    plus = (551.0 + 0.3 * t**2) ** 2 + 436.0 * t**2
    minus = (551.0 - 0.3 * t**2) ** 2 + (436.0 + 4 * 551.0 * 0.3) * t**2
    np.testing.assert_allclose(plus, minus)


@pytest.mark.parametrize("high", [530.0, 523.0])
def test_an_area_within_the_window_is_that_of_all_lines(high):
    energy = np.linspace(508, high, 61)
    line = Species(
        name="V", level="V 2p", position=517.0, splitting=7.4, broadening=1.4,
        profile="doniach_sunjic", shape={"asymmetry": 0.1, "fwhm_gauss": 0.6},
    )  # fmt: skip
    fitted = {f"V_{n}": {"vary": True} for n in ("splitting", "broadening", "asymmetry")}
    model = Model(name="one", species=(line,), parameters=fitted)
    over = Background("none", False, -1, (1643.0, 1.0, 0.0, 0.0), 508.0, high)
    made = build(model, over)
    made.params["V_area"].set(value=3000.0)
    names = tuple(made.params)
    at = np.array([[p.value for p in made.params.values()]])

    def area(values, cov=0.0):
        return species_quantities(model, energy, names, values, cov * np.eye(len(names))[None])

    curve = made.model.eval(made.params, x=energy)
    np.testing.assert_allclose(area(at).values["area"], np.trapezoid(curve, energy), rtol=1e-7)
    steps = 1e-5 * np.eye(len(names))
    moved = [(area(at + s).values["area"] - area(at - s).values["area"]) / 2e-5 for s in steps]
    variance = area(at, 1.0).variance["area"]
    np.testing.assert_allclose(variance, np.square(moved).sum(), rtol=1e-6)


def test_negative_counts_are_told():
    stack = simulated(2, step=4)
    signal = np.array(stack.signal, dtype=float)
    signal[1] -= np.median(signal[1])
    region = Region(model=SETS)
    found = region(replace(stack, signal=signal))
    assert found.status.tolist() == [Status.OK, Status.BAD_INPUT]
    assert "counts are negative, the lowest -" in found.messages[1]
    assert np.isfinite(found["area"][0]).all()
    free = region(replace(stack, signal=signal, noise="unknown"))
    assert "negative" not in "".join(free.messages)


def test_species_outside_the_window_are_told():
    species = (
        Species(name="near", level="V 2p", position=517.2, splitting=7.4),
        Species(name="far", level="V 2p", position=540.0),
        Species(name="tied", level="V 2p", position=550.0),
    )
    ties = {"tied_area": {"expr": "0.1*near_area"}}
    model = Model(name="m", species=species, parameters=ties)
    # Of a doublet the second line may be all that is seen.
    for window in ((508.0, 521.0), (520.0, 531.0)):
        results = Region(model=model, window=window)(simulated(1, step=4))
        assert results.messages[0].startswith("far (540 eV) outside the window, ")
        assert np.isnan(results["position"][0, 1])
        assert np.isnan(results["position_stderr"][0, 1])
