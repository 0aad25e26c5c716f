"""Vectors between atoms of refined structures, and how uncertainties come through them.

Everything is a function of inner products u·G·v of vectors in fractional coordinates, with the
metric tensor G, so that cells and coordinates enter with exact derivatives. Rows are frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.reference import Phase
from spectra.xrd.lattice import metric, volume

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A variance this small against the terms that cancel in it is zero by symmetry.
_CANCELLED = 1e-13


@dataclass(frozen=True)
class RefinedRows:
    """Cells and coordinates of many frames with their joint covariance.

    Parameters
    ----------
    cell : array (rows, 6)
        a, b, c (angstrom), alpha, beta, gamma (deg).
    coordinates : array (rows, sites, 3)
        Fractional, of the sites of the asymmetric unit in the phase's order.
    covariance : array (rows, 6 + 3·sites, 6 + 3·sites)
        Of the cell and then x, y, z of each site; zero rows and columns for what is held,
        full correlation where symmetry ties two of them.

    Raises
    ------
    SettingError
        If the shapes do not fit together.
    """

    cell: FloatArray
    coordinates: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        rows = len(self.cell)
        sites = self.coordinates.shape[1] if self.coordinates.ndim == 3 else -1
        size = 6 + 3 * sites
        expected = ((rows, 6), (rows, sites, 3), (rows, size, size))
        seen = (self.cell.shape, self.coordinates.shape, self.covariance.shape)
        if seen != expected:
            raise SettingError(
                f"refined rows: cell, coordinates and covariance have shapes {seen}; expected "
                "(rows, 6), (rows, sites, 3) and (rows, 6 + 3·sites, 6 + 3·sites)"
            )

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def parameters(self) -> int:
        """Length of the vector of cell and coordinates."""
        return int(self.covariance.shape[-1])

    def take(self, index: IntArray) -> RefinedRows:
        """Some of the rows."""
        return RefinedRows(self.cell[index], self.coordinates[index], self.covariance[index])

    @classmethod
    def of(cls, phase: Phase) -> RefinedRows:
        """One row: the phase as it stands, without uncertainty."""
        position = np.array([[(a.x, a.y, a.z) for a in phase.atoms]], dtype=float)
        position = position.reshape(1, len(phase.atoms), 3)
        size = 6 + 3 * len(phase.atoms)
        return cls(np.array([phase.cell], dtype=float), position, np.zeros((1, size, size)))


@dataclass(frozen=True)
class Derived:
    """Quantities calculated from rows, with their derivatives by cell and coordinates.

    Attributes
    ----------
    value : array (rows, n)
    jacobian : array (rows, n, 6 + 3·sites)
    """

    value: FloatArray
    jacobian: FloatArray

    def stderr(self, covariance: FloatArray) -> FloatArray:
        """Standard uncertainties (rows, n): σ² = J·C·Jᵀ, exactly zero where symmetry says so."""
        spread = (np.matmul(self.jacobian, covariance) * self.jacobian).sum(axis=-1)
        sigma = np.sqrt(np.abs(np.diagonal(covariance, axis1=-2, axis2=-1)))
        terms = (np.abs(self.jacobian) * sigma[:, None, :]).sum(axis=-1)
        variance = np.where(spread <= _CANCELLED * terms**2, 0.0 * spread, spread)
        return np.asarray(np.sqrt(variance))

    def covariance(self, covariance: FloatArray) -> FloatArray:
        """Covariance (rows, n, n) of the quantities of one row among themselves."""
        spread = np.matmul(self.jacobian, covariance)
        return np.asarray(np.matmul(spread, np.swapaxes(self.jacobian, -1, -2)))

    def take(self, index: IntArray) -> Derived:
        """Some of the quantities."""
        # np.take keeps the order in memory, on which the order of later sums hangs.
        return Derived(np.take(self.value, index, axis=1), np.take(self.jacobian, index, axis=1))


@dataclass(frozen=True)
class Vectors:
    """Vectors from sites of the asymmetric unit to images of sites, R·x_j + t − x_i.

    Attributes
    ----------
    start, end : int array (n,)
        Sites i and j.
    rotation : array (n, 3, 3)
    translation : array (n, 3)
    """

    start: IntArray
    end: IntArray
    rotation: FloatArray
    translation: FloatArray

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: IntArray) -> Vectors:
        """Some of the vectors."""
        return Vectors(
            self.start[index], self.end[index], self.rotation[index], self.translation[index]
        )

    def fractional(self, coordinates: FloatArray) -> FloatArray:
        """The vectors (rows, n, 3) for coordinates (rows, sites, 3)."""
        ends = (self.rotation * coordinates[:, self.end, None, :]).sum(axis=-1)
        vectors = ends + self.translation - coordinates[:, self.start]
        return np.ascontiguousarray(vectors)

    def add_gradient(self, gradient: FloatArray, jacobian: FloatArray) -> None:
        """Add to a jacobian (rows, n, parameters) what gradients by the vectors bring.

        Parameters
        ----------
        gradient : array (rows, n, 3)
            Derivatives of n quantities, each by its own vector.
        jacobian : array (rows, n, parameters)
            Changed in place.
        """
        order = np.arange(len(self))
        turned = (self.rotation * gradient[..., :, None]).sum(axis=-2)
        for axis in range(3):
            jacobian[:, order, 6 + 3 * self.start + axis] -= gradient[..., axis]
            jacobian[:, order, 6 + 3 * self.end + axis] += turned[..., axis]


def inner_products(refined: RefinedRows, first: Vectors, second: Vectors) -> Derived:
    """Inner products u·v (angstrom²) of vectors, pair by pair.

    d(u·v) = (G·v)·du + (G·u)·dv + uᵀ·dG·v.
    """
    tensor, slope = metric(refined.cell)
    u, v = first.fractional(refined.coordinates), second.fractional(refined.coordinates)
    gu, gv = _apply(tensor, u), _apply(tensor, v)
    jacobian = np.zeros((len(refined), len(first), refined.parameters))
    first.add_gradient(gv, jacobian)
    second.add_gradient(gu, jacobian)
    for k in range(6):
        jacobian[..., k] = (u * _apply(slope[:, k], v)).sum(axis=-1)
    return Derived((u * gv).sum(axis=-1), jacobian)


def lengths(refined: RefinedRows, vectors: Vectors) -> Derived:
    """Lengths (angstrom) of vectors."""
    square = inner_products(refined, vectors, vectors)
    value = np.sqrt(square.value)
    return Derived(value, square.jacobian / (2.0 * value[..., None]))


def cell_volumes(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Volumes (rows,) of cells (rows, 6) and derivatives (rows, 6); NaN for a lost cell."""
    lost = np.asarray(np.isnan(cell.sum(axis=1)))
    value, slope = volume(np.where(lost[:, None], (1.0, 1.0, 1.0, 90.0, 90.0, 90.0), cell))
    return np.where(lost, np.nan, value), np.where(lost[:, None], np.nan, slope)


def _apply(tensor: FloatArray, vectors: FloatArray) -> FloatArray:
    """Symmetric tensors (rows, 3, 3) on vectors (rows, n, 3)."""
    # Not matmul: one row alone and many rows must go through the same sums.
    return np.asarray((tensor[:, None] * vectors[..., None, :]).sum(axis=-1))
