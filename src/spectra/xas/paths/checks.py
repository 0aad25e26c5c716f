"""Do paths fit the spectra they are to be fitted to?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from spectra.errors import SettingError
from spectra.xas.paths.path import ScatteringPath

# Chemical shifts, wrong calibrations and FEFF's own are smaller (eV).
_NEAR = 60.0


def path_misfits(
    paths: Sequence[ScatteringPath],
    *,
    absorber: str = "",
    edge: str = "",
    e0: ArrayLike | None = None,
    k_max: float | None = None,
) -> tuple[str, ...]:
    """What keeps paths from describing spectra; empty if nothing does.

    Parameters
    ----------
    paths : sequence of ScatteringPath
    absorber, edge : str, optional
        Of the spectra, where they are known.
    e0 : float or array (frames,), optional
        Edge energies (eV), held against the tabulated ones; NaN are passed over.
    k_max : float, optional
        Up to where the spectra are fitted (1/angstrom).
    """
    found = []
    kinds = sorted({(path.absorber, path.edge) for path in paths})
    if len(kinds) > 1:
        names = " and ".join(f"{a} {e}" for a, e in kinds)
        found.append(f"paths of different absorbers or edges in one fit: {names}")
    for path in paths:
        if (absorber and path.absorber != absorber) or (edge and path.edge != edge):
            wanted = f"{absorber or path.absorber} {edge or path.edge}"
            found.append(
                f"path {path.label!r} is of {path.absorber} {path.edge}, the spectra of {wanted}"
            )
        if k_max is not None and path.k_max < k_max - 1e-9:
            found.append(
                f"path {path.label!r} ends at k = {path.k_max:g} 1/angstrom, the fit at {k_max:g}"
            )
    if e0 is not None:
        found.extend(_energy_misfit(e0, *kind) for kind in kinds)
    return tuple(text for text in found if text)


def check_paths(
    paths: Sequence[ScatteringPath],
    *,
    absorber: str = "",
    edge: str = "",
    e0: ArrayLike | None = None,
    k_max: float | None = None,
) -> None:
    """Refuse paths that cannot describe spectra; the parameters are those of `path_misfits`.

    Raises
    ------
    SettingError
        Saying what does not fit and what to do.
    """
    found = path_misfits(paths, absorber=absorber, edge=edge, e0=e0, k_max=k_max)
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise SettingError(
            f"{'; '.join(found[:3])}{more}; take paths of the absorber and edge of the spectra, "
            "as feff_paths makes them"
        )


def _energy_misfit(e0: ArrayLike, absorber: str, edge: str) -> str:
    """What is wrong if the edge of the paths is not where the spectra have theirs."""
    import xraydb

    energies = np.atleast_1d(np.asarray(e0, dtype=float))
    energies = energies[np.isfinite(energies)]
    if not len(energies):
        return ""
    seen = float(np.median(energies))
    tabulated = xraydb.xray_edge(absorber, edge)
    if tabulated is not None and abs(seen - tabulated.energy) <= _NEAR:
        return ""
    near = xraydb.guess_edge(seen)
    told = f", which is near {near[0]} {near[1]}" if near and near[0] else ""
    where = "" if tabulated is None else f" at {tabulated.energy:.0f} eV"
    return f"paths of {absorber} {edge}{where} for spectra with E0 = {seen:.1f} eV{told}"
