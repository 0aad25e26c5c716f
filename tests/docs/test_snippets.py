"""Python snippets of the documentation run as written, those of a page one after the other."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import pytest

from conftest import ROOT
from docs.simulated_files import write_all

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Snippets that no simulated file can stand for, by what they need.
NEEDS = {
    "whole_patterns.md": "the patterns and the instrument of GSAS-II's tutorial",
    "xps.md": "a VAMAS file of several regions",
    "xps_files.md": "VAMAS and PHI files of several regions",
    "batch.md": "a sheet of samples",
    "sample_report.md": "a batch that was run",
    "README.md": "the patterns of GSAS-II's tutorial",
}


def snippets_of(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)


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
    "page", [p for p in WITH_SNIPPETS if p.name not in NEEDS], ids=lambda p: p.name
)
def test_snippets_run_as_written(page, prepared, monkeypatch):
    monkeypatch.chdir(prepared)
    monkeypatch.setattr("builtins.print", lambda *args, **kwargs: None)
    names: dict[str, object] = {"__name__": "snippet"}
    for number, snippet in enumerate(snippets_of(page.read_text("utf-8")), 1):
        code = compile(snippet, f"{page.name}, snippet {number}", "exec")
        exec(code, names)  # noqa: S102
    plt.close("all")


def test_pages_that_need_more_have_snippets():
    assert set(NEEDS) <= {p.name for p in WITH_SNIPPETS}
