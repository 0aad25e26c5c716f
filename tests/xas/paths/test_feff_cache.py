"""What was kept is given back whole or not at all."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import pytest
from made_paths import made_path, triangle

from spectra.errors import DataWarning, SettingError
from spectra.xas.paths import cache
from spectra.xas.paths.cache import cache_folder, cache_key, load_paths, save_paths

KEY = cache_key("TITLE a", "version")
PATHS = (made_path(importance=3.0), triangle())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "new" / "cache"))
    return tmp_path / "new" / "cache"


def entry(folder):
    (found,) = (f for f in folder.rglob("*") if f.is_file())
    return found


def test_what_is_kept_comes_back(folder):
    assert load_paths(KEY) is None
    save_paths(KEY, PATHS)
    assert load_paths(KEY) == PATHS
    assert load_paths(cache_key("TITLE b", "version")) is None
    assert KEY in entry(folder).name


def test_keys_hang_on_input_and_version():
    keys = {cache_key(*pair) for pair in (("a", "b"), ("a", "c"), ("b", "b"), ("", "ab"))}
    assert len(keys) == 4


def test_a_kept_entry_is_the_same_file_every_time(folder):
    save_paths(KEY, PATHS)
    first = entry(folder).read_bytes()
    save_paths(KEY, PATHS)
    assert entry(folder).read_bytes() == first


def test_no_flipped_byte_and_no_cut_is_trusted(folder):
    save_paths(KEY, PATHS)
    file = entry(folder)
    whole = file.read_bytes()
    spoiled = 0
    for at in range(0, len(whole), max(len(whole) // 100, 1)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        found = load_paths(KEY)
        # Flips in the gzip header's fields of no meaning change nothing.
        assert found is None or found == PATHS
        spoiled += found is None
        file.write_bytes(whole[:at])
        assert load_paths(KEY) is None
    assert spoiled > 90


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"[3]", b"null", b'[{"atoms": []}]'])
def test_other_contents_are_not_trusted(folder, body):
    save_paths(KEY, PATHS)
    entry(folder).write_bytes(gzip.compress(body))
    assert load_paths(KEY) is None
    sealed = cache._head(KEY, body).encode() + b"\n" + body
    entry(folder).write_bytes(gzip.compress(sealed))
    assert not load_paths(KEY)


def test_another_keys_entry_is_not_trusted(folder):
    other = cache_key("TITLE b", "version")
    save_paths(KEY, PATHS)
    place = folder / "feff" / other[:2]
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{other}.json.gz").write_bytes(entry(folder).read_bytes())
    assert load_paths(other) is None


def test_nothing_is_left_of_a_write_that_failed(folder, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(DataWarning, match=r"No space left .*\$SPECTRA_CACHE"):
        save_paths(KEY, PATHS)
    assert [f for f in folder.rglob("*") if f.is_file()] == []


def test_a_folder_that_cannot_be_is_told_and_survived(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.warns(DataWarning, match="could not be kept"):
        save_paths(KEY, PATHS)
    assert load_paths(KEY) is None


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="conventions of Linux")
def test_the_folder_follows_the_conventions(monkeypatch):
    monkeypatch.delenv(cache.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/spectra")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "spectra"
    monkeypatch.setenv(cache.FOLDER_VARIABLE, "~/mine")
    assert cache_folder() == Path.home() / "mine"


def test_keys_cannot_leave_the_folder():
    with pytest.raises(SettingError, match="no key"):
        save_paths("../../x", PATHS)
