"""Which files a path, a folder, a pattern or a list of these means, and which bytes they hold."""

from __future__ import annotations

import difflib
import glob
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectra.errors import ReaderError
from spectra.readers.frame import list_readers
from spectra.stack import InputFile

_HEAD = 8192


def find_files(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files of a path, a folder of one kind, a glob pattern or a list of these.

    Raises
    ------
    ReaderError
        If something does not exist or a pattern matches nothing.
    """
    if not isinstance(source, str | Path):
        items = list(source)
        if not items:
            raise ReaderError("files", "the list of files is empty")
        return [path for item in items for path in find_files(item)]
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        return _folder(path)
    if any(c in str(source) for c in "*?["):
        matches = sorted((Path(m) for m in glob.glob(str(source), recursive=True)), key=_natural)
        if not matches and path.parent.is_dir():
            # A bracket in the name of a folder is no pattern.
            inside = str(Path(glob.escape(str(path.parent)), path.name))
            matches = sorted((Path(m) for m in glob.glob(inside)), key=_natural)
        files = [m for m in matches if m.is_file()]
        if files:
            return files
        raise ReaderError(source, "no file matches", remedy="check the folder and the pattern")
    folder = path.parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, 3)
    hint = f"did you mean {', '.join(near)}?" if near else "check the path"
    raise ReaderError(path, "no such file", remedy=hint)


def _folder(path: Path) -> list[Path]:
    files = [p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")]
    known = {e for reader in list_readers() for e in reader.extensions}
    kinds = Counter(p.suffix.lower() for p in files if p.suffix.lower() in known)
    if len(kinds) != 1:
        seen = ", ".join(f"{n} {k}" for k, n in kinds.items()) or "no patterns"
        raise ReaderError(
            path,
            f"the folder holds {seen}",
            expected="patterns of one kind",
            remedy="give a pattern such as '*.xye'",
        )
    (kind,) = kinds
    return sorted((p for p in files if p.suffix.lower() == kind), key=_natural)


def _natural(path: Path) -> list[Any]:
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", str(path))]


def fingerprint(path: Path) -> InputFile:
    """Path, SHA-256 and size of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return InputFile(str(path.resolve()), digest.hexdigest(), path.stat().st_size)


def head_of(path: Path, size: int = _HEAD) -> bytes:
    """The first bytes of a file, by which readers tell formats.

    Text in UTF-16 (with mark) comes in UTF-8, without a mark; lines that end with a carriage
    return alone end with a line feed.

    Parameters
    ----------
    path : Path
    size : int
        Bytes that are read.
    """
    with path.open("rb") as file:
        head = file.read(size)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", errors="replace").encode()
    head = head.removeprefix(b"\xef\xbb\xbf")
    old = b"\r" in head and b"\n" not in head and b"\0" not in head
    return head.replace(b"\r", b"\n") if old else head
