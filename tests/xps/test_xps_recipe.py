"""The recipe of the docs on simulated spectra of a sample that charges."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from vanadium_regions import ENERGY, TRUE_FRACTION, built

from spectra.recipe import load_recipe, run_recipe
from spectra.report import write_outputs

RECIPE = Path(__file__).resolve().parents[2] / "docs" / "recipes" / "xps_vanadium.toml"
CHARGING = 1.7


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "spectra").mkdir()
    rng = np.random.default_rng(4)
    made = built()
    wide = np.arange(505.0, 541.0, 0.1)
    for i, x in enumerate((0.0, 0.5, 1.0)):
        made.params["V5_area"].set(value=6000.0 * (1 - x))
        made.params["V4_area"].set(value=4000.0 + 6000.0 * x)
        counts = rng.poisson(made.model.eval(made.params, x=wide))
        table = np.column_stack([wide + CHARGING, counts])
        header = "Binding Energy (eV)\tIntensity (counts)"
        path = folder / "spectra" / f"{i}_x{x}.txt"
        np.savetxt(path, table, fmt=["%.2f", "%d"], delimiter="\t", header=header, comments="")
    recipe = load_recipe(shutil.copy(RECIPE, folder))
    record = run_recipe(recipe)
    write_outputs(record, recipe)
    return folder, record


def test_charging_is_found_and_fractions_follow(ran):
    _, record = ran
    results = record.steps["species"]
    assert results.variables["x"].values.tolist() == [0.0, 0.5, 1.0]
    # The simulated lattice oxygen stands at 529.8 eV: the correction adds 0.2 eV.
    shift = record.stack.metadata["corrections"][-1]["shift"]
    assert shift == pytest.approx(0.2 - CHARGING, abs=0.15)
    assert results["position"][0, 4] == pytest.approx(530.0, abs=0.15)
    z = (results["fraction"][0] - TRUE_FRACTION) / results["fraction_stderr"][0]
    assert np.abs(z[4:]).max() < 6
    assert (np.diff(results["fraction"][:, 0]) < 0).all()
    assert (np.diff(results["valence"]) < 0).all()
    assert results.attrs["model"] == "V2p_silversmit + O1s_lattice"
    assert ENERGY[0] == 508.0


def test_the_composition_follows_from_the_areas(ran):
    _, record = ran
    found = record.steps["composition"]
    assert found.table.coords["element"]["label"].tolist() == ["V", "O"]
    # Charging and the set move areas between species, not between levels.
    atoms = np.array([13_700.0 / 9.66, 22_000.0 / 2.93])
    off = found["atomic_percent"][:, 0] - 100 * atoms[0] / atoms.sum()
    # The paths differ by a hundredth at 969 and 957 eV.
    assert np.abs(off).max() < 0.3
    assert (found["atomic_percent_stderr"] < 0.15).all()
    assert found.attrs["path"] == "TPP-2M in V2O5, 3.36 g/cm³, gap 2.3 eV"


def test_the_report_is_written(ran):
    folder, _ = ran
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "mean valence by V2p_silversmit" in page
    assert "Composition" in page
    assert "scofield_1976" in page
    assert list((folder / "tables").glob("*.csv"))
