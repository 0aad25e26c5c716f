"""``spectra batch`` and the script for strain, as a user would start them."""

from __future__ import annotations

import csv
import runpy

import numpy as np
import pytest
from tests.lines_of_samples import write_samples

from spectra.cli.batch import run_sheet
from spectra.demo import simulate, write_raw


@pytest.mark.filterwarnings("ignore::spectra.errors.DataWarning")
def test_a_sheet_to_tables_and_pages(tmp_path, capsys):
    sheet = write_samples(tmp_path, ("a", "b"))
    (tmp_path / "data" / "b1_0.txt").write_text("")
    for k in (1, 2):
        (tmp_path / "data" / f"b1_{k}.txt").unlink()
    assert run_sheet(sheet) == 2
    told = capsys.readouterr().out
    assert "3 computed, 1 failed" in told
    assert "b, raman-2: failed: " in told
    results = tmp_path / "results"
    assert {"index.html", "a.html", "b.html", "tables"} < {p.name for p in results.iterdir()}
    assert "raman-2" in (results / "tables" / "measurements.csv").read_text()
    written = (results / "index.html").stat().st_mtime_ns
    assert run_sheet(sheet) == 2
    told = capsys.readouterr().out
    assert "3 kept, 1 failed" in told
    assert "index.html (up to date)" in told
    assert (results / "index.html").stat().st_mtime_ns == written
    sheet.write_text(sheet.read_text().replace("mass = 1.0", "mass = 1.25"))
    run_sheet(sheet)
    assert "up to date" not in capsys.readouterr().out
    assert "1.25" in (results / "tables" / "samples.csv").read_text()
    text = sheet.read_text()
    sheet.write_text(text[: text.index('[[sample]]\nname = "b"')])
    for times in range(2):
        assert run_sheet(sheet) == 0
        told = capsys.readouterr().out
        assert ("up to date" in told) == bool(times)
        assert f"not in the sheet any more: b/raman.h5 (in {results})" in told
    assert "<code>b/raman.h5</code>" in (results / "index.html").read_text(encoding="utf-8")
    assert (results / "b" / "raman.h5").is_file()


def test_strain_of_two_samples(tmp_path, project_root, capsys):
    stack, _, cycler = simulate(12)
    for name, frames in (("one", [0, 6]), ("two", [0, 4])):
        write_raw(tmp_path / name, stack[frames], cycler)
        for k, path in enumerate(sorted((tmp_path / name / "patterns").iterdir())):
            path.rename(path.with_name(f"scan_{300 + 10 * k}K.xy"))
    script = runpy.run_path(str(project_root / "scripts" / "strain_report.py"))
    options = [f"{name}={tmp_path / name / 'patterns' / '*.xy'}" for name in ("one", "two")]
    options += ["--phase", "K3V5O14", "--standard", "Be", "--correction", "displacement"]
    options += ["--anode", "Cu", "--radius", "217.5", "--variable", r"temperature=_(\d+)K"]
    sheet = script["write_sheet"](script["parse"]([*options, "--output", str(tmp_path / "out")]))
    assert run_sheet(sheet) == 0
    assert "2 computed" in capsys.readouterr().out
    assert (tmp_path / "out" / "index.html").is_file()
    with (tmp_path / "out" / "tables" / "values.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["column"] == "dv_over_v"]
    found = {(r["sample"], float(r["temperature (K)"])): float(r["value"]) for r in rows}
    assert set(found) == {("one", 300), ("one", 310), ("two", 300), ("two", 310)}
    assert found["one", 300] == found["two", 300] == 0.0
    assert np.isfinite(list(found.values())).all()
