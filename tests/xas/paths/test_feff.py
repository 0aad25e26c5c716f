"""FEFF on known structures: paths as the crystals have them, the same however it is run."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from made_paths import chi, curves_at, made_path
from scipy.stats import spearmanr
from test_clusters_of_atoms import as_cif

from spectra.errors import DataWarning, FeffError, SettingError
from spectra.phase import Atom, Phase
from spectra.reference import load_phase
from spectra.xas import check_paths, feff_paths, quick_path, read_paths
from spectra.xas.paths import feff as feff_module
from spectra.xas.paths.cache import FOLDER_VARIABLE as CACHE_VARIABLE
from spectra.xas.paths.importance import importances
from spectra.xas.paths.runner import FOLDER_VARIABLE, feff_programs
from spectra.xas.shells.equation import chi_of_path

COPPER = (3.6032, 3.6032, 3.6032, 90.0, 90.0, 90.0)
FCC = Phase("Cu", COPPER, "F m -3 m", (Atom("Cu1", "Cu", 0, 0, 0),))
# The same crystal, its atoms told as two sites.
TWO_SITES = Phase(
    "Cu", COPPER, "P m -3 m", (Atom("Cu1", "Cu", 0, 0, 0), Atom("Cu2", "Cu", 0.5, 0.5, 0))
)


def shells_of(paths, count):
    return [
        (p.scatterers[0], p.degeneracy, p.reff)
        for p in sorted(paths.select(nleg=2), key=lambda path: path.reff)
    ][:count]


@pytest.fixture(scope="module")
def copper():
    return feff_paths(FCC, "Cu", radius=4.5)


def test_v2o3_has_the_neighbours_of_its_crystal(v2o3):
    # Distances in the structure of P. D. Dernier, J. Phys. Chem. Solids 31 (1970) 2569.
    expected = [("O", 3, 1.97), ("O", 3, 2.05), ("V", 1, 2.70), ("V", 3, 2.88)]
    for (symbol, count, distance), (s, n, d) in zip(shells_of(v2o3, 4), expected, strict=True):
        assert (symbol, count) == (s, n)
        assert distance == pytest.approx(d, abs=0.005)
    check_paths(v2o3, absorber="V", edge="K", e0=5475.0, k_max=14.0)


def test_importance_ranks_as_feffs_own_ratio(v2o3, v2o3_folder):
    rows = [line.split() for line in (v2o3_folder / "files.dat").read_text().splitlines()]
    ratio = {row[0]: float(row[2]) for row in rows if row[:1] and row[0].startswith("feff0")}
    assert len(ratio) == len(v2o3)
    ours = importances(v2o3, k_weight=0.0, k_range=(0.5, 20.0))
    assert spearmanr(ours, [ratio[path.source] for path in v2o3]).statistic > 0.98


def test_v2o5_has_vanadyl_equatorial_and_long_bonds(v2o5):
    # R. Enjalbert and J. Galy, Acta Cryst. C42 (1986) 1467.
    expected = [(1, 1.577), (1, 1.779), (2, 1.878), (1, 2.017), (1, 2.793), (2, 3.082)]
    for (symbol, count, distance), (n, d) in zip(shells_of(v2o5, 6), expected, strict=True):
        assert symbol == ("V" if d > 3 else "O")
        assert count == n
        assert distance == pytest.approx(d, abs=0.002)
    assert v2o5[0].importance == 100.0
    assert len(set(v2o5.labels)) == len(v2o5)
    assert {p.shape for p in v2o5} >= {"single", "triangle"}


@pytest.mark.realdata
def test_copper_is_that_of_feff6(copper, data):
    old = read_paths(data / "xas" / "copper" / "feff_Cu")
    k = np.arange(3.0, 16.01, 0.25)
    for label in ("Cu-Cu 2.548", "Cu-Cu 3.603", "Cu-Cu 4.413"):
        new_one, old_one = copper[label], old[label]
        assert new_one.degeneracy == old_one.degeneracy
        assert new_one.reff == pytest.approx(old_one.reff, abs=2e-4)
        new, was = (curves_at(path, k) for path in (new_one, old_one))
        # FEFF8L's potentials are other ones: 12 % more amplitude at k = 3.25, 9 % at 16.
        ratio = new[0] / was[0]
        assert 0.99 < ratio.min() < ratio.max() < 1.13
        assert 1.02 < ratio.mean() < 1.06
        phase = new[1] - was[1]
        assert np.abs(phase - 2 * np.pi * np.round(phase.mean() / (2 * np.pi))).max() < 0.21


def test_a_cif_is_the_same_as_the_phase(v2o3, tmp_path):
    cif = tmp_path / "with blank and ü.cif"
    cif.write_text(as_cif(load_phase("V2O3")), encoding="utf-8")
    assert feff_paths(str(cif), "V", radius=4.0, nleg=3).labels == v2o3.labels


def test_sites_are_averaged_to_the_whole_crystal(copper):
    both = feff_paths(TWO_SITES, "Cu", radius=4.5)
    assert [p.degeneracy for p in both] == pytest.approx([p.degeneracy for p in copper])
    k = np.linspace(3.0, 15.0, 100)
    whole, parts = (sum(chi(p, k) for p in paths) for paths in (copper, both))
    np.testing.assert_allclose(parts, whole, atol=1e-12 * np.abs(whole).max())
    for site in (1, "Cu2"):
        one = feff_paths(TWO_SITES, "Cu", radius=4.5, site=site)
        assert one["Cu-Cu 2.548"].degeneracy == 12.0
        assert one["Cu-Cu 2.548"].title == "Cu Cu2"
    assert both["Cu-Cu 2.548"].title == "Cu Cu1, Cu Cu2"
    with pytest.raises(SettingError, match=r"site 'Cu3'; there are 0 \(Cu1\), 1 \(Cu2\)"):
        feff_paths(TWO_SITES, "Cu", radius=4.5, site="Cu3")


def test_unlike_sites_are_averaged():
    settings = {"radius": 3.5, "nleg": 2}
    both = feff_paths("Co2SiO4", "Co", **settings)
    sites = [feff_paths("Co2SiO4", "Co", site=i, **settings) for i in (0, 1)]
    assert sites[0].labels != sites[1].labels
    for paths in (both, *sites):
        near = [p.degeneracy for p in paths if p.scatterers == ("O",) and p.reff < 2.5]
        assert sum(near) == pytest.approx(6.0)
    k = np.linspace(3.0, 15.0, 100)
    whole, one, other = (sum(chi(p, k) for p in paths) for paths in (both, *sites))
    np.testing.assert_allclose(whole, (one + other) / 2, atol=1e-3 * np.abs(whole).max())


def test_feff_runs_once(copper, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("FEFF was run again")

    monkeypatch.setattr(feff_module, "run_feff", refuse)
    assert feff_paths(FCC, "Cu", radius=4.5) == copper
    with pytest.raises(AssertionError, match="run again"):
        feff_paths(FCC, "Cu", radius=4.6)


def test_a_damaged_entry_is_calculated_anew(monkeypatch, tmp_path):
    runs = []

    def calculated(*_):
        runs.append(1)
        return (made_path(distance=1.95),), True

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(feff_module, "_calculated", calculated)
    fresh = quick_path("V", "O", 1.95)
    assert quick_path("V", "O", 1.95) == fresh
    assert len(runs) == 1
    (entry,) = (f for f in tmp_path.rglob("*") if f.is_file())
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2])
    assert quick_path("V", "O", 1.95) == fresh
    assert len(runs) == 2
    assert entry.read_bytes() == whole


def test_paths_that_are_not_all_are_told_every_time(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(feff_module, "_calculated", lambda *_: ((made_path(),), False))
    for _ in range(2):
        with pytest.warns(DataWarning, match="Cu Cu1: FEFF found more paths than it can hold"):
            feff_paths(FCC, "Cu")


TWICE = """
import sys
from spectra.xas import quick_path
print(quick_path("Cu", "O", 1.95).digest)
"""


def test_two_processes_in_a_foreign_locale_agree(tmp_path):
    environment = os.environ | {
        CACHE_VARIABLE: str(tmp_path / "cache"),
        "LC_ALL": "de_DE.UTF-8",
        "LC_NUMERIC": "de_DE.UTF-8",
        "TMPDIR": str(tmp_path),
        # Would make Fortran read and write other files than FEFF's own.
        "GFORTRAN_CONVERT_UNIT": "swap",
        "GFORTRAN_STDOUT_UNIT": "17",
    }
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", TWICE], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    digests = {run.communicate()[0].strip() for run in runs}
    assert digests == {quick_path("Cu", "O", 1.95).digest}
    # Neither FEFF's folders nor halves of entries are left.
    left = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert [f.suffix for f in left] == [".gz"]
    assert not list(tmp_path.glob("spectra-feff-*"))


def test_a_folder_of_the_users_keeps_everything(tmp_path):
    place = tmp_path / "my runs ü"
    paths = feff_paths(TWO_SITES, "Cu", radius=3.0, nleg=2, folder=place)
    assert sorted(p.name for p in place.iterdir()) == ["Cu1", "Cu2"]
    for site in ("Cu1", "Cu2"):
        assert (place / site / "feff.inp").is_file()
        assert "Done with module" in (place / site / "feff8l_genfmt.log").read_text()
        assert read_paths(place / site).labels == paths.labels
    with pytest.raises(SettingError, match="is not empty"):
        feff_paths(TWO_SITES, "Cu", radius=3.0, nleg=2, folder=place)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"radius": 0.5}, "radius 0.5"),
        ({"radius": 20.0}, "radius 20"),
        ({"nleg": 1}, "nleg 1"),
        ({"scf": 0.1}, "scf 0.1"),
        ({"timeout": 0.0}, "timeout 0"),
        ({"edge": "M1"}, "edge 'M1'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(SettingError, match=told):
        feff_paths(FCC, "Cu", **settings)


def test_no_path_in_the_radius(tmp_path):
    with pytest.raises(FeffError, match="no scattering path; make the radius larger"):
        feff_paths(FCC, "Cu", radius=2.0)


def test_a_structure_that_feff_refuses_is_told_in_its_words(tmp_path):
    near = Phase("near", COPPER, "P 1", (Atom("A", "Cu", 0, 0, 0), Atom("B", "O", 0.22, 0, 0)))
    with pytest.raises(FeffError, match=r"module pot .*Reduce overlap .*check the structure"):
        feff_paths(near, "Cu", radius=3.0, nleg=2)
    place = tmp_path / "kept"
    with pytest.raises(FeffError, match=r"all it wrote is in .*kept"):
        feff_paths(near, "Cu", radius=3.0, nleg=2, folder=place)
    assert (place / "feff8l_pot.log").is_file()


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Programs under the names of FEFF's, which do what a shell script says."""
    if sys.platform == "win32":
        pytest.skip("needs shell scripts")
    folder = tmp_path / "bin"
    folder.mkdir()
    for module in feff_programs():
        (folder / f"feff8l_{module}").write_text("#!/bin/sh\necho {} > geom.json\n")
        (folder / f"feff8l_{module}").chmod(0o755)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def told_of_feff(match):
    with pytest.raises(FeffError, match=match):
        quick_path("Cu", "O", 1.95)


