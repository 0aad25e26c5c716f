"""Errors and warnings: each says what happened, where, and what to do next."""

from __future__ import annotations

import errno
from os import PathLike


class SpectraError(Exception):
    """Base class of every error that `spectra` raises on purpose."""


class SettingError(SpectraError, ValueError):
    """A setting of a method, a reader or a recipe is not usable."""


class StackError(SpectraError, ValueError):
    """The parts of a Stack do not fit together, or a Stack does not suit a method."""


class ResultsError(SpectraError, ValueError):
    """The parts of a Results table do not fit together, or a column is missing."""


class ReaderError(SpectraError, ValueError):
    """A file could not be read.

    Parameters
    ----------
    path : str or PathLike
        The file.
    problem : str
        What was seen.
    where : str, optional
        Line, byte offset, frame or dataset path.
    expected : str, optional
        What should have stood there.
    remedy : str, optional
        What to do next.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        problem: str,
        *,
        where: str = "",
        expected: str = "",
        remedy: str = "",
    ) -> None:
        self.path = str(path)
        self.problem = problem
        self.where = where
        self.expected = expected
        self.remedy = remedy
        parts = [f"{self.path}{', ' + where if where else ''}: {problem}"]
        if expected:
            parts.append(f"expected {expected}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not unpickle by default, and readers
        # run in worker processes.
        return _rebuild_reader_error, (
            self.path,
            self.problem,
            self.where,
            self.expected,
            self.remedy,
        )


def _rebuild_reader_error(
    path: str, problem: str, where: str, expected: str, remedy: str
) -> ReaderError:
    return ReaderError(path, problem, where=where, expected=expected, remedy=remedy)


class DamagedFileError(ReaderError):
    """A file of ours fails its checksum or lacks what it must hold."""


class StoreError(SpectraError, OSError):
    """A results file could not be written (disk full, read-only, locked, vanished)."""


class FeffError(SpectraError, RuntimeError):
    """FEFF is missing, cannot be started, or stopped before it wrote scattering paths."""


class SpectraWarning(UserWarning):
    """Base class of the warnings of `spectra`."""


class DataWarning(SpectraWarning):
    """The data are usable, but something about them must be known."""


def why_unread(error: OSError) -> str:
    """Why a file could not be opened for reading, and what to do."""
    remedies = {
        errno.ENOENT: "no such file; check the path",
        errno.ENOTDIR: "no such file: part of its path is a file, not a folder; check the path",
        errno.EISDIR: "is a folder, not a file; name a file in it",
        errno.EACCES: "no permission to read it; ask its owner, or copy it to where you may",
        errno.EIO: "the disk reports an error; check it, or use another copy",
        errno.ESTALE: "the network disk is gone; mount it again",
    }
    return remedies.get(error.errno or 0, f"cannot be read ({error.strerror or error})")


def reason(error: OSError) -> str:
    """What went wrong while writing, and what to do."""
    remedies = {
        errno.ENOENT: "its folder does not exist and cannot be made there; choose another place",
        errno.ENOTDIR: "part of the path is a file, not a folder; choose another place",
        errno.EEXIST: "part of the path is a file, not a folder; choose another place",
        errno.EISDIR: "a folder stands there; choose another name",
        errno.ENOSPC: "the disk is full; make room and try again",
        errno.EDQUOT: "the disk quota is used up; make room and try again",
        errno.EFBIG: "the file is larger than the system allows; see `ulimit -f`",
        errno.EROFS: "the disk is read-only; choose another place",
        errno.EACCES: "no permission to write there, or another program has the file open; "
        "close that program or choose another place",
        errno.EPERM: "no permission to write there; choose another place",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.EIO: "the disk reports an error; check it and choose another place",
        errno.ESTALE: "the network disk is gone; mount it again",
    }
    return remedies.get(error.errno or 0, str(error))
