"""Running: the same bits however it is cut, and no frame or worker sinks the ship."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

import h5py
import numpy as np
import pytest

import spectra
from spectra import InputFile, Variable, blocks, crew
from spectra.engine import find_method, method_from_provenance
from spectra.errors import ReaderError, ResultsError, SettingError, StackError
from spectra.results import Record, Results
from spectra.xrd import Cell, Peaks
from toy_methods import (
    BAD,
    OK,
    Narrow,
    Toy,
    assert_same,
    drifting_lines,
    toy_stack,
    with_first_points,
)


@pytest.mark.parametrize("method", [Toy(), Narrow()])
def test_blocks_and_disk_do_not_change_a_bit(tmp_path, method):
    data = toy_stack()
    expected = method(data)
    spectra.write(tmp_path / "s.h5", data)
    for size in (1, 7, 64):
        assert_same(spectra.run(data, method, block_size=size), expected)
        from_disk = spectra.run(tmp_path / "s.h5", method, tmp_path / "r.h5", block_size=size)
        assert_same(from_disk, expected)
        assert_same(spectra.open(tmp_path / "r.h5"), expected)
    assert {p.name for p in tmp_path.iterdir()} == {"s.h5", "r.h5"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A sequence on disk, a real method and what it finds."""
    data = drifting_lines()
    path = spectra.write(tmp_path_factory.mktemp("measured") / "s.h5", data)
    method = Peaks(coarse_frames=8)
    expected = method(data)
    assert set(expected["n_peaks"].tolist()) == {2, 3}
    return path, method, expected


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_and_blocks_do_not_change_a_bit(measured, workers, size):
    path, method, expected = measured
    assert_same(spectra.run(path, method, workers=workers, block_size=size), expected)


def test_workers_are_given_the_plan_of_their_frames(tmp_path):
    data = toy_stack(20)
    spectra.write(tmp_path / "s.h5", data)
    results = spectra.run(tmp_path / "s.h5", Narrow(), workers=2, block_size=7)
    assert_same(results, Narrow()(data))


@pytest.mark.parametrize("size", [1, 8, 64])
def test_a_raising_frame_fails_alone(size):
    data = with_first_points(toy_stack(20), {0: -1.0, 4: -1.0})
    results = spectra.run(data, Toy(), block_size=size)
    assert results.status.tolist() == [BAD, OK, OK, OK, BAD] + [OK] * 15
    assert results.messages[4] == "ValueError: first point is -1"
    assert np.isnan(results["value"][4])
    assert results["n"][4] == -1
    # What the first frame cannot state, the others do.
    assert dict(results.attrs) == {"total": 1.5}
    good = results.status == OK
    expected = Toy().fit(data[good].load(), Toy().prepare(data))
    np.testing.assert_array_equal(results["value"][good], expected["value"])


def test_a_setting_concerns_the_whole_run():
    with pytest.raises(SettingError, match="no such setting"):
        spectra.run(with_first_points(toy_stack(4), {2: -3.0}), Toy())


def test_bad_input_stays_bad():
    data = toy_stack(6)
    status = np.array([OK, OK, BAD, OK, OK, OK], np.int8)
    data = replace(data, status=status, messages=("", "", "file cut short", "", "", ""))
    results = spectra.run(data, Toy(), block_size=4)
    assert results.status.tolist() == status.tolist()
    assert results.messages == ("", "", "file cut short", "", "", "")


def test_wrong_number_of_rows_is_no_result():
    class Short(Toy):
        def fit(self, block, plan):
            return super().fit(block[1:], plan)

    results = spectra.run(toy_stack(3), Short())
    assert results.status.tolist() == [BAD] * 3
    assert "the method gave 0 rows for 1 frames" in results.messages[0]


def test_the_block_that_kills_its_worker_is_given_up(tmp_path):
    data = with_first_points(toy_stack(24), {9: -2.0})
    results = spectra.run(data, Toy(), tmp_path / "r.h5", block_size=4, workers=2)
    assert results.status.tolist() == [OK] * 8 + [BAD] * 4 + [OK] * 12
    assert "the worker process died twice on this block" in results.messages[9]
    good = results.status == OK
    expected = Toy().fit(data[good].load(), Toy().prepare(data))
    np.testing.assert_array_equal(results["value"][good], expected["value"])


def test_methods_that_workers_cannot_know_are_refused():
    @dataclass(frozen=True, kw_only=True)
    class Local(Toy):
        name: ClassVar[str] = "test.Local"

    with pytest.raises(SettingError, match=r"test\.Local cannot be sent to worker processes"):
        spectra.run(toy_stack(8), Local(), workers=2, block_size=2)


def test_workers_that_cannot_start_are_explained(monkeypatch):
    monkeypatch.setattr(blocks, "_start_worker", print)
    monkeypatch.setattr(crew, "_is_ready", _die)
    with pytest.raises(SettingError, match=r"worker processes cannot start.*__main__"):
        spectra.run(toy_stack(8), Toy(), workers=2, block_size=2)


def _die():
    import os

    os._exit(3)


