"""Bonds: which atoms are neighbours, how far, at what angle, and how surely.

The search is done once, on the reference structure; its list of contacts stays the same for
every frame, so that a bond is a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.reference import Phase
from spectra.symmetry import DENOMINATOR, triplet
from spectra.xrd.crystal.geometry import (
    Derived,
    FloatArray,
    IntArray,
    RefinedRows,
    Vectors,
    inner_products,
    lengths,
)
from spectra.xrd.lattice import metric

# In the order of falling electronegativity (L. Pauling, The Nature of the Chemical Bond (1960)).
_ANIONS = ("F", "O", "Cl", "N", "Br", "I", "S", "Se", "Te")
# Distances are judged in units of the sum of covalent radii; no first shell is known to end
# beyond this one.
_REACH = 1.5
# Atoms nearer than this share a site in disorder, or are images of a special position.
_SAME = 0.4
_SPECIAL = 0.05
# Below this sine an angle is straight (or nought) because symmetry holds it there.
_STRAIGHT = 1e-6


@dataclass(frozen=True)
class Contacts:
    """Neighbours of the sites of an asymmetric unit, each contact from a centre to an image.

    Attributes
    ----------
    labels, elements : tuple of str
        Of every site of the asymmetric unit.
    cations : bool array (sites,)
        Which sites are cations; all of them in a structure without anions.
    centre, neighbour : int array (n,)
        Sites i and j.
    operation : int array (n,)
        Symmetry operation that is put on j, in the order of `Operations.all`.
    shift : int array (n, 3)
        Lattice translation put on after it.
    vectors : Vectors (n)
        The same as arrays: x_j′ − x_i = R·x_j + t − x_i.
    distance : array (n,)
        In the reference structure (angstrom).
    """

    labels: tuple[str, ...]
    elements: tuple[str, ...]
    cations: NDArray[np.bool_]
    centre: IntArray
    neighbour: IntArray
    operation: IntArray
    shift: IntArray
    vectors: Vectors
    distance: FloatArray

    def __len__(self) -> int:
        return len(self.centre)

    @property
    def of_cations(self) -> IntArray:
        """Numbers of the contacts whose centre is a cation."""
        return np.flatnonzero(self.cations[self.centre])

    @property
    def between_ions(self) -> IntArray:
        """Numbers of the contacts between a cation and an anion."""
        return np.flatnonzero(self.cations[self.centre] != self.cations[self.neighbour])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bonds, e.g. ``"V1–O2"``; bonds to images of one site share theirs."""
        pairs = zip(self.centre.tolist(), self.neighbour.tolist(), strict=True)
        return tuple(f"{self.labels[i]}–{self.labels[j]}" for i, j in pairs)

    @property
    def images(self) -> tuple[str, ...]:
        """The neighbours' images as operations on them, e.g. ``"-x+1,y,z+1/2"``."""
        turns = np.rint(self.vectors.rotation).astype(np.int64)
        shifts = np.rint(self.vectors.translation * DENOMINATOR).astype(np.int64)
        return tuple(triplet(r, t) for r, t in zip(turns, shifts, strict=True))

    @property
    def symmetry(self) -> tuple[str, ...]:
        """CIF's codes of the neighbours' images, ``.`` or e.g. ``"4_565"`` (operation 4, +b)."""
        codes = []
        for operation, shift in zip(self.operation.tolist(), self.shift.tolist(), strict=True):
            still = operation == 0 and not any(shift)
            digits = "".join(str(5 + k) for k in shift)
            codes.append("." if still else f"{operation + 1}_{digits}")
        return tuple(codes)

    def take(self, index: IntArray) -> Contacts:
        """Some of the contacts."""
        return Contacts(
            *(self.labels, self.elements, self.cations, self.centre[index]),
            *(self.neighbour[index], self.operation[index], self.shift[index]),
            *(self.vectors.take(index), self.distance[index]),
        )

    def about(self, centres: Sequence[str] | None = None) -> Contacts:
        """Contacts of chosen centres.

        Parameters
        ----------
        centres : sequence of str, optional
            Labels or elements; by default all cations.

        Raises
        ------
        SettingError
            For a name that is neither.
        """
        if centres is None:
            return self.take(self.of_cations)
        unknown = [c for c in centres if c not in self.labels and c not in self.elements]
        if unknown:
            raise SettingError(
                f"centres: no site or element {', '.join(unknown)}; there are "
                f"{', '.join(self.labels)}"
            )
        chosen = [
            label in centres or element in centres
            for label, element in zip(self.labels, self.elements, strict=True)
        ]
        return self.take(np.flatnonzero(np.array(chosen)[self.centre]))


