"""Batches: what is kept and what is done again, what fails, and what a kill leaves."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.lines_of_samples import write_recipe, write_samples

import spectra
from spectra.batch import _SHOWS, run_batch
from spectra.crew import Crew
from spectra.errors import DataWarning, ReaderError, StoreError
from spectra.ledger import Ledger
from spectra.making import Made
from spectra.provenance import code_digest, digest_files
from spectra.samples import load_samples

pytestmark = pytest.mark.filterwarnings("ignore::spectra.errors.DataWarning")


@pytest.fixture
def sheet(tmp_path):
    return write_samples(tmp_path)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A batch that is done, for tests of what comes after."""
    sheet = write_samples(tmp_path_factory.mktemp("evaluated"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return sheet, run_batch(load_samples(sheet), progress=False)


@pytest.fixture
def done(evaluated, tmp_path):
    """The sheet of a copy of it."""
    shutil.copytree(evaluated[0].parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / evaluated[0].name


def states(sheet, **options):
    batch = run_batch(load_samples(sheet), progress=False, **options)
    return {f"{o.sample}/{o.name}": o.state for o in batch.outcomes}


def all_of(state):
    return dict.fromkeys(("a/raman", "a/raman-2", "b/raman", "b/raman-2"), state)


def numbers(folder):
    """Everything in the results that does not say when they were made."""
    found = {}
    for path in sorted(folder.rglob("*.h5")):
        record = spectra.open(path)
        results = record.steps["line"]
        values = {k: v.tobytes() for k, v in results.columns.items()}
        found[str(path.relative_to(folder))] = (values, results.status.tobytes(), results.messages)
    return found


def test_a_second_call_does_nothing(done, evaluated):
    assert [o.state for o in evaluated[1].outcomes] == ["computed"] * 4
    record = evaluated[1].of("a")[0].record()
    centre = record.steps["line"]["center"][:, 0]
    assert np.abs(centre - [518.0, 518.2, 518.4]).max() < 0.5
    before = {p: p.stat().st_mtime_ns for p in done.parent.rglob("*.h5")}
    seen = []
    batch = run_batch(load_samples(done), progress=lambda *now: seen.append(now))
    assert [o.state for o in batch.outcomes] == ["kept"] * 4
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert {p: p.stat().st_mtime_ns for p in done.parent.rglob("*.h5")} == before
    assert states(done, resume=False) == all_of("computed")


def test_what_has_changed_is_done_again_and_nothing_else(done):
    folder = done.parent
    changed = folder / "data" / "b0_1.txt"
    content, times = changed.read_text(), changed.stat()
    # Another content of the same size and with the same time of modification.
    digit = content.index("0000") - 3
    changed.write_text(content[:digit] + str(9 - int(content[digit])) + content[digit + 1 :])
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changed.stat().st_size == times.st_size
    assert states(done) == all_of("kept") | {"b/raman": "computed"}
    os.utime(changed)
    assert states(done) == all_of("kept")
    (folder / "data" / "a1_3.txt").write_text(content)
    text = done.read_text()
    done.write_text(text.replace("[0.0, 0.5, 1.0]", "[0.0, 0.5, 0.9]", 1))
    found = states(done)
    # One more frame has no value of its own: that measurement fails, and no other.
    assert found == all_of("kept") | {"a/raman": "computed", "a/raman-2": "failed"}
    write_recipe(folder, position=521.0)
    (folder / "data" / "a1_3.txt").unlink()
    assert states(done) == all_of("computed")
    done.write_text(done.read_text().replace("mass = 1.0", "mass = 1.5"))
    assert states(done) == all_of("kept")


def test_another_version_does_all_again(done, monkeypatch):
    monkeypatch.setattr(spectra, "__version__", "99.0")
    assert states(done) == all_of("computed")


def test_another_code_does_all_again(done, monkeypatch):
    monkeypatch.setattr("spectra.batch.code_digest", lambda without: f"edited, but {without}")
    assert states(done) == all_of("computed")
    assert states(done) == all_of("kept")


def test_code_is_told_by_names_and_contents(tmp_path):
    (tmp_path / "xas").mkdir()
    (tmp_path / "xas" / "edge.py").write_text("e0 = 1\n")
    before = digest_files(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page.py").write_text("")
    (tmp_path / "xas" / "__pycache__").mkdir()
    (tmp_path / "xas" / "__pycache__" / "edge.pyc").write_text("compiled")
    assert digest_files(tmp_path, ("report",)) == before
    assert digest_files(tmp_path) != before
    (tmp_path / "xas" / "edge.py").write_text("e0 = 2\n")
    assert digest_files(tmp_path, ("report",)) != before
    # What is left out as no maker of results is there, or nothing would be left out.
    folder = Path(spectra.__file__).parent
    assert all((folder / name).exists() for name in _SHOWS)
    assert code_digest(_SHOWS) != code_digest()


def test_results_that_nothing_in_the_sheet_makes_are_told_and_kept(done):
    text = done.read_text()
    second, third = (m.start() for m in list(re.finditer(r"\[\[sample", text))[2:4])
    done.write_text(text[:second] + text[third:])
    results = done.parent / "results"
    (results / "a" / "foreign.h5").write_bytes(b"of another program")
    spectra.write(results / "a" / "own.h5", spectra.open(results / "b" / "raman.h5").steps["line"])
    batch = run_batch(load_samples(done), progress=False)
    assert [o.state for o in batch.outcomes] == ["kept"] * 3
    assert [path.as_posix() for path in batch.left] == ["a/raman-2.h5"]
    assert (results / batch.left[0]).is_file()
    done.write_text(text)
    assert run_batch(load_samples(done), progress=False).left == ()


def test_a_folder_may_move_and_the_ledger_may_be_lost(done, tmp_path):
    (done.parent / "results" / ".batch" / "ledger.json").unlink()
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    assert states(moved / done.name) == all_of("kept")


def test_files_are_read_once(done, monkeypatch):
    for path in done.parent.rglob("*.txt"):
        os.utime(path, ns=(0, 0))
    monkeypatch.setattr("spectra.ledger._is_settled", lambda times: True)
    assert states(done) == all_of("kept")
    read = []
    monkeypatch.setattr("spectra.ledger.fingerprint", lambda path: read.append(path))
    assert states(done) == all_of("kept")
    assert read == []


def test_a_failure_stops_nothing_and_says_why(sheet):
    (sheet.parent / "data" / "a1_0.txt").write_text("")
    for k in (1, 2):
        (sheet.parent / "data" / f"a1_{k}.txt").write_text("no numbers\n")
    batch = run_batch(load_samples(sheet), progress=False)
    (failed,) = batch.failures
    assert (failed.sample, failed.name, failed.state) == ("a", "raman-2", "failed")
    assert "none of 3 files can be read" in failed.reason
    with pytest.raises(ReaderError, match=r"no results of a, raman-2: .*none of 3 files"):
        failed.record()
    assert sum(o.state == "computed" for o in batch.outcomes) == 3


def test_a_fault_of_the_program_is_a_failure_too(sheet, monkeypatch):
    def broken(recipe, **_):
        raise ZeroDivisionError("one over nought")

    monkeypatch.setattr("spectra.making.run_recipe", broken)
    batch = run_batch(load_samples(sheet), progress=False)
    assert all("ZeroDivisionError: one over nought" in o.reason for o in batch.failures)
    assert len(batch.failures) == 4


def test_stopped_by_hand(sheet):
    def stop(outcome):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="1 of 4 measurements are done"):
        run_batch(load_samples(sheet), progress=False, tell=stop)
    assert states(sheet) == all_of("computed") | {"a/raman": "kept"}


def test_stopped_in_the_middle_of_a_measurement(sheet, monkeypatch):
    real, calls = spectra.making.run_recipe, []

    def stop(recipe, **options):
        calls.append(options["resume"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(recipe, **options)

    monkeypatch.setattr("spectra.making.run_recipe", stop)
    with pytest.raises(KeyboardInterrupt):
        run_batch(load_samples(sheet), progress=False)
    assert states(sheet) == all_of("computed") | {"a/raman": "kept"}
    # The one that was stopped goes on with what it has, the others begin.
    assert calls == [False, False, True, False, False]
    assert not list((sheet.parent / "results").rglob("*.started"))


def test_two_at_once_are_refused(sheet, monkeypatch):
    monkeypatch.setattr("spectra.lock._PATIENCE", 0.0)
    samples = load_samples(sheet)
    ledger = Ledger(samples.output)
    with pytest.raises(StoreError, match="in use by process"):
        run_batch(samples, progress=False)
    ledger.close()


def test_files_behind_links_count(sheet):
    h5py = pytest.importorskip("h5py")
    folder = sheet.parent
    with h5py.File(folder / "part.h5", "w") as file:
        file["x"] = np.arange(3.0)
    with h5py.File(folder / "master.h5", "w") as file:
        file["x"] = h5py.ExternalLink("part.h5", "/x")
    ledger = Ledger(folder / "out")
    before = ledger.digests(folder / "master.h5")
    assert [p.name for p, _ in before] == ["master.h5", "part.h5"]
    with h5py.File(folder / "part.h5", "a") as file:
        file["x"][0] = 7.0
    after = ledger.digests(folder / "master.h5")
    assert after[0] == before[0]
    assert after[1] != before[1]
    ledger.close()


def work(path, told, workers=1):
    """Run a batch in a process of its own, which says what it has done."""
    warnings.simplefilter("ignore")
    with open(told, "a", encoding="utf-8") as file:

        def tell(outcome):
            file.write(json.dumps([outcome.sample, outcome.name, outcome.state]) + "\n")
            file.flush()

        run_batch(load_samples(path), workers=workers, progress=False, tell=tell)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.skipif("sys.platform == 'win32'")
def test_killed_at_any_moment_nothing_is_lost(tmp_path):
    whole = write_samples(tmp_path / "whole", ("a", "b"), frames=20)
    run_batch(load_samples(whole), progress=False)
    path = write_samples(tmp_path / "killed", ("a", "b"), frames=20)
    context = multiprocessing.get_context("forkserver")
    # What takes longer than the work itself is imported once, by the server.
    techniques = [f"spectra.{name}" for name in ("xrd", "xas", "xps", "raman")]
    context.set_forkserver_preload(["lmfit", *techniques, "tests.test_batch_of_samples"])
    rng = random.Random(5)
    safe: set[tuple[str, str]] = set()
    for attempt in range(5):
        told = tmp_path / f"told-{attempt}.txt"
        process = context.Process(target=work, args=(path, told))
        process.start()
        wanted = rng.randrange(1, 3)
        while process.is_alive() and len(lines(told)) < len(safe) + wanted - 1:
            time.sleep(0.001)
        process.join(rng.uniform(0.0, 0.1))
        process.kill()
        process.join()
        done = [tuple(json.loads(line)) for line in lines(told) if line.endswith("]")]
        # What was there once is never done again.
        assert not {(s, n) for s, n, state in done if state == "computed"} & safe
        safe |= {(s, n) for s, n, _ in done}
    batch = run_batch(load_samples(path), progress=False)
    found = {(o.sample, o.name): o.state for o in batch.outcomes}
    assert all(found[one] == "kept" for one in safe)
    assert numbers(path.parent / "results") == numbers(whole.parent / "results")
    left = [p.name for p in (path.parent / "results").rglob("*") if p.is_file()]
    assert sorted(left) == ["ledger.json", *sorted(["raman-2.h5", "raman.h5"] * 2)]


@pytest.mark.skipif("sys.platform == 'win32'")
def test_side_by_side_are_the_same_bits_and_a_kill_ends_the_workers(tmp_path, evaluated):
    path, told = write_samples(tmp_path), tmp_path / "told.txt"
    process = multiprocessing.get_context("forkserver").Process(target=work, args=(path, told, 2))
    process.start()
    while process.is_alive() and not lines(told):
        time.sleep(0.001)
    process.kill()
    process.join()
    safe = {tuple(json.loads(line)[:2]) for line in lines(told) if line.endswith("]")}
    assert safe
    batch = run_batch(load_samples(path), progress=False)
    assert not batch.failures
    assert safe <= {(o.sample, o.name) for o in batch.outcomes if o.state == "kept"}
    assert numbers(tmp_path / "results") == numbers(evaluated[0].parent / "results")
    assert not list((tmp_path / "results").rglob("*.started"))


def test_a_large_measurement_has_its_frames_shared_out(sheet, monkeypatch):
    with (sheet.parent / "data" / "b1_0.txt").open("a") as file:
        file.write("\n" * 1_000_000)
    seen = {}

    def here(tasks, workers):
        for task in tasks:
            seen[f"{task.output.parent.name}/{task.output.stem}"] = task.workers
            yield task, Made("not made")

    monkeypatch.setattr("spectra.batch.make_side_by_side", here)
    assert set(states(sheet, workers=2).values()) == {"failed"}
    assert seen == {"a/raman": 1, "a/raman-2": 1, "b/raman": 1, "b/raman-2": 2}


def test_a_worker_that_dies_costs_its_measurement_only(sheet, monkeypatch):
    monkeypatch.setattr(Crew, "work_through", lambda self, tasks, n: ((t, None) for t in tasks))
    batch = run_batch(load_samples(sheet), workers=2, progress=False)
    assert len(batch.failures) == 4
    assert "died twice on it (killed or out of memory)" in batch.failures[0].reason
