"""The job array's script, with local processes in place of a cluster's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import spectra
from spectra.cli.scripting import is_done
from spectra.recipe import load_recipe, run_recipe
from toy_methods import assert_same

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

SBATCH = """#!/bin/sh
# Notes what it is given and answers as a cluster does.
echo "$@" >> "$SUBMITTED"
echo "$(wc -l < "$SUBMITTED");cluster"
"""


@pytest.fixture
def place(tmp_path):
    x = np.arange(20.0, 22.0, 0.04)
    line = 500.0 * np.exp(-(((x - 21.0) / 0.12) ** 2))
    counts = np.random.default_rng(2).poisson(20.0 + line, (700, x.size))
    stack = spectra.Stack.from_arrays(x, counts, noise="counts")
    spectra.nexus.write_file(tmp_path / "stack.h5", stack)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    for name, text in {
        "spectra": f'#!/bin/sh\nexec "{sys.executable}" -m spectra "$@"\n',
        "sbatch": SBATCH,
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def array(place, project_root):
    """Starts the script, as a task of an array if its number is given."""

    def start(*arguments, task=None):
        environment = os.environ | {
            "PATH": f"{place}:{os.environ['PATH']}",
            "PYTHONPATH": str(project_root / "src"),
            "SUBMITTED": str(place / "submitted.txt"),
        }
        if task is not None:
            environment["SLURM_ARRAY_TASK_ID"] = str(task)
        return subprocess.Popen(
            ["sh", str(project_root / "scripts" / "slurm_array.sh"), *map(str, arguments)],
            env=environment,
            cwd=place,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


def finish(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def test_tasks_of_which_one_is_killed_and_run_again(place, array):
    killed = array("part", "recipe.toml", 2, task=2)
    header = place / "results.h5.peaks.h5.partial" / "header.json"
    while not header.exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    together = [array("part", "recipe.toml", 2, task=k) for k in (1, 2)]
    assert sorted(map(finish, together)) == [
        "peaks: part 1 of 2 done, 256 frames\n",
        "peaks: part 2 of 2 done, 444 frames\n",
    ]
    assert "peaks: 700 frames" in finish(array("join", "recipe.toml"))
    recipe = load_recipe(place / "recipe.toml")
    assert is_done(recipe)
    joined = spectra.open(recipe.output)
    assert_same(joined.steps["peaks"], run_recipe(recipe, output=place / "one.h5").steps["peaks"])


def test_what_is_submitted(place, array):
    told = finish(array("submit", "recipe.toml", 20, "--partition=day"))
    assert told == "parts: job 1; joined by job 2\n"
    first, last = (place / "submitted.txt").read_text().splitlines()
    assert "--array=1-20 --partition=day" in first
    assert first.endswith("slurm_array.sh part recipe.toml 20")
    assert "--dependency=afterany:1 --partition=day" in last
    assert last.endswith("slurm_array.sh join recipe.toml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submit", "absent.toml", 3), "absent.toml: no such recipe"),
        (("submit", "recipe.toml", "many"), "PARTS = 'many'; expected a whole number"),
        (("submit", "recipe.toml"), "a recipe and a number of parts are needed"),
        (("part", "recipe.toml", 2), "part runs inside a job array; use submit"),
        ((), "'' is not one of submit, part, join"),
    ],
)
def test_wrong_use(array, arguments, said):
    process = array(*arguments)
    _, err = process.communicate()
    assert process.returncode != 0
    assert said in err
