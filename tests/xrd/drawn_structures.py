"""Structures drawn about a true one with a covariance that its symmetry allows."""

from __future__ import annotations

import numpy as np

from spectra.reference import Phase
from spectra.xrd.crystal.geometry import RefinedRows
from spectra.xrd.lattice import CellConstraint


def allowed(phase: Phase) -> np.ndarray:
    """Projection (P, P) of cell and coordinates on what the symmetry leaves free."""
    cell = CellConstraint.of(phase.crystal_system).matrix
    cell = cell / np.linalg.norm(cell, axis=0)
    size = 6 + 3 * len(phase.atoms)
    out = np.zeros((size, size))
    out[:6, :6] = cell @ cell.T
    rotation, translation = phase.operations.fractional()
    for k, atom in enumerate(phase.atoms):
        here = np.array([atom.x, atom.y, atom.z])
        moved = rotation @ here + translation - here
        still = np.abs(moved - np.rint(moved)).max(axis=1) < 1e-3
        place = slice(6 + 3 * k, 9 + 3 * k)
        out[place, place] = rotation[still].mean(axis=0)
    return out


def covariance_of(phase: Phase, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """A covariance (P, P) with strong correlations: 0.0005 Å, 0.005° and 0.002 Å or so."""
    rng = np.random.default_rng(seed)
    size = 6 + 3 * len(phase.atoms)
    sigma = np.full(size, 0.002)
    sigma[:3], sigma[3:6] = 0.0005, 0.005
    for k in range(3):
        sigma[6 + k :: 3] /= phase.cell[k]
    mixing = np.eye(size) + 0.3 * rng.normal(size=(size, size)) / np.sqrt(size)
    factor = scale * allowed(phase) @ (sigma[:, None] * mixing)
    return factor @ factor.T


def draws(phase: Phase, covariance: np.ndarray, rows: int, seed: int = 1) -> RefinedRows:
    """Rows drawn from a normal distribution about the phase."""
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    centre = np.concatenate([phase.cell, [v for a in phase.atoms for v in (a.x, a.y, a.z)]])
    found = centre + rng.normal(size=(rows, len(centre))) @ factor.T
    spread = np.broadcast_to(covariance, (rows, *covariance.shape))
    return RefinedRows(found[:, :6], found[:, 6:].reshape(rows, -1, 3), spread)


def at(phase: Phase, vector: np.ndarray) -> RefinedRows:
    """One row from the vector of cell and coordinates."""
    size = len(vector)
    place = vector[None, 6:].reshape(1, -1, 3)
    return RefinedRows(vector[None, :6], place, np.zeros((1, size, size)))


def vector_of(phase: Phase) -> np.ndarray:
    """Cell and coordinates in one vector."""
    one = RefinedRows.of(phase)
    return np.concatenate([one.cell[0], one.coordinates[0].ravel()])


def numerical_jacobian(function, phase: Phase, step: float = 1e-5) -> np.ndarray:
    """Central differences (n, P) of fourth order of function(rows) -> values (1, n)."""
    start = vector_of(phase)
    columns = []
    for k in range(len(start)):
        h = step * (10.0 if k < 6 else 1.0)
        e = np.zeros(len(start))
        e[k] = h
        near = function(at(phase, start + e)) - function(at(phase, start - e))
        far = function(at(phase, start + 2 * e)) - function(at(phase, start - 2 * e))
        columns.append((8.0 * near - far)[0] / (12.0 * h))
    return np.array(columns).T
