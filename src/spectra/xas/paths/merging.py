"""Several paths as one: near-equal distances, and the same path of several absorber sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra.xas.paths.path import CURVES, FloatArray, ScatteringPath

# Differences up to which legs (angstrom) and angles (deg) of two sites' paths are the same.
_SAME_LENGTH = 0.002
_SAME_ANGLE = 0.5


def merged(paths: Sequence[ScatteringPath]) -> ScatteringPath:
    """One path instead of several of the same elements.

    The degeneracies are added; distance and curves are means weighted with them, and `spread`
    is the variance of the distances: to second order in them, Σ Nᵢ sin(2kRᵢ + Φ) is
    N sin(2kR + Φ) exp(−2k²·spread). Everything else is that of the largest contribution.
    """
    if len(paths) == 1:
        return paths[0]
    weights = np.array([path.degeneracy for path in paths])
    first = paths[int(np.argmax(weights))]
    share = weights / weights.sum()
    reff = float(share @ [path.reff for path in paths])
    within = share @ [path.spread for path in paths]
    between = share @ [(path.reff - reff) ** 2 for path in paths]
    curves = {
        name: np.tensordot(share, [_on_grid(path, name, first) for path in paths], axes=1)
        for name in CURVES
        if name != "k"
    }
    return first.replace(
        **curves,
        degeneracy=float(weights.sum()),
        reff=reff,
        spread=float(within + between),
        label="",
        title=", ".join(dict.fromkeys(path.title for path in paths if path.title)),
        source=", ".join(dict.fromkeys(path.source for path in paths if path.source)),
    )


def grouped(
    paths: Sequence[ScatteringPath], tolerance: float
) -> tuple[tuple[ScatteringPath, ...], ...]:
    """Paths of the same atoms and shape whose distances lie within `tolerance` (angstrom).

    The groups stand in the order of their shortest paths.
    """
    groups: list[list[ScatteringPath]] = []
    for path in sorted(paths, key=lambda p: p.reff):
        mates = (
            group
            for group in reversed(groups)
            if _kind(group[0]) == _kind(path) and path.reff - group[0].reff <= tolerance
        )
        group = next(mates, None)
        if group is None:
            groups.append([path])
        else:
            group.append(path)
    return tuple(tuple(group) for group in groups)


def averaged(
    sites: Sequence[Sequence[ScatteringPath]], shares: Sequence[float]
) -> tuple[ScatteringPath, ...]:
    """The paths of several absorber sites as seen in one spectrum.

    χ = Σ wₛ χₛ: each degeneracy is multiplied by the site's share w, and paths of the same legs
    and angles are merged.

    Parameters
    ----------
    sites : sequence of sequences of ScatteringPath
    shares : sequence of float
        Of the absorbing atoms on each site, with the sum 1.
    """
    groups: list[list[ScatteringPath]] = []
    for site, share in zip(sites, shares, strict=True):
        taken: set[int] = set()
        for path in site:
            weighted = path.replace(degeneracy=path.degeneracy * share)
            twin = next(
                (i for i, g in enumerate(groups) if i not in taken and _same(g[0], path)), None
            )
            if twin is None:
                groups.append([weighted])
                twin = len(groups) - 1
            else:
                groups[twin].append(weighted)
            # Two paths of one site are two paths, however alike.
            taken.add(twin)
    return tuple(sorted((merged(group) for group in groups), key=lambda p: p.reff))


def _kind(path: ScatteringPath) -> tuple[object, ...]:
    return path.absorber, path.edge, path.scatterers, path.shape


def _same(one: ScatteringPath, other: ScatteringPath) -> bool:
    return (
        _kind(one) == _kind(other)
        and bool(np.allclose(one.legs, other.legs, rtol=0, atol=_SAME_LENGTH))
        and bool(np.allclose(one.angles, other.angles, rtol=0, atol=_SAME_ANGLE))
    )


def _on_grid(path: ScatteringPath, name: str, first: ScatteringPath) -> FloatArray:
    """A curve of a path on another's grid; phases on the branch of the other's."""
    from scipy.interpolate import make_interp_spline

    values: FloatArray = getattr(path, name)
    if not np.array_equal(path.k, first.k):
        values = np.asarray(make_interp_spline(path.k, values, k=3)(first.k))
    if name.endswith("phase"):
        apart = float(np.median(values - getattr(first, name)))
        values = values - 2.0 * np.pi * np.round(apart / (2.0 * np.pi))
    return values
