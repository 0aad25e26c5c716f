"""Safe replacement: the old file or the complete new one, and no crash on a full disk."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.diskfile import DiskFile
from spectra.errors import DamagedFileError, ReaderError, StoreError, reason
from spectra.integrity import (
    USERBLOCK,
    check_target,
    is_own,
    kind_of,
    verify,
    write_safely,
)

NUMBERS = np.random.default_rng(0).random((40, 500))


def write_numbers(disk: DiskFile) -> None:
    with h5py.File(disk, "w", userblock_size=USERBLOCK) as file:
        file["x"] = NUMBERS


def test_a_sealed_file_is_plain_hdf5_with_a_head(tmp_path):
    path = write_safely(tmp_path / "a.h5", write_numbers, kind="Stack")
    assert is_own(path)
    assert kind_of(path) == "Stack"
    assert len(verify(path)) == 64
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"][()], NUMBERS)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_contents_have_the_same_digest_but_another_kind_has_not(tmp_path):
    def constant(disk):
        with h5py.File(disk, "w", userblock_size=USERBLOCK, track_order=False) as file:
            file.create_group("g")

    digests = [verify(write_safely(tmp_path / "a.h5", constant, kind=k)) for k in "aab"]
    assert digests[0] == digests[1] != digests[2]


def test_foreign_files(tmp_path):
    (tmp_path / "a").write_bytes(b"\0" * 512 + b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    assert not is_own(tmp_path / "a")
    assert not is_own(tmp_path / "absent")
    assert not is_own(tmp_path)
    with pytest.raises(ReaderError, match="not a file that spectra wrote"):
        verify(tmp_path / "a")
    with pytest.raises(ReaderError, match="no such file; check the path"):
        verify(tmp_path / "absent")
    with pytest.raises(ReaderError, match="is a folder, not a file; name a file in it"):
        verify(tmp_path)


class Failing:
    """Lets the n-th write, and all that follow, fail as on a full disk."""

    def __init__(self, monkeypatch, count: int, code: int = errno.ENOSPC) -> None:
        self.count, self.code, self.failures = count, code, 0
        through = DiskFile._write_through

        def write(file, view):
            self.count -= 1
            if self.count < 0:
                self.failures += 1
                # Half of it is on the disk by then.
                through(file, view[: len(view) // 2])
                raise OSError(self.code, os.strerror(self.code))
            through(file, view)

        monkeypatch.setattr(DiskFile, "_write_through", write)


def test_a_disk_that_fills_at_any_write(tmp_path):
    """The HDF5 library never learns of it: a failing close would crash the process."""
    path = write_safely(tmp_path / "a.h5", write_numbers)
    before = path.read_bytes()
    count = 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, count)
            with suppress(StoreError):
                write_safely(path, write_numbers)
                break
            assert failing.failures > 0
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
        count += 1
    assert count > 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of the file size are a Unix thing")
@pytest.mark.parametrize("limit", [600, 5_000, 100_000])
def test_a_real_limit_of_the_file_size_in_a_process_of_its_own(tmp_path, limit):
    script = f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_integrity import write_numbers
        from spectra.errors import StoreError
        from spectra.integrity import write_safely
        try:
            write_safely("a.h5", write_numbers)
        except StoreError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "larger than the system allows" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "another program has the file open"),
        (errno.EIO, "the disk reports an error"),
        (errno.EXDEV, os.strerror(errno.EXDEV)),
    ],
)
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, name, code, message):
    path = write_safely(tmp_path / "a.h5", write_numbers)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(StoreError, match=rf"a\.h5: .*{message}"):
        write_safely(path, write_numbers)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_keeps_something_else_is_found_out(tmp_path, monkeypatch):
    from spectra import integrity

    seal = integrity.seal

    def seal_and_rot(path, kind):
        seal(path, kind)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(integrity, "seal", seal_and_rot)
    with pytest.raises(DamagedFileError, match="checksum"):
        write_safely(tmp_path / "a.h5", write_numbers)
    assert list(tmp_path.iterdir()) == []


def test_bad_targets_are_answered(tmp_path):
    with pytest.raises(StoreError, match="does not exist; make it first"):
        write_safely(tmp_path / "no" / "a.h5", write_numbers)
    with pytest.raises(StoreError, match="is a folder; name a file in it"):
        write_safely(tmp_path, write_numbers)
    with pytest.raises(StoreError, match="the name is too long"):
        write_safely(tmp_path / ("a" * 250), write_numbers)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do all")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="no permission to write there"):
        write_safely(tmp_path / "a.h5", write_numbers)


def test_room_is_asked_for_first(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    check_target(tmp_path / "a.h5", 1_800_000)
    with pytest.raises(StoreError, match=r"1\.9 MB are needed, 2\.0 MB are free; make room"):
        check_target(tmp_path / "a.h5", 1_900_000)


def test_links_are_followed_and_rights_kept(tmp_path):
    (tmp_path / "disk").mkdir()
    real = write_safely(tmp_path / "disk" / "real.h5", write_numbers)
    real.chmod(0o640)
    link = tmp_path / "link.h5"
    link.symlink_to(real)
    assert write_safely(link, write_numbers) == link
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    verify(real)


def test_every_reason_has_words():
    assert (
        reason(OSError(errno.EDQUOT, "x")) == "the disk quota is used up; make room and try again"
    )
    assert "strange" in reason(OSError("strange"))


pieces = st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=20)), max_size=12)


@given(before=pieces, after=pieces)
def test_what_went_to_memory_reads_back_like_what_went_to_disk(tmp_path_factory, before, after):
    path = tmp_path_factory.mktemp("disk") / "a"
    file, expected = DiskFile(path), bytearray(100)
    for part in (before, after):
        for offset, data in part:
            file.seek(offset)
            file.write(data)
            expected[offset : offset + len(data)] = data
            start = max(offset - 5, 0)
            file.seek(start)
            assert file.read(40) == expected[start : start + 40]
            assert file.tell() == start + 40
        if part is before:
            file.error = OSError(errno.ENOSPC, "full")
    file.close()
    with pytest.raises(OSError, match="full"):
        file.check()
