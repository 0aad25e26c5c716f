"""Stacks of absorption that stay on disk."""

from __future__ import annotations

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest

import spectra
from spectra.errors import ReaderError
from spectra.readers import disk_frames

ENERGY = np.linspace(5400.0, 5500.0, 21)
ROWS, COLUMNS = 7, 5
CUBE = np.random.default_rng(3).random((21, ROWS, COLUMNS)) + 1.0
SPECTRA = np.moveaxis(CUBE, 0, -1).reshape(ROWS * COLUMNS, 21)


def make(tmp_path, **datasets):
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        for name, values in datasets.items():
            group[name] = values
    return path


@pytest.fixture
def cube(tmp_path):
    return make(tmp_path, energy=ENERGY, od=CUBE)


def test_pixels_are_frames(cube):
    stack = spectra.read(cube)
    assert (stack.n_frames, stack.n_points, stack.quantity) == (35, 21, "mu")
    assert not isinstance(stack.signal, np.ndarray)
    assert stack.metadata["shape"] == [ROWS, COLUMNS]
    np.testing.assert_array_equal(stack.load().signal, SPECTRA)
    pixel = stack[13]
    assert pixel.names == ("(2, 3)",)
    assert (pixel.variables["row"].values[0], pixel.variables["column"].values[0]) == (2, 3)
    np.testing.assert_array_equal(pixel.load().signal[0], CUBE[:, 2, 3])
    image = stack.variables["row"].values.reshape(stack.metadata["shape"])
    assert image.shape == (ROWS, COLUMNS)
    assert stack.inputs[0].path == str(cube)


@pytest.mark.parametrize("size", [1, 3, 5, 8, 35])
@pytest.mark.parametrize("band", [1, 500, 2000, 1 << 20])
def test_blocks_do_not_matter(cube, size, band, monkeypatch):
    monkeypatch.setattr(disk_frames, "_BAND_BYTES", band)
    stack = spectra.read(cube)
    read = np.concatenate([block.load().signal for _, block in stack.blocks(size)])
    np.testing.assert_array_equal(read, SPECTRA)
    np.testing.assert_array_equal(stack[[30, 2, 17]].load().signal, SPECTRA[[30, 2, 17]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack)).load().signal, SPECTRA)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_energy_may_be_any_dimension(tmp_path, place):
    path = make(tmp_path, energy=ENERGY, od=np.moveaxis(CUBE, 0, place))
    np.testing.assert_array_equal(spectra.read(path).load().signal, SPECTRA)


def test_axes_say_which_dimension_is_the_energy(tmp_path):
    cube = np.random.default_rng(1).random((21, 21, 21))
    path = make(tmp_path, energy=ENERGY, od=cube)
    with h5py.File(path, "a") as file:
        file["entry/data"].attrs["axes"] = ["y", "x", "energy"]
    np.testing.assert_array_equal(spectra.read(path).load().signal, cube.reshape(441, 21))


def test_falling_and_repeated_energies(tmp_path):
    energy = np.r_[ENERGY[::-1], ENERGY[0]] / 1000
    cube = np.concatenate([CUBE[::-1], CUBE[:1] + 2.0])
    path = make(tmp_path, energy=energy, od=cube)
    stack = spectra.read(path)
    np.testing.assert_allclose(stack.x, ENERGY, rtol=1e-14)
    np.testing.assert_allclose(stack.load().signal[:, 1:], SPECTRA[:, 1:], rtol=1e-15)
    np.testing.assert_allclose(stack.load().signal[:, 0], SPECTRA[:, 0] + 1.0, rtol=1e-15)
    assert "1 repeated points are averaged" in stack.metadata["note"]


def test_signals_are_calculated_block_by_block(tmp_path):
    beam = np.linspace(3.0, 4.0, 21)
    path = make(tmp_path, energy=ENERGY, counts=CUBE, i0=beam, dark=0 * CUBE + 0.5)
    stack = spectra.read(path, signal="ln(i0/(counts-dark))", channels={"i0": "i0", "c": "counts"})
    expected = np.log(beam / (SPECTRA - 0.5))
    np.testing.assert_allclose(stack.load().signal, expected, rtol=1e-14)
    np.testing.assert_allclose(stack[7:9].load().signal, expected[7:9], rtol=1e-14)
    np.testing.assert_array_equal(stack[3:5].load().channel("i0"), [beam, beam])
    np.testing.assert_array_equal(stack[3:5].load().channel("c"), SPECTRA[3:5])
    with pytest.raises(ReaderError, match="which of counts, dark is the absorption"):
        spectra.read(path)
    with pytest.raises(ReaderError, match="no column 'count'; did you mean 'counts'"):
        spectra.read(path, signal="ln(i0/count)")


def test_many_spectra_in_one_dataset(tmp_path):
    path = make(tmp_path, energy=ENERGY, mu=SPECTRA, mean=SPECTRA.mean(0), time=np.arange(35.0))
    stack = spectra.read(path)
    assert not isinstance(stack.signal, np.ndarray)
    assert stack.quantity == "mu"
    np.testing.assert_array_equal(stack[4:9].load().signal, SPECTRA[4:9])
    np.testing.assert_array_equal(stack.variables["time"].values, np.arange(35.0))
    assert stack.variables["time"].unit == "s"


def test_what_is_meant_must_be_clear(tmp_path):
    path = make(tmp_path, energy=ENERGY, od=CUBE)
    with h5py.File(path, "a") as file:
        file["foil/energy"], file["foil/mu"] = ENERGY, SPECTRA[0]
    with pytest.raises(ReaderError, match="expected one of entry/data, foil; choose it"):
        spectra.read(path)
    assert spectra.read(path, entry="entry/data").n_frames == 35
    np.testing.assert_array_equal(spectra.read(path, entry="foil").signal, SPECTRA[:1])
    with pytest.raises(ReaderError, match=r"shape \(21, 7, 5\): read this file alone"):
        spectra.read([path, path], entry="entry/data")


def test_memory_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = ENERGY
        file.create_dataset("od", (21, 1200, 500), "f4", chunks=(1, 1200, 500))
    monkeypatch.setattr(disk_frames, "_BAND_BYTES", 4 << 20)
    stack = spectra.read(path)
    tracemalloc.start()
    total = 0.0
    for _, block in stack.blocks(16384):
        total += float(block.load().signal.sum())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 0.0
    # The whole of it takes 96 MiB as float64; four bands 16, one as it is read 4, a block 5.
    assert peak < 32 << 20


def test_a_file_that_has_changed_is_noticed(cube):
    stack = spectra.read(cube)
    with h5py.File(cube, "a") as file:
        del file["entry/data/od"]
        file["entry/data/od"] = CUBE[:, :3]
    with pytest.raises(ReaderError, match="has been replaced since"):
        stack.load()


def test_counts_are_no_absorption(tmp_path):
    path = make(tmp_path, energy=ENERGY, counts=CUBE)
    assert spectra.read(path).quantity == "intensity"
    assert spectra.read(path, quantity="mu").quantity == "mu"
    assert spectra.read(path, signal="-ln(counts)").quantity == "mu"


def test_a_stack_on_disk_is_written_as_our_own(cube, tmp_path):
    stack = spectra.read(cube)
    spectra.write(tmp_path / "own.h5", stack)
    again = spectra.open(tmp_path / "own.h5")
    np.testing.assert_array_equal(again.load().signal, SPECTRA)
    assert again.metadata["shape"] == [ROWS, COLUMNS]
    assert again.quantity == "mu"
