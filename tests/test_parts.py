"""Parts of a run, done by several processes, and joined."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spectra
from spectra.blocks import Part
from spectra.engine import run_part
from spectra.errors import SettingError, StoreError
from spectra.recipe import check_recipe, run_recipe, run_recipe_part
from toy_methods import Narrow, Toy, assert_same, drifting_lines, toy_stack


def test_parts_share_the_blocks_between_them():
    for n, count in ((10, 3), (3, 5), (1, 1), (64, 20)):
        starts = range(0, 7 * n, 7)
        taken = [list(Part(k, count).take(starts)) for k in range(1, count + 1)]
        assert [s for part in taken for s in part] == list(starts)
        assert max(map(len, taken)) - min(map(len, taken)) <= 1


@pytest.mark.parametrize("text", ["3", "a/b", "3/20/1", "-1/4"])
def test_no_part(text):
    with pytest.raises(SettingError, match="expected number/count, such as 3/20"):
        Part.parse(text)


@pytest.mark.parametrize("text", ["0/4", "5/4"])
def test_no_such_part(text):
    with pytest.raises(SettingError, match=r"expected a number from 1 .* --array=1-20"):
        Part.parse(text)


@pytest.mark.parametrize("method", [Toy(), Narrow()])
def test_joined_parts_are_a_single_run(tmp_path, method):
    stack, output = toy_stack(23), tmp_path / "r.h5"
    done = [run_part(stack, method, output, Part(k, 3), block_size=4) for k in (3, 1, 2)]
    assert sorted(done) == [7, 8, 8]
    seen = []
    joined = spectra.run(
        *(stack, method, output),
        block_size=4,
        resume=True,
        progress=lambda frames, _: seen.append(frames),
    )
    assert seen == [23], "blocks were done again"
    assert_same(joined, spectra.run(stack, method))
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_what_parts_left_undone_is_done_when_they_are_joined(tmp_path):
    stack, output = toy_stack(20), tmp_path / "r.h5"
    run_part(stack, Toy(), output, Part(2, 4), block_size=2)
    folder = tmp_path / "r.h5.partial"
    (folder / "block-000000006.h5").write_bytes(b"what a dying disk left")
    joined = spectra.run(stack, Toy(), output, block_size=2, resume=True)
    assert_same(joined, spectra.run(stack, Toy()))


def test_a_part_is_done_once(tmp_path):
    stack, output, seen = toy_stack(20), tmp_path / "r.h5", []

    def stop(done, total):
        seen.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"4 of 10 frames are safe .* same part again"):
        run_part(stack, Toy(), output, Part(1, 2), block_size=2, progress=stop)
    run_part(stack, Toy(), output, Part(1, 2), block_size=2, progress=lambda *a: seen.append(a))
    assert seen == [(2, 10), (4, 10), (4, 10), (6, 10), (8, 10), (10, 10)]


def test_parts_of_another_run_are_refused(tmp_path):
    output = tmp_path / "r.h5"
    run_part(toy_stack(8), Toy(), output, Part(1, 2), block_size=2)
    with pytest.raises(StoreError, match=r"left by another run .*power was 2\.0, now 3\.0"):
        run_part(toy_stack(8), Toy(power=3.0), output, Part(2, 2), block_size=2)


def test_steps_of_a_recipe_that_work_on_the_stack(tmp_path):
    spectra.nexus.write_file(tmp_path / "stack.h5", drifting_lines(12))
    data = {
        "stack": {"files": "stack.h5", "wavelength": 0.5},
        "step": [
            {"name": "peaks", "method": "xrd.Peaks", "coarse_frames": 4},
            {"name": "again", "method": "xrd.Peaks", "coarse_frames": 4, "keep": 6.0},
        ],
    }
    recipe = check_recipe(data, tmp_path, "here")
    for k in (1, 2):
        assert set(run_recipe_part(recipe, Part(k, 2))) == {"peaks", "again"}
    header = json.loads((tmp_path / "results.h5.peaks.h5.partial" / "header.json").read_text())
    assert header["method"] == "xrd.Peaks"
    joined = run_recipe(recipe, resume=True)
    single = run_recipe(recipe, output=tmp_path / "single.h5")
    for name in ("peaks", "again"):
        assert_same(joined.steps[name], single.steps[name])
    assert np.isfinite(joined.steps["peaks"]["center"]).any()
