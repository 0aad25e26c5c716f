"""NeXus files of others that reach out of their folder or claim what they do not hold."""

from __future__ import annotations

import time
import tracemalloc

import h5py
import numpy as np
import pytest

import spectra
from spectra.errors import ReaderError

Q = np.linspace(1, 2, 20)


@pytest.fixture
def folder(tmp_path):
    """A folder with a pattern outside it."""
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["I"], file["g/I"] = np.arange(20.0), np.arange(20.0)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def plotted(folder, edit):
    """A file with a plot whose intensities are for the caller to make."""
    path = folder / "a.nxs"
    with h5py.File(path, "w") as file:
        data = file.create_group("e/d")
        file.attrs["default"], file["e"].attrs["default"] = "e", "d"
        data.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": ["q"]})
        data["q"] = Q.astype("f4")
        data["q"].attrs["units"] = "1/angstrom"
        edit(data)
    return path


def link(data):
    data["I"] = h5py.ExternalLink("../outside.h5", "/I")


def soft_link_behind_a_link(data):
    data["elsewhere"] = h5py.ExternalLink("../outside.h5", "/g")
    data["I"] = h5py.SoftLink("/e/d/elsewhere/I")


def whole_plot_elsewhere(data):
    del data.file["e"]
    data.file["e"] = h5py.ExternalLink("/etc/hosts", "/")


def external_storage(data):
    data.create_dataset("I", (20,), "u1", external=[("/etc/passwd", 0, 20)])


def external_storage_beside_the_plot(data):
    data["I"] = np.arange(20.0)
    data.create_dataset("temperature", (1,), "f8", external=[("../outside.h5", 0, 8)])


def virtual(data):
    layout = h5py.VirtualLayout((20,), "f8")
    layout[:] = h5py.VirtualSource("../outside.h5", "I", (20,))
    data.create_virtual_dataset("I", layout)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (link, "/e/d/I links to .*outside"),
        (soft_link_behind_a_link, "/e/d/elsewhere links to .*outside"),
        (whole_plot_elsewhere, "/e links to /etc/hosts, outside"),
        (external_storage, "/e/d/I keeps its data in another file; refused"),
        (external_storage_beside_the_plot, "temperature keeps its data in another file; refused"),
        (virtual, "/e/d/I links to .*outside"),
    ],
)
def test_files_that_reach_out_are_refused(folder, edit, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(plotted(folder, edit))


def chunked(data):
    data.create_dataset("I", (1_000_000, 1_000_000), "f8", chunks=(1, 1000))


def contiguous(data):
    data.create_dataset("I", (1_000_000, 1_000_000), "f8")


def virtual_without_sources(data):
    layout = h5py.VirtualLayout((1_000_000, 1_000_000), "f8")
    layout[0, :20] = h5py.VirtualSource("absent.h5", "I", (20,))
    data.create_virtual_dataset("I", layout)


def virtual_axis(data):
    data["I"] = np.arange(20.0)
    del data["q"]
    layout = h5py.VirtualLayout((10**12,), "f8")
    layout[:20] = h5py.VirtualSource("part.h5", "I", (20,))
    data.create_virtual_dataset("q", layout)


def compressed_axis(data):
    data["I"] = np.arange(20.0)
    del data["q"]
    data.create_dataset("q", (10**12,), "f8", chunks=(1000,), compression="gzip")


@pytest.mark.parametrize(
    "edit", [chunked, contiguous, virtual_without_sources, virtual_axis, compressed_axis]
)
def test_claims_of_terabytes_are_refused_at_once(folder, edit):
    path = plotted(folder, edit)
    tracemalloc.start()
    begin = time.perf_counter()
    with pytest.raises(ReaderError, match=r"/e/d/[Iq] claims 8000 GB in a file of \d+ bytes"):
        spectra.read(path)
    assert time.perf_counter() - begin < 5
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_an_axis_of_another_length_is_refused_unread(folder):
    def edit(data):
        data["I"] = np.arange(19.0)

    with pytest.raises(ReaderError, match=r"axis q has shape \(20,\), the signal \(19,\)"):
        spectra.read(plotted(folder, edit))


def one_source(data):
    layout = h5py.VirtualLayout((20,), "f8")
    layout[:] = h5py.VirtualSource("part_0.h5", "I", (20,))
    data.create_virtual_dataset("I", layout)


def numbered_sources(data):
    """Blocks of 20 points from part_0.h5, part_1.h5 and so on, as many as there are."""
    unlimited = h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple((20,), (unlimited,))
    space.select_hyperslab((0,), (unlimited,), (20,), (20,))
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    source = h5py.h5s.create_simple((20,))
    settings.set_virtual(space, b"part_%b.h5", b"/I", source)
    whole = h5py.h5s.create_simple((20,), (unlimited,))
    h5py.h5d.create(data.id, b"I", h5py.h5t.NATIVE_DOUBLE, whole, settings)


@pytest.mark.parametrize("edit", [one_source, numbered_sources])
def test_virtual_plots_inside_the_folder_are_read(folder, edit, monkeypatch):
    with h5py.File(folder / "part_0.h5", "w") as file:
        file["I"] = np.arange(20.0)
    path = plotted(folder, edit)
    np.testing.assert_array_equal(spectra.read(path).signal[0], np.arange(20.0))
    # What the sources hold counts with what the file itself holds.
    monkeypatch.setattr("spectra.hdf5._LARGE", 0)
    own, source = (p.stat().st_size for p in (path, folder / "part_0.h5"))
    monkeypatch.setattr("spectra.hdf5._MAX_INFLATION", max(160 / (own + source), 80 / own))
    assert spectra.read(path).n_points == 20
    (folder / "part_0.h5").rename(folder / "other.h5")
    with pytest.raises(ReaderError, match=r"claims|the signal \(0,\)"):
        spectra.read(path)
