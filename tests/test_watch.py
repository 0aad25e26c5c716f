"""Frames worked on as they come: files in a folder, files that grow, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

import spectra
from spectra.cli.scripting import follow
from spectra.errors import DataWarning, SettingError, StoreError
from spectra.journal import MOST_LABELS, chosen_entries, strength_of, values_of
from spectra.notation import with_uncertainty
from spectra.recipe import check_recipe, run_recipe
from spectra.report.live import _far_apart, _from_first, live_text
from spectra.results import Column, Results, Table
from spectra.watch import Lag, Watch, watch
from toy_methods import assert_same

X = np.linspace(18.0, 24.0, 150)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


def counts(frame):
    line = 500.0 * np.exp(-(((X - 21.0 - 0.002 * frame) / 0.12) ** 2))
    return np.random.default_rng(frame).poisson(20.0 + line).astype(float)


def recipe_of(folder, files):
    data = {
        "stack": {"files": files, "wavelength": 0.5},
        "step": [{"name": "peaks", "method": "xrd.Peaks", "coarse_frames": 4}],
    }
    return check_recipe(data, folder, "here")


def write_pattern(path, frame, points=slice(None)):
    table = np.column_stack([X, counts(frame), np.sqrt(counts(frame) + 1)])
    np.savetxt(path, table[points])


@contextmanager
def growing(path, fill=np.nan, swmr=True):
    """A file like a detector's, and what appends frames (or some points of one) to it."""
    # The writer is in this process, where HDF5 asks all to agree on locking.
    with h5py.File(path, "w", libver="latest" if swmr else None, locking=False) as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": [".", "two_theta"]})
        group.create_dataset("two_theta", data=X).attrs["units"] = "deg"
        signal = group.create_dataset(
            *("I", (0, X.size), "f8"),
            maxshape=(None, X.size),
            chunks=(1, X.size),
            fillvalue=fill,
        )
        time = group.create_dataset("time", (0,), "f8", maxshape=(None,), chunks=(8,))
        time.attrs["units"] = "s"
        if swmr:
            file.swmr_mode = True

        def append(frame, points=X.size, timed=True):
            signal.resize(frame + 1, 0)
            signal[frame, :points] = counts(frame)[:points]
            if timed:
                time.resize(frame + 1, 0)
                time[frame] = frame
            file.flush()

        yield append


@pytest.mark.parametrize("swmr", [True, False])
def test_a_growing_file_is_followed_frame_by_frame(tmp_path, clock, swmr):
    with (
        growing(tmp_path / "a.h5", swmr=swmr) as append,
        Watch(recipe_of(tmp_path, "a.h5"), clock=clock) as watching,
    ):
        assert watching.poll() == 0
        append(0)
        append(1)
        assert watching.poll() == 2
        append(2, timed=False)
        assert watching.poll() == 0, "its time is not there yet"
        append(2)
        clock.time += 1.5
        append(3)
        assert [watching.poll(), watching.poll()] == [2, 0]
        rows = watching.rows
    assert [row.key.frame for row in rows] == [0, 1, 2, 3]
    for row in rows:
        value, error = row.values["peaks/center[p01]"]
        assert abs(value - 21.0 - 0.002 * row.key.frame) < 5 * error < 0.05
        assert not row.failed
    assert Lag.of(rows) == Lag(1.5, 0.75, 1.5)


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_half_a_frame_is_waited_for_and_then_flagged(tmp_path, clock, fill):
    with (
        growing(tmp_path / "a.h5", fill) as append,
        Watch(recipe_of(tmp_path, "a.h5"), clock=clock, patience=10.0) as watching,
    ):
        for frame in range(3):
            append(frame)
        assert watching.poll() == 3
        append(3, 60)
        assert watching.poll() == 0
        assert "frame 3 is half written" in watching.arrivals.notes["a.h5"]
        append(3)
        assert watching.poll() == 1
        append(4, 60)
        assert watching.poll() == 0
        clock.time += 11.0
        assert watching.poll() == 1
        append(5, 60)
        append(6)
        assert watching.poll() == 2, "what is behind it shows that it will not be completed"
        failed = {row.key.frame: row.messages[""] for row in watching.failures}
    assert sorted(failed) == [4, 5]
    assert "a.h5, frame 4: half written, 60% of its points" in failed[4]
    assert "measure it again, or leave it out" in failed[4]


def test_room_made_beforehand_is_no_frame(tmp_path, clock):
    with (
        growing(tmp_path / "a.h5", 0.0) as append,
        Watch(recipe_of(tmp_path, "a.h5"), clock=clock) as watching,
    ):
        append(0)
        append(5, 0)
        clock.time += 1e4
        assert watching.poll() == 1
        assert "5 frames have room" in watching.arrivals.notes["a.h5"]
        assert not watching.failures


