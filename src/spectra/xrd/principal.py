"""Principal values of symmetric tensors and how well they are known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import propagate

FloatArray = NDArray[np.float64]

# Voigt's order of the components of a symmetric tensor.
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def principal_values(tensor: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues of symmetric tensors, largest first, and their standard uncertainties.

    To first order dλᵢ = vᵢᵀ·dE·vᵢ (T. Kato, Perturbation Theory for Linear Operators, Springer
    1980, ch. II § 2), so that var λᵢ follows from the covariance of E.

    That holds only while the distance δᵢⱼ of two eigenvalues is large against the uncertainty
    sᵢⱼ of vᵢᵀ·E·vⱼ, which turns the axes within their plane. Nearer than that, noise pushes the
    two apart: sorted eigenvalues are biased, and their first-order uncertainty is too small. By
    how much, the 2×2 problem says: (√(δ² + 4s²) − δ)/2, which is s where both are equal and
    s²/δ, the second order, where they are far apart. It is added in quadrature, with δ² less
    what noise alone makes of it on average, 4s² + var(λᵢ − λⱼ), but not below zero. So the
    standard uncertainty is a root mean square deviation throughout; the bias itself is not
    taken off, and pulls are not normal there. Where symmetry leaves nothing to turn (s = 0, all
    but monoclinic and triclinic cells), first order is exact but for the sorting.

    Parameters
    ----------
    tensor : array (F, 6)
        Components 11, 22, 33, 23, 13, 12.
    cov : array (F, 6, 6)

    Returns
    -------
    tuple of arrays (F, 3)
    """
    row, column = np.array(VOIGT).T
    full = np.zeros((len(tensor), 3, 3))
    full[:, row, column] = full[:, column, row] = tensor
    values, vectors = np.linalg.eigh(full)
    values, vectors = values[:, ::-1], vectors[:, :, ::-1]

    def gradient(i: int, j: int) -> FloatArray:
        """Derivative (F, 6) of vᵢᵀ·E·vⱼ by the components of E."""
        product = vectors[:, row, i] * vectors[:, column, j]
        mirrored = vectors[:, column, i] * vectors[:, row, j]
        # In one memory layout always: the order of sums, and so the last bit, hangs on it.
        return np.ascontiguousarray(np.where(row == column, product, product + mirrored))

    own = [gradient(i, i) for i in range(3)]
    variance = np.stack([propagate(g, cov) for g in own], axis=1)
    for i, j in combinations(range(3), 2):
        mixed = gradient(i, j)
        turning = np.maximum(propagate(mixed, cov), 0.0)
        apart = own[i] - own[j]
        noise = 4.0 * turning + np.maximum(propagate(apart, cov), 0.0)
        distance2 = np.maximum((values[:, i] - values[:, j]) ** 2 - noise, 0.0)
        push = 0.5 * (np.sqrt(distance2 + 4.0 * turning) - np.sqrt(distance2))
        variance[:, [i, j]] += push[:, None] ** 2
    return np.asarray(values), np.sqrt(np.maximum(variance, 0.0))