def find_contacts(
    phase: Phase,
    *,
    limits: Mapping[str, float] | None = None,
    reach: float = _REACH,
    anions: Sequence[str] | None = None,
) -> Contacts:
    """Find the neighbours of every site of a structure.

    Where no limit is given, cations and anions are neighbours, and the shell of a cation ends
    at its widest gap: distances are divided by the sum of the covalent radii (B. Cordero et al.,
    Dalton Trans. (2008) 2832), put in order as far as `reach`, and cut where one is larger than
    the one before by the greatest factor. In a structure without anions every pair counts.

    Parameters
    ----------
    phase : Phase
        The reference structure.
    limits : mapping of str to float, optional
        Largest distance (angstrom) of a pair of elements, ``{"V-O": 2.5}``; such a pair is taken
        whatever its elements are.
    reach : float
        Where the search for a gap stops, in sums of covalent radii.
    anions : sequence of str, optional
        The elements that are anions. By default O, halogens, N, S, Se and Te, unless their
        nearest neighbour is a more electronegative one of these.

    Returns
    -------
    Contacts
        From every site, in the order of sites and then of distances.

    Raises
    ------
    SettingError
        For a phase without atoms, or a limit that is not of two of its elements.

    Examples
    --------
    >>> from spectra.reference import load_phase
    >>> contacts = find_contacts(load_phase("TiO2_rutile")).about(["Ti"])
    >>> contacts.distance.round(3).tolist()
    [1.949, 1.949, 1.949, 1.949, 1.98, 1.98]
    """
    elements = tuple(a.element for a in phase.atoms)
    fixed = _checked_limits(phase, limits or {})
    radii = _radii(elements)
    farthest = max([2.0 * radii.max() * reach, *fixed.values()])
    near = _everyone(phase, farthest)
    pair = _pair_limits(elements, fixed)[near.centre, near.neighbour]
    reduced = near.distance / (radii[near.centre] + radii[near.neighbour])
    if anions is None:
        anions = _find_anions(elements, near)
    anion = np.array([e in anions for e in elements])
    opposite = anion[near.centre] != anion[near.neighbour]
    candidate = np.isnan(pair) & (reduced <= reach) & (opposite if anion.any() else True)
    ends = np.zeros(len(elements))
    for site in np.flatnonzero(~anion):
        ends[site] = _end_of_shell(reduced[candidate & (near.centre == site)], reach)
    end = np.maximum(ends[near.centre], ends[near.neighbour])
    keep = np.where(np.isnan(pair), candidate & (reduced <= end), near.distance <= pair)
    return replace(near, cations=~anion).take(np.flatnonzero(keep))


def bond_lengths(refined: RefinedRows, contacts: Contacts) -> Derived:
    """Distances (rows, n) in angstrom along contacts."""
    return lengths(refined, contacts.vectors)


def find_angles(contacts: Contacts) -> IntArray:
    """Pairs (angles, 2) of contacts that share their centre, as numbers of contacts."""
    first, second = np.triu_indices(len(contacts), 1)
    same = contacts.centre[first] == contacts.centre[second]
    return np.stack([first[same], second[same]], axis=1)


def bond_angles(refined: RefinedRows, contacts: Contacts, pairs: IntArray) -> Derived:
    """Angles (rows, angles) in degrees between pairs of contacts.

    cos θ = u·v/(|u||v|). Where an angle is 0 or 180° to within 1e-6 rad it has no derivative;
    it is taken as held there by symmetry.

    Parameters
    ----------
    refined : RefinedRows
    contacts : Contacts
    pairs : int array (angles, 2)
        As `find_angles` returns them.
    """
    used, number = np.unique(pairs, return_inverse=True)
    vectors, number = contacts.vectors.take(used), number.reshape(pairs.shape)
    bonds = lengths(refined, vectors)
    first, second = number[:, 0], number[:, 1]
    product = inner_products(refined, vectors.take(first), vectors.take(second))
    a, b = bonds.take(first), bonds.take(second)
    cosine = np.clip(product.value / (a.value * b.value), -1.0, 1.0)
    slope = product.jacobian / (a.value * b.value)[..., None]
    slope -= (cosine / a.value)[..., None] * a.jacobian
    slope -= (cosine / b.value)[..., None] * b.jacobian
    sine = np.sqrt(1.0 - cosine**2)
    straight = sine < _STRAIGHT
    factor = np.where(straight, 0.0, -1.0 / np.where(straight, 1.0, sine))
    return Derived(np.degrees(np.arccos(cosine)), np.degrees(factor[..., None] * slope))


