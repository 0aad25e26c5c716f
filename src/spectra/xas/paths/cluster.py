"""Atoms around an absorber, cut out of a crystal."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import DataWarning, SettingError
from spectra.phase import Atom, Phase
from spectra.xas.paths.path import FloatArray, unique_labels

# Two atoms nearer than this (angstrom) share one place: mixed occupation or a split site.
_ONE_PLACE = 0.7
# Occupancies are rounded in most files.
_FULL = 1.02
# Of these no muffin tins can be made that are worth having, and they scatter hardly.
_LEFT_OUT = ("H",)


@dataclass(frozen=True)
class AbsorberSite:
    """A crystallographic site of the absorbing element.

    Parameters
    ----------
    label : str
    atom : Atom
    share : float
        Of the absorbing atoms of the crystal on this site.
    """

    label: str
    atom: Atom
    share: float


@dataclass(frozen=True, eq=False)
class Cluster:
    """Atoms around an absorber, which is the first of them, by distance.

    Parameters
    ----------
    name : str
    symbols : tuple of str
    positions : array (atoms, 3)
        From the absorber (angstrom).
    """

    name: str
    symbols: tuple[str, ...]
    positions: FloatArray

    @property
    def distances(self) -> FloatArray:
        """Distances from the absorber (angstrom)."""
        return np.asarray(np.linalg.norm(self.positions, axis=1))

    def nearest(self, count: int) -> Cluster:
        """The cluster with whole shells of at most `count` atoms together."""
        if count >= len(self.symbols):
            return self
        distances = self.distances
        inside = int(np.searchsorted(distances, distances[count] - 1e-3))
        return Cluster(self.name, self.symbols[:inside], self.positions[:inside])


def absorber_sites(phase: Phase, element: str) -> tuple[AbsorberSite, ...]:
    """The sites of an element in a phase, with the share of its atoms that each holds.

    Raises
    ------
    SettingError
        If the phase has no coordinates, or not of this element.
    """
    if not phase.atoms:
        raise SettingError(
            f"phase {phase.name!r} has no atoms; paths need a structure with coordinates (a CIF)"
        )
    atoms = [atom for atom in phase.atoms if atom.element == element and atom.occupancy > 0]
    if not atoms:
        known = ", ".join(sorted({atom.element for atom in phase.atoms}))
        raise SettingError(f"phase {phase.name!r} has no {element}; it has {known}")
    counts = np.array([a.occupancy / phase.site_symmetry(a).order for a in atoms])
    shares = counts / counts.sum()
    labels = unique_labels([atom.label or element for atom in atoms])
    return tuple(
        AbsorberSite(label, atom, float(share))
        for label, atom, share in zip(labels, atoms, shares, strict=True)
    )


def cut_cluster(phase: Phase, site: AbsorberSite, radius: float) -> Cluster:
    """All atoms within `radius` (angstrom) of an absorber.

    Where several kinds of atoms share a place, the most frequent one stands there; where most
    of the places are empty, none does. A `DataWarning` says so.

    Raises
    ------
    SettingError
        If a place is filled more than once, or by what is no element.
    """
    axes = _axes(phase)
    atoms = _filled(phase)
    center = axes @ np.array(phase.site_symmetry(site.atom).position)
    translations = _translations(axes, radius)
    fractions = np.array([[a.x, a.y, a.z] for a in atoms])
    positions = (fractions[:, None, :] + translations[None]).reshape(-1, 3) @ axes.T - center
    kinds = np.repeat(np.arange(len(atoms)), len(translations))
    distances = np.linalg.norm(positions, axis=1)
    # The absorber stands at the origin whatever else may.
    keep = np.flatnonzero((distances <= radius) & (distances > _ONE_PLACE))
    order = keep[np.lexsort((*positions[keep].round(5).T, distances[keep].round(4)))]
    symbols = (site.atom.element, *(atoms[k].element for k in kinds[order]))
    return Cluster(
        f"{phase.name} {site.label}", symbols, np.vstack([np.zeros(3), positions[order]])
    )


def _axes(phase: Phase) -> FloatArray:
    import gemmi

    return np.array(gemmi.UnitCell(*phase.cell).orth.mat.tolist())


def _translations(axes: FloatArray, radius: float) -> FloatArray:
    """Lattice vectors (n, 3) whose cells may reach into the sphere."""
    # Distances between the lattice planes.
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(axes), axis=1)
    reach = [int(np.ceil(radius / d)) + 1 for d in spacing]
    ranges = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)


def _filled(phase: Phase) -> list[Atom]:
    """The atoms of a cell, one at each place."""
    atoms = [atom for atom in phase.all_atoms() if atom.element not in _LEFT_OUT]
    near = _near(phase, atoms)
    kept, mixed = [], False
    for i, atom in enumerate(atoms):
        rivals = [j for j in range(len(atoms)) if near[i, j] and j != i]
        whole = atom.occupancy + sum(atoms[j].occupancy for j in rivals)
        if whole > _FULL:
            raise SettingError(
                f"phase {phase.name!r}: atom {atom.label!r} shares its place with "
                f"{', '.join(sorted({atoms[j].label for j in rivals}))}, {whole:.3g} atoms in "
                "all; correct the coordinates, the space group or the occupancies"
            )
        mixed |= bool(rivals) or whole < 2.0 - _FULL
        better = [(atoms[j].occupancy, -j) > (atom.occupancy, -i) for j in rivals]
        if whole >= 0.5 and not any(better):
            kept.append(atom)
    if mixed:
        warnings.warn(
            f"phase {phase.name!r} has places that are shared or partly filled; the paths are of "
            "a crystal with the most frequent atom at each, so distances and kinds of "
            "neighbours are right, but not the share of those neighbours",
            DataWarning,
            stacklevel=5,
        )
    return kept


def _near(phase: Phase, atoms: list[Atom]) -> NDArray[np.bool_]:
    axes = _axes(phase)
    fractions = np.array([[a.x, a.y, a.z] for a in atoms])
    apart = fractions[:, None] - fractions[None]
    apart -= np.round(apart)
    return np.asarray(np.linalg.norm(apart @ axes.T, axis=2) < _ONE_PLACE)
