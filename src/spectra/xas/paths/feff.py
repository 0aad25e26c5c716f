"""Scattering paths of a structure, calculated by FEFF8L."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from spectra.errors import DataWarning, FeffError, SettingError
from spectra.kinds import take_value
from spectra.phase import Phase
from spectra.reference import load_phase
from spectra.xas.paths.cache import cache_key, load_paths, save_paths
from spectra.xas.paths.cluster import AbsorberSite, absorber_sites, cut_cluster
from spectra.xas.paths.feffinput import MAX_ATOMS, feff_input
from spectra.xas.paths.folder import read_paths
from spectra.xas.paths.merging import averaged
from spectra.xas.paths.path import ScatteringPath
from spectra.xas.paths.pathlist import PathList
from spectra.xas.paths.runner import feff_version, private_folder, run_feff

# Beyond the paths, so that their outermost atoms have neighbours too (angstrom).
_BORDER = 3.0
_TIMEOUT = 600.0


def feff_paths(
    structure: str | Path | Mapping[str, Any] | Phase,
    absorber: str,
    edge: str = "K",
    *,
    radius: float = 6.0,
    site: int | str | None = None,
    nleg: int = 4,
    scf: float | None = None,
    folder: str | Path | None = None,
    timeout: float = _TIMEOUT,
) -> PathList:
    """Scattering paths of an element in a crystal, the most important first.

    FEFF8L runs once for each site of the element, in a folder of its own; what it finds is kept
    in `spectra.xas.paths.cache.cache_folder` under the hash of its input and of FEFF, and taken
    from there the next time.

    Parameters
    ----------
    structure : str, Path, mapping or Phase
        As `spectra.reference.load_phase` takes it: the path of a CIF or TOML file, the name of a
        phase in `reference_patterns/`, or the phase itself.
    absorber : str
        Symbol of the absorbing element.
    edge : str
        K, L1, L2 or L3.
    radius : float
        Largest half length of a path (angstrom).
    site : int or str, optional
        One of the element's sites only, by its number from 0 or its label. Without it the paths
        of all sites, degeneracies weighted with the share of the atoms on each.
    nleg : int
        Largest number of legs; 2 is single scattering alone.
    scf : float, optional
        Radius (angstrom) in which FEFF makes its potentials self-consistent; slow.
    folder : str or Path, optional
        A new or empty folder in which FEFF runs, the cache unread, and leaves all its files.
    timeout : float
        For one run of FEFF (s).

    Raises
    ------
    SettingError
        For an element, site, edge or radius that cannot be.
    FeffError
        If FEFF is missing, stops, or finds no paths.
    ReaderError
        If the structure cannot be read.
    """
    phase = load_phase(structure)
    _check(radius, nleg, scf, timeout)
    sites = absorber_sites(phase, absorber)
    if site is not None:
        sites = (_chosen(sites, site),)
    found = []
    for one in sites:
        text = _input(phase, one, edge=edge, radius=radius, nleg=nleg, scf=scf)
        place = None if folder is None else _own_folder(Path(folder), one, len(sites))
        found.append(
            paths_of_input(text, title=f"{phase.name} {one.label}", folder=place, timeout=timeout)
        )
    if len(sites) == 1:
        return PathList(found[0]).ranked()
    whole = sum(one.share for one in sites)
    return PathList(averaged(found, [one.share / whole for one in sites])).ranked()


def paths_of_input(
    text: str, *, title: str, folder: Path | None = None, timeout: float = _TIMEOUT
) -> tuple[ScatteringPath, ...]:
    """The paths that FEFF makes of an input, from the cache where it has them.

    They carry the title: what the input is of does not stand in it.

    Raises
    ------
    FeffError
        If FEFF is missing, stops, or finds no paths.
    """
    key = cache_key(text, feff_version())
    known = load_paths(key) if folder is None else None
    if known is None:
        known, complete = _calculated(text, folder, timeout)
        if complete:
            save_paths(key, known)
        else:
            # Not kept, so that it is told every time.
            warnings.warn(
                f"{title}: FEFF found more paths than it can hold, so some are missing; make the "
                "radius or the number of legs smaller",
                DataWarning,
                stacklevel=3,
            )
    return tuple(path.replace(title=title) for path in known)


def _calculated(
    text: str, folder: Path | None, timeout: float
) -> tuple[tuple[ScatteringPath, ...], bool]:
    """The paths of a run of FEFF, and whether they are all."""
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(private_folder()))
        try:
            complete = run_feff(text, place, timeout=timeout)
        except FeffError as error:
            if folder is None:
                raise
            raise FeffError(f"{error}; all it wrote is in {folder}") from None
        if not any(place.glob("feff[0-9]*.dat")):
            raise FeffError(
                "FEFF found no scattering path; make the radius larger than the distance of the "
                "nearest neighbour"
            )
        return read_paths(place).paths, complete


def _input(
    phase: Phase, site: AbsorberSite, *, edge: str, radius: float, nleg: int, scf: float | None
) -> str:
    cluster = cut_cluster(phase, site, radius + _BORDER).nearest(MAX_ATOMS)
    if cluster.distances[-1] < radius:
        raise SettingError(
            f"{cluster.name}: more than {MAX_ATOMS} atoms within {radius:g} angstrom, FEFF's "
            f"limit; take a radius of {cluster.distances[-1]:.1f} or less"
        )
    return feff_input(cluster, edge=edge, radius=radius, nleg=nleg, scf=scf)


def _chosen(sites: tuple[AbsorberSite, ...], which: int | str) -> AbsorberSite:
    for i, site in enumerate(sites):
        if which in (i, site.label):
            return site
    known = ", ".join(f"{i} ({site.label})" for i, site in enumerate(sites))
    raise SettingError(f"site {which!r}; there are {known}")


def _own_folder(folder: Path, site: AbsorberSite, count: int) -> Path:
    place = folder if count == 1 else folder / re.sub(r"[^\w+-]", "_", site.label)
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise SettingError(f"{place} is not empty; FEFF needs a folder of its own")
    return place


def _check(radius: float, nleg: int, scf: float | None, timeout: float) -> None:
    take_value(radius, float, "radius")
    take_value(nleg, int, "nleg")
    if not 1.0 <= radius <= 12.0:
        raise SettingError(f"radius {radius}; expected 1 to 12 angstrom")
    if not 2 <= nleg <= 8:
        raise SettingError(f"nleg {nleg}; expected 2 to 8")
    if scf is not None and not 1.5 <= scf <= 12.0:
        raise SettingError(f"scf {scf}; expected a radius of 1.5 to 12 angstrom")
    if not timeout > 0:
        raise SettingError(f"timeout {timeout}; expected more than 0 s")
