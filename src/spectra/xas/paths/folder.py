"""Reading the paths that a run of FEFF left behind."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path

from spectra.errors import DataWarning, ReaderError
from spectra.xas.paths.feffdat import read_feffdat
from spectra.xas.paths.path import ScatteringPath
from spectra.xas.paths.pathlist import PathList

_NAME = re.compile(r"feff\d+\.dat", re.I)
_LISTED = re.compile(r"^\s*(\S+\.dat)\s+\S+\s+\S+\s+(\S+)", re.M)


def read_paths(source: str | Path | Iterable[str | Path]) -> PathList:
    """Read scattering paths from feffNNNN.dat, one, several, or all of a folder.

    Where the folder has FEFF's table ``files.dat``, it says which files belong to the run;
    others are left from another one and left out with a warning.

    Parameters
    ----------
    source : str, Path or iterable of them
        A folder, a file, or several files.

    Raises
    ------
    ReaderError
        For a folder without paths, or a file that is none.
    """
    if not isinstance(source, str | Path):
        return PathList([read_feffdat(file) for file in source])
    place = Path(source)
    if not place.is_dir():
        return PathList([read_feffdat(place)])
    files = sorted(f for f in place.iterdir() if _NAME.fullmatch(f.name))
    listed = _listed(place / "files.dat")
    if listed:
        files = _of_this_run(place, files, listed)
    if not files:
        raise ReaderError(
            place,
            "no file feffNNNN.dat in this folder",
            expected="paths written by FEFF",
            remedy="give the folder in which FEFF ran, or the files themselves",
        )
    paths = [read_feffdat(file) for file in files]
    _compare(place, paths, listed)
    return PathList(paths)


def _listed(table: Path) -> dict[str, float]:
    """Degeneracy of each path by its file, as files.dat has it; empty where there is none."""
    if not table.is_file():
        return {}
    text = table.read_bytes().decode("ascii", errors="replace")
    found = {}
    for name, degeneracy in _LISTED.findall(text):
        try:
            found[name.lower()] = float(degeneracy)
        except ValueError:
            raise ReaderError(
                table,
                f"the degeneracy {degeneracy!r} of {name}",
                expected="a number",
                remedy="let FEFF write the table again, or delete it to read every path",
            ) from None
    return found


def _of_this_run(place: Path, files: list[Path], listed: dict[str, float]) -> list[Path]:
    strangers = [f.name for f in files if f.name.lower() not in listed]
    here = {f.name.lower() for f in files}
    missing = [name for name in listed if name not in here]
    if strangers:
        warnings.warn(
            f"{place}: {_some(strangers)} not in files.dat, so left from another run of FEFF; "
            "left out",
            DataWarning,
            stacklevel=3,
        )
    if missing:
        warnings.warn(
            f"{place}: {_some(missing)} of files.dat not in the folder; the sum of the paths "
            "read is not FEFF's",
            DataWarning,
            stacklevel=3,
        )
    return [f for f in files if f.name.lower() in listed]


def _compare(place: Path, paths: list[ScatteringPath], listed: dict[str, float]) -> None:
    """Warn of paths that are not of one run."""
    if len({(p.absorber, p.edge, p.fermi_level, p.interstitial_potential) for p in paths}) > 1:
        levels = ", ".join(sorted({f"{p.fermi_level:g}" for p in paths}))
        warnings.warn(
            f"{place}: the paths have different absorbers, edges or potentials (Mu = {levels} eV): "
            "they are of different runs of FEFF",
            DataWarning,
            stacklevel=3,
        )
    changed = [
        p.source
        for p in paths
        if abs(listed.get(p.source.lower(), p.degeneracy) - p.degeneracy) > 2e-3
    ]
    if changed:
        warnings.warn(
            f"{place}: {_some(changed)} with another degeneracy than in files.dat; the file's "
            "own is taken",
            DataWarning,
            stacklevel=3,
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
