"""What there is to measure in a structure: its different bonds, angles, polyhedra and sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spectra.phase import Phase
from spectra.xrd.crystal.bonds import (
    Contacts,
    bond_angles,
    bond_lengths,
    find_angles,
    find_contacts,
)
from spectra.xrd.crystal.constraints import SiteConstraint
from spectra.xrd.crystal.geometry import Derived, FloatArray, IntArray, RefinedRows
from spectra.xrd.crystal.polyhedra import Polyhedron, find_polyhedra, measure_polyhedra
from spectra.xrd.crystal.valence import guess_valences, valence_limits, valence_sums
from spectra.xrd.lattice import CellConstraint

# How far free parameters are moved, relative to the cell, to tell bonds that symmetry makes
# equal from those that happen to be, and what then still counts as equal.
_NUDGE = 2e-3
_EQUAL = 1e-7
_NUDGED_ROWS = 3


@dataclass(frozen=True)
class Inventory:
    """The bonds, angles and polyhedra of a structure, and its atoms' neighbours.

    Bonds and angles that symmetry makes equal in every frame stand once.

    Attributes
    ----------
    phase : Phase
    contacts : Contacts
        All neighbours; the others are numbers of them.
    bonds : int array (bonds,)
    bond_counts : int array (bonds,)
        How many equal ones the centre has.
    angles : int array (angles, 2)
    angle_counts : int array (angles,)
    polyhedra : tuple of Polyhedron
    valences : mapping of str to int
        Of the cations that have one, by label.
    neighbours : Contacts
        Those whose bond valences are summed: out to the weakest bond that counts.
    """

    phase: Phase
    contacts: Contacts
    bonds: IntArray
    bond_counts: IntArray
    angles: IntArray
    angle_counts: IntArray
    polyhedra: tuple[Polyhedron, ...]
    valences: Mapping[str, int]
    neighbours: Contacts

    @classmethod
    def of(
        cls,
        phase: Phase,
        sites: Sequence[SiteConstraint],
        *,
        centres: Sequence[str] | None = None,
        limits: Mapping[str, float] | None = None,
        valences: Mapping[str, int] | None = None,
    ) -> Inventory:
        """Find everything in a reference structure.

        Parameters
        ----------
        phase : Phase
            Its atoms exactly on their sites.
        sites : sequence of SiteConstraint
            What symmetry leaves free of them.
        centres, limits
            As for `find_polyhedra` and `find_contacts`.
        valences : mapping of str to int, optional
            Of cations, by label or element; others are guessed.
        """
        contacts = find_contacts(phase, limits=limits)
        about = contacts.about(centres)
        own = _numbers(contacts, about)
        nudged = _nudged(phase, sites)
        length = bond_lengths(nudged, contacts.take(own)).value
        keys = list(zip(about.centre.tolist(), about.neighbour.tolist(), strict=True))
        first, counts = _distinct(keys, length)
        pairs = own[find_angles(about)].reshape(-1, 2)
        angle = bond_angles(nudged, contacts, pairs).value
        ends = np.sort(contacts.neighbour[pairs], axis=1)
        middle = contacts.centre[pairs[:, 0]]
        keys = [tuple(k) for k in np.column_stack([middle, ends]).tolist()]
        first_angle, angle_counts = _distinct(keys, angle)
        known = dict(guess_valences(phase, contacts))
        for atom in phase.atoms:
            given = (valences or {}).get(atom.label, (valences or {}).get(atom.element))
            if given is not None:
                known[atom.label] = int(given)
        return cls(
            phase=phase,
            contacts=contacts,
            bonds=own[first],
            bond_counts=counts,
            angles=pairs[first_angle],
            angle_counts=angle_counts,
            polyhedra=find_polyhedra(phase, contacts, centres),
            valences=known,
            neighbours=find_contacts(phase, limits=valence_limits(phase, known)),
        )

    @property
    def bond_names(self) -> tuple[str, ...]:
        """E.g. ``"V1-O2 (x,y,z)"``: centre, neighbour, and which image of it."""
        some = self.contacts.take(self.bonds)
        return tuple(
            f"{some.labels[i]}-{some.labels[j]} ({image})"
            for i, j, image in zip(
                some.centre.tolist(), some.neighbour.tolist(), some.images, strict=True
            )
        )

    @property
    def angle_names(self) -> tuple[str, ...]:
        """E.g. ``"O1-V1-O2 (x,y,z; x,y,z)"``: the centre in the middle."""
        labels = self.contacts.labels
        names = []
        images = self.contacts.images
        for a, b in self.angles.tolist():
            ends = (labels[self.contacts.neighbour[k]] for k in (a, b))
            label = f"-{labels[self.contacts.centre[a]]}-".join(ends)
            names.append(f"{label} ({images[a]}; {images[b]})")
        return tuple(names)

    @property
    def polyhedron_names(self) -> tuple[str, ...]:
        """E.g. ``"V1 VO5"``."""
        return tuple(f"{p.label} {p.name}" for p in self.polyhedra)

    def measure(self, refined: RefinedRows) -> dict[str, Derived]:
        """Measure everything in each row.

        Returns
        -------
        dict of str to Derived
            ``length`` (bonds, angstrom), ``angle`` (angles, deg), ``valence_sum`` (sites), and
            of the polyhedra ``polyhedron_volume`` (angstrom³), ``mean_length`` (angstrom),
            ``baur``, ``length_distortion``, ``quadratic_elongation`` and ``angle_variance``
            (deg²), as `PolyhedraMeasures` defines them.
        """
        size = measure_polyhedra(refined, self.contacts, self.polyhedra)
        return {
            "length": bond_lengths(refined, self.contacts.take(self.bonds)),
            "angle": bond_angles(refined, self.contacts, self.angles),
            "polyhedron_volume": size.volume,
            "mean_length": size.mean_length,
            "baur": size.baur,
            "length_distortion": size.length_distortion,
            "quadratic_elongation": size.quadratic_elongation,
            "angle_variance": size.angle_variance,
            "valence_sum": valence_sums(refined, self.phase, self.neighbours, self.valences),
        }


def _numbers(contacts: Contacts, some: Contacts) -> IntArray:
    """Numbers among `contacts` of those about the centres of `some`, in their order."""
    return np.flatnonzero(np.isin(contacts.centre, np.unique(some.centre)))


def _nudged(phase: Phase, sites: Sequence[SiteConstraint]) -> RefinedRows:
    """The structure, and again with all that symmetry leaves free moved a little."""
    still = RefinedRows.of(phase)
    cell = np.repeat(still.cell, _NUDGED_ROWS, axis=0)
    coordinates = np.repeat(still.coordinates, _NUDGED_ROWS, axis=0)
    constraint = CellConstraint.of(phase.crystal_system)
    free = len(constraint.names) + sum(s.coordinate_matrix.shape[1] for s in sites)
    # Multiples of irrational numbers, so that no two moves are alike.
    steps = np.outer(np.arange(_NUDGED_ROWS), np.sqrt(np.arange(2.0, free + 2.0)))
    steps = _NUDGE * np.sin(7.0 * steps)
    place = len(constraint.names)
    lengths = np.where(np.arange(6) < 3, cell[0], np.degrees(1.0))
    cell += lengths * np.matmul(steps[:, :place], constraint.matrix.T)
    for k, site in enumerate(sites):
        count = site.coordinate_matrix.shape[1]
        move = steps[:, place : place + count]
        coordinates[:, k] += np.matmul(move, site.coordinate_matrix.T)
        place += count
    size = still.parameters
    return RefinedRows(cell, coordinates, np.zeros((_NUDGED_ROWS, size, size)))


def _distinct(keys: Sequence[tuple[int, ...]], value: FloatArray) -> tuple[IntArray, IntArray]:
    """First of each kind of quantity, and how many there are of it.

    Parameters
    ----------
    keys : sequence of tuple (n)
        Only quantities of one key may be of one kind.
    value : array (rows, n)
        They are if they agree in all rows.
    """
    kinds: dict[tuple[int, ...], list[int]] = {}
    counts: dict[int, int] = {}
    for k, key in enumerate(keys):
        known = kinds.setdefault(key, [])
        same = [j for j in known if np.allclose(value[:, j], value[:, k], rtol=_EQUAL, atol=0.0)]
        if same:
            counts[same[0]] += 1
        else:
            known.append(k)
            counts[k] = 1
    return np.array(list(counts), dtype=np.intp), np.array(list(counts.values()), dtype=np.intp)
