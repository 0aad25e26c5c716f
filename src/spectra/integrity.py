"""Files that prove they are whole: a SHA-256 in the first 512 bytes, and safe replacement.

An HDF5 file may begin with a user block that the format ignores. Ours holds a signature and
the SHA-256 of everything after it, so that any flipped bit is found before the HDF5 library,
which a damaged file can crash, sees the file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from spectra.errors import DamagedFileError, ReaderError, StoreError

USERBLOCK = 512
_SIGNATURE = b"spectra file, SHA-256 of the rest: "


def is_own(path: str | Path) -> bool:
    """Whether a file carries our signature."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def verify(path: str | Path) -> str:
    """Check a file against its own digest and return the digest.

    Raises
    ------
    ReaderError
        If the file is not one of ours.
    DamagedFileError
        If it is, and something in it has changed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            block = file.read(USERBLOCK)
            if not block.startswith(_SIGNATURE[:16]):
                raise ReaderError(
                    path, "not a file that spectra wrote", remedy="spectra.read takes other formats"
                )
            stated = block[len(_SIGNATURE) : len(_SIGNATURE) + 64].decode("latin-1")
            filler = block[len(_SIGNATURE) + 64 :]
            digest = _digest(file)
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error.strerror})") from None
    if stated != digest or not block.startswith(_SIGNATURE) or filler.strip(b"\0"):
        raise DamagedFileError(
            path,
            "the contents do not match their checksum",
            expected=f"SHA-256 {stated[:16]}…",
            remedy="the file was damaged, or changed after spectra wrote it: restore a copy, or "
            "run the recipe again",
        )
    return digest


def seal(path: Path) -> None:
    """Write the digest into the user block, and the file through to the disk."""
    with path.open("r+b") as file:
        file.seek(USERBLOCK)
        digest = _digest(file)
        file.seek(0)
        file.write((_SIGNATURE + digest.encode()).ljust(USERBLOCK, b"\0"))
        file.flush()
        os.fsync(file.fileno())


def write_safely(path: str | Path, write: Callable[[Path], None], expected_bytes: int = 0) -> Path:
    """Write a sealed file so that `path` is either the old one or the complete new one.

    Parameters
    ----------
    path : path
    write : callable
        Writes an HDF5 file with our user block to the path it is given.
    expected_bytes : int
        Room that must be free.

    Raises
    ------
    StoreError
        If the disk is full, or the folder is missing or read-only; nothing is lost then.
    """
    path = Path(path)
    if path.is_dir():
        raise StoreError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder {path.parent} does not exist; make it first")
    if expected_bytes:
        free = shutil.disk_usage(path.parent).free
        if free < 1.1 * expected_bytes:
            raise StoreError(
                f"{path}: {expected_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free; "
                "make room or choose another disk"
            )
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise StoreError(_reason(path, error)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        seal(temporary)
        verify(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(_reason(path, error)) from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _digest(file: object) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):  # type: ignore[attr-defined]
        digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(path: Path, error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "the disk is full; make room and resume",
        errno.EROFS: "the disk is read-only; choose another place",
        errno.EACCES: "no permission to write there; choose another place",
        errno.EPERM: "no permission to write there; choose another place",
    }
    return f"{path}: {remedies.get(error.errno or 0, str(error))}"
