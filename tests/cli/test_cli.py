"""Recipes and the command line, as a stranger would use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spectra
from spectra.demo import simulate, write_raw
from spectra.errors import SettingError
from spectra.recipe import load_recipe
from spectra.results import Record

RECIPE = """
title = "Simulated test"
[stack]
files = "patterns/*.xy"
anode = "Cu"
metadata = {{ simulated = true }}
[electrochemistry]
file = "cycler.csv"
exposure = 300.0
[[step]]
name = "peaks"
method = "xrd.Peaks"
{extra}
[[step]]
name = "cell"
method = "xrd.Cell"
input = "peaks"
phases = ["K3V5O14"]
standards = ["Be"]
corrections = ["displacement"]
radius = 217.5
[[step]]
name = "strain"
method = "xrd.Strain"
input = "cell"
[report]
tables = "tables"
figures = "figures"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan")
    stack, _, cycler = simulate(24)
    write_raw(path, stack, cycler)
    (path / "recipe.toml").write_text(RECIPE.format(extra=""))
    return path


def command(*arguments, cwd):
    program = Path(sys.executable).with_name("spectra")
    return subprocess.run(
        [str(program), *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_whole_way(folder):
    ran = command("run", "recipe.toml", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert "the unit-cell volume changes" in ran.stdout
    record = spectra.open(folder / "results.h5")
    assert isinstance(record, Record)
    assert list(record.steps) == ["peaks", "cell", "strain"]
    assert np.isfinite(record.stack.variables["voltage"].values).all()
    assert (folder / "report.html").stat().st_size > 1_000_000
    assert {p.name for p in (folder / "tables").iterdir()} == {
        "peaks.csv",
        "cell.csv",
        "strain.csv",
    }
    assert (folder / "figures" / "patterns.pdf").is_file()
    assert not list(folder.glob("*.partial"))
    shown = command("show", "results.h5", cwd=folder)
    assert "24 frames" in shown.stdout
    assert command("check", "results.h5", cwd=folder).returncode == 0
    made = command("report", "results.h5", "-o", "again.html", cwd=folder)
    assert made.returncode == 0, made.stderr
    _replay_and_damage(folder, record)


def _replay_and_damage(folder, record):
    replayed = command("run", "results.h5", "-o", "replayed.h5", cwd=folder)
    assert replayed.returncode == 0, replayed.stderr
    again = spectra.open(folder / "replayed.h5")
    for name in record.steps["cell"].columns:
        np.testing.assert_array_equal(
            record.steps["cell"].columns[name], again.steps["cell"].columns[name]
        )
    damaged = bytearray((folder / "replayed.h5").read_bytes())
    damaged[9000] ^= 1
    (folder / "damaged.h5").write_bytes(damaged)
    assert command("check", "damaged.h5", cwd=folder).returncode == 3
    assert command("report", "damaged.h5", cwd=folder).returncode == 3
    pattern = next((folder / "patterns").glob("*.xy"))
    text = pattern.read_text()
    pattern.write_text(text + "# touched\n")
    changed = command("run", "results.h5", "-o", "x.h5", cwd=folder)
    pattern.write_text(text)
    assert changed.returncode == 1
    assert "is not what it was" in changed.stderr


def test_read_show_and_failed_frames(folder, tmp_path):
    for path in sorted((folder / "patterns").glob("*.xy"))[:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.xy").write_bytes(b"\x00\x01" * 50)
    read = command("read", "*.xy", "-o", "stack.h5", "--anode", "Cu", cwd=tmp_path)
    assert read.returncode == 2
    assert "1 of 4 files cannot be read" in read.stderr
    shown = command("show", "stack.h5", cwd=tmp_path)
    assert "binary data" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command"),
        (["run", "absent.toml"], "no such file; check the path"),
        (["show", "absent.h5"], "no such file"),
        (["report", "recipe.toml"], "not a file that spectra wrote"),
    ],
)
def test_wrong_use_exits_with_one_and_a_sentence(folder, arguments, message):
    ran = command(*arguments, cwd=folder)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_version(folder):
    assert command("--version", cwd=folder).stdout.strip() == f"spectra {spectra.__version__}"


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        ("treshold = 3", r"step 'peaks': xrd\.Peaks has no setting treshold"),
        ("threshold = -3", "threshold = -3.0; expected > 0"),
        ('input = "cell"', "input 'cell' is none of the steps above: stack"),
    ],
)
def test_recipes_are_checked_before_anything_starts(folder, tmp_path, extra, match):
    path = folder / "wrong.toml"
    path.write_text(RECIPE.format(extra=extra))
    with pytest.raises(SettingError, match=match):
        load_recipe(path)


def test_unknown_keys_are_answered_with_the_nearest(folder):
    path = folder / "wrong.toml"
    path.write_text(RECIPE.format(extra="").replace("anode =", "anodes ="))
    with pytest.raises(SettingError, match=r"stack\.anodes: unknown key; did you mean 'anode'"):
        load_recipe(path)
    path.write_text(RECIPE.format(extra="").replace("cycler.csv", "absent.csv"))
    with pytest.raises(SettingError, match=r"absent\.csv does not exist"):
        load_recipe(path)


@pytest.mark.slow
def test_the_beamline_script(folder, tmp_path, project_root):
    script = project_root / "scripts" / "operando_xrd.py"
    arguments = [sys.executable, str(script), str(folder / "patterns"), "--phase", "K3V5O14"]
    arguments += ["--standard", "Be", "--correction", "displacement", "--anode", "Cu"]
    arguments += ["--cycler", str(folder / "cycler.csv"), "--output", str(tmp_path / "out")]
    first = subprocess.run(arguments, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    second = subprocess.run(arguments, capture_output=True, text=True)
    assert "up to date" in second.stdout
