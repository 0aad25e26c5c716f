"""Corrections in a recipe: `[[correct]]` through the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from simulated_edges import E0, absorption, scan_energies

import spectra
from spectra import Stack
from spectra.errors import SettingError
from spectra.nexus import write_file
from spectra.recipe import load_recipe

RECIPE = """
title = "scans of a foil"
output = "results.h5"
[stack]
files = "scans.h5"
[[correct]]
correction = "xas.Align"
to = "standard"
standard = "foil.h5"
channel = ""
[[correct]]
correction = "xas.Deglitch"
[[correct]]
correction = "xas.Merge"
every = 4
[[correct]]
correction = "xas.Rebin"
e0 = 8333.0
{extra}
[[step]]
name = "edge"
method = "xas.Normalize"
"""


@pytest.fixture
def folder(tmp_path):
    x, rng = scan_energies(), np.random.default_rng(0)
    shifts = np.linspace(-0.4, 0.4, 8)
    rows = np.stack([absorption(x + s) for s in shifts]) + rng.normal(0, 1e-3, (8, x.size))
    rows[3, 380] += 0.3
    stack = Stack.from_arrays(
        x, rows, axis_name="energy", axis_unit="eV", quantity="mu", names=tuple("abcdefgh")
    )
    write_file(tmp_path / "scans.h5", stack)
    foil = Stack.from_arrays(x, absorption(x), axis_name="energy", axis_unit="eV", quantity="mu")
    write_file(tmp_path / "foil.h5", foil)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(extra=""))
    return tmp_path


def test_spectra_run_corrects_and_keeps_the_record(folder):
    command = [sys.executable, "-m", "spectra", "run", str(folder / "recipe.toml")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    record = spectra.open(folder / "results.h5")
    stack = record.stack.load()
    done = stack.metadata["corrections"]
    done = json.loads(done) if isinstance(done, str) else done
    assert [c["correction"] for c in done] == [
        "xas.Align",
        "xas.Deglitch",
        "xas.Merge",
        "xas.Rebin",
    ]
    (glitch,) = done[1]["changed"]
    assert glitch["frame"] == 3
    assert stack.n_frames == 2
    near = np.abs(stack.x - E0) < 30
    assert np.abs(np.asarray(stack.signal) - absorption(stack.x))[:, near].max() < 0.02
    assert stack.variables["scans"].values.tolist() == [4, 4]


def test_recipes_with_wrong_corrections_are_refused_at_once(folder):
    path = folder / "recipe.toml"
    for extra, match in [
        ('[[correct]]\ncorrection = "xas.Polish"', "no correction 'xas.Polish'"),
        ('[[correct]]\ncorrection = "xas.Deglitch"\nwidht = 2', "correction 5.*no setting widht"),
        (
            '[[correct]]\ncorrection = "xas.Align"\nto = "standard"\nstandard = "no.xdi"',
            r"standard names .*no\.xdi, which does not exist",
        ),
    ]:
        path.write_text(RECIPE.format(extra=extra))
        with pytest.raises(SettingError, match=match):
            load_recipe(path)
