"""The recipes of EXAFS on the measurements they are written for."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from spectra import Status, read, xas
from spectra.errors import DataWarning
from spectra.recipe import load_recipe, run_recipe
from spectra.report import write_report

pytestmark = pytest.mark.realdata

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"
# The end of the first charge among the frames of the cell.
CHARGED = 55


def run(folder, name):
    path = shutil.copy(RECIPES / f"{name}.toml", folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return run_recipe(load_recipe(path))


@pytest.fixture(scope="module")
def oxide(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("oxide")
    os.symlink(data / "xas" / "vanadium" / "V2O3.xdi", folder / "V2O3.xdi")
    return run(folder, "vanadium_exafs")


@pytest.fixture(scope="module")
def cell(data, tmp_path_factory):
    """Every ninth frame of the cell's 229, and that of the highest charge."""
    source, folder = data / "xas" / "lno_operando", tmp_path_factory.mktemp("cell")
    rows = np.unique([*range(0, 229, 9), CHARGED])
    with np.load(source / "lno_nik_pos1.npz", allow_pickle=False) as whole:
        some = {
            name: whole[name] if name == "energy" else whole[name][rows] for name in whole.files
        }
    np.savez(folder / "spectra.npz", **some)
    os.symlink(source / "220726cell4operandoxas_C06.mpt", folder / "first.mpt")
    os.symlink(source / "220726cell4operandoxascontinuation_C06.mpt", folder / "second.mpt")
    return run(folder, "operando_exafs")


def shell(results, label):
    return results.table.coords["path"]["label"].tolist().index(label)


def test_bonds_of_an_oxide_are_those_of_its_crystal(oxide):
    shells = oxide.steps["shells"]
    assert shells.status[0] == Status.OK
    assert shells["r_factor"][0] < 0.02
    crystal = shells.table.coords["path"]["reff"]
    off, error = np.abs(shells["r"][0] - crystal), shells["r_stderr"][0]
    near = slice(0, 4)
    assert crystal[near] == pytest.approx([1.971, 2.049, 2.697, 2.882], abs=5e-4)
    assert (off < 0.02).all()
    assert (off < error).all()
    # A distance with no error to speak of would be within none by luck alone.
    assert (error[near] < [0.02, 0.02, 0.1, 0.05]).all()


def test_what_an_oxide_cannot_tell_is_said(oxide):
    """Its two kinds of V-O, 0.08 apart, are not resolved by 8 1/angstrom."""
    told = dict(load_recipe(RECIPES / "vanadium_exafs.toml").methods["shells"].settings())
    told["paths"][1] = told["paths"][1] | {"delta_r": "dr_other"}
    told["parameters"] = told["parameters"] | {"dr_other": 0.0}
    apart = xas.Shells.from_settings(told)(oxide.steps["background"])
    both = apart["r_stderr"][0, :2]
    assert (both > 0.078).all()
    together = oxide.steps["shells"]
    test = xas.compare(together, apart)
    assert test["probability"][0] > 0.05
    assert any("two thirds" in w for w in apart.attrs["warnings"])


def test_vanadyl_equatorial_and_far_shells_of_another_oxide(data):
    equatorial = ("V-O 1.778", "V-O 1.877", "V-O 2.017")
    metal = ("V-V 3.082", "V-V 3.426", "V-V 3.564")
    groups = {"yl": ("V-O 1.576",), "eq": equatorial, "v": metal}
    method = xas.Shells(
        k_range=(3.0, 11.0),
        r_range=(1.2, 3.5),
        k_weight=(1, 2, 3),
        parameters={"s02": 0.7, "e0": 0.0}
        | {f"dr_{g}": 0.0 for g in groups}
        | {f"ss_{g}": 0.005 for g in groups},
        paths=tuple(
            {"phase": "V2O5", "which": which, "delta_r": f"dr_{g}", "sigma2": f"ss_{g}"}
            for g, labels in groups.items()
            for which in labels
        ),
    )
    results = method(xas.Background(k_weight=2)(read(data / "xas" / "vanadium" / "V2O5.xdi")))
    off = np.abs(results["r"][0] - results.table.coords["path"]["reff"])
    assert (off < 0.02).all()
    assert (off < results["r_stderr"][0]).all()
    # No good fit, and said to be none.
    assert (results["r_stderr"][0] < 0.1).all()
    assert "R factor" in results.messages[0]


def test_nickel_oxygen_bonds_follow_the_charge(cell):
    shells = cell.steps["shells"]
    assert shells.ok().all()
    assert shells["r_factor"].max() < 0.02
    oxygen, nickel = (shells["r"][:, shell(shells, n)] for n in ("Ni-O", "Ni-Ni"))
    charged = int(oxygen.argmin())
    assert abs(charged - int(np.searchsorted(range(0, 229, 9), CHARGED))) <= 1
    # Means of four bonds of 1.91 and two of 2.09, and of six of 1.88 (A. Rougier et al., Solid
    # State Commun. 94 (1995) 123); Ni-Ni is the cell's a, 2.878 and about 2.82 when charged.
    error = shells["r_stderr"][0]
    assert oxygen[0] == pytest.approx(1.97, abs=2 * error[0])
    assert oxygen[charged] == pytest.approx(1.88, abs=0.02)
    assert nickel[0] == pytest.approx(2.878, abs=2 * error[1])
    assert nickel[charged] == pytest.approx(2.82, abs=0.02)
    # Back on discharge, by most of the way.
    after = oxygen[charged:].max()
    assert after - oxygen[charged] > 0.6 * (oxygen[0] - oxygen[charged])
    disorder = shells["sigma2"][:, shell(shells, "Ni-O")]
    assert disorder[charged] < 0.5 * disorder[0]


def test_bonds_follow_the_edge(cell):
    """Where the edge is high, bonds are short: both tell of the same electrons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        edges = xas.Normalize(element="Ni")(cell.stack)
    oxygen = cell.steps["shells"]["r"][:, 0]
    assert np.corrcoef(edges["edge_half"], oxygen)[0, 1] < -0.97


def test_changes_of_the_cell_are_significant(cell):
    shells = cell.steps["shells"]
    charged = int(shells["r"][:, 0].argmin())
    for errors, least in (("scaled", 3.0), ("noise", 30.0)):
        bonds = xas.bond_table(shells, errors=errors)
        assert bonds["r_significance"][charged, 0] < -least


def test_lobes_of_the_cell_stay_two(cell):
    wavelet = cell.steps["wavelet"]
    assert len(wavelet.attrs["lobes"]) == 2
    assert np.isfinite(wavelet["lobe_r"]).all()
    assert np.ptp(wavelet["lobe_r"], axis=0).max() < 0.15


def test_report_of_the_cell_holds_the_whole_way(cell, tmp_path):
    text = write_report(cell, tmp_path / "r.html").read_text(encoding="utf-8")
    for heading in ("χ(k)", "χ(R)", "Bonds", "Changes of the bonds", "Fits of the shells"):
        assert f">{heading}</h2>" in text
    assert 'download="shells_bonds.csv"' in text
