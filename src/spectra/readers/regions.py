"""Regions of files that hold several, such as C 1s and O 1s of one sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Region

_MOST_NAMED = 24
_LINE = re.compile(r"(?<![A-Za-z])([A-Z][a-z]?)[ _-]?([1-7][spdf])(?![A-Za-z])")


def find_line(name: str) -> str:
    """The photoelectron line that a name speaks of, or an empty string.

    Examples
    --------
    >>> find_line("2 C1s"), find_line("Cu_3p"), find_line("survey")
    ('C 1s', 'Cu 3p', '')
    """
    import gemmi

    for found in _LINE.finditer(name):
        if gemmi.Element(found[1]).atomic_number:
            return f"{found[1]} {found[2]}"
    return ""


def region_names(frames: Sequence[Frame]) -> list[str]:
    """Names of the regions of frames in the order of the file, parts of others left out."""
    regions = [f.region for f in frames if f.region is not None and not f.region.detail]
    return list(dict.fromkeys(region.name for region in regions))


def take_regions(path: Path, frames: list[Frame], entries: tuple[str, ...]) -> list[Frame]:
    """The frames of the regions that are wanted.

    Parameters
    ----------
    path : Path
        For messages.
    frames : list of Frame
    entries : tuple of str
        Names or patterns; without any, the file must hold one region only. Names are taken as
        they stand; if there is none such, without regard to gaps and case, and by the line they
        speak of: ``"C 1s"`` is ``"C1s"``, and ``"2 C1s"`` of SPECS.

    Raises
    ------
    ReaderError
        If none is meant, or several are without having been asked for; it names them all.
    """
    names = region_names(frames)
    if not entries:
        if len(names) > 1:
            raise ReaderError(
                path,
                f"it holds {len(names)} regions: {_listed(names)}",
                expected="the name of one",
                remedy=f"read(..., entry={names[-1]!r}), or read_regions(...) for all of them",
            )
        return [f for f in frames if f.region is not None and not f.region.detail]
    for match in (_stated, _spoken):
        found = [f for f in frames if f.region is not None and match(f.region, entries)]
        if found:
            return found
    every = list(dict.fromkeys(f.region.name for f in frames if f.region is not None))
    raise ReaderError(
        path,
        f"no region in it is called {' or '.join(map(repr, entries))}",
        expected=f"one of {_listed(every)}",
        remedy="correct entry=",
    )


def _stated(region: Region, entries: tuple[str, ...]) -> bool:
    called = (region.name, *region.places)
    return any(name == entry or fnmatchcase(name, entry) for name in called for entry in entries)


def _spoken(region: Region, entries: tuple[str, ...]) -> bool:
    line = "" if region.detail else find_line(region.name)
    called = {_condensed(text) for text in (region.name, *region.places, line)}
    return any(_condensed(entry) in called - {""} for entry in entries)


def _condensed(text: str) -> str:
    return re.sub(r"[\s_/-]+", "", text).casefold()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more
