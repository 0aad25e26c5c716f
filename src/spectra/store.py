"""The folder of a run in progress: finished blocks survive whatever happens.

Beside the results stands ``<output>.partial/`` with a header that says which run it is, and
one sealed file per finished block. A block's file is complete or it is not there (it is
written under another name and renamed), so a run that was killed at any moment can go on.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spectra.errors import DamagedFileError, ReaderError, StoreError, reason
from spectra.integrity import check_target, remove_leftovers, sync_folder
from spectra.lock import FolderLock
from spectra.nexus import open_file, write_file
from spectra.provenance import digest_plain, plain_text
from spectra.results import Results

_HEADER = "header.json"


class BlockFolder:
    """The finished blocks of one run, and the header that says which run it is.

    Parameters
    ----------
    output : path
        Where the results will stand; the blocks are kept in ``<output>.partial``.
    identity : dict
        What makes this run this run: version, method, settings, inputs, blocks (JSON-able).
    """

    def __init__(self, output: str | Path, identity: dict[str, Any]) -> None:
        self.output = Path(output)
        self.folder = _folder_of(self.output)
        self._identity = identity
        self._run = digest_plain(identity)

    def done(self) -> dict[int, int]:
        """First frames of the finished blocks and their numbers of frames.

        Damaged and foreign files are removed: their blocks are to be done again.
        """
        blocks = {}
        for path in sorted(self.folder.glob("block-*.h5")):
            results = self._load(path)
            if results is None:
                path.unlink(missing_ok=True)
                continue
            blocks[int(results.provenance["start"])] = len(results)
        return blocks

    def put(self, start: int, results: Results) -> None:
        """Keep a finished block whose first frame is `start`.

        Raises
        ------
        StoreError
            If it cannot be written; the blocks before it are safe.
        """
        marked = replace(results, provenance={"run": self._run, "start": start})
        write_file(self._path(start), marked)

    def describe(self, frames: int, total: int) -> str:
        """Say what is safe here, and how to go on, to who has been stopped."""
        return (
            f"{frames} of {total} frames are safe in {self.folder}: "
            "run again with resume=True (`spectra resume`) to go on"
        )

    def _path(self, start: int) -> Path:
        return self.folder / f"block-{start:09d}.h5"

    def _load(self, path: Path) -> Results | None:
        """A block of this run, or None if the file is missing, damaged or of another run."""
        try:
            content = open_file(path)
        except (DamagedFileError, ReaderError):
            return None
        if not isinstance(content, Results):
            return None
        mark = content.provenance
        if mark.get("run") != self._run or self._path(mark.get("start", -1)).name != path.name:
            return None
        return content

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder}: {reason(error)}") from None

    def _header_of_this_run(self) -> dict[str, Any] | None:
        """The header that an earlier process left, if there is one; it must be of this run."""
        before = _read_header(self.folder)
        if before is not None and (odd := _differences(before, self._identity)):
            raise StoreError(
                f"{self.folder}: was left by another run ({'; '.join(odd)}); run with the same "
                "settings, inputs and versions, or start afresh without resuming"
            )
        return before

    def _write_header(self) -> None:
        path = self.folder / _HEADER
        # Parts of a run may come to this at the same moment.
        temporary = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(plain_text(self._identity))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(self.folder)


class SharedStore(BlockFolder):
    """The same folder filled by several processes at once, each with blocks of its own.

    It knows no lock: on a cluster the node that held one may be gone. Blocks appear whole or
    not at all, so two processes that do the same block do no harm; `Store` joins them.

    Raises
    ------
    StoreError
        If the folder belongs to another run or cannot be written.
    """

    def __init__(
        self, output: str | Path, identity: dict[str, Any], *, expected_bytes: int = 0
    ) -> None:
        super().__init__(output, identity)
        check_target(self.output, expected_bytes)
        self._make_folder()
        try:
            if self._header_of_this_run() is None:
                self._write_header()
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{self.folder}: {reason(error)}") from None

    def describe(self, frames: int, total: int) -> str:
        """Say what is safe here, and how to go on, to who has been stopped."""
        return (
            f"{frames} of {total} frames are safe in {self.folder}: run the same part again to "
            "go on; `spectra resume` joins all parts and does what is missing"
        )


class Store(BlockFolder):
    """Blocks of a run in progress; a context manager that gives its lock back.

    Parameters
    ----------
    output, identity
        As for `BlockFolder`.
    resume : bool
        Go on with what an earlier run, or parts of this one, left behind; else that is removed.
    expected_bytes : int
        Room that the blocks and the results will need.

    Raises
    ------
    StoreError
        If the folder belongs to another run, is in use, or cannot be written.
    """

    def __init__(
        self,
        output: str | Path,
        identity: dict[str, Any],
        *,
        resume: bool,
        expected_bytes: int = 0,
    ) -> None:
        super().__init__(output, identity)
        place = check_target(self.output, expected_bytes)
        self._make_folder()
        self._lock = FolderLock(self.folder)
        self._lock.claim()
        try:
            self._open(resume)
            remove_leftovers(place)
        except OSError as error:
            self._lock.release()
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.folder}: {reason(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let others go on with the folder."""
        self._lock.release()

    def finish(
        self, starts: Iterable[int], n_frames: int, conclude: Callable[[Results], Results]
    ) -> Results:
        """Join the blocks in order, write the results and remove the folder.

        Parameters
        ----------
        starts : iterable of int
            First frames of all blocks.
        n_frames : int
            How many frames they have in all.
        conclude : callable
            What is done to the joined blocks before they are written.

        Returns
        -------
        Results
            As written.

        Raises
        ------
        StoreError
            If a block is missing or damaged, or the results cannot be written.
        """
        results = conclude(Results.concatenate(map(self._block, starts), n_frames))
        try:
            write_file(self.output, results)
        except StoreError as error:
            error.add_note(self.describe(len(results), len(results)))
            raise
        shutil.rmtree(self.folder, ignore_errors=True)
        return results

    def _block(self, start: int) -> Results:
        block = self._load(self._path(start))
        if block is None:
            raise StoreError(
                f"{self._path(start)}: missing or damaged; run again with resume=True, "
                "which makes it anew"
            )
        return block

    def _open(self, resume: bool) -> None:
        """Make sure that the folder is of this run: keep it, or clear it."""
        before = self._header_of_this_run() if resume else None
        for path in self.folder.iterdir():
            unfinished = not path.name.endswith(".h5") and path.name != _HEADER
            if path != self._lock.path and (before is None or unfinished):
                path.unlink()
        if before is None:
            self._write_header()


def remove_remains(output: str | Path, identity: dict[str, Any]) -> None:
    """Remove the folder of a run that was killed after its results were complete.

    Parameters
    ----------
    output : path
    identity : dict
        Of the run, or a part of it; the folder of another run is left alone.

    Raises
    ------
    StoreError
        If the folder is in use.
    """
    folder = _folder_of(output)
    if not folder.is_dir():
        return
    header = _read_header(folder)
    if header is None or not _differences({k: header.get(k) for k in identity}, identity):
        FolderLock(folder).claim()
        shutil.rmtree(folder, ignore_errors=True)


def _folder_of(output: str | Path) -> Path:
    place = Path(os.path.realpath(output))
    return place.with_name(place.name + ".partial")


def _read_header(folder: Path) -> dict[str, Any] | None:
    try:
        header = json.loads((folder / _HEADER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return header if isinstance(header, dict) else None


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs, with its values where they are short."""
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if plain_text(old) == plain_text(new):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f"{key}: {inner}" for inner in _differences(old, new)]
            continue
        texts = [plain_text(v) for v in (old, new)]
        short = all(len(t) <= 60 for t in texts)
        found.append(f"{key} was {texts[0]}, now {texts[1]}" if short else f"{key} differs")
    return found
