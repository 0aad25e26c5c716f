"""Lattice geometry: spacings and volumes of cells, with derivatives, under symmetry.

Cells are a, b, c (angstrom), alpha, beta, gamma (deg) along the last axis; everything is
vectorised over the axes before it. Formulae: International Tables B (2010), ch. 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

CELL_NAMES = ("a", "b", "c", "alpha", "beta", "gamma")
# For each system, the free parameters, and for each of the six cell parameters the free one
# that it equals, or the angle at which it is fixed.
_SYSTEMS: dict[str, tuple[tuple[str, ...], tuple[str | float, ...]]] = {
    "cubic": (("a",), ("a", "a", "a", 90.0, 90.0, 90.0)),
    "tetragonal": (("a", "c"), ("a", "a", "c", 90.0, 90.0, 90.0)),
    "orthorhombic": (("a", "b", "c"), ("a", "b", "c", 90.0, 90.0, 90.0)),
    "hexagonal": (("a", "c"), ("a", "a", "c", 90.0, 90.0, 120.0)),
    "trigonal": (("a", "c"), ("a", "a", "c", 90.0, 90.0, 120.0)),
    "rhombohedral": (("a", "alpha"), ("a", "a", "a", "alpha", "alpha", "alpha")),
    "monoclinic_a": (("a", "b", "c", "alpha"), ("a", "b", "c", "alpha", 90.0, 90.0)),
    "monoclinic_b": (("a", "b", "c", "beta"), ("a", "b", "c", 90.0, "beta", 90.0)),
    "monoclinic_c": (("a", "b", "c", "gamma"), ("a", "b", "c", 90.0, 90.0, "gamma")),
    "triclinic": (CELL_NAMES, CELL_NAMES),
}


@dataclass(frozen=True)
class CellConstraint:
    """Which cell parameters a crystal system leaves free.

    Attributes
    ----------
    names : tuple of str
        The free parameters.
    matrix : array (6, free)
        Cell = matrix·free + offset.
    offset : array (6,)
    """

    names: tuple[str, ...]
    matrix: FloatArray
    offset: FloatArray

    @classmethod
    def of(cls, crystal_system: str) -> CellConstraint:
        """Return the constraint of a crystal system, as `Phase.crystal_system` names it."""
        if crystal_system not in _SYSTEMS:
            raise SettingError(
                f"crystal system {crystal_system!r}; expected one of {', '.join(_SYSTEMS)}"
            )
        names, rule = _SYSTEMS[crystal_system]
        matrix, offset = np.zeros((6, len(names))), np.zeros(6)
        for i, entry in enumerate(rule):
            if isinstance(entry, str):
                matrix[i, names.index(entry)] = 1.0
            else:
                offset[i] = entry
        return cls(names, matrix, offset)

    def cell(self, free: FloatArray) -> FloatArray:
        """Cells (..., 6) of free parameters (..., n)."""
        return np.asarray(free @ self.matrix.T + self.offset)

    def free(self, cell: ArrayLike) -> FloatArray:
        """Free parameters (..., n) of cells (..., 6), averaged over equal ones."""
        counts = self.matrix.sum(axis=0)
        return np.asarray(np.asarray(cell, dtype=float) @ self.matrix / counts)


def metric(cell: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Metric tensor G (..., 3, 3) in angstrom², and ∂G/∂cell (..., 6, 3, 3).

    Derivatives by angles are per degree.
    """
    values = np.asarray(cell, dtype=float)
    lengths, angles = values[..., :3], np.radians(values[..., 3:])
    # cos of the angle between axes i and j: gamma for (0, 1), beta for (0, 2), alpha for (1, 2)
    cosine = np.ones((*values.shape[:-1], 3, 3))
    slope = np.zeros((*values.shape[:-1], 3, 3, 3))
    for k, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        cosine[..., i, j] = cosine[..., j, i] = np.cos(angles[..., k])
        value = -np.sin(angles[..., k]) * np.pi / 180.0
        slope[..., k, i, j] = slope[..., k, j, i] = value
    outer = lengths[..., :, None] * lengths[..., None, :]
    tensor = outer * cosine
    gradient = np.zeros((*values.shape[:-1], 6, 3, 3))
    for k in range(3):
        row = lengths * cosine[..., k, :]
        gradient[..., k, k, :] += row
        gradient[..., k, :, k] += row
    gradient[..., 3:, :, :] = outer[..., None, :, :] * slope
    return tensor, gradient


def inverse_d2(hkl: ArrayLike, cell: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """1/d² (..., R) in 1/angstrom² and its derivatives by the cell (..., R, 6).

    1/d² = hᵀ·G⁻¹·h, so that d(1/d²) = −hᵀ·G⁻¹·dG·G⁻¹·h.
    """
    h = np.asarray(hkl, dtype=float)
    tensor, gradient = metric(cell)
    inverse = np.linalg.inv(tensor)
    # Not einsum: the order of its sums, and so the last bit, hangs on how many cells there are.
    u = np.matmul(h, inverse)
    value = (u * h).sum(axis=-1)
    turned = np.matmul(u[..., None, :, :], gradient)
    slope = -(turned * u[..., None, :, :]).sum(axis=-1)
    return value, np.swapaxes(slope, -1, -2)


def d_spacing(hkl: ArrayLike, cell: ArrayLike) -> FloatArray:
    """Spacings d (..., R) in angstrom of reflections (R, 3) for cells (..., 6).

    Examples
    --------
    >>> d_spacing([[1, 1, 1]], [2.0, 2.0, 2.0, 90.0, 90.0, 90.0]).round(4).tolist()
    [1.1547]
    """
    return np.asarray(1.0 / np.sqrt(inverse_d2(hkl, cell)[0]))


def volume(cell: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Cell volume (...) in angstrom³ and its derivatives (..., 6): V = √det G."""
    tensor, gradient = metric(cell)
    value = np.sqrt(np.linalg.det(tensor))
    inverse = np.linalg.inv(tensor)
    trace = (inverse[..., None, :, :] * gradient).sum(axis=(-2, -1))
    return value, 0.5 * value[..., None] * trace


def orthogonalization(cell: ArrayLike) -> FloatArray:
    """Matrix (..., 3, 3) whose columns are the axes in Cartesian coordinates (angstrom).

    x along a, y in the plane of a and b, z along c*.
    """
    tensor, _ = metric(cell)
    return np.asarray(np.swapaxes(np.linalg.cholesky(tensor), -1, -2))