def test_a_file_that_its_dead_writer_left_open_is_read_to_its_end(tmp_path):
    with growing(tmp_path / "live.h5") as append:
        for frame in range(4):
            append(frame)
        (tmp_path / "left.h5").write_bytes((tmp_path / "live.h5").read_bytes())
    with Watch(recipe_of(tmp_path, "left.h5")) as watching:
        assert watching.poll() == 4


def test_new_files_are_read_once_they_rest(tmp_path, clock):
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock) as watching:
        assert watching.poll() == 0
        write_pattern(tmp_path / "a_1.xye", 0)
        assert [watching.poll(), watching.poll(), watching.poll()] == [0, 1, 0]
        write_pattern(tmp_path / "a_2.xye", 1)
        write_pattern(tmp_path / "a_10.xye", 2)
        assert [watching.poll(), watching.poll()] == [0, 2]
        names = [row.name for row in watching.rows]
    assert names == ["a_1.xye", "a_2.xye", "a_10.xye"]


def test_files_that_are_cut_off_are_waited_for_and_then_flagged(tmp_path, clock):
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock, patience=10.0) as watching:
        write_pattern(tmp_path / "a_1.xye", 0)
        write_pattern(tmp_path / "a_2.xye", 1, slice(60))
        (tmp_path / "a_3.xye").write_bytes(b"")
        assert [watching.poll(), watching.poll()] == [0, 1]
        assert set(watching.arrivals.notes) == {"a_2.xye", "a_3.xye"}
        for _ in range(6):
            clock.time += 5.0
            watching.poll()
        assert "a_3.xye" in watching.arrivals.problems["a_3.xye"]
        (short,) = watching.failures
        assert "a_2.xye, frame 0: 60 points; expected 150" in short.messages[""]
        assert "copy it again" in short.messages[""]
        for frame, name in enumerate(("a_2.xye", "a_3.xye"), 1):
            write_pattern(tmp_path / name, frame)
        clock.time += 60.0
        watching.poll()
        assert watching.poll() == 2
        assert not watching.failures
        assert not watching.arrivals.problems
        assert len(watching.rows) == 3
        assert watching.rewritten == {"a_2.xye": 1}


def test_a_file_that_vanishes_is_told(tmp_path, clock):
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock) as watching:
        write_pattern(tmp_path / "a_1.xye", 0)
        watching.poll()
        watching.poll()
        (tmp_path / "a_1.xye").rename(tmp_path / "moved.txt")
        watching.poll()
        assert "has vanished; put it back" in watching.arrivals.problems["a_1.xye"]
        assert len(watching.rows) == 1
        (tmp_path / "moved.txt").rename(tmp_path / "a_1.xye")
        assert watching.poll() == 0
        assert not watching.arrivals.problems


def test_a_watch_that_was_killed_goes_on(tmp_path, clock):
    with growing(tmp_path / "a.h5") as append:
        for frame in range(3):
            append(frame)
        with Watch(recipe_of(tmp_path, "a.h5"), clock=clock) as first:
            first.poll()
            told = first.rows
        journal = tmp_path / "results.h5.watch.jsonl"
        with journal.open("ab") as file:
            file.write(b'{"file": "a.h5", "frame": 3, "sta')
        append(3)
        with Watch(recipe_of(tmp_path, "a.h5"), clock=clock) as again:
            assert again.rows == told
            assert again.poll() == 1
            assert not again.failures
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 5
    other = recipe_of(tmp_path, "a.h5")
    other.settings.stack.wavelength = 0.6
    with Watch(other, clock=clock) as anew:
        assert anew.rows == []


def test_corrections_that_join_frames_cannot_be_watched(tmp_path, clock):
    data = {
        "stack": {"files": "*.dat", "signal": "col2", "energy": "col1"},
        "correct": [{"correction": "xas.Merge", "every": 2}],
        "step": [{"name": "edges", "method": "xas.Normalize"}],
    }
    energy = np.linspace(5400.0, 5600.0, 100)
    for number in range(2):
        mu = 1 / (1 + np.exp(5470.0 - energy))
        np.savetxt(tmp_path / f"a_{number}.dat", np.column_stack([energy, mu]))
    with Watch(check_recipe(data, tmp_path, "here"), clock=clock) as watching:
        watching.poll()
        with pytest.raises(SettingError, match=r"xas\.Merge makes 1 of 2 frames"):
            watching.poll()


def test_the_end_is_a_mark_that_appears(tmp_path):
    write_pattern(tmp_path / "a_1.xye", 0)
    (tmp_path / "finished").touch()
    seen = []

    def show(watching, ended):
        seen.append((len(watching.rows), ended))
        if len(seen) == 1:
            os.utime(tmp_path / "a_1.xye", (0, 0))

    recipe = recipe_of(tmp_path, "*.xye")
    ended = watch(recipe, interval=1e-3, finished=tmp_path / "finished", show=show)
    assert ended.endswith("finished has appeared")
    assert seen[-1][1] == ended


