"""Least-squares polynomials of many spectra over windows that differ from frame to frame.

Frames share their points, so a window is a range of them, and a coefficient is a weighted sum
of the measured values: the weights are found once for each window that occurs, by a QR
factorisation on the window's own scaled abscissa, and used for all frames that have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import comb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Real = TypeVar("Real", np.float32, np.float64)

# Rows (or columns) of a product of matrices that stand for frames: whole blocks for all its
# kernels, which take 2 to 48 at a time.
TOGETHER = 192


@dataclass(frozen=True)
class Scale:
    """The variable u = (x − origin)/scale of polynomials.

    Parameters
    ----------
    x : array (points,)
        Ascending.
    origin, scale : float
        Middle and half the length of the axis that `x` may be a part of.
    """

    x: FloatArray
    origin: float
    scale: float
    u: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "u", self.at(self.x))

    @classmethod
    def of(cls, x: FloatArray) -> Scale:
        """The scale of a whole axis: u is −1 and 1 at its ends."""
        half = max(0.5 * float(x[-1] - x[0]), np.finfo(float).tiny)
        return cls(x, 0.5 * float(x[0] + x[-1]), half)

    def only(self, points: NDArray[np.bool_]) -> Scale:
        """The same scale with some of the points."""
        return Scale(self.x[points], self.origin, self.scale)

    def at(self, x: FloatArray) -> FloatArray:
        """The variable u where the axis has the value x."""
        return (x - self.origin) / self.scale

    def powers(self, x: FloatArray, count: int) -> FloatArray:
        """The powers u⁰ … u^(count − 1) at x: (…, count)."""
        u = self.at(np.asarray(x, dtype=float))
        out = np.ones((*u.shape, count))
        for k in range(1, count):
            np.multiply(out[..., k - 1], u, out=out[..., k])
        return out


def fit_weights(u: FloatArray, degree: int) -> FloatArray:
    """Give the weights of values in the coefficients of their least-squares polynomial.

    Parameters
    ----------
    u : array (points,)
        More of them than `degree`.
    degree : int

    Returns
    -------
    array (degree + 1, points)
        Row j gives the coefficient of u^j as a sum over the values.
    """
    return _fit_weights(np.ascontiguousarray(u).tobytes(), degree)


@lru_cache(maxsize=1024)
def _fit_weights(points: bytes, degree: int) -> FloatArray:
    u = np.frombuffer(points)
    origin, scale = 0.5 * (u[0] + u[-1]), 0.5 * (u[-1] - u[0])
    own = (u - origin) / (scale if scale > 0 else 1.0)
    q, r = np.linalg.qr(np.vander(own, degree + 1, increasing=True))
    weights = np.linalg.solve(r, q.T)
    # v = (u − origin)/scale: a power of v is a polynomial in u by the binomial theorem.
    change = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        for j in range(k + 1):
            change[j, k] = comb(k, j) * (-origin) ** (k - j) / (scale if scale > 0 else 1.0) ** k
    weights = change @ weights
    weights.flags.writeable = False
    return np.asarray(weights)


def weighted_sums(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Sums over the points of each row, (rows, points) by (sums, points) to (rows, sums).

    The bits of a row's sums do not hang on the other rows, as those of a product of matrices do.
    """
    out = np.empty((len(values), len(weights)))
    for k, row in enumerate(weights):
        np.einsum("fp,p->f", values, row, out=out[:, k])
    return out


def products(
    values: NDArray[Real], matrix: NDArray[Real], out: NDArray[Real] | None = None
) -> NDArray[Real]:
    """Product of matrices (rows, points) and (points, columns), of one precision.

    Always of as many rows at a time, for the same bits of a row whatever their number. The
    matrix must not depend on what rows there are: that changes the last bits, too.
    """
    out = np.empty((len(values), matrix.shape[1]), matrix.dtype) if out is None else out
    if values.strides[1] != values.itemsize:
        values = np.ascontiguousarray(values)
    for start in range(0, len(values), TOGETHER):
        some = values[start : start + TOGETHER]
        if len(some) == TOGETHER:
            np.matmul(some, matrix, out=out[start : start + TOGETHER])
            continue
        whole = np.zeros((TOGETHER, values.shape[1]), matrix.dtype)
        whole[: len(some)] = some
        out[start:] = (whole @ matrix)[: len(some)]
    return out


def products_across(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """Product of matrices (rows, points) and (points, frames), `TOGETHER` frames at a time.

    The frames are a multiple of that: then a frame's bits do not hang on how many there are.
    """
    out = np.empty((len(matrix), values.shape[1]))
    inner, outer = (a.reshape(len(a), -1, TOGETHER).transpose(1, 0, 2) for a in (values, out))
    np.matmul(matrix, inner, out=outer)
    return out


def alike(*keys: IntArray) -> Iterator[tuple[tuple[int, ...], IntArray | slice]]:
    """Each combination of some whole numbers per row, and the rows that have it."""
    stacked = np.stack(keys, axis=1)
    varying = [key for key in keys if len(key) and (key != key[0]).any()]
    if len(stacked) and not varying:
        yield tuple(stacked[0].tolist()), slice(None)
        return
    # One number per combination: unique rows of a table take much longer.
    code, codes = np.zeros(len(stacked), dtype=np.int64), 1
    for column in varying:
        low = int(column.min())
        span = int(column.max()) - low + 1
        if codes * span > np.iinfo(np.int64).max:
            code, codes = np.unique(code, return_inverse=True)[1], len(code)
        code, codes = code * span + (column - low), codes * span
    order = np.argsort(code, kind="stable")
    bounds = np.flatnonzero(np.diff(code[order])) + 1
    for rows in np.split(order, bounds):
        if rows.size:
            yield tuple(stacked[rows[0]].tolist()), rows
