"""A run that is killed at any moment can go on, and gives the same bits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from benchmarks.crash_points import NOBODY, Killed, Reaper, bury, replay

import spectra
from spectra import lock, store
from spectra.errors import StoreError
from spectra.provenance import digest_source
from toy_methods import Toy, assert_same, toy_stack

DATA, METHOD, SIZE = toy_stack(10), Toy(), 4
EXPECTED = METHOD(DATA)


def attempt(output: Path, resume: bool = True, show=None):
    return spectra.run(DATA, METHOD, output, block_size=SIZE, resume=resume, progress=show)


def assert_whole(output: Path) -> None:
    """The result stands complete, alone, and as an undisturbed run gives it."""
    assert_same(spectra.open(output), EXPECTED)
    assert [p.name for p in output.parent.iterdir()] == [output.name]


@pytest.mark.slow
def test_every_moment_of_a_kill_can_be_resumed(tmp_path):
    # A few moments of each kind; `python -m benchmarks.crash_points` has all of a longer run.
    found = replay(attempt, digest_source(EXPECTED), tmp_path, stride=5)
    assert len(found) > 80
    assert sorted(set(found)) == [0, 4, 8, 10]


def test_killed_again_and_again(tmp_path):
    output = tmp_path / "r.h5"
    attempts = 0
    while not (output.exists() and not output.with_name("r.h5.partial").exists()):
        attempts += 1
        assert attempts < 20
        try:
            with Reaper(200):
                attempt(output)
        except Killed:
            bury(output)
    assert attempts > 2
    assert_whole(output)


def test_results_of_old_stand_until_the_new_ones_are_complete(tmp_path):
    output = spectra.write(tmp_path / "r.h5", Toy(power=9.0)(DATA))
    with Reaper(300), pytest.raises(Killed):
        attempt(output, resume=False)
    assert_same(spectra.open(output), Toy(power=9.0)(DATA))
    bury(output)
    attempt(output)
    assert_whole(output)


def test_kill_minus_nine(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from toy_methods import Toy, toy_stack
            import spectra

            if __name__ == "__main__":
                method = Toy(seconds=float(sys.argv[1]))
                spectra.run(toy_stack(40), method, "out/r.h5", block_size=1, resume=True)
            """
        )
    )
    (tmp_path / "out").mkdir()
    expected = Toy(seconds=0.05)
    partial = tmp_path / "out" / "r.h5.partial"
    for enough in (3, 17):
        process = subprocess.Popen([sys.executable, script, "0.05"], cwd=tmp_path)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(partial.glob("block-*.h5"))) >= enough:
                break
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -9
        assert not (tmp_path / "out" / "r.h5").exists()
        assert len(list(partial.glob("block-*.h5"))) < 40
    done = {p: p.stat().st_mtime_ns for p in partial.glob("block-*.h5")}
    seen = []
    data = toy_stack(40)
    results = spectra.run(
        data,
        expected,
        tmp_path / "out" / "r.h5",
        block_size=1,
        resume=True,
        progress=lambda n, _: seen.append(n),
    )
    assert seen[0] == len(done)  # what was done is not done again
    assert_same(results, Toy()(data))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["r.h5"]


def interrupted(output: Path, blocks: int = 2) -> Path:
    """Leave the first blocks of a run behind, as Ctrl-C does."""

    def stop(done, total):
        if done >= blocks * SIZE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"8 of 10 frames are safe in .*resume=True"):
        spectra.run(DATA, METHOD, output, block_size=SIZE, progress=stop)
    return output.with_name(output.name + ".partial")


def assert_all_done_again(output: Path) -> None:
    """Resuming trusts no block that is there."""
    seen = []
    spectra.run(
        *(DATA, METHOD, output),
        block_size=SIZE,
        resume=True,
        progress=lambda n, _: seen.append(n),
    )
    assert seen == [4, 8, 10]
    assert_whole(output)


