"""Space groups as arrays of operations, and the symmetry of sites.

Translations are whole numbers of 24ths of the axes, so that arithmetic on them is exact.
Definitions: International Tables A (2016), chs. 1.2–1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DENOMINATOR = 24
# An atom nearer than this (angstrom) to its own image stands on the symmetry element: wider
# than the rounding of printed coordinates, narrower than the halves of a split site.
SPECIAL_DISTANCE = 0.1

# Cells of each system with nothing equal that need not be, from the least symmetric to the
# most, and how many of their parameters are free.
_SAMPLE_CELLS: dict[str, tuple[tuple[float, ...], int]] = {
    "triclinic": ((5.0, 6.0, 7.0, 80.0, 85.0, 95.0), 6),
    "monoclinic_a": ((5.0, 6.0, 7.0, 80.0, 90.0, 90.0), 4),
    "monoclinic_b": ((5.0, 6.0, 7.0, 90.0, 80.0, 90.0), 4),
    "monoclinic_c": ((5.0, 6.0, 7.0, 90.0, 90.0, 80.0), 4),
    "orthorhombic": ((5.0, 6.0, 7.0, 90.0, 90.0, 90.0), 3),
    "tetragonal": ((5.0, 5.0, 7.0, 90.0, 90.0, 90.0), 2),
    "rhombohedral": ((5.0, 5.0, 5.0, 80.0, 80.0, 80.0), 2),
    "hexagonal": ((5.0, 5.0, 7.0, 90.0, 90.0, 120.0), 2),
    "cubic": ((5.0, 5.0, 5.0, 90.0, 90.0, 90.0), 1),
}


@dataclass(frozen=True, eq=False)
class Operations:
    """The operations x' = R·x + t of a space group, each once per centring vector.

    The identity is the first.

    Attributes
    ----------
    rotations : int array (n, 3, 3)
    translations : int array (n, 3)
        24ths of the axes.
    centrings : int array (m, 3)
        24ths; the first is zero. The group holds n·m operations modulo the lattice.
    """

    rotations: IntArray
    translations: IntArray
    centrings: IntArray

    def __len__(self) -> int:
        return len(self.rotations) * len(self.centrings)

    @property
    def inversion(self) -> IntArray | None:
        """Translation (3,) in 24ths of the inversion x' = −x + t, or None without one."""
        hit = (self.rotations == -np.eye(3, dtype=int)).all(axis=(1, 2))
        return self.translations[hit][0] if hit.any() else None

    def all(self) -> tuple[IntArray, IntArray]:
        """Rotations (n·m, 3, 3) and translations (n·m, 3) in 24ths, centring included."""
        rotations = np.repeat(self.rotations, len(self.centrings), axis=0)
        translations = self.translations[:, None] + self.centrings[None]
        return rotations, translations.reshape(-1, 3) % DENOMINATOR

    def fractional(self) -> tuple[FloatArray, FloatArray]:
        """The same as `all`, as numbers: translations in fractions of the axes."""
        rotations, translations = self.all()
        return rotations.astype(float), translations / DENOMINATOR

    def laue(self) -> IntArray:
        """Rotations (k, 3, 3) of the Laue class: those of the group and their inverses."""
        both = np.concatenate([self.rotations, -self.rotations]).reshape(-1, 9)
        return np.unique(both, axis=0).reshape(-1, 3, 3)

    def triplets(self) -> tuple[str, ...]:
        """The operations in the order of `all`, as they are printed: ``"-x+1/2,y,-z"``."""
        return tuple(triplet(r, t) for r, t in zip(*self.all(), strict=True))


@dataclass(frozen=True, eq=False)
class SiteSymmetry:
    """The operations that leave a site where it is.

    Attributes
    ----------
    position : array (3,)
        Fractional coordinates, moved onto the symmetry element.
    rotations : int array (k, 3, 3)
    shifts : int array (k, 3)
        24ths, lattice translations included: R·x + shift/24 = x.
    """

    position: FloatArray
    rotations: IntArray
    shifts: IntArray

    @property
    def order(self) -> int:
        return len(self.rotations)


def triplet(rotation: IntArray, translation: IntArray) -> str:
    """One operation as it is printed; translation (3,) in 24ths, of more than one axis too.

    Examples
    --------
    >>> triplet(-np.eye(3, dtype=int), np.array([12, 0, 24]))
    '-x+1/2,-y,-z+1'
    """
    import gemmi

    operation = gemmi.Op()
    operation.rot = (rotation * DENOMINATOR).tolist()
    operation.tran = translation.tolist()
    return str(operation.triplet())


def find_group(symbol: str, alpha: float, gamma: float) -> Any:
    """Gemmi's space group of a Hermann–Mauguin symbol, or None.

    Angles (deg) tell hexagonal from rhombohedral axes where the symbol does not.
    """
    import gemmi

    return gemmi.find_spacegroup_by_name(symbol, alpha, gamma)


