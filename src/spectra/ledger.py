"""What a batch remembers: which contents its files had, and what its results were made of."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import h5py

from spectra.errors import DamagedFileError, ReaderError, StoreError, reason, why_unread
from spectra.hdf5 import linked_files
from spectra.integrity import sync_folder
from spectra.lock import FolderLock
from spectra.nexus import open_file
from spectra.readers.files import fingerprint
from spectra.results import Record

MADE_OF = "made_of"
_FOLDER = ".batch"
_VERSION = 1
# A file written a moment ago may be written again within one tick of the disk's clock.
_SETTLED_NS = 2_000_000_000


class Ledger:
    """Digests of files by size and times, kept beside the results; a lock on their folder.

    A file is read again if its size, its time of modification or that of its entry has
    changed. The ledger saves time and nothing hangs on it: without it all files are read, and
    results tell themselves what they were made of.

    Parameters
    ----------
    output : Path
        Folder of the results; it is made.

    Raises
    ------
    StoreError
        If the folder cannot be written, or another batch is at work there.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        folder = output / _FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: {reason(error)}") from None
        self._lock = FolderLock(folder)
        self._lock.claim()
        self._path = folder / "ledger.json"
        known = _read(self._path)
        self._files: dict[str, Any] = known.get("files", {})
        self._results: dict[str, Any] = known.get("results", {})
        self._changed = False

    def close(self) -> None:
        """Keep what is known and give the folder back."""
        try:
            self.save()
        finally:
            self._lock.release()

    def save(self) -> None:
        """Keep what is known.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        if not self._changed:
            return
        content = {"version": _VERSION, "files": self._files, "results": self._results}
        temporary = self._path.with_suffix(".tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"{self._path}: {reason(error)}") from None
        self._changed = False

    def digests(self, path: Path) -> list[tuple[Path, str]]:
        """SHA-256 of a file and of the files that it links to.

        Raises
        ------
        ReaderError
            If it cannot be read.
        """
        own, links = self._known(path)
        return [(path, own), *((link, self._known(link)[0]) for link in links)]

    def _known(self, path: Path) -> tuple[str, tuple[Path, ...]]:
        key = str(path.absolute())
        try:
            seen = _times(path)
            before = self._files.get(key)
            if before is not None and before[0] == seen:
                return before[1], tuple(Path(p) for p in before[2])
            digest = fingerprint(path).sha256
            links = linked_files(path) if h5py.is_hdf5(path) else ()
        except OSError as error:
            if isinstance(error, ReaderError):
                raise
            raise ReaderError(path, why_unread(error)) from None
        self._changed = True
        self._files.pop(key, None)
        if _is_settled(seen):
            self._files[key] = [seen, digest, [str(p) for p in links]]
        return digest, links

    def made_of(self, path: Path) -> str:
        """What results were made of; "" where there are none, or damaged ones."""
        key = self._key(path)
        try:
            seen = _times(path)
        except OSError:
            return ""
        before = self._results.get(key)
        if before is not None and before[0] == seen:
            return str(before[1])
        try:
            content = open_file(path)
        except (DamagedFileError, ReaderError):
            return ""
        digest = content.provenance.get(MADE_OF, "") if isinstance(content, Record) else ""
        self.add(path, str(digest))
        return str(digest)

    def add(self, path: Path, digest: str) -> None:
        """Remember what results were made of that have just been written."""
        self._results[self._key(path)] = [_times(path), digest]
        self._changed = True

    def _key(self, path: Path) -> str:
        return os.path.relpath(path, self._output)


def _times(path: Path) -> list[int]:
    """Size, and when contents and entry of a file were changed."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _is_settled(times: list[int]) -> bool:
    return max(times[1:]) < time.time_ns() - _SETTLED_NS


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    fits = isinstance(known, dict) and known.get("version") == _VERSION
    return known if fits else {}
