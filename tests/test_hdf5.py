"""Files that reach out, lie about their size, or run in circles are refused."""

from __future__ import annotations

import shutil
import sys

import h5py
import numpy as np
import pytest

from spectra import hdf5
from spectra.errors import DamagedFileError, ReaderError
from spectra.hdf5 import H5Array, check_links, open_hdf5


@pytest.fixture
def folder(tmp_path):
    """A folder with a neighbour outside it."""
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["secret"] = np.arange(3)
    (tmp_path / "data").mkdir()
    with h5py.File(tmp_path / "data" / "scan.h5", "w") as file:
        file["x"] = np.arange(3)
    return tmp_path / "data"


def make(folder, edit):
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        edit(file)
    return path


def check(path, **options):
    with open_hdf5(path) as file:
        check_links(path, file, **options)


def test_links_inside_the_folder_are_fine(folder):
    def edit(file):
        file["own"] = np.arange(3)
        file["soft"] = h5py.SoftLink("/own")
        file["g/nowhere"] = h5py.SoftLink("/absent")
        file["scan"] = h5py.ExternalLink("scan.h5", "/x")
        file["gone"] = h5py.ExternalLink("gone.h5", "/x")
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource("scan.h5", "x", (3,))
        file.create_virtual_dataset("virtual", layout)

    path = make(folder, edit)
    check(path)
    with pytest.raises(ReaderError, match=r"/gone leads to gone\.h5; our files stand alone"):
        check(path, alone=True)


@pytest.mark.parametrize("target", ["../outside.h5", "sub/../../outside.h5", "/etc/passwd"])
def test_links_out_of_the_folder(folder, target):
    path = make(folder, lambda f: f.update({"a": h5py.ExternalLink(target, "/secret")}))
    with pytest.raises(ReaderError, match=r"/a links to .*, outside .*copy both files"):
        check(path)


def test_virtual_datasets_out_of_the_folder(folder):
    def edit(file):
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource("../outside.h5", "secret", (3,))
        file.create_virtual_dataset("g/v", layout)

    with pytest.raises(ReaderError, match=r"/g/v links to \.\./outside\.h5, outside"):
        check(make(folder, edit))


def test_external_storage_anywhere_even_behind_a_link(folder):
    def edit(file):
        file.create_dataset("raw", (3,), "u1", external=[("/etc/passwd", 0, 3)])

    with pytest.raises(ReaderError, match="/raw keeps its data in another file; refused"):
        check(make(folder, edit))
    (folder / "a.h5").rename(folder / "scan.h5")
    path = make(folder, lambda f: f.update({"a": h5py.ExternalLink("scan.h5", "/")}))
    with pytest.raises(ReaderError, match="keeps its data in another file; refused"):
        check(path)


def test_a_small_file_that_claims_much(folder):
    def edit(file):
        file.create_dataset("x", (1_000_000, 1_000_000), "f8", chunks=(1, 1000))

    with pytest.raises(ReaderError, match=r"/x claims 8000 GB in a file of \d+ bytes"):
        check(make(folder, edit))


def test_circles_and_deep_nests_end(folder):
    def circle(file):
        group = file.create_group("g")
        for i in range(20):
            group[f"self{i}"] = group
            group[f"root{i}"] = file
        file["again"] = h5py.ExternalLink("a.h5", "/g")

    check(make(folder, circle))
    deep = make(folder, lambda f: f.create_group("/".join("g" * 40)))
    with pytest.raises(ReaderError, match="nested too deeply"):
        check(deep)


def test_two_files_that_link_to_each_other_end(folder):
    for own, other in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        with h5py.File(folder / own, "w") as file:
            for i in range(5):
                file[f"{i}"] = h5py.ExternalLink(other, "/")
    check(folder / "a.h5")


def test_opening_what_is_not_hdf5(folder):
    (folder / "t.h5").write_text("text")
    with pytest.raises(ReaderError, match="not a readable HDF5 file"):
        open_hdf5(folder / "t.h5")
    with pytest.raises(ReaderError, match="no such file; check the path"):
        open_hdf5(folder / "absent.h5")


def test_arrays_on_disk_say_what_is_wrong(folder):
    path = str(folder / "scan.h5")
    np.testing.assert_array_equal(H5Array(path, "/x", (3,))[1:], [1.0, 2.0])
    with pytest.raises(DamagedFileError, match=r"scan\.h5, /x: shape \(3,\); expected \(4,\)"):
        H5Array(path, "/x", (4,))[:]
    with pytest.raises(DamagedFileError, match="cannot be read"):
        H5Array(path, "/y", (3,))[:]


def test_texts_come_back(tmp_path):
    texts = ("", "Å\n", "\udcff bytes that are no UTF-8", " spaces ")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        hdf5.write_texts(file, "t", texts)
        assert hdf5.read_texts(file, "t") == texts
        file["n"] = np.arange(3)
        with pytest.raises(ValueError, match="/n: expected one text per frame"):
            hdf5.read_texts(file, "n")


@pytest.mark.skipif(sys.platform == "win32", reason="there HDF5 locks in another way")
def test_a_file_that_was_never_closed_is_no_damaged_one(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        with pytest.raises(ReaderError, match="another program has the file open for writing"):
            open_hdf5(path)
        file.flush()
        left = shutil.copy(path, tmp_path / "left.h5")  # as its writer's death leaves it
    with pytest.raises(ReaderError, match=r"has not closed it; wait .* h5clear -s .*left\.h5"):
        open_hdf5(left)