def read_operations(space_group: str, alpha: float, gamma: float) -> Operations | None:
    """Operations of a Hermann–Mauguin symbol or of triplets ``"x,y,z; -x,-y,-z"``.

    Parameters
    ----------
    space_group : str
    alpha, gamma : float
        Cell angles (deg).

    Returns
    -------
    Operations or None
        None where the symbol is not known, or the triplets are no group.
    """
    import gemmi

    if "," in space_group:
        try:
            listed = [gemmi.Op(t.strip()) for t in space_group.split(";") if t.strip()]
        except (RuntimeError, ValueError):
            return None
        group = gemmi.GroupOps(listed)
        distinct = {o.wrap().triplet() for o in listed}
        if len(group) == 0 or len(group) != len(distinct):
            return None
        operations = _arrays(group)
        return operations if _closed(operations) else None
    group = find_group(space_group, alpha, gamma)
    return None if group is None else _arrays(group.operations())


def axes_of(operations: Operations) -> str | None:
    """Crystal system with the axes used, from the operations alone.

    One of the names of `Phase.crystal_system`; hexagonal stands for trigonal too. None where
    the axes are not those of a conventional setting, so that other relations hold between
    the cell parameters.
    """
    import gemmi

    turned = operations.rotations.astype(float)
    # Invariants of the metric tensor: the mean character of the symmetric square of R.
    trace = np.trace(turned, axis1=1, axis2=2)
    squares = np.trace(turned @ turned, axis1=1, axis2=2)
    free = round(float((trace**2 + squares).mean() / 2.0))
    for system, (cell, number) in _SAMPLE_CELLS.items():
        tensor = np.array(gemmi.UnitCell(*cell).metric_tensor().as_mat33().tolist())
        moved = np.swapaxes(turned, 1, 2) @ tensor @ turned
        if number == free and np.allclose(moved, tensor, atol=1e-9):
            return system
    return None


def site_symmetry(
    operations: Operations, position: ArrayLike, orthogonalization: FloatArray
) -> SiteSymmetry:
    """Which operations leave a site in place, and the site moved onto their element.

    An image within `SPECIAL_DISTANCE` of the site counts as the site itself; the position
    returned is the mean of such images.

    Parameters
    ----------
    operations : Operations
    position : array (3,)
        Fractional coordinates.
    orthogonalization : array (3, 3)
        Columns are the axes in Cartesian coordinates (angstrom).
    """
    rotations, translations = operations.all()
    start = np.asarray(position, dtype=float)
    reach = SPECIAL_DISTANCE
    while True:
        images = rotations @ start + translations / DENOMINATOR
        lattice = np.rint(start - images)
        away = np.linalg.norm((images + lattice - start) @ orthogonalization.T, axis=1)
        near = away < reach
        mean = (images + lattice)[near].mean(axis=0)
        shifts = translations[near] + DENOMINATOR * lattice[near].astype(np.int64)
        residual = rotations[near] @ mean + shifts / DENOMINATOR - mean
        if np.abs(residual).max() < 1e-9:
            return SiteSymmetry(mean, rotations[near], shifts)
        # Images close by that form no group: two elements pass near the site, not through it.
        reach = float(away[near].max())


def images(operations: Operations, position: FloatArray) -> FloatArray:
    """Distinct images (multiplicity, 3) of a snapped position in the cell, in [0, 1)."""
    rotations, translations = operations.all()
    every = (rotations @ position + translations / DENOMINATOR) % 1.0
    apart = every[:, None] - every[None]
    same = (np.abs(apart - np.rint(apart)) < 1e-5).all(axis=-1)
    return np.asarray(every[same.argmax(axis=1) == np.arange(len(every))])


def reflection_images(hkl: ArrayLike, rotations: IntArray) -> IntArray:
    """All images h·R (reflections, n, 3) of reflections (reflections, 3) under rotations."""
    h = np.asarray(hkl, dtype=np.int64)
    return np.asarray((h[:, None, :, None] * rotations[None]).sum(axis=2))


def _arrays(group: Any) -> Operations:
    rotations = np.array([op.rot for op in group.sym_ops], dtype=np.int64) // DENOMINATOR
    translations = np.array([op.tran for op in group.sym_ops], dtype=np.int64) % DENOMINATOR
    centrings = np.array(group.cen_ops, dtype=np.int64) % DENOMINATOR
    return Operations(rotations, translations, centrings[np.lexsort(centrings.T[::-1])])


def _closed(operations: Operations) -> bool:
    """Whether every product of two operations is one of them."""
    rotations, translations = operations.all()
    known = {(r.tobytes(), t.tobytes()) for r, t in zip(rotations, translations, strict=True)}
    for r, t in zip(rotations, translations, strict=True):
        product = r @ rotations
        moved = (translations @ r.T + t) % DENOMINATOR
        if any(
            (p.tobytes(), m.tobytes()) not in known for p, m in zip(product, moved, strict=True)
        ):
            return False
    return True