def test_damage_that_appears_during_the_run_costs_only_its_frames(tmp_path):
    path = spectra.write(tmp_path / "s.h5", toy_stack(64, 8192))
    data = spectra.open(path)
    expected = Toy().fit(data[:16].load(), Toy().prepare(data))
    with h5py.File(path) as file:
        chunk = file["entry/data/intensity"].id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content)
    results = spectra.run(data, Toy(), block_size=16)
    first, stop = chunk.chunk_offset[0], chunk.chunk_offset[0] + 8
    assert np.flatnonzero(results.status == BAD).tolist() == list(range(first, stop))
    assert "/entry/data/intensity" in results.messages[first]
    np.testing.assert_array_equal(results["value"][:16], expected["value"])
    path.unlink()
    with pytest.raises(ReaderError, match="no such file"):
        spectra.run(data, Toy())


def test_provenance_states_what_was_done():
    inputs = (InputFile("a.xy", "0" * 64, 12),)
    data = replace(toy_stack(4), inputs=inputs)
    results = spectra.run(data, Toy(power=3.0), block_size=3)
    facts = dict(results.provenance)
    assert datetime.fromisoformat(facts.pop("date")).utcoffset().total_seconds() == 0
    assert facts.pop("duration_s") >= 0
    assert facts["method"] == "test.Toy"
    assert facts["settings"] == {"power": 3.0, "seconds": 0.0}
    assert facts["inputs"] == [{"path": "a.xy", "sha256": "0" * 64, "size": 12}]
    assert (facts["n_frames"], facts["block_size"], facts["workers"]) == (4, 3, 1)
    assert facts["packages"]["numpy"] == np.__version__
    again = dict(spectra.run(data, Toy(power=3.0), block_size=3).provenance)
    assert {k: again[k] for k in facts} == facts


def test_methods_are_made_again_from_provenance():
    peaks = {"method": "xrd.Peaks", "settings": Peaks(low=3.0).settings()}
    assert method_from_provenance(peaks) == Peaks(low=3.0)
    assert find_method("xrd.Cell") is Cell
    with pytest.raises(SettingError, match=r"no method 'xrd\.Peks'; there are .*xrd\.Peaks"):
        find_method("xrd.Peks")
    with pytest.raises(SettingError, match=r"no method 'os\.system'"):
        find_method("os.system")
    with pytest.raises(SettingError, match="do not say which method"):
        method_from_provenance({})


def test_sources_on_disk(tmp_path):
    data = toy_stack(5)
    results = spectra.run(data, Toy())
    record = spectra.write(tmp_path / "record.h5", Record({"a": results}, data))
    assert_same(spectra.run(record, Toy()), results)
    two = spectra.write(tmp_path / "two.h5", Record({"a": results, "b": results}))
    with pytest.raises(StackError, match=r"2 steps of results \(a, b\)"):
        spectra.run(two, Toy())


def test_variables_come_through_in_order(tmp_path):
    rows = np.arange(6.0)
    data = toy_stack(6).with_variables(
        voltage=Variable(rows, "V", stderr=rows / 9), current=Variable(-rows, "A", "I")
    )
    results = spectra.run(data, Toy(), tmp_path / "r.h5", block_size=4)
    assert list(results.variables) == ["voltage", "current"]
    assert results.variables["current"].long_name == "I"
    np.testing.assert_array_equal(results.variables["voltage"].stderr, rows / 9)


def test_wrong_use_is_answered():
    with pytest.raises(StackError, match="no frames"):
        spectra.run(toy_stack(0), Toy())
    with pytest.raises(SettingError, match="workers = 0"):
        spectra.run(toy_stack(2), Toy(), workers=0)
    with pytest.raises(SettingError, match="block_size = 0"):
        spectra.run(toy_stack(2), Toy(), block_size=0)


def test_progress_is_told():
    seen = []
    spectra.run(toy_stack(10), Toy(), block_size=4, progress=lambda d, t: seen.append((d, t)))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_blocks_are_joined_whole_or_not_at_all():
    block = Toy()(toy_stack(4))
    with pytest.raises(ResultsError, match="nothing to join"):
        Results.concatenate([])
    with pytest.raises(ResultsError, match="blocks of 4 frames; expected 5"):
        Results.concatenate([block], 5)
    with pytest.raises(ResultsError, match="blocks of more than 7 frames"):
        Results.concatenate(iter([block, block]), 7)
    with_time = replace(block, variables={"time": Variable(np.arange(4.0))})
    with pytest.raises(ResultsError, match=r"not all have \['time'\]"):
        Results.concatenate([block, with_time])


def test_joining_keeps_the_widest_numbers():
    block = Toy()(toy_stack(4))
    large = np.full(4, 2**40)
    wide = replace(block, columns={**block.columns, "n": large})
    for parts in ((block, wide), (wide, block)):
        joined = Results.concatenate(iter(parts), 8)
        assert joined["n"].tolist() == [n for p in parts for n in p["n"].tolist()]


def test_stack_and_method_the_other_way_round():
    stack = spectra.Stack.from_arrays(np.arange(30.0), np.ones((2, 30)))
    with pytest.raises(SettingError, match="the stack or results first, then the method"):
        spectra.run(find_method("xas.Normalize")(), stack)