def test_control_c_leaves_a_folder_to_resume(tmp_path):
    partial = interrupted(tmp_path / "r.h5")
    assert sorted(p.name for p in partial.iterdir()) == [
        "block-000000000.h5",
        "block-000000004.h5",
        "header.json",
    ]
    attempt(tmp_path / "r.h5")
    assert_whole(tmp_path / "r.h5")


@pytest.mark.parametrize("harm", ["cut", "flipped", "foreign", "renamed", "results of another"])
def test_a_harmed_block_is_done_again(tmp_path, harm):
    partial = interrupted(tmp_path / "r.h5")
    block = partial / "block-000000004.h5"
    content = bytearray(block.read_bytes())
    if harm == "cut":
        block.write_bytes(content[:-7])
    elif harm == "flipped":
        content[len(content) // 2] ^= 16
        block.write_bytes(content)
    elif harm == "foreign":
        block.write_bytes(b"something else")
    elif harm == "renamed":
        shutil.copy(partial / "block-000000000.h5", block)
    else:
        spectra.write(block, Toy(power=3.0)(DATA[4:8]))
    assert_all_done_again(tmp_path / "r.h5")


def test_a_block_harmed_during_the_run_is_never_left_out(tmp_path):
    def harm(done, total):
        if done == total:
            block = tmp_path / "r.h5.partial" / "block-000000004.h5"
            block.write_bytes(block.read_bytes()[:-7])

    with pytest.raises(StoreError, match=r"block-000000004\.h5: missing or damaged; run again"):
        spectra.run(DATA, METHOD, tmp_path / "r.h5", block_size=SIZE, progress=harm)
    attempt(tmp_path / "r.h5")
    assert_whole(tmp_path / "r.h5")


@pytest.mark.parametrize("header", [None, "", "[]", "{"])
def test_blocks_without_their_header_are_not_trusted(tmp_path, header):
    partial = interrupted(tmp_path / "r.h5")
    if header is None:
        (partial / "header.json").unlink()
    else:
        (partial / "header.json").write_text(header)
    assert_all_done_again(tmp_path / "r.h5")


def test_another_run_is_not_resumed_into(tmp_path):
    output = tmp_path / "r.h5"
    interrupted(output)
    with pytest.raises(StoreError, match=r"another run \(settings: power was 2\.0, now 3\.0\)"):
        spectra.run(DATA, Toy(power=3.0), output, block_size=SIZE, resume=True)
    with pytest.raises(StoreError, match=r"block_size was 4, now 5"):
        spectra.run(DATA, METHOD, output, block_size=5, resume=True)
    for other in (
        toy_stack(10, 65)[:10],
        DATA.with_metadata(wavelength=1.54),
        DATA[::-1],
    ):
        with pytest.raises(StoreError, match=r"another run \(.*source "):
            spectra.run(other, METHOD, output, block_size=SIZE, resume=True)
    # None of these has spoilt it for the right one, and a new run may start afresh.
    assert len(list((tmp_path / "r.h5.partial").glob("block-*"))) == 2
    attempt(output)
    assert_whole(output)


def test_starting_afresh_discards_what_was_left(tmp_path):
    output = tmp_path / "r.h5"
    interrupted(output)
    results = spectra.run(DATA, Toy(power=3.0), output, block_size=SIZE)
    assert_same(results, Toy(power=3.0)(DATA))


def test_a_finished_run_is_not_done_again(tmp_path):
    output = tmp_path / "r.h5"
    first = attempt(output, resume=False)
    before = output.read_bytes()
    again = spectra.run(DATA, METHOD, output, block_size=3, workers=2, resume=True)
    assert_same(again, first)
    assert output.read_bytes() == before
    other = spectra.run(DATA, Toy(power=3.0), output, resume=True)
    assert_same(other, Toy(power=3.0)(DATA))


def test_two_runs_do_not_share_a_folder(tmp_path, impatient):
    output = tmp_path / "r.h5"
    with (
        store.Store(output, {"a": 1}, resume=False),
        pytest.raises(StoreError, match=rf"in use by process {os.getpid()} on .*wait for it"),
    ):
        store.Store(output, {"a": 1}, resume=True)
    with store.Store(output, {"a": 1}, resume=True):
        pass


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.0)


