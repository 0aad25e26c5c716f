"""Where the path of a shell comes from: given, read from a file, or calculated of a phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spectra.errors import SettingError
from spectra.xas.paths.feff import feff_paths
from spectra.xas.paths.feffdat import read_feffdat
from spectra.xas.paths.path import ScatteringPath

CALCULATION = ("which", "edge", "site", "radius", "nleg")
"""What of a path from a phase tells which one it is, and how FEFF calculates it."""


def read_source(where: str, given: Mapping[str, Any]) -> ScatteringPath:
    """The path that a mapping names.

    One of ``path``, ``file`` (a feffNNNN.dat), ``phase`` (a name in `reference_patterns/`) or
    ``cif`` (a file of a structure). The last two need ``which``, the label of the path in
    `feff_paths`, whose absorber is the label's first element, and take ``edge``, ``site``,
    ``radius`` and ``nleg`` as `feff_paths` does.

    Raises
    ------
    SettingError, ReaderError, FeffError
    """
    sources = [key for key in SOURCES if given.get(key)]
    if len(sources) != 1:
        raise SettingError(f"{where} needs one of {', '.join(SOURCES)}; it has {sources or 'none'}")
    (source,) = sources
    calculated = source in ("phase", "cif")
    if not calculated and (idle := [key for key in CALCULATION if key in given]):
        raise SettingError(f"{where} has {idle[0]}, which is for paths of a phase or cif")
    return SOURCES[source](where, given)


def _given(where: str, given: Mapping[str, Any]) -> ScatteringPath:
    path = given["path"]
    return path if isinstance(path, ScatteringPath) else ScatteringPath.from_plain(path)


def _read(where: str, given: Mapping[str, Any]) -> ScatteringPath:
    return read_feffdat(str(given["file"]))


def _calculated(where: str, given: Mapping[str, Any]) -> ScatteringPath:
    which = str(given.get("which") or "")
    absorber, dash, _ = which.partition("-")
    if not dash:
        raise SettingError(
            f"{where} is of a phase: say which of its paths, by the label that "
            f'xas.feff_paths gives it, e.g. which = "V-O 1.971"; it has {which!r}'
        )
    options = {k: given[k] for k in CALCULATION if k in given and k != "which"}
    structure = given.get("phase") or given["cif"]
    try:
        return feff_paths(structure, absorber, **options)[which]
    except SettingError as error:
        raise SettingError(f"{where}: {error}") from None


SOURCES: Mapping[str, Callable[[str, Mapping[str, Any]], ScatteringPath]] = {
    "file": _read,
    "path": _given,
    "phase": _calculated,
    "cif": _calculated,
}
"""What names a path."""
