"""Files that prove they are whole: a SHA-256 in the first 512 bytes, and safe replacement.

An HDF5 file may begin with a user block that the format ignores. Ours holds a signature, the
SHA-256 of everything after that digest, and the kind of the contents; so any flipped bit is
found before the HDF5 library, which a damaged file can crash, sees the file.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from spectra.diskfile import DiskFile
from spectra.errors import (
    DamagedFileError,
    ReaderError,
    SpectraError,
    StoreError,
    reason,
    why_unread,
)
from spectra.lock import refuse_if_open_elsewhere

USERBLOCK = 512
_SIGNATURE = b"spectra file, SHA-256 of the rest: "
_DIGEST_END = len(_SIGNATURE) + 64
_MARK = ".tmp-"


def is_own(path: str | Path) -> bool:
    """Whether a file carries our signature, be it a damaged one."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(len(_SIGNATURE))
    except OSError:
        return False
    # With a flipped bit in the signature it must not pass for a sound file of somebody else.
    wrong = sum(a != b for a, b in zip(head, _SIGNATURE, strict=False))
    return len(head) >= 8 and wrong <= len(head) // 8


def kind_of(path: str | Path) -> str:
    """The kind of contents that the head of a file states (``Stack``…), or ""."""
    with Path(path).open("rb") as file:
        return file.read(USERBLOCK)[_DIGEST_END:].strip(b"\n\0").decode("ascii", "replace")


def verify(path: str | Path) -> str:
    """Check a file against its own digest and return the digest.

    Raises
    ------
    ReaderError
        If the file cannot be read or is not one of ours.
    DamagedFileError
        If it is, and something in it has changed.
    """
    path = Path(path)
    if path.is_file() and not is_own(path):
        raise ReaderError(
            path, "not a file that spectra wrote", remedy="spectra.read takes other formats"
        )
    try:
        with path.open("rb") as file:
            head = file.read(_DIGEST_END)
            digest = _digest(file)
    except OSError as error:
        raise ReaderError(path, why_unread(error)) from None
    if head != _SIGNATURE + digest.encode():
        refuse_if_open_elsewhere(path)
        stated = head[len(_SIGNATURE) :].decode("ascii", "replace")
        raise DamagedFileError(
            path,
            "the contents do not match their checksum: damaged, or changed after spectra wrote it",
            where="the first 512 bytes",
            expected=f"SHA-256 {stated[:16]}…, found {digest[:16]}…",
            remedy="restore a copy, or run again what made it",
        )
    return digest


def seal(path: Path, kind: str = "") -> None:
    """Write kind and digest into the user block, and the file through to the disk."""
    with path.open("r+b") as file:
        file.seek(_DIGEST_END)
        file.write(f"\n{kind}\n".encode("ascii").ljust(USERBLOCK - _DIGEST_END, b"\0"))
        file.seek(_DIGEST_END)
        digest = _digest(file)
        file.seek(0)
        file.write(_SIGNATURE + digest.encode())
        file.flush()
        os.fsync(file.fileno())


def check_target(path: str | Path, expected_bytes: int = 0) -> Path:
    """Make sure that a file can be written, and return where: links are followed.

    Parameters
    ----------
    path : path
    expected_bytes : int
        Room that must be free, with a tenth to spare.

    Raises
    ------
    StoreError
        If it names a folder, its folder is missing, or the disk has too little room.
    """
    real = Path(os.path.realpath(path))
    if real.is_dir():
        raise StoreError(f"{path}: is a folder; name a file in it")
    if not real.parent.is_dir():
        raise StoreError(f"{path}: the folder {real.parent} does not exist; make it first")
    if expected_bytes:
        free = shutil.disk_usage(real.parent).free
        if free < 1.1 * expected_bytes:
            raise StoreError(
                f"{path}: {_amount(expected_bytes)} are needed, {_amount(free)} are free; "
                "make room or choose another disk"
            )
    return real


def write_safely(
    path: str | Path,
    write: Callable[[DiskFile], None],
    expected_bytes: int = 0,
    kind: str = "",
) -> Path:
    """Write a sealed file so that `path` is either the old one or the complete new one.

    Parameters
    ----------
    path : path
    write : callable
        Writes an HDF5 file with our user block into the file it is given.
    expected_bytes : int
        Room that must be free.
    kind : str
        What the head of the file states as its contents.

    Raises
    ------
    StoreError
        If the disk is full, or the folder is missing or read-only; nothing is lost then.
    """
    real = check_target(path, expected_bytes)
    temporary = real.with_name(f"{real.name}{_MARK}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        _write(temporary, write)
        seal(temporary, kind)
        verify(temporary)
        if real.exists():
            shutil.copymode(real, temporary)
        temporary.replace(real)
        sync_folder(real.parent)
    except SpectraError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: {reason(error)}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return Path(path)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left behind while they wrote `path`.

    Only for who knows that nobody is writing it now.
    """
    start = Path(os.path.realpath(path)).name + _MARK
    for other in path.parent.iterdir():
        if re.fullmatch(re.escape(start) + r"\d+-[0-9a-f]{8}", other.name):
            other.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, write: Callable[[DiskFile], None]) -> None:
    file = DiskFile(path)
    try:
        write(file)
        file.check()
    finally:
        file.close()


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _amount(count: float) -> str:
    """A number of bytes as people say it."""
    return f"{count / 1e6:.1f} MB" if count >= 5e4 else f"{count / 1e3:.1f} kB"
