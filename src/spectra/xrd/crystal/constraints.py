"""What its symmetry leaves free of a site: coordinates and displacements, exactly.

An operation of the site's symmetry, R·x + t = x, is a linear equation for the coordinates;
for the displacements U*_ij = U_ij·a*_i·a*_j it is R·U*·Rᵀ = U* (R. W. Grosse-Kunstleve and
P. D. Adams, J. Appl. Cryst. 35 (2002) 477). Both have rational coefficients and are solved in
rational arithmetic.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spectra.phase import Atom, Phase
from spectra.symmetry import DENOMINATOR, SiteSymmetry
from spectra.xrd.lattice import metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COORDINATES = ("x", "y", "z")
DISPLACEMENTS = ("u11", "u22", "u33", "u12", "u13", "u23")
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, eq=False)
class SiteConstraint:
    """What is free of one site.

    Attributes
    ----------
    label : str
        The atom's label; of atoms with one label the second is called ``label_2`` and so on.
    atom : Atom
    symmetry : SiteSymmetry
        The operations that leave the site in place, and its exact position.
    multiplicity : int
        Images of the site in the cell.
    coordinate_names : tuple of str
        The free ones of x, y, z.
    coordinate_matrix : array (3, p)
        Coordinates = matrix·free + offset.
    coordinate_offset : array (3,)
    displacement_names : tuple of str
        The free ones of u11, u22, u33, u12, u13, u23, or ``u_iso`` alone.
    displacement_matrix : array (6, q)
        U_ij = matrix·free. For an isotropic site: U_iso·(1, 1, 1, cos γ*, cos β*, cos α*).
    coordinate_start : array (p,)
    displacement_start : array (q,)
    """

    label: str
    atom: Atom
    symmetry: SiteSymmetry
    multiplicity: int
    coordinate_names: tuple[str, ...]
    coordinate_matrix: FloatArray
    coordinate_offset: FloatArray
    displacement_names: tuple[str, ...]
    displacement_matrix: FloatArray
    coordinate_start: FloatArray
    displacement_start: FloatArray

    @property
    def anisotropic(self) -> bool:
        return self.atom.u_aniso is not None


def site_constraints(phase: Phase) -> tuple[SiteConstraint, ...]:
    """The constraints of every site of a phase, in the order of its atoms.

    Raises
    ------
    SettingError
        If an atom's coordinates are missing.
    """
    seen: Counter[str] = Counter()
    sites = []
    for atom in phase.atoms:
        seen[atom.label] += 1
        label = atom.label if seen[atom.label] == 1 else f"{atom.label}_{seen[atom.label]}"
        sites.append(_site_constraint(phase, atom, label))
    return tuple(sites)


def coordinate_constraint(
    symmetry: SiteSymmetry,
) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Names, matrix (3, p) and offset (3,) of the free coordinates of a site."""
    unit = np.eye(3, dtype=np.int64)
    equations = (symmetry.rotations - unit).reshape(-1, 3)
    free, matrix, offset = _solve(equations, -symmetry.shifts.reshape(-1))
    return tuple(COORDINATES[i] for i in free), matrix, offset / DENOMINATOR


def displacement_constraint(
    symmetry: SiteSymmetry, reciprocal: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Names and matrix (6, q) of the free U_ij of a site; reciprocal lengths a*, b*, c* (3,)."""
    equations = (tensor_images(symmetry.rotations) - np.eye(6, dtype=np.int64)).reshape(-1, 6)
    free, matrix, _ = _solve(equations, np.zeros(len(equations), dtype=np.int64))
    scale = np.array([reciprocal[i] * reciprocal[j] for i, j in PAIRS])
    return tuple(DISPLACEMENTS[i] for i in free), matrix * scale[free] / scale[:, None]


def tensor_images(rotations: IntArray) -> IntArray:
    """Matrices (k, 6, 6) that turn (U*11, U*22, U*33, U*12, U*13, U*23) with R·U*·Rᵀ."""
    turned = np.empty((len(rotations), 6, 6), dtype=np.int64)
    for row, (i, j) in enumerate(PAIRS):
        for column, (k, m) in enumerate(PAIRS):
            value = rotations[:, i, k] * rotations[:, j, m]
            if k != m:
                value = value + rotations[:, i, m] * rotations[:, j, k]
            turned[:, row, column] = value
    return turned


def _site_constraint(phase: Phase, atom: Atom, label: str) -> SiteConstraint:
    symmetry = phase.site_symmetry(atom)
    names, matrix, offset = coordinate_constraint(symmetry)
    inverse = np.linalg.inv(metric(phase.cell)[0])
    reciprocal = np.sqrt(np.diag(inverse))
    pairs = np.array([inverse[i, j] / (reciprocal[i] * reciprocal[j]) for i, j in PAIRS])
    if atom.u_aniso is None:
        u_names: tuple[str, ...] = ("u_iso",)
        u_matrix, u_start = pairs[:, None], np.array([atom.u_iso])
    else:
        u_names, u_matrix = displacement_constraint(symmetry, reciprocal)
        scale = np.array([reciprocal[i] * reciprocal[j] for i, j in PAIRS])
        mean = tensor_images(symmetry.rotations).mean(axis=0) @ (scale * atom.u_aniso) / scale
        u_start = mean[[DISPLACEMENTS.index(n) for n in u_names]]
    return SiteConstraint(
        label=label,
        atom=atom,
        symmetry=symmetry,
        multiplicity=len(phase.operations) // symmetry.order,
        coordinate_names=names,
        coordinate_matrix=matrix,
        coordinate_offset=offset,
        displacement_names=u_names,
        displacement_matrix=u_matrix,
        coordinate_start=symmetry.position[[COORDINATES.index(n) for n in names]],
        displacement_start=u_start,
    )


def _solve(equations: IntArray, right: IntArray) -> tuple[list[int], FloatArray, FloatArray]:
    """All solutions of a consistent system: free unknowns, matrix (n, free), offset (n,).

    Unknowns are eliminated from the last to the first, so that the free ones are the earliest
    and the matrix shows them as themselves.
    """
    size = equations.shape[1]
    distinct = np.unique(np.column_stack([equations[:, ::-1], right]), axis=0)
    rows = [[Fraction(int(v)) for v in row] for row in distinct]
    pivots: list[int] = []
    for column in range(size):
        done = len(pivots)
        pivot = next((r for r in range(done, len(rows)) if rows[r][column] != 0), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        lead = rows[done][column]
        rows[done] = [v / lead for v in rows[done]]
        for r, row in enumerate(rows):
            if r != done and row[column] != 0:
                factor = row[column]
                rows[r] = [v - factor * p for v, p in zip(row, rows[done], strict=True)]
        pivots.append(column)
    free = sorted(size - 1 - c for c in range(size) if c not in pivots)
    matrix, offset = np.zeros((size, len(free))), np.zeros(size)
    for k, unknown in enumerate(free):
        matrix[unknown, k] = 1.0
    for row, column in zip(rows, pivots, strict=False):
        unknown = size - 1 - column
        offset[unknown] = float(row[size])
        for k, other in enumerate(free):
            matrix[unknown, k] = 0.0 - float(row[size - 1 - other])
    return free, matrix, offset
