"""Open XML, zip and gzip files that may have been made to do harm: bombs, entities, paths."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from spectra.errors import ReaderError

# How a gzip file begins.
GZIP = b"\x1f\x8b"
_MOST_BYTES = 512 * 2**20
_MOST_MEMBER_BYTES = 128 * 2**20
_MOST_MEMBERS = 20_000
_MOST_GZIPS = 1000
_MOST_RATIO = 2000
_DEEPEST = 60


class _RefusedError(Exception):
    pass


def parse_xml(path: Path, data: bytes, where: str = "") -> ElementTree.Element:
    """Parse XML; document types, and with them entities, are refused.

    Names come without their namespace.

    Raises
    ------
    ReaderError
        If it is not well-formed, has a document type, or is nested absurdly.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise _RefusedError(f"elements nested deeper than {_DEEPEST}")
        builder.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(":")[2])

    def refuse(*_: object) -> NoReturn:
        raise _RefusedError("a document type (DTD), which may hold entity bombs")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except _RefusedError as refused:
        raise ReaderError(
            path, f"it holds {refused}", where=where, remedy="take it out if you trust the file"
        ) from None
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise ReaderError(
            path, f"not well-formed XML ({error})", where=where, remedy="copy or export it again"
        ) from None


def unpack_gzip(path: Path, data: bytes) -> bytes:
    """Unpack the bytes of a gzip file, at most as much as a member of a zip file may hold.

    Raises
    ------
    ReaderError
        If it is damaged or cut short, or holds more.
    """
    out = bytearray()
    try:
        for _ in range(_MOST_GZIPS):
            if not data:
                break
            unpacker = zlib.decompressobj(wbits=31)
            out += unpacker.decompress(data, _MOST_MEMBER_BYTES + 1 - len(out))
            if len(out) > _MOST_MEMBER_BYTES:
                break
            if not unpacker.eof:
                raise zlib.error("it ends too early")
            # Several may follow each other; zeros may fill up the last.
            data = unpacker.unused_data.lstrip(b"\0")
        else:
            raise zlib.error(f"it is of more than {_MOST_GZIPS} parts")
    except zlib.error as error:
        raise ReaderError(
            path, f"it cannot be unpacked ({error})", remedy="the file is damaged: copy it again"
        ) from None
    if len(out) > _MOST_MEMBER_BYTES:
        raise ReaderError(
            path,
            f"it unpacks to more than {_MOST_MEMBER_BYTES >> 20} MiB",
            remedy="it may be a bomb; unpack it by hand if you trust it",
        )
    return bytes(out)


class Archive:
    """A zip file whose members are checked before and while they are unpacked.

    Raises
    ------
    ReaderError
        If it is damaged, or what it claims to hold is absurd.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            members = self._zip.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ReaderError(
                path, f"not a readable zip file ({error})", remedy="copy it again"
            ) from None
        if len(members) > _MOST_MEMBERS:
            self._refuse(f"{len(members)} members", f"at most {_MOST_MEMBERS}")
        total = sum(m.file_size for m in members)
        if total > _MOST_BYTES:
            self._refuse(f"{total / 2**20:.0f} MiB unpacked", f"at most {_MOST_BYTES >> 20}")
        for m in members:
            if m.file_size > 2**20 and m.file_size > _MOST_RATIO * max(m.compress_size, 1):
                self._refuse(f"{m.filename[:60]!r} packed {m.file_size}:{m.compress_size}", "less")
        self.names = tuple(m.filename for m in members if not m.filename.endswith("/"))

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, name: str) -> bytes:
        """Unpack one member, at most as much as it may hold whatever it claims."""
        try:
            with self._zip.open(name) as file:
                data = file.read(_MOST_MEMBER_BYTES + 1)
        except (
            *(zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, RuntimeError),
            *(NotImplementedError, ValueError),
        ) as error:
            raise ReaderError(
                self._path,
                f"it cannot be unpacked ({error})",
                where=name[:80],
                remedy="the file is damaged: copy it again",
            ) from None
        if len(data) > _MOST_MEMBER_BYTES:
            self._refuse(f"{name[:60]!r} with more than {_MOST_MEMBER_BYTES >> 20} MiB", "less")
        return data

    def _refuse(self, seen: str, expected: str) -> NoReturn:
        self._zip.close()
        raise ReaderError(
            self._path,
            f"the zip file claims {seen}",
            expected=expected,
            remedy="it may be a zip bomb; unpack it by hand if you trust it",
        )
