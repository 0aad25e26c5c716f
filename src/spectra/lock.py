"""Who holds a folder or a file: a lock that the death of its holder opens, and HDF5's own."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from spectra.errors import ReaderError, StoreError, reason

_NEWBORN_SECONDS = 10.0
# Workers of a process that was killed end by themselves, if not in the same moment.
_PATIENCE, _POLL = 3.0, 0.05


class FolderLock:
    """The right to write into a folder, as a file ``lock`` in it.

    The file names host, process and the process's start. Where the process is dead, or its
    number belongs to a later one, the lock is void.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"

    def claim(self) -> None:
        """Take the lock; one that is held is waited for a moment.

        Raises
        ------
        StoreError
            If another run holds it, or the folder cannot be written.
        """
        mine = json.dumps(_describe(os.getpid()))
        latest = time.monotonic() + _PATIENCE
        try:
            while not self._make(mine):
                holder = self._holder()
                if holder and time.monotonic() > latest:
                    raise StoreError(
                        f"{self.path.parent}: in use by {holder}; wait for it, or delete "
                        f"{self.path} if that process is gone"
                    )
                if holder:
                    time.sleep(_POLL)
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{self.path}: {reason(error)}") from None

    def _make(self, mine: str) -> bool:
        """Write the lock, unless there is one."""
        try:
            with self.path.open("x") as file:
                file.write(mine)
        except FileExistsError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back.

        Where the disk has become read-only it stays, and is void once this process has ended.
        """
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _holder(self) -> str:
        """Who holds the lock; "" if it was void, and is taken away."""
        try:
            text = self.path.read_text()
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return ""
        owner = _parse(text)
        # Without content it is either being written just now, or its writer was killed.
        held = age < _NEWBORN_SECONDS if owner is None else _is_alive(owner)
        if not held and self._take_away(text):
            return ""
        owner = owner or {"host": "?", "process": "?"}
        return f"process {owner['process']} on {owner['host']}"

    def _take_away(self, text: str) -> bool:
        """Remove the void lock, unless somebody else has replaced it in the meantime."""
        moved = self.path.with_name(f"lock.void-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            self.path.rename(moved)
        except FileNotFoundError:
            return True
        if moved.read_text() == text:
            moved.unlink()
            return True
        moved.rename(self.path)
        return False


def refuse_if_open_elsewhere(path: Path) -> None:
    """Tell a file that another program is writing from a damaged one.

    Only for files that cannot be read: the question itself locks the file for a moment, which
    must not get into the way of a program that opens it.

    Raises
    ------
    ReaderError
        If the HDF5 library of another program holds the file for writing.
    """
    if sys.platform == "win32":
        return
    import fcntl

    with suppress(FileNotFoundError, PermissionError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReaderError(
                path,
                "another program has the file open for writing",
                remedy="wait until it is done, or close the file there, and try again",
            ) from None
        except OSError:
            return  # a disk without locks


def _describe(process: int) -> dict[str, str | int]:
    return {"host": socket.gethostname(), "process": process, "started": _start_of(process)}


def _parse(text: str) -> dict[str, str | int] | None:
    try:
        owner = json.loads(text)
        return {
            "host": owner["host"],
            "process": int(owner["process"]),
            "started": owner["started"],
        }
    except (ValueError, KeyError, TypeError):
        return None


def _is_alive(owner: dict[str, str | int]) -> bool:
    """Whether the process may still run; of other computers nothing is known."""
    if owner["host"] != socket.gethostname() or os.name == "nt":
        return True
    process = int(owner["process"])
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    with suppress(OSError):
        # It has ended, and nobody has asked how yet.
        if _state_of(process)[0] in ("Z", "X"):
            return False
    now = _start_of(process)
    return not (owner["started"] and now) or owner["started"] == now


def _start_of(process: int) -> str:
    """When a process started, in ticks since the boot, or "" where the system does not say.

    Tells a process from a later one that got the same number.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {_state_of(process)[19]}"
    except OSError:
        return ""


def _state_of(process: int) -> list[str]:
    """What the system says of a process, from its state on (proc(5))."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
