"""The script for valences of many samples, as a beamline would start it."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest
from tests.xas.vanadium_edges import operando_series


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Three standards and two samples as two columns each."""
    folder = tmp_path_factory.mktemp("samples")
    series = operando_series(9)
    chosen = {"V2O3": 0, "VO2": 4, "V2O5": 8, "cathode": 2, "glass": 6}
    for name, i in chosen.items():
        table = np.column_stack([series.stack.x, series.stack.signal[i]])
        np.savetxt(folder / f"{name}.dat", table, header="energy mu", fmt="%.8f")
    return folder


def script(root, *arguments, cwd):
    command = [sys.executable, str(root / "scripts" / "batch_valence.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def test_valences_of_a_folder(samples, project_root, tmp_path):
    standards = ["--standard", "V2O5*=5", "--standard", "VO2*=4", "--standard", "V2O3*=3"]
    arguments = [str(samples / "*.dat"), *standards, "--output", str(tmp_path / "out")]
    first = script(project_root, *arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (page,) = (tmp_path / "out").glob("*.html")
    assert "Valence" in page.read_text(encoding="utf-8")
    (table,) = (tmp_path / "out" / "tables").glob("*valence*.csv")
    lines = [line for line in table.read_text().splitlines() if not line.startswith("#")]
    rows = {r["name"]: r for r in csv.DictReader(lines)}
    for name, true in (("cathode.dat", 3.5), ("glass.dat", 4.5)):
        assert float(rows[name]["valence_low"]) < true < float(rows[name]["valence_high"])
    again = script(project_root, *arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "up to date" in again.stdout


def test_windows_are_passed_on(samples, project_root, tmp_path):
    arguments = [str(samples / "*.dat"), "--standard", "V2O5*=5", "--standard", "V2O3*=3"]
    arguments += ["--pre-edge", "5466", "5472", "--main", "5479", "5509", "--indicator", "area"]
    ran = script(project_root, *arguments, "--output", str(tmp_path / "out"), cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_wrong_standards_end_it_at_once(samples, project_root, tmp_path):
    for given, said in (
        (["--standard", "V2O5*=five"], "expected NAME=VALENCE"),
        (["--standard", "V2O5*"], "expected NAME=VALENCE"),
        (["--standard", "W*=6"], "no frame has such"),
        (["--set", "V_oxides"], "give one of them"),
    ):
        arguments = [str(samples / "*.dat"), *given, "--standard", "V2O3*=3"]
        ran = script(project_root, *arguments, "--output", str(tmp_path / "out"), cwd=tmp_path)
        assert ran.returncode == 1
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr
