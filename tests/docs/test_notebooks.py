"""The notebooks of docs/examples run as they stand, and are small."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import pytest

from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "examples").glob("*.ipynb"))


def test_there_is_one_for_each_technique_and_for_a_whole_sample():
    assert {p.stem for p in NOTEBOOKS} >= {"xrd", "xanes", "exafs", "xps", "raman", "sample"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    names: dict[str, object] = {"__name__": "notebook"}
    for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"], 1):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
    plt.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_executed_small_and_labelled(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    outputs = [o for c in code for o in c["outputs"]]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert not any(o["output_type"] == "error" for o in outputs)
    assert all(c["execution_count"] for c in code)
    assert "simulated" in "".join(cells[0]["source"])
    assert path.stat().st_size < 300_000