def test_a_missing_program_is_told(programs):
    (programs / "feff8l_xsph").unlink()
    told_of_feff(r"feff8l_xsph is missing; install xraylarch, .*\$SPECTRA_FEFF")


def test_no_larch_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told_of_feff("there is no package larch; install xraylarch")


def test_a_program_that_may_not_run_is_told(programs):
    (programs / "feff8l_pot").chmod(0o644)
    told_of_feff(r"feff8l_pot may not be executed; allow it \(chmod \+x\)")


def test_a_program_of_another_machine_is_told(programs):
    (programs / "feff8l_rdinp").write_bytes(b"\x7fELF of another world")
    told_of_feff("is no program for this machine")


def test_a_module_that_stops_is_told_with_its_last_lines(programs):
    for text in ("echo x > pot.pad; echo one; echo Fatal error; echo CHOPEN", "echo one; exit 3"):
        (programs / "feff8l_pot").write_text(f"#!/bin/sh\n{text}\n")
        told_of_feff("FEFF stopped in its module pot .*one")
    (programs / "feff8l_pot").write_text("#!/bin/sh\n: > pot.pad\n")
    told_of_feff("it wrote nothing")


def test_a_module_that_hangs_is_ended(programs):
    (programs / "feff8l_rdinp").write_text("#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(FeffError, match=r"module rdinp was not through after 0.2 s"):
        feff_paths(FCC, "Cu", timeout=0.2)


def test_no_folder_is_left_behind(programs, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    told_of_feff("module pot")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_another_feff_has_its_own_entries(copper, programs):
    with pytest.raises(FeffError):
        feff_paths(FCC, "Cu", radius=4.5)


def test_sum_of_all_paths_is_feffs_own(tmp_path):
    """FEFF adds its paths up too: degeneracies, phases and legs of ours must be right."""
    folder = tmp_path / "feff"
    paths = feff_paths("V2O3", "V", radius=4.0, folder=folder)
    k, expected = np.loadtxt(folder / "chi.dat", comments="#", usecols=(0, 1), unpack=True)
    some = (k > 2.0) & (k < 16.0)
    single, every = (
        sum(
            chi_of_path(p, k[some], amplitude=p.degeneracy, e0=0.0, delta_r=0.0, sigma2=0.0)
            for p in paths
            if p.nleg <= most
        )
        for most in (2, 4)
    )
    size = np.std(expected[some])
    # FEFF sums on a finer grid, and its file has four digits.
    assert np.std(every - expected[some]) < 0.02 * size
    assert np.std(single - expected[some]) > 0.1 * size
