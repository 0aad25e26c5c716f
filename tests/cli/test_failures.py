"""What the command line says when disks and files fail, and that nothing is lost by it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_disk import wait_for_blocks

import spectra
from spectra.provenance import digest_source
from spectra.xrd import Peaks

RECIPE = """
[stack]
files = "stack.h5"
[[step]]
name = "peaks"
method = "xrd.Peaks"
positions = [23.0, 26.0]
coarse_frames = 8
"""
PARTIAL = "results.h5.peaks.h5.partial"
N_FRAMES = 1920


def command(folder: Path, name: str, **options) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "spectra", name, "recipe.toml"]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, **options)


def digest(folder: Path) -> str:
    return digest_source(spectra.open(folder / "results.h5").steps["peaks"])


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    rng, x = np.random.default_rng(2), np.arange(20, 30, 0.04)
    y = 40 + sum(500 * np.exp(-(((x - at) / 0.12) ** 2)) for at in (23.0, 26.0))
    data = spectra.Stack.from_arrays(x, rng.poisson(np.tile(y, (N_FRAMES, 1))), noise="counts")
    spectra.write(folder / "stack.h5", data)
    (folder / "recipe.toml").write_text(RECIPE)
    ran = command(folder, "run")
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture
def folder(original, tmp_path):
    for name in ("stack.h5", "recipe.toml"):
        shutil.copy(original / name, tmp_path)
    return tmp_path


def assert_refused(ran: subprocess.CompletedProcess[str], *parts: str) -> None:
    """One sentence on stderr that says this, no traceback, and the code of wrong use."""
    assert ran.returncode == 1, ran.stderr
    for part in parts:
        assert part in ran.stderr
    assert "Traceback" not in ran.stderr


def assert_resumes(folder: Path, original: Path) -> None:
    resumed = command(folder, "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert digest(folder) == digest(original)
    assert {p.name for p in folder.iterdir()} == {"stack.h5", "recipe.toml", "results.h5"}


def test_input_that_vanished_before_the_run(folder, original):
    shutil.copy(original / "results.h5", folder)
    (folder / "stack.h5").rename(folder / "stack-1.h5")
    assert_refused(command(folder, "run"), "stack.h5: no such file; did you mean stack-1.h5?")
    assert digest(folder) == digest(original)


def test_input_that_vanishes_during_the_run(folder, original):
    arguments = [sys.executable, "-m", "spectra", "run", "recipe.toml"]
    process = subprocess.Popen(arguments, cwd=folder, stderr=subprocess.PIPE, text=True)
    wait_for_blocks(folder, 2)
    (folder / "stack.h5").rename(folder / "elsewhere")
    _, message = process.communicate()
    assert process.returncode == 1
    size = Peaks.block_size
    done = size * len(list((folder / PARTIAL).glob("block-*")))
    assert 0 < done < N_FRAMES
    where = f"stack.h5, /entry/data/intensity, frames {done} to {min(done + size, N_FRAMES) - 1}"
    assert f"{where}: no such file; put the file back\n" in message
    assert f"{done} of {N_FRAMES} frames are safe in" in message
    assert "`spectra resume`) to go on" in message
    (folder / "elsewhere").rename(folder / "stack.h5")
    assert_resumes(folder, original)


@pytest.mark.skipif(sys.platform == "win32", reason="there a locked file cannot be opened at all")
def test_input_that_another_program_writes(folder, original):
    kept = shutil.copy(folder / "stack.h5", folder / "kept.h5")
    with h5py.File(folder / "stack.h5", "r+") as file:
        file.attrs["note"] = "unfinished"
        file.flush()
        for name in ("run", "resume"):
            assert_refused(
                command(folder, name),
                "stack.h5: another program has the file open for writing; wait until it is done",
            )
    os.replace(kept, folder / "stack.h5")
    assert_resumes(folder, original)


def test_foreign_input_that_another_program_writes(folder):
    with h5py.File(folder / "stack.h5", "w", libver="latest") as file:
        file["x"] = np.arange(9.0)
        file.flush()
        assert_refused(command(folder, "run"), "stack.h5: another program has the file open")


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be halted")
def test_output_of_a_run_that_is_still_going_on(folder, original):
    arguments = [sys.executable, "-m", "spectra", "run", "recipe.toml"]
    with subprocess.Popen(arguments, cwd=folder, stdout=subprocess.DEVNULL) as first:
        wait_for_blocks(folder, 1)
        first.send_signal(signal.SIGSTOP)
        refused = command(folder, "resume")
        first.send_signal(signal.SIGCONT)
        assert_refused(refused, f"in use by process {first.pid} on", "wait for it")
    assert first.returncode == 0
    assert digest(folder) == digest(original)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are a Unix thing")
@pytest.mark.parametrize(
    ("limit", "note"),
    [
        (20_000, f"0 of {N_FRAMES} frames are safe"),
        (200_000, f"{N_FRAMES} of {N_FRAMES} frames are safe"),
        (1_000_000, "all steps are finished and safe"),
    ],
)
def test_results_larger_than_the_system_allows(folder, original, limit, note):
    import resource

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ran = command(folder, "run", preexec_fn=limited)
    assert_refused(ran, "the file is larger than the system allows; see `ulimit -f`", note)
    assert_resumes(folder, original)


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    return subprocess.run([*own, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="disks cannot be mounted here")
@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("full", "B are free; make room or choose another disk"),
        ("read-only", "the disk is read-only; choose another place"),
    ],
)
def test_a_disk_that_fails_in_the_middle(folder, original, scenario, message):
    script = str(Path(__file__).with_name("small_disk.py"))
    own = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, script]
    ran = subprocess.run([*own, str(folder), scenario], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    outcome = json.loads(ran.stdout.splitlines()[-1])
    assert outcome["code"] == 1
    assert message in outcome["message"]
    assert f"of {N_FRAMES} frames are safe in" in outcome["message"]
    assert "Traceback" not in outcome["message"]
    code, second = outcome["second"]
    assert code == 1
    assert "Traceback" not in second
    assert outcome["blocks"] >= 2
    assert outcome["resumed"] == 0
    assert outcome["digest"] == digest(original)
    assert outcome["left"] == ["results.h5"]
