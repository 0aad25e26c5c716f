"""The singular value decomposition of a stack, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.stack import Stack
from spectra.xas.mixture.frames import frames_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_BLOCK = 256
_FEWEST = 3


@dataclass(frozen=True)
class Decomposition:
    """Singular values (c,), largest first, and spectra of unit length (c, points).

    ``shape`` is that of the matrix of good frames that was decomposed, ``noise`` the root mean
    square of the uncertainties given (NaN if none are).
    """

    singular: FloatArray
    spectra: FloatArray
    shape: tuple[int, int]
    noise: float

    @property
    def eigenvalue(self) -> FloatArray:
        return self.singular**2


def decompose(stack: Stack, points: IntArray, method: str) -> Decomposition:
    """Decompose the good frames of a stack within a window; nothing is centred.

    As many frames as points or fewer are decomposed as they are. Of more frames the products
    of points are summed up block by block, which finds singular values down to some 1e-8 of
    the largest: far below the noise of any measurement. Of no more frames than points those that
    repeat another to the last bit are left out: they hold no noise of their own, and the singular
    values of nothing that they bring would tell that all others are species.

    Raises
    ------
    StackError
        With fewer than three frames that have all points.
    """
    rows: list[FloatArray] = []
    gram, count = np.zeros((len(points), len(points))), 0
    squares, known = 0.0, False
    for _, block in stack.blocks(_BLOCK):
        frames = frames_of(block.load(), points, complete=True)
        good = frames.y[frames.usable]
        count += len(good)
        known = frames.known
        if known:
            squares += float((1.0 / frames.weight[frames.usable]).sum())
        gram += good.T @ good
        if count <= len(points):
            rows.append(good)
        else:
            rows.clear()
    if count < _FEWEST:
        raise StackError(
            f"{method}: {count} frames with all {len(points)} points of the window; at least "
            f"{_FEWEST} are needed; narrow the window to what all frames have"
        )
    if count <= len(points):
        different = _different(np.concatenate(rows))
        if len(different) < _FEWEST:
            raise StackError(
                f"{method}: {len(different)} different frames, the others of {count} repeat them; "
                f"at least {_FEWEST} are needed; leave the repeated ones out and add others"
            )
        _, singular, spectra = np.linalg.svd(different, full_matrices=False)
        shape = different.shape
    else:
        value, vectors = np.linalg.eigh(gram)
        singular, spectra = np.sqrt(np.maximum(value[::-1], 0.0)), vectors[:, ::-1].T
        shape = (count, len(points))
    noise = float(np.sqrt(squares / (count * len(points)))) if known else float("nan")
    return Decomposition(singular, _upright(spectra), shape, noise)


def _different(rows: FloatArray) -> FloatArray:
    """Rows without those that are the same as one before, in their order."""
    first = np.unique(rows, axis=0, return_index=True)[1]
    return rows if len(first) == len(rows) else rows[np.sort(first)]


def _upright(spectra: FloatArray) -> FloatArray:
    """Signs such that the largest value of each spectrum is positive."""
    top = np.take_along_axis(spectra, np.abs(spectra).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(spectra * np.where(top < 0, -1.0, 1.0))
