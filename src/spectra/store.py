"""The folder of a run in progress: finished blocks survive whatever happens.

Beside the results stands ``<output>.partial/`` with a header that says which run it is, and
one sealed file per finished block. A block's file is complete or it is not there (it is
written under another name and renamed), so a run that was killed at any moment can go on.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

from spectra.errors import DamagedFileError, ReaderError, StoreError
from spectra.nexus import open_file, write_file
from spectra.results import Results

_HEADER = "header.json"
_LOCK = "lock"


class Store:
    """Blocks of a run in progress.

    Parameters
    ----------
    output : path
        Where the results will stand; the blocks are kept in ``<output>.partial``.
    identity : dict
        What makes this run this run: method, settings, inputs, blocks (JSON-able).
    resume : bool
        Go on with what an earlier run left behind.

    Raises
    ------
    StoreError
        If the folder belongs to another run, is in use, or cannot be written.
    """

    def __init__(self, output: str | Path, identity: dict[str, Any], *, resume: bool) -> None:
        self.output = Path(output)
        self.folder = self.output.with_name(self.output.name + ".partial")
        self._identity = json.loads(json.dumps(identity))
        if self.folder.exists() and not resume:
            self._claim()
            shutil.rmtree(self.folder)
        try:
            self.folder.mkdir(parents=False, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be made ({error.strerror})") from None
        self._claim()
        self._check_header()

    def done(self) -> dict[int, Path]:
        """First frames of the finished blocks, and their files; damaged ones are dropped."""
        blocks = {}
        for path in sorted(self.folder.glob("block-*.h5")):
            try:
                open_file(path)
            except (DamagedFileError, ReaderError):
                path.unlink()
                continue
            blocks[int(path.stem.split("-")[1])] = path
        return blocks

    def put(self, start: int, results: Results) -> None:
        """Keep a finished block."""
        write_file(self.folder / f"block-{start:09d}.h5", results)

    def collect(self) -> Results:
        """Join all finished blocks in the order of their frames."""
        parts = [open_file(path) for _, path in sorted(self.done().items())]
        return Results.concatenate([p for p in parts if isinstance(p, Results)])

    def finish(self) -> None:
        """Remove the folder once the results are safe elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def release(self) -> None:
        """Let others go on with the folder."""
        (self.folder / _LOCK).unlink(missing_ok=True)

    def _claim(self) -> None:
        """Take the folder's lock, or say who has it; the lock of a dead process is void."""
        lock = self.folder / _LOCK
        mine = f"{socket.gethostname()} {os.getpid()}"
        try:
            with lock.open("x") as file:
                file.write(mine)
            return
        except FileExistsError:
            owner = lock.read_text()
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be written ({error.strerror})") from None
        host, _, process = owner.partition(" ")
        if owner == mine or (host == socket.gethostname() and not _alive(process)):
            lock.write_text(mine)
            return
        raise StoreError(
            f"{self.folder}: in use by process {process} on {host}; "
            f"wait for it, or delete {lock} if it is gone"
        )

    def _check_header(self) -> None:
        path = self.folder / _HEADER
        if path.exists():
            try:
                before = json.loads(path.read_text())
            except ValueError:
                before = None
            if before == self._identity:
                return
            if before is not None:
                self.release()
                odd = sorted(
                    k
                    for k in self._identity.keys() | before.keys()
                    if self._identity.get(k) != before.get(k)
                )
                raise StoreError(
                    f"{self.folder}: was left by another run ({', '.join(odd)} differ); "
                    "run with the same settings and inputs, or start afresh without resuming"
                )
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump(self._identity, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
