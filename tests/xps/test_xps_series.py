"""An in-situ series of SPECS, sweep by sweep: by its recipe, in Python, and what sweeps repeat."""

from __future__ import annotations

import shutil
import tomllib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution

import spectra
from spectra import Status
from spectra.errors import DataWarning
from spectra.recipe import load_recipe, run_recipe
from spectra.report.photoelectrons import photoelectron_sections
from spectra.xps import Evidence, Model, MonteCarlo, Region, Species, load_model

pytestmark = pytest.mark.realdata

RECIPE = Path(__file__).resolve().parents[2] / "docs" / "recipes" / "xps_insitu.toml"
FILE = "In-situ_PBTTT_XPS_SPECS.xml"
COMMON = {"level": "C 1s", "profile": "gl_sum", "width": 1.2, "widths": (0.6, 3.0)}


def python_model():
    """The recipe's model, stated in Python."""
    species = (
        Species(name="C-C", position=285.0, spread=0.6, **COMMON),
        Species(name="shoulder", position=286.4, spread=0.6, **COMMON),
        Species(name="tail", position=288.0, spread=0.6, **COMMON),
    )
    ties = {"C_C_mixing": {"value": 0.3, "vary": True, "min": 0.0, "max": 1.0}}
    ties["shoulder_above"] = {"value": 1.4, "vary": True, "min": 0.8, "max": 2.0}
    ties["tail_above"] = {"value": 2.8, "vary": True, "min": 2.0, "max": 4.0}
    for name in ("shoulder", "tail"):
        ties[f"{name}_center"] = {"expr": f"C_C_center + {name}_above"}
        ties |= {f"{name}_{n}": {"expr": f"C_C_{n}"} for n in ("fwhm", "mixing")}
    return Model(name="three lines of one width", species=species, parameters=ties)


SHARED = ("C_C_fwhm", "C_C_mixing", "shoulder_above", "tail_above")
REGION = Region(model=python_model(), window=(281.0, 289.5), common=SHARED)


def sweeps(data, entry="2 C1s sweeps"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return spectra.read(data / "xps" / FILE, entry=entry).load()


@pytest.fixture(scope="module")
def ran(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("insitu")
    shutil.copy(data / "xps" / FILE, folder / FILE)
    recipe = load_recipe(shutil.copy(RECIPE, folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        record = run_recipe(recipe)
    return record, record.steps["species"]


def probability(values, errors):
    """Of values that differ by more than these, were they all the same."""
    weight = 1.0 / errors**2
    mean = (values * weight).sum(axis=0) / weight.sum(axis=0)
    total = ((values - mean) ** 2 * weight).sum(axis=0)
    return chi2_distribution.sf(total, len(values) - 1)


def test_every_sweep_is_fitted_and_its_residual_is_noise(ran):
    _, results = ran
    assert len(results) == 10
    assert (results.status == Status.OK).all()
    assert set(results.messages) == {""}
    assert results.variables["sweep"].values.tolist() == list(range(10))
    assert results["chi2_reduced"].mean() == pytest.approx(1.0, abs=0.15)
    assert results["abbe"].mean() == pytest.approx(1.0, abs=0.1)


def test_distances_are_one_for_all_sweeps_and_charging_is_seen(ran):
    _, results = ran
    position = results["position"]
    assert np.ptp(position[:, 1:] - position[:, :1], axis=0).max() < 1e-9
    assert np.ptp(results["fwhm"], axis=0).max() == 0.0
    assert (results["fraction"] > 2 * results["fraction_stderr"]).all()
    main, error = position[:, 0], results["position_stderr"][:, 0]
    assert main.mean() == pytest.approx(285.0, abs=0.1)
    # They drift up by some meV a sweep, and about that they scatter as they should.
    sweep = np.arange(10.0)
    slope, offset = np.polyfit(sweep, main, 1, w=1 / error)
    assert 0.001 < slope < 0.004
    assert probability(main, error) < 0.005
    assert probability(main - offset - slope * sweep, error) > 0.005


def test_sweeps_of_one_sample_agree_within_their_uncertainties(ran):
    # Ten repeats: neither do they scatter more than they should, nor less.
    _, results = ran
    for name in ("area", "fraction"):
        p = probability(results[name], results[f"{name}_stderr"])
        assert ((p > 0.005) & (p < 0.995)).all(), name


def test_drawn_uncertainties_of_two_sweeps_are_those_of_the_line(ran):
    _, results = ran
    assert (results["draws"] > 0).nonzero()[0].tolist() == [0, 9]
    ratio = results["fraction_drawn_stderr"][[0, 9]] / results["fraction_stderr"][[0, 9]]
    np.testing.assert_allclose(ratio, 1.0, atol=0.25)


def test_python_gives_the_recipe_s_bits(ran, data):
    _, results = ran
    told = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["step"][0]["region"]["model"]
    assert load_model(told) == REGION.species_model
    again = MonteCarlo(region=REGION, draws=200, frames=(0, 9))(sweeps(data))
    for name in results.columns:
        np.testing.assert_array_equal(again[name], results[name], err_msg=name)


def test_the_report_tells_of_it(ran):
    record, _ = ran
    (section,) = photoelectron_sections(record)
    assert any("three lines of one width" in text for text in section.sentences)
    assert len(section.rows) == 10


def test_each_line_is_asked_for_and_no_further_one(data):
    found = Evidence(region=REGION)(sweeps(data))
    assert all(delta > 10 for delta in found.attrs["series"]["delta_bic_without"].values())
    assert found.attrs["series"]["frames_with_one_more"] == 0


def test_positions_may_be_one_for_all_as_well(data):
    ties = dict(REGION.species_model.parameters)
    ties = {k: v for k, v in ties.items() if not k.endswith(("_above", "_center"))}
    model = replace(REGION.species_model, parameters=ties)
    common = ("positions", "C_C_fwhm", "C_C_mixing")
    results = replace(REGION, model=model, common=common)(sweeps(data))
    assert (results.status == Status.OK).all()
    assert np.ptp(results["position"], axis=0).max() == 0.0
    assert results["position"][0] == pytest.approx([285.0, 286.4, 287.6], abs=0.15)
    assert set(results.messages) == {""}


def test_sulphur_tells_the_sweep_that_was_broken_off(data):
    sulphur = Species(
        name="thiophene", level="S 2p", position=164.1, spread=0.6, splitting=1.18, width=1.2
    )
    ties = {"thiophene_mixing": {"value": 0.3, "vary": True, "min": 0.0, "max": 1.0}}
    model = Model(name="sulphur", species=(sulphur,), parameters=ties)
    region = Region(model=model, window=(160.0, 172.0), common=("positions",))
    results = region(sweeps(data, "3 S 2p sweeps"))
    assert "the residual is not noise" in results.messages[14]
    assert np.mean([not m for m in results.messages[:14]]) > 0.8
    p = probability(results["area"][:14, 0], results["area_stderr"][:14, 0])
    assert p > 0.005
