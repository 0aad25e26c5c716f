"""Covariances from information matrices, and how well the data determine each parameter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A diagonal element of the inverse of a unit-diagonal matrix above this belongs to a parameter
# that the others can imitate to about eight digits: such rows get their eigenvalues looked at.
_INFLATION_MAX = 1e12


def covariance(hessian: FloatArray, free: BoolArray) -> FloatArray:
    """Invert (rows, P, P) information matrices over their free parameters.

    Works on the matrix scaled to unit diagonal. A parameter with a share in a direction whose
    eigenvalue is below 1e-14 of the largest is not determined: its entries are NaN.
    """
    scaled, scale, usable = _to_unit_diagonal(hessian, free)
    inverse, singular = _invert(scaled)
    swollen = np.einsum("rii->ri", inverse)
    doubtful = singular | ~((swollen >= 0.5) & (swollen < _INFLATION_MAX)).all(axis=1)
    known = usable.copy()
    rows = np.flatnonzero(doubtful)
    if rows.size:
        inverse[rows], undetermined = _pseudo_inverse(scaled[rows])
        known[rows] &= ~undetermined
    cov = inverse / scale[:, :, None] / scale[:, None, :]
    return np.where(known[:, :, None] & known[:, None, :], cov, np.nan)


def inflation(hessian: FloatArray, free: BoolArray) -> FloatArray:
    """Largest variance inflation of any parameter (rows,): how well others can imitate it.

    1 for independent parameters; NaN or infinite where one is not determined at all.
    """
    scaled, _, usable = _to_unit_diagonal(hessian, free)
    inverse, singular = _invert(scaled)
    swollen = np.einsum("rii->ri", inverse)
    worst = np.where(swollen >= 0.5, swollen, np.inf).max(axis=1, initial=1.0)
    return np.where(singular | (usable != free).any(axis=1), np.inf, worst)


def _to_unit_diagonal(
    hessian: FloatArray, free: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Scaled matrices (rows, P, P), the scales (rows, P), and which parameters have one."""
    diagonal = np.einsum("rii->ri", hessian)
    usable = free & (diagonal > 0) & np.isfinite(diagonal)
    scale = np.where(usable, np.sqrt(np.where(usable, diagonal, 1.0)), 1.0)
    both = usable[:, :, None] & usable[:, None, :]
    scaled = np.where(both, hessian / scale[:, :, None] / scale[:, None, :], 0.0)
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    np.einsum("rii->ri", scaled)[...] = 1.0
    return scaled, scale, usable


def _invert(matrix: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Inverses (rows, P, P), and which rows have none."""
    singular: BoolArray = np.zeros(len(matrix), bool)
    try:
        return np.asarray(np.linalg.inv(matrix), dtype=np.float64), singular
    except np.linalg.LinAlgError:
        inverse = np.zeros_like(matrix)
        for row, one in enumerate(matrix):
            try:
                inverse[row] = np.linalg.inv(one)
            except np.linalg.LinAlgError:
                singular[row] = True
        return inverse, singular


def _pseudo_inverse(scaled: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Inverse without the directions that the data do not determine, and who shares in them."""
    eigenvalues, vectors = np.linalg.eigh(scaled)
    good = eigenvalues > 1e-14 * eigenvalues[:, -1:]
    inverse = np.where(good, 1.0 / np.where(good, eigenvalues, 1.0), 0.0)
    undetermined = (np.abs(vectors) * ~good[:, None, :]).max(axis=2) > 1e-3
    return np.matmul(vectors * inverse[:, None, :], vectors.transpose(0, 2, 1)), undetermined
