"""Products of frames with matrices that are nothing but near a diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]

# Rows of the matrix at a time: what is far from them weighs nothing.
_ROWS = 32


@dataclass(frozen=True)
class Banded:
    """A matrix by groups of its rows, each at the columns at which it is not zero.

    Attributes
    ----------
    rows, columns : tuple of slice
    parts : tuple of array (columns, rows)
    count : int
        Number of rows.
    """

    rows: tuple[slice, ...]
    columns: tuple[slice, ...]
    parts: tuple[FloatArray, ...]
    count: int

    @classmethod
    def of(cls, matrix: FloatArray) -> Banded:
        """Group the rows of a matrix (rows, columns)."""
        rows = tuple(slice(i, i + _ROWS) for i in range(0, len(matrix), _ROWS))
        columns = tuple(_used(matrix[some]) for some in rows)
        parts = (matrix[r, c].T for r, c in zip(rows, columns, strict=True))
        return cls(rows, columns, tuple(map(np.ascontiguousarray, parts)), len(matrix))

    def __call__(self, values: FloatArray) -> FloatArray:
        """The matrix on the values of frames (frames, columns): (frames, rows)."""
        out = np.empty((len(values), self.count))
        for rows, columns, part in zip(self.rows, self.columns, self.parts, strict=True):
            products(values[:, columns], part, out=out[:, rows])
        return out


def _used(matrix: FloatArray) -> slice:
    used = np.flatnonzero(matrix.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)