def test_the_end_is_an_ordinary_run_and_the_page_says_so(tmp_path, capsys):
    for frame in range(3):
        write_pattern(tmp_path / f"a_{frame}.xye", frame)
    (tmp_path / "empty.xye").touch()
    (tmp_path / "finished").touch()
    recipe = recipe_of(tmp_path, "*.xye")
    code = follow(recipe, interval=1e-3, patience=1e-3, finished=tmp_path / "finished")
    assert code == 2, "a file of the four cannot be read"
    assert "finished has appeared" in capsys.readouterr().out
    results = spectra.open(recipe.output).steps["peaks"]
    with pytest.warns(DataWarning, match="1 of 4 files"):
        ordinary = run_recipe(recipe, output=tmp_path / "ordinary.h5")
    assert_same(results, ordinary.steps["peaks"])
    page = (tmp_path / "results.live.html").read_text()
    assert "The watch has ended" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_the_page_shows_last_values_and_failures(tmp_path, clock):
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock, patience=1.0) as watching:
        assert "No frame has been worked on" in live_text(watching)
        write_pattern(tmp_path / "a_1.xye", 0)
        watching.poll()
        watching.poll()
        write_pattern(tmp_path / "<b>.xye", 1, slice(60))
        for _ in range(4):
            clock.time += 2.0
            watching.poll()
        text = live_text(watching)
        center, error = watching.rows[0].values["peaks/center[p01]"]
    assert with_uncertainty(center, error) in text
    assert "&lt;b&gt;.xye, frame 0: 60 points; expected 150" in text
    assert "<b>.xye" not in text
    order = [text.index(f"peaks: {name}") for name in ("position (°)", "reduced χ²", "FWHM (°)")]
    assert order == sorted(order)
    assert re.search(r"<b>1\.\d{1,4}</b>|<b>0\.\d{1,5}</b>", text.partition("reduced χ²")[2])


def many_peaks(frames, areas):
    """Peaks of one position each, all over the frames, and of different areas."""
    labels = {"peak": {"label": np.array([f"p{i:02d}" for i in range(len(areas))])}}
    columns = (
        Column("center", "deg", "where it is", ("peak",)),
        Column("chi2", "", "misfit"),
        Column("area", "counts", "how strong it is", ("peak",)),
    )
    values = {
        "center": np.tile(np.arange(len(areas), dtype=float), (frames, 1)),
        "chi2": np.ones(frames),
        "area": np.tile(np.asarray(areas, dtype=float), (frames, 1)),
    }
    names = tuple(map(str, range(frames)))
    status = np.zeros(frames, np.int8)
    return Results(Table("peaks", columns, labels), values, status, ("",) * frames, names)


def test_of_many_peaks_the_strongest_are_kept():
    results = many_peaks(2, np.arange(20.0)[::-1] % 17)
    assert strength_of(results.table, "peak") == "area"
    kept = chosen_entries(results, "peak")
    assert len(kept) == MOST_LABELS
    assert min(results["area"][0, kept]) > max(np.delete(results["area"][0], kept))
    rows = values_of("peaks", results[:1], results)
    assert list(rows[0])[:2] == [f"peaks/center[p{kept[0]:02d}]", f"peaks/center[p{kept[1]:02d}]"]
    assert len(rows[0]) == 2 * MOST_LABELS + 1
    few = many_peaks(1, [3.0, 1.0])
    assert chosen_entries(few, "peak") == [0, 1]


def test_series_far_apart_are_drawn_as_changes():
    near = {"label": "a", "points": [(0, 1.0, 0.1), (1, None, None), (2, 1.5, 0.1)]}
    far = {"label": "b", "points": [(0, None, None), (1, 80.0, 0.2), (2, 79.0, 0.2)]}
    assert _far_apart([near, far])
    assert not _far_apart([near, near])
    assert not _far_apart([near])
    assert not _far_apart([{"label": "", "points": [(0, 3.0, None)]}])
    assert _from_first(far)["points"] == [(0, None, None), (1, 0.0, 0.2), (2, -1.0, 0.2)]


def test_a_file_with_another_name_is_told_from_a_lost_one(tmp_path, clock):
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock) as watching:
        for frame in range(3):
            write_pattern(tmp_path / f"a_{frame}.xye", frame)
            os.utime(tmp_path / f"a_{frame}.xye", (frame, frame))
        watching.poll()
        watching.poll()
        (tmp_path / "a_0.xye").rename(tmp_path / "b.xye")
        (tmp_path / "a_1.xye").unlink()
        watching.poll()
        told = list(watching.arrivals.problems.values())
    assert [("now called b.xye" in t, "has vanished" in t) for t in told] == [
        (True, False),
        (False, True),
    ]


def test_an_output_that_cannot_be_there_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    recipe = recipe_of(tmp_path, "*.xye")
    with pytest.raises(StoreError, match="is a file, not a folder; choose another place"):
        Watch(recipe, output=tmp_path / "file" / "r.h5")
