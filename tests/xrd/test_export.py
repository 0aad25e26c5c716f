"""Refined structures as files of other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from refined_patterns import refined_patterns

import spectra
from spectra.errors import ResultsError, StoreError
from spectra.reference import load_phase
from spectra.xrd import Rietveld, Structure, export_cif


@pytest.fixture(scope="module")
def source():
    return refined_patterns(("TiO2_rutile", "V2O5"), 5, lost=((1, 1), (3, 0), (3, 1)))


def test_a_file_for_each_frame_that_has_a_phase(source, tmp_path):
    paths = export_cif(source, tmp_path / "cifs")
    assert [p.name for p in paths] == [f"{i:04d}_frame_{i}.cif" for i in (0, 1, 2, 4)]
    assert len(gemmi.cif.read(str(paths[0]))) == 3
    assert len(gemmi.cif.read(str(paths[1]))) == 1


def test_what_is_written_reads_back(source, tmp_path):
    path = export_cif(source, tmp_path, ["TiO2_rutile"])[0]
    phase = load_phase(path)
    assert phase.space_group == "P 42/m n m"
    np.testing.assert_allclose(phase.cell[0], source["a"][0, 0], atol=1e-4)
    names = source.table.coords["refined"]["name"].tolist()
    x, error = (source[c][0, names.index("TiO2_rutile.O1.x")] for c in ("value", "value_stderr"))
    assert abs(phase.atoms[1].x - x) < error
    block = gemmi.cif.read(str(path)).sole_block()
    table = block.find("_atom_site_", ["label", "fract_x", "fract_y", "fract_z"])
    printed = {row[0]: list(row)[1:] for row in table}
    assert printed["O1"][0].endswith("(2)")
    assert printed["O1"][0] == printed["O1"][1]
    # What symmetry fixes has no uncertainty.
    assert "(" not in "".join((printed["O1"][2], *printed["Ti1"]))
    bonds = block.find("_geom_bond_", ["atom_site_label_1", "distance"])
    found = Structure(phases=("TiO2_rutile",))(source)
    nearest = np.array([float(r[1].split("(")[0]) for r in bonds])
    assert len(nearest) == 6
    np.testing.assert_allclose(sorted(nearest)[0], found["length"][0].min(), atol=5e-4)
    assert block.find_value("_diffrn_ambient_temperature") == "300"
    # What is not known is not claimed.
    assert block.find_value("_diffrn_radiation_probe") is None
    neutrons = replace(source, attrs={**source.attrs, "radiation": "neutron"})
    other = export_cif(neutrons, tmp_path / "n", ["TiO2_rutile"])[0]
    assert (
        gemmi.cif.read(str(other)).sole_block().find_value("_diffrn_radiation_probe") == "neutron"
    )


def test_nothing_is_overwritten_silently(source, tmp_path):
    first = export_cif(source, tmp_path)
    (tmp_path / first[2].name).write_text("mine")
    first[0].unlink()
    with pytest.raises(StoreError, match=r"0001_frame_1\.cif: exists, and 2 more of 4 files"):
        export_cif(source, tmp_path)
    assert not first[0].exists()
    assert first[2].read_text() == "mine"
    export_cif(source, tmp_path, overwrite=True)
    assert first[2].read_text() != "mine"


def test_errors_say_what_to_do(source, tmp_path):
    with pytest.raises(ResultsError, match="TiO2_rutile determined in none of 1 frames"):
        export_cif(source[3], tmp_path, ["TiO2_rutile"])
    with pytest.raises(ResultsError, match="not on a table 'structure'"):
        export_cif(Structure()(source), tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="CIF not written"):
        export_cif(source, blocked)


def test_names_of_frames_are_made_fit_for_files(source, tmp_path):
    odd = replace(source, names=("a/b", "ü: 2", "..", "3", "4"))
    names = [p.name for p in export_cif(odd, tmp_path)]
    assert names == ["0000_a_b.cif", "0001_ü_2.cif", "0002.cif", "0004_4.cif"]


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'spectra'; from spectra.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


def test_the_command_line(source, tmp_path):
    spectra.write(tmp_path / "results.h5", source)
    done = command("export", "results.h5", "--cif", "cifs", "--csv", "table.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "cifs").glob("*.cif"))) == 4
    assert "# columns" in (tmp_path / "table.csv").read_text(encoding="utf-8")
    again = command("export", "results.h5", "--csv", "table.csv", cwd=tmp_path)
    assert again.returncode == 1
    assert "table.csv: exists; give another file, or --overwrite" in again.stderr
    empty = command("export", "results.h5", cwd=tmp_path)
    assert empty.returncode == 1
    assert "--cif FOLDER" in empty.stderr
    wrong = command("export", "results.h5", "--csv", "x", "--step", "peaks", cwd=tmp_path)
    assert "no step 'peaks'" in wrong.stderr


@pytest.mark.realdata
@pytest.mark.slow
def test_patterns_are_those_of_the_refinement(data, tmp_path):
    folder = data / "xrd" / "cucr2o4_temperature"
    stack = spectra.read(str(folder / "*.fxye"))[[0, 2]]
    method = Rietveld(
        phases=(folder / "CuCr2O4.cif", folder / "CuO.cif"),
        instrument=folder / "OH_00.prm",
        low=5.0,
        high=16.0,
        corrections=("zero",),
        background_degree=8,
    )
    refined = method(stack)
    paths = export_cif(refined, tmp_path, stack=stack, method=method)
    for frame, path in enumerate(paths):
        block = gemmi.cif.read(str(path))[0]
        columns = [
            np.array([float(v) for v in block.find_values(name)])
            for name in (
                "_pd_meas_intensity_total",
                "_pd_calc_intensity_total",
                "_pd_proc_ls_weight",
            )
        ]
        observed, calculated, weight = columns
        rwp = np.sqrt((weight * (observed - calculated) ** 2).sum() / (weight * observed**2).sum())
        assert 100 * rwp == pytest.approx(refined["rwp"][frame], abs=0.02)
    with pytest.raises(ResultsError, match="need the method"):
        export_cif(refined, tmp_path / "x", stack=stack)
    with pytest.raises(ResultsError, match="results of 2 frames beside 1 patterns"):
        export_cif(refined, tmp_path / "x", stack=stack[0], method=method)