def test_a_lock_that_is_given_back_in_a_moment_is_waited_for(tmp_path):
    held = lock.FolderLock(tmp_path)
    held.claim()
    later = threading.Timer(0.2, held.release)
    later.start()
    lock.FolderLock(tmp_path).claim()
    later.join()
    assert json.loads((tmp_path / "lock").read_text())["process"] == os.getpid()


@pytest.mark.skipif("sys.platform != 'linux'")
def test_a_holder_that_has_ended_and_was_not_asked_how_holds_nothing(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    while lock._state_of(ended.pid)[0] != "Z":
        time.sleep(0.01)
    claim_over(tmp_path, **lock._describe(ended.pid))
    assert json.loads((tmp_path / "lock").read_text())["process"] == os.getpid()
    ended.wait()


def claim_over(tmp_path, **owner) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps({**lock._describe(os.getpid()), **owner}))
    lock.FolderLock(tmp_path).claim()


def test_a_lock_outlives_its_holder_in_vain(tmp_path, impatient):
    claim_over(tmp_path, process=NOBODY)
    assert json.loads((tmp_path / "lock").read_text())["process"] == os.getpid()
    claim_over(tmp_path, started="another boot 17")
    with pytest.raises(StoreError, match="in use by process 1 on elsewhere"):
        claim_over(tmp_path, process=1, host="elsewhere")
    with pytest.raises(StoreError, match="in use"):
        claim_over(tmp_path)
    (tmp_path / "lock").write_text("")  # just being written, or its writer was killed
    with pytest.raises(StoreError, match=r"in use by process \? on"):
        lock.FolderLock(tmp_path).claim()
    os.utime(tmp_path / "lock", (0, 0))
    lock.FolderLock(tmp_path).claim()
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


def test_a_lock_taken_by_a_quicker_one_is_given_back(tmp_path, monkeypatch, impatient):
    path = tmp_path / "lock"
    path.write_text(json.dumps({**lock._describe(os.getpid()), "process": NOBODY}))
    fresh = json.dumps(lock._describe(os.getpid()))

    def another_was_quicker(owner):
        path.write_text(fresh)
        return owner["process"] != NOBODY

    monkeypatch.setattr(lock, "_is_alive", another_was_quicker)
    with pytest.raises(StoreError, match="in use"):
        lock.FolderLock(tmp_path).claim()
    assert path.read_text() == fresh


def test_leftovers_of_the_dead_are_removed(tmp_path):
    partial = interrupted(tmp_path / "r.h5")
    (partial / "block-000000008.h5.tmp-77-0123abcd").write_bytes(b"half")
    (tmp_path / "r.h5.tmp-77-0123abcd").write_bytes(b"half")
    (tmp_path / "r.h5.tmp-mine").write_bytes(b"not ours")
    attempt(tmp_path / "r.h5")
    assert {p.name for p in tmp_path.iterdir()} == {"r.h5", "r.h5.tmp-mine"}


def test_bad_targets_are_answered_before_the_work(tmp_path):
    class Idle(Toy):
        def prepare(self, source):
            raise AssertionError("began to work")

    def start(output):
        spectra.run(DATA, Idle(), output)

    with pytest.raises(StoreError, match="is a folder"):
        start(tmp_path)
    with pytest.raises(StoreError, match="does not exist; make it first"):
        start(tmp_path / "no" / "r.h5")
    (tmp_path / "r.h5.partial").write_text("a file of somebody")
    with pytest.raises(StoreError, match=r"r\.h5\.partial"):
        attempt(tmp_path / "r.h5")
    assert (tmp_path / "r.h5.partial").read_text() == "a file of somebody"


def test_room_is_asked_for_before_the_work(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match=r"are needed, 0\.1 kB are free"):
        attempt(tmp_path / "r.h5")
