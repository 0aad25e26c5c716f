"""Paths that FEFF has calculated once, kept for the next time."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any

from spectra.errors import DataWarning, SettingError
from spectra.xas.paths.path import ScatteringPath

FOLDER_VARIABLE = "SPECTRA_CACHE"
# Of what an entry holds and how it is made; another number makes other names.
_FORMAT = 1
_LARGEST = 200_000_000


def cache_folder() -> Path:
    r"""`$SPECTRA_CACHE`, or where the system keeps what can be made anew.

    That is ``$XDG_CACHE_HOME/spectra`` or ``~/.cache/spectra`` on Linux,
    ``~/Library/Caches/spectra`` on macOS and ``%LOCALAPPDATA%\\spectra\Cache`` on Windows. It
    may be deleted at any time.
    """
    own = os.environ.get(FOLDER_VARIABLE, "")
    if own:
        return Path(own).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
        return base / "spectra" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "spectra"
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The convention is to pass over what is no absolute path.
    return (base if base.is_absolute() else Path.home() / ".cache") / "spectra"


def cache_key(text: str, version: str) -> str:
    """Name of an entry: SHA-256 of FEFF's input and of FEFF itself."""
    content = f"{_FORMAT}\0{version}\0{text}"
    return hashlib.sha256(content.encode()).hexdigest()


def load_paths(key: str) -> tuple[ScatteringPath, ...] | None:
    """The paths of an entry; None if there is none, or it is damaged in any way."""
    try:
        file = _entry(key)
        if file.stat().st_size > _LARGEST:
            return None
        with gzip.open(file, "rb") as stream:
            content = stream.read(_LARGEST)
        head, _, body = content.partition(b"\n")
        if head.decode("ascii") != _head(key, body):
            return None
        return tuple(ScatteringPath.from_plain(plain) for plain in json.loads(body))
    except (OSError, EOFError, zlib.error, ValueError, TypeError, RuntimeError):
        return None


def save_paths(key: str, paths: tuple[ScatteringPath, ...]) -> None:
    """Keep paths: written beside the entry first, then renamed, so that it is whole or not there.

    A folder that cannot be written is told by a `DataWarning`; the paths are good all the same.
    """
    plain: list[dict[str, Any]] = [path.to_plain() for path in paths]
    body = json.dumps(plain, separators=(",", ":")).encode()
    content = gzip.compress(_head(key, body).encode() + b"\n" + body, compresslevel=3, mtime=0)
    try:
        _write(_entry(key), content)
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"the paths could not be kept for the next time ({error}); name a folder that can be "
            f"written in ${FOLDER_VARIABLE}",
            DataWarning,
            stacklevel=4,
        )


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".partial-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _entry(key: str) -> Path:
    if not (len(key) == 64 and key.isalnum()):
        raise SettingError(f"{key!r} is no key of the cache")
    return cache_folder() / "feff" / key[:2] / f"{key}.json.gz"


def _head(key: str, body: bytes) -> str:
    return f"spectra-feff {_FORMAT} {key} {hashlib.sha256(body).hexdigest()}"
