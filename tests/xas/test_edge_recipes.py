"""The recipes of absorption on the measurements they are written for."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from spectra import Status
from spectra.errors import DataWarning
from spectra.recipe import load_recipe, run_recipe

pytestmark = pytest.mark.realdata

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"


def run_on(data, folder, name, files):
    """Run a recipe on measured files, which get the names that it has for them."""
    for given, own in files.items():
        os.symlink(data / "xas" / own, folder / given)
    path = shutil.copy(RECIPES / f"{name}.toml", folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return run_recipe(load_recipe(path))


@pytest.fixture(scope="module")
def glasses(data, tmp_path_factory):
    files = {"Vglasses.prj": "redox_glasses/Vglasses.prj"}
    return run_on(data, tmp_path_factory.mktemp("glasses"), "redox_glasses", files)


@pytest.fixture(scope="module")
def cell(data, tmp_path_factory):
    files = {
        "spectra.npz": "lno_operando/lno_nik_pos1.npz",
        "first.mpt": "lno_operando/220726cell4operandoxas_C06.mpt",
        "second.mpt": "lno_operando/220726cell4operandoxascontinuation_C06.mpt",
    }
    return run_on(data, tmp_path_factory.mktemp("cell"), "operando_xanes", files)


def rank(values, against):
    known = np.isfinite(values)
    return spearmanr(values[known], against[known])[0], int(known.sum())


def test_pre_edges_of_glasses_follow_the_oxygen_fugacity(glasses):
    peaks = glasses.steps["preedge"]
    nno = peaks.variables["nno"].values
    assert len(peaks) == np.isfinite(nno).sum() == 28
    good = peaks.status == Status.OK
    assert good.sum() == 24
    for indicator in ("ratio", "ratio_subtracted", "area"):
        correlation, count = rank(peaks[indicator][good], nno[good])
        assert correlation >= 0.98, indicator
        assert count == 24
    correlation, count = rank(peaks["area"], nno)
    assert correlation >= 0.95
    assert count == 28
    # Without a local maximum there is a flag and no number.
    assert np.isnan(peaks["ratio"][~good]).all()


def test_valences_of_glasses_run_from_three_to_five(glasses):
    found = glasses.steps["valence"]
    nno = found.variables["nno"].values
    assert (found.status == Status.OK).all()
    reduced, oxidised = found["valence"][[nno.argmin(), nno.argmax()]]
    assert reduced == pytest.approx(3.0, abs=0.4)
    assert oxidised == pytest.approx(5.0, abs=0.2)
    assert found["valence"].min() > 2.6
    assert found["valence"].max() < 5.2
    assert (found["valence_high"] - found["valence_low"] < 1.3).all()


def test_edge_of_a_nickelate_goes_up_and_back(cell):
    edges = cell.steps["edge"]
    half, error = edges["edge_half"], edges["edge_half_stderr"]
    assert (edges.status == Status.OK).all()
    assert (edges["edge_step"] == 1.0).all()
    # 8344.76 to 8346.20 eV by straight lines between the points of the spectra before alignment.
    assert half[0] == pytest.approx(8344.76, abs=0.02)
    top = int(half.argmax())
    assert half[top] == pytest.approx(8346.20, abs=0.02)
    assert half[top:].min() < 8345.1
    # The bars, those of the alignment, are what neighbouring spectra scatter by.
    bend = np.abs(half[2:] - 2 * half[1:-1] + half[:-2]) / np.sqrt(6)
    scatter = 1.4826 * np.median(bend)
    assert 0.5 < np.median(error) / scatter < 2.0
    assert np.median(error) < 0.004


def test_a_nickelate_is_joined_with_both_logs(cell):
    variables = cell.steps["edge"].variables
    voltage, half_cycle = (variables[n].values for n in ("voltage", "half_cycle"))
    # Spectra were taken within the logs only, the first before, the last after their seam.
    assert np.isfinite(voltage).all()
    assert variables["time"].values[0] < 1659015078.8
    assert variables["time"].values[-1] > 1659015105.3
    assert 3.0 < voltage.min() < voltage.max() < 4.35
    assert half_cycle[0] == 0
    assert half_cycle.max() >= 4
    # The edge is highest where charging turns into discharging.
    turn = int(np.flatnonzero(half_cycle == 1)[0])
    assert abs(int(cell.steps["edge"]["edge_half"].argmax()) - turn) <= 3


def test_a_nickelate_has_three_species(cell):
    told = cell.steps["components"].attrs["suggestions"]
    assert told["growth"] == 3
    species = cell.steps["species"]
    assert (species.status == Status.OK).all()
    assert species.attrs["lack_of_fit"] < 0.2


def test_gold_is_told_along_its_hours(data, tmp_path):
    files = {"cyanobacteria.prj": "gold_reduction/cyanobacteria.prj"}
    shares = run_on(data, tmp_path, "gold_mixture", files).steps["shares"]
    hours = shares.variables["time"].values
    series = np.flatnonzero(np.isfinite(hours))
    assert hours[series].tolist() == [0.12, 2.42, 4.73, 7.03, 9.33, 20.0, 33.0, 720.0]
    metal, chloride, _ = shares["weight"][series].T
    assert metal[0] < 0.1 < 0.5 < metal[6]
    assert (np.diff(chloride[:5]) < 0).all()


def test_yields_of_copper_oxide(data, tmp_path):
    found = run_on(data, tmp_path, "soft_yields", {"library.h5": "soft/library.h5"}).steps["edges"]
    assert (found.status == Status.OK).all()
    assert np.diff(found["position"]).ravel() == pytest.approx([19.9, 19.9], abs=0.1)
    electrons, fluorescence = found["branching"]
    assert fluorescence < electrons
