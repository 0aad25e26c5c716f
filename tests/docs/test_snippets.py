"""What the documentation shows runs as written, that of a page one after the other."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from conftest import ROOT
from docs.shell_lines import is_run, run, understand
from docs.simulated_files import write_all
from docs.written_blocks import blocks_of
from spectra.recipe import check_recipe

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = {p.name: blocks_of(p.read_text("utf-8")) for p in PAGES}
# Commands that are run elsewhere (`tests/cli`), or need a measurement that goes on.
UNDERSTOOD_ONLY = ("CONTRIBUTING.md", "beamline.md", "commands.md")
# Those that also read patterns of GSAS-II's tutorial.
MEASURED = ("whole_patterns.md",)


def with_kind(*kinds: str) -> list[str]:
    """Names of the pages that have such blocks."""
    return [name for name, blocks in WRITTEN.items() if any(b.kind in kinds for b in blocks)]


def _given(page: str) -> dict[str, object]:
    """Names that a page's snippets take for known."""
    if page == "xanes.md":
        energy = np.arange(5380.0, 5560.0, 0.5)
        edge = 0.5 + np.arctan((energy - 5480) / 1.5) / np.pi
        peaks = 0.4 * np.exp(-(((energy - 5470) / 1.2) ** 2))
        main = 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
        return {"energy": energy, "cube": np.tile(edge + peaks + main, (2, 2, 1))}
    return {}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippets")
    write_all(folder)
    # Pages that go on from the sheet and the recipe of others.
    for page in ("README.md", "batch.md"):
        for block in WRITTEN[page]:
            if block.name:
                (folder / block.name).write_text(block.text)
    return folder


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """All files, of which a page may do as it likes; the working directory."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", with_kind("sh"))
def test_commands_are_understood(page):
    for block in WRITTEN[page]:
        for line in block.commands if block.kind == "sh" else []:
            understand(line)


@pytest.mark.parametrize("page", with_kind("toml"))
def test_recipes_are_understood(page, folder):
    for block in WRITTEN[page]:
        data = tomllib.loads(block.text) if block.kind == "toml" else {}
        if "step" in data or "correct" in data:
            data.setdefault("step", [{"name": "any", "method": "xas.Normalize"}])
            data.setdefault("stack", {"files": "scan/*.xye"})
            check_recipe(data, folder, page)


@pytest.mark.parametrize("page", [n for n in with_kind("python", "sh") if n not in UNDERSTOOD_ONLY])
def test_pages_run_as_written(page, folder, monkeypatch):
    run_blocks(page, folder, monkeypatch)


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("page", MEASURED)
def test_snippets_run_on_measured_files(page, folder, data, monkeypatch):
    source = data / "xrd" / "cucr2o4_temperature"
    if not source.is_dir():
        pytest.skip(f"{source} is missing")
    for old in folder.glob("OH_*"):
        old.unlink()
    for path in [source / "OH_00.prm", *source.glob("*.cif")]:
        shutil.copy(path, folder)
    for path in sorted(source.glob("OH_0[09].fxye")):
        (folder / path.name).write_text(_first_points(path.read_text()))
    run_blocks(page, folder, monkeypatch)


def _first_points(text: str, n: int = 5500) -> str:
    """The beginning of a GSAS file of one point a line, up to 11.5 deg."""
    head, bank, rest = text.partition("BANK 1 ")
    first, *points = rest.splitlines()
    first = re.sub(r"^\d+ \d+", f"{n} {n}", first)
    return "\n".join([head + bank + first, *points[:n]]) + "\n"


def run_blocks(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what a page shows: Python in one namespace, commands in one folder."""
    names: dict[str, object] = {"__name__": "snippet", **_given(page)}
    for number, block in enumerate(WRITTEN[page], 1):
        if block.kind == "python":
            exec(compile(block.text, f"{page}, block {number}", "exec"), names)
        elif block.name:
            (folder / block.name).write_text(block.text)
        for line in block.commands if block.kind == "sh" else []:
            if is_run(line):
                run(line, monkeypatch)
    plt.close("all")


def test_the_quickstart_is_short():
    blocks = [b for b in WRITTEN["README.md"] if b.kind != "sh"]
    assert len(blocks) == 8
    assert max(len([*filter(None, b.text.splitlines())]) for b in blocks) <= 10


def test_blocks_are_told_apart():
    text = (
        "a\n\n    spectra run a.toml \\\n        --workers 2\n\n    x = 1\n\nb\n\n    y = 2\n\n"
        "```python\nz = 3\n```\n```toml\n# a/b.toml\nc = 4\n```\n```text\n    spectra no\n```\n"
    )
    blocks = blocks_of(text)
    assert [b.kind for b in blocks] == ["sh", "python", "toml"]
    assert [" ".join(c.split()) for c in blocks[0].commands] == ["spectra run a.toml --workers 2"]
    assert (blocks[1].text, blocks[2].name) == ("z = 3\n", "a/b.toml")


@pytest.mark.parametrize(
    "line",
    [
        "spectra run --no-such-option",
        "spectra no_such_command",
        "pip install 'spectra[none]'",
        "scripts/watch_folder.py FOLDER recipe.toml --no-such-option",
        "sh scripts/none.sh",
    ],
)
def test_wrong_commands_are_not_understood(line):
    with pytest.raises((Exception, SystemExit)):
        understand(line)
