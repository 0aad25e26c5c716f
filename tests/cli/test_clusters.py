"""Recipes worked out by a real Dask cluster of several processes."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import spectra
from spectra.errors import SettingError
from spectra.recipe import load_recipe, run_recipe
from toy_methods import assert_same

distributed = pytest.importorskip("distributed")
# Dask warns of ports, of slow garbage collection and of closing loops, none of it ours.
pytestmark = pytest.mark.filterwarnings("ignore")

RECIPE = """
[stack]
files = "stack.h5"
wavelength = 0.5

[[step]]
name = "peaks"
method = "xrd.Peaks"
coarse_frames = 4
positions = [21.0]
"""


@pytest.fixture
def recipe(tmp_path):
    x = np.linspace(18.0, 24.0, 150)
    line = 500.0 * np.exp(-(((x - 21.0) / 0.12) ** 2))
    counts = np.random.default_rng(2).poisson(20.0 + line, (1300, x.size))
    stack = spectra.Stack.from_arrays(x, counts, noise="counts")
    spectra.nexus.write_file(tmp_path / "stack.h5", stack)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


@pytest.fixture
def script(project_root):
    path = project_root / "scripts" / "dask_cluster.py"
    spec = importlib.util.spec_from_file_location("dask_cluster", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_recipe_whose_worker_is_killed_in_mid_run(recipe, script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dask_cluster.py", str(recipe), "--local", "2"])
    start, killed = script.start_cluster, []

    def start_and_kill(options):
        cluster = start(options)

        def kill():
            with distributed.Client(cluster) as client:
                victim = next(iter(client.run(os.getpid).values()))
                while not any(client.processing().values()):
                    time.sleep(0.005)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

        threading.Thread(target=kill).start()
        return cluster

    monkeypatch.setattr(script, "start_cluster", start_and_kill)
    assert script.main() == 0
    assert killed
    loaded = load_recipe(recipe)
    there = spectra.open(loaded.output)
    here = run_recipe(loaded, output=recipe.parent / "here.h5")
    assert_same(there.steps["peaks"], here.steps["peaks"])
    assert there.steps["peaks"].provenance["workers"].startswith("tcp://")


def test_what_is_missing_is_named(script, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(SettingError, match=r"dask_jobqueue is missing: .*spectra\[jobqueue\]"):
        script.start_cluster(script.parse(["recipe.toml", "--system", "slurm"]))


def test_a_cluster_needs_workers(script):
    with pytest.raises(SettingError, match="--local 0; expected 1 or more"):
        script.start_cluster(script.parse(["recipe.toml", "--local", "0"]))
