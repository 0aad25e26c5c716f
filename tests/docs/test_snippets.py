"""Python snippets of the documentation run as written, those of a page one after the other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import lmfit
import matplotlib.pyplot as plt
import numpy as np
import pytest

from conftest import ROOT
from docs.simulated_files import write_all

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Snippets that no simulated file can stand for, by what they need.
NEEDS = {
    "whole_patterns.md": "patterns of LaB6 and a long refinement",
    "xps.md": "a VAMAS file of several regions",
    "xps_files.md": "VAMAS and PHI files of several regions",
    "batch.md": "a sheet of samples",
    "sample_report.md": "a batch that was run",
}


def _given(page: str) -> dict[str, object]:
    """Names that a page's snippets take for known."""
    if page == "xanes.md":
        energy = np.arange(5380.0, 5560.0, 0.5)
        edge = 0.5 + np.arctan((energy - 5480) / 1.5) / np.pi
        peaks = 0.4 * np.exp(-(((energy - 5470) / 1.2) ** 2))
        main = 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
        return {"energy": energy, "cube": np.tile(edge + peaks + main, (2, 2, 1))}
    if page == "README.md":
        x = np.linspace(0.0, 10.0, 101)
        model = lmfit.models.GaussianModel(prefix="p1_")
        params = model.make_params(center=5.0, sigma=0.5, amplitude=100.0)
        noise = np.random.default_rng(0).normal(0, 1, (50, 101))
        return {"model": model, "params": params, "x": x, "y": model.eval(params, x=x) + noise}
    return {}


def snippets_of(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)


# Those that read patterns of GSAS-II's tutorial.
MEASURED = ("README.md",)
WITH_SNIPPETS = [p for p in PAGES if snippets_of(p.read_text("utf-8"))]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippets")
    write_all(folder)
    return folder


@pytest.mark.parametrize("page", WITH_SNIPPETS, ids=lambda p: p.name)
def test_snippets_are_python(page):
    for snippet in snippets_of(page.read_text("utf-8")):
        compile(snippet, page.name, "exec")


@pytest.mark.parametrize(
    "page",
    [p for p in WITH_SNIPPETS if p.name not in NEEDS and p.name not in MEASURED],
    ids=lambda p: p.name,
)
def test_snippets_run_as_written(page, prepared, monkeypatch):
    monkeypatch.chdir(prepared)
    run_snippets(page)


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("page", MEASURED)
def test_snippets_run_on_measured_files(page, prepared, data, tmp_path, monkeypatch):
    folder = data / "xrd" / "cucr2o4_temperature"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    for source in [*sorted(folder.glob("OH_0[09].fxye")), *folder.glob("*.cif")]:
        shutil.copy(source, tmp_path)
    shutil.copy(folder / "OH_00.prm", tmp_path)
    for source in tmp_path.glob("*.fxye"):
        (tmp_path / "scan" / source.name).write_text(_first_points(source.read_text()))
    monkeypatch.chdir(tmp_path)
    run_snippets(next(p for p in PAGES if p.name == page))


def _first_points(text: str, n: int = 5500) -> str:
    """The beginning of a GSAS file of one point a line, up to 11.5 deg."""
    head, bank, rest = text.partition("BANK 1 ")
    first, *points = rest.splitlines()
    first = re.sub(r"^\d+ \d+", f"{n} {n}", first)
    return "\n".join([head + bank + first, *points[:n]]) + "\n"


def run_snippets(page: Path) -> None:
    """Run the snippets of a page in one namespace."""
    names: dict[str, object] = {"__name__": "snippet", **_given(page.name)}
    for number, snippet in enumerate(snippets_of(page.read_text("utf-8")), 1):
        code = compile(snippet, f"{page.name}, snippet {number}", "exec")
        exec(code, names)
    plt.close("all")


def test_pages_that_need_more_have_snippets():
    assert set(NEEDS) <= {p.name for p in WITH_SNIPPETS}
