"""What Gauss–Newton leaves out of the second derivatives, learnt from gradients on the way.

Where a model does not fit to within the noise, the Hessian is JᵀWJ + S with S = −Σ W·r·∂²f. S
costs a model's second derivatives; but every step s from which both gradients are known tells
S·s, and a few such steps tell what matters of it (J. E. Dennis, D. M. Gay and R. E. Welsch, ACM
Trans. Math. Softw. 7 (1981) 348, doi:10.1145/355958.355965).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Least curvature of any direction, of that of parameters by themselves.
_LEAST = 1e-12


def learn(
    rest: FloatArray, hessian: FloatArray, step: FloatArray, change: FloatArray
) -> FloatArray:
    """Correct S by a step, so that (H + S)·s = y.

    The update of Dennis, Gay and Welsch (eq. 3.7), with their sizing of S (eq. 3.9). A step along
    which the cost bends downwards teaches nothing.

    Parameters
    ----------
    rest : array (rows, P, P)
        S so far.
    hessian : array (rows, P, P)
        H = JᵀWJ, where S is wanted.
    step : array (rows, P)
        s.
    change : array (rows, P)
        y, by how much half the gradient of the cost grew over the step.

    Returns
    -------
    array (rows, P, P)
    """
    wanted = change - _times(hessian, step)
    along = _dot(step, change)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        now = _times(rest, step)
        size = np.abs(_dot(step, wanted)) / np.abs(_dot(step, now))
        sized = np.where(size < 1.0, size, 1.0)[:, None]
        miss = wanted - sized * now
        side = change / along[:, None]
        outer = miss[:, :, None] * side[:, None, :]
        square = side[:, :, None] * side[:, None, :]
        learnt = (
            sized[:, :, None] * rest
            + (outer + outer.transpose(0, 2, 1))
            - _dot(miss, step)[:, None, None] * square
        )
    good = (along > 0) & np.isfinite(learnt).all(axis=(1, 2))
    return np.asarray(np.where(good[:, None, None], learnt, rest))


def upwards(hessian: FloatArray, rest: FloatArray) -> FloatArray:
    """H + S, with directions turned around along which it would bend downwards (rows, P, P)."""
    whole = hessian + rest
    diagonal = np.einsum("rii->ri", hessian)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    both = scale[:, :, None] * scale[:, None, :]
    scaled = whole / both
    empty = diagonal <= 0
    np.einsum("rii->ri", scaled)[empty] += 1.0
    values, vectors = np.linalg.eigh(scaled)
    rows = np.flatnonzero(values[:, 0] < _LEAST)
    if rows.size:
        turned = np.maximum(np.abs(values[rows]), _LEAST)
        some = vectors[rows]
        whole[rows] = np.matmul(some * turned[:, None, :], some.transpose(0, 2, 1)) * both[rows]
        np.einsum("rii->ri", whole)[empty & (values[:, :1] < _LEAST)] = 0.0
    return whole


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray(np.matmul(matrix, vector[:, :, None])[:, :, 0])


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rp,rp->r", a, b))