def _everyone(phase: Phase, farthest: float) -> Contacts:
    """All contacts shorter than a distance, from every site."""
    rotation, translation = phase.operations.fractional()
    tensor = metric(phase.cell)[0]
    position = np.array([(a.x, a.y, a.z) for a in phase.atoms], dtype=float)
    site, operation = _images(position, rotation, translation, tensor)
    image = (rotation[operation] * position[site, None, :]).sum(axis=-1)
    image = image + translation[operation]
    # |n_k| ≤ d·|a*_k|: as many cells to each side, and one as the images are anywhere in theirs.
    count = np.ceil(farthest * np.sqrt(np.diagonal(np.linalg.inv(tensor))) + 0.5).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-c, c + 1) for c in count), indexing="ij"), -1)
    grid = grid.reshape(-1, 3)
    parts = []
    for centre, here in enumerate(position):
        base = -np.rint(image - here).astype(int)
        shift = base[:, None, :] + grid
        vector = image[:, None, :] + shift - here
        square = (vector * (tensor * vector[..., None, :]).sum(axis=-1)).sum(axis=-1)
        which, cell = np.nonzero((square < farthest**2) & (square > _SAME**2))
        distance = np.sqrt(square[which, cell])
        # Rounded, so that equal bonds stand in an order that does not hang on the last bit.
        keys = (cell, operation[which], site[which], np.round(distance, 6))
        order = np.lexsort(keys)
        which, cell, distance = which[order], cell[order], distance[order]
        parts.append((np.full(len(which), centre), which, shift[which, cell], distance))
    centre_of, which = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
    shift, distance = (np.concatenate([p[k] for p in parts]) for k in (2, 3))
    used = operation[which]
    vectors = Vectors(centre_of, site[which], rotation[used], translation[used] + shift)
    labels = tuple(a.label for a in phase.atoms)
    elements = tuple(a.element for a in phase.atoms)
    everyone = np.ones(len(elements), dtype=bool)
    return Contacts(
        *(labels, elements, everyone, centre_of, site[which], used, shift, vectors, distance)
    )


def _images(
    position: FloatArray, rotation: FloatArray, translation: FloatArray, tensor: FloatArray
) -> tuple[IntArray, IntArray]:
    """Site and operation of each different atom of the cell; of equal images the first."""
    site: list[int] = []
    operation: list[int] = []
    for s, here in enumerate(position):
        images = rotation @ here + translation
        kept: list[int] = []
        for k, image in enumerate(images):
            apart = image - images[kept]
            apart = apart - np.rint(apart)
            if not kept or ((apart @ tensor) * apart).sum(axis=-1).min() > _SPECIAL**2:
                kept.append(k)
        site += [s] * len(kept)
        operation += kept
    return np.array(site, dtype=np.intp), np.array(operation, dtype=np.intp)


def _find_anions(elements: tuple[str, ...], near: Contacts) -> tuple[str, ...]:
    found = []
    for element in sorted(set(elements)):
        if element not in _ANIONS:
            continue
        about = near.about([element])
        others = [elements[j] for j in about.neighbour]
        foreign = [k for k, e in enumerate(others) if e != element]
        if not foreign:
            continue
        nearest = others[min(foreign, key=lambda k: about.distance[k])]
        if nearest not in _ANIONS[: _ANIONS.index(element)]:
            found.append(element)
    return tuple(found)


def _end_of_shell(reduced: FloatArray, reach: float) -> float:
    """Where the shell ends: at the greatest factor from one distance to the next."""
    if len(reduced) == 0:
        return 0.0
    ordered = np.append(np.sort(reduced), reach)
    last = int(np.argmax(ordered[1:] / ordered[:-1]))
    return float(ordered[last] * (1.0 + 1e-6))


def _checked_limits(phase: Phase, limits: Mapping[str, float]) -> dict[tuple[str, str], float]:
    if not phase.atoms:
        raise SettingError(f"phase {phase.name!r} has no atoms; give a CIF with coordinates")
    elements = {a.element for a in phase.atoms}
    checked = {}
    for name, limit in limits.items():
        one, _, other = name.partition("-")
        if one not in elements or other not in elements or not limit > 0:
            raise SettingError(
                f"limits: {name!r} = {limit}; expected a positive distance (angstrom) for two of "
                f"{', '.join(sorted(elements))}, e.g. 'V-O'"
            )
        checked[(one, other)] = checked[(other, one)] = float(limit)
    return checked


def _pair_limits(elements: tuple[str, ...], limits: Mapping[tuple[str, str], float]) -> FloatArray:
    """Limits (sites, sites); NaN where the pair has none."""
    return np.array([[limits.get((a, b), np.nan) for b in elements] for a in elements])


def _radii(elements: tuple[str, ...]) -> FloatArray:
    import gemmi

    return np.array([gemmi.Element(e).covalent_r for e in elements])
