"""Files on disk: the same back bit for bit, and damage found before it is believed."""

from __future__ import annotations

import errno

import h5py
import numpy as np
import pytest

import spectra
from spectra import InputFile, Stack, Variable, integrity
from spectra.errors import DamagedFileError, ReaderError, StoreError
from spectra.results import Column, Record, Results, Table


def stack():
    rng = np.random.default_rng(0)
    return Stack.from_arrays(
        np.linspace(10, 20, 101),
        rng.standard_normal((7, 101)),
        rng.random((7, 101)),
        variables={"voltage": Variable(np.arange(7.0), "V", "Ewe", np.full(7, 0.1))},
        metadata={"wavelength": 1.54, "simulated": True},
        inputs=(InputFile("a.xy", "0" * 64, 12),),
        messages=("", "odd Å", "", "", "", "", ""),
        title="a title",
    )


def results():
    columns = (
        Column("a", "angstrom", "a cell", ("phase",), stderr=True),
        Column("n", "", "a count").as_int(),
    )
    table = Table("cell", columns, {"phase": {"name": np.array(["x", "yy"])}}, default="a")
    values = table.empty(7)
    values["a"][:] = np.arange(14.0).reshape(7, 2) / 3
    values["a_stderr"][2] = 0.25
    return Results(table, values, np.zeros(7, np.int8), attrs={"verdict": {"x": {"v": 1.5}}})


def same(a: Results, b: Results) -> None:
    assert dict(a.attrs) == dict(b.attrs)
    assert a.messages == b.messages
    assert a.table.columns == b.table.columns
    for name in a.columns:
        np.testing.assert_array_equal(a.columns[name], b.columns[name])
        assert a.columns[name].dtype == b.columns[name].dtype


def test_stack_there_and_back(tmp_path):
    before = stack()
    after = spectra.open(spectra.write(tmp_path / "s.h5", before))
    assert isinstance(after, Stack)
    np.testing.assert_array_equal(after.load().signal, before.signal)
    np.testing.assert_array_equal(after[2:5].load().errors, before.errors[2:5])
    np.testing.assert_array_equal(after[[5, 1]].load().signal, before.signal[[5, 1]])
    assert dict(after.metadata) == dict(before.metadata)
    assert after.messages == before.messages
    assert after.inputs == before.inputs
    assert after.axis.unit == "deg"
    np.testing.assert_array_equal(after.variables["voltage"].stderr, np.full(7, 0.1))
    assert spectra.read(tmp_path / "s.h5").n_frames == 7


def test_results_and_records_there_and_back(tmp_path):
    same(spectra.open(spectra.write(tmp_path / "r.h5", results())), results())
    record = Record({"cell": results()}, stack(), {"title": "t"}, {"version": "0"})
    after = spectra.open(spectra.write(tmp_path / "x.h5", record))
    assert isinstance(after, Record)
    same(after.steps["cell"], results())
    assert after.recipe == {"title": "t"}


def test_nexus_viewers_find_the_plot(tmp_path):
    path = spectra.write(tmp_path / "s.h5", stack())
    with h5py.File(path) as file:
        data = file[file.attrs["default"]]
        data = data[data.attrs["default"]]
        assert data.attrs["NX_class"] == "NXdata"
        assert data[data.attrs["signal"]].shape == (7, 101)
        assert [data[a].shape for a in data.attrs["axes"]] == [(7,), (101,)]
        assert data["two_theta"].attrs["units"] == "deg"
        assert data["intensity"].fletcher32
        assert "intensity_errors" in data


def test_every_flipped_bit_is_found(tmp_path):
    path = spectra.write(tmp_path / "r.h5", results())
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        bad = bytearray(content)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        path.write_bytes(bad)
        with pytest.raises((DamagedFileError, ReaderError)):
            spectra.open(path)


def test_truncated_foreign_and_missing_files(tmp_path):
    path = spectra.write(tmp_path / "r.h5", results())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match="checksum"):
        spectra.open(path)
    with h5py.File(tmp_path / "f.h5", "w"):
        pass
    with pytest.raises(ReaderError, match="not a file that spectra wrote"):
        spectra.open(tmp_path / "f.h5")
    with pytest.raises(ReaderError, match="no such file"):
        spectra.open(tmp_path / "absent.h5")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = spectra.write(tmp_path / "r.h5", results())
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(integrity.os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        spectra.write(path, results())
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_bad_targets_are_answered(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        spectra.write(tmp_path / "no" / "r.h5", results())
    with pytest.raises(StoreError, match="is a folder"):
        spectra.write(tmp_path, results())
