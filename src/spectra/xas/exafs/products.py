"""Products of frames with matrices whose bits do not hang on how many frames there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# The kernels of a product differ with its size: always as many rows, so always the same kernel.
_ROWS = 64


def framewise_product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Rows (frames, p) times a matrix (p, q): (frames, q)."""
    count, width = rows.shape
    parts = -(-count // _ROWS)
    padded = np.zeros((parts * _ROWS, width))
    padded[:count] = rows
    product = np.matmul(padded.reshape(parts, _ROWS, width), matrix)
    return np.asarray(product.reshape(len(padded), matrix.shape[1])[:count])
