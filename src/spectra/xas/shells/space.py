"""Where χ is fitted: k, R, q or wavelet space, each a linear map of χ(k).

Because the map is linear, it is worked out once as a matrix; the residuals of a frame and their
derivatives are products with it. As transforms keep far fewer independent numbers than they
have points (oversampling), only the directions that the map keeps are stored: with the singular
values L = U·S·Vᵀ, |L·δ|² = |S·Vᵀ·δ|² for every δ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.fourier import N_FFT, backward, forward, r_grid
from spectra.xas.exafs.windows import make_window

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

SPACES = ("r", "k", "q", "wavelet")
# Singular values below this part of the largest are rounding.
_ROUNDING = 1e-9
# Larch's tolerance in turning a range into points.
_NUDGE = 0.01


@dataclass(frozen=True)
class Ranges:
    """What of χ is fitted.

    Parameters
    ----------
    k, r : tuple of float
        1/angstrom, angstrom.
    k_weights : tuple of float
    window : str
    taper : float
        1/angstrom
    space : {"r", "k", "q", "wavelet"}
    """

    k: tuple[float, float]
    r: tuple[float, float]
    k_weights: tuple[float, ...]
    window: str
    taper: float
    space: str


@dataclass(frozen=True)
class Map:
    """A linear map from χ(k) to what is compared, the same for many frames.

    Attributes
    ----------
    points : int array (points,)
        Of the grid of χ(k): those that matter.
    k : array (points,)
        1/angstrom
    matrices : tuple of array (points, rank)
        One for each k-weight: residuals are χ @ matrix.
    rows : int
        Numbers that are compared for each k-weight, before those that say nothing new are left
        out.
    weighted : tuple of array (points,)
        k^w times the window, for each k-weight.
    """

    points: IntArray
    k: FloatArray
    matrices: tuple[FloatArray, ...]
    rows: int
    weighted: tuple[FloatArray, ...]

    @property
    def starts(self) -> list[int]:
        """Where the residuals of each k-weight begin, and the end."""
        return [int(i) for i in np.cumsum([0, *(m.shape[1] for m in self.matrices)])]

    @property
    def joined(self) -> FloatArray:
        """All matrices side by side (points, ranks)."""
        return np.ascontiguousarray(np.concatenate(self.matrices, axis=1))


@lru_cache(maxsize=256)
def make_map(step: float, ranges: Ranges, first_point: int, n_points: int) -> Map:
    """The map for frames whose χ(k) is known from one point of the grid to another.

    Where it is not, and the window may still be open, data and model both count as zero.

    Parameters
    ----------
    step : float
        Of the grid of k, which begins at 0 (1/angstrom).
    ranges : Ranges
    first_point, n_points : int
        The first point that is known, and the first one after it that is not.
    """
    k = np.asarray(step * np.arange(n_points), dtype=float)
    # Edges of windows are drawn on a grid that is long enough for them.
    size = max(n_points, int((ranges.k[1] + ranges.taper) / step) + 2)
    long = np.asarray(step * np.arange(size), dtype=float)
    window = make_window(long, *ranges.k, ranges.taper, ranges.window)[:n_points]
    window[:first_point] = 0.0
    blocks, weighted = [], []
    first, last = (int(max(0.0, _NUDGE + edge / step)) for edge in ranges.k)
    for w in ranges.k_weights:
        # χ is not known at k = 0, and has no weight there.
        power = np.concatenate([[0.0], k[1:] ** w])
        if ranges.space == "k":
            block = np.diag(power)[:, first:last]
            weighted.append(np.where(np.arange(n_points) >= first, power, 0.0))
        else:
            block = _transformed(np.diag(power * window), step, ranges, first, last)
            weighted.append(power * window)
        blocks.append(block)
    keep = np.flatnonzero(np.any([np.abs(b).sum(axis=1) > 0.0 for b in blocks], axis=0))
    return Map(
        points=keep,
        k=k[keep],
        matrices=tuple(_condensed(b[keep]) for b in blocks),
        rows=blocks[0].shape[1],
        weighted=tuple(w[keep] for w in weighted),
    )


def _transformed(
    weighted: FloatArray, step: float, ranges: Ranges, first: int, last: int
) -> FloatArray:
    """What becomes of each point of k (points, rows)."""
    r_step = float(np.pi / (step * N_FFT))
    low, high = (int(max(0.0, _NUDGE + edge / r_step)) for edge in ranges.r)
    if ranges.space == "r":
        return _real(forward(weighted, step, high)[:, low:])
    if ranges.space == "q":
        r = r_grid(step, ranges.r[1] + 1.0)
        open_ = make_window(r, *ranges.r, 0.0, "hanning")
        inside = forward(weighted, step, len(r)) * open_
        return backward(inside, step, last)[:, first:].real
    return _wavelet(weighted, step, (low, high), (first, last))


def _wavelet(
    weighted: FloatArray, step: float, rows: tuple[int, int], columns: tuple[int, int]
) -> FloatArray:
    """The Cauchy wavelet transform of each point, in the ranges of R and of k.

    Its order is the number of points of R up to the end of the range, as Larch takes it.
    """
    low, high = max(rows[0], 1), rows[1]
    size = scipy.fft.next_fast_len(2 * len(weighted), real=True)
    spectrum = scipy.fft.rfft(weighted, n=size, axis=-1)
    r = np.arange(low, high) * float(np.pi / (step * N_FFT))
    omega = 2.0 * np.pi * np.arange(spectrum.shape[1]) / (step * size)
    filters = Cauchy(float(high)).response(np.asarray(omega, float), np.asarray(r, float))
    blocks = []
    for filter_ in filters:
        one_sided = np.zeros((len(weighted), size), dtype=complex)
        one_sided[:, : len(omega)] = spectrum * filter_
        blocks.append(_real(scipy.fft.ifft(one_sided, axis=-1)[:, slice(*columns)]))
    return np.concatenate(blocks, axis=1)


def _real(complex_: NDArray[np.complex128]) -> FloatArray:
    return np.concatenate([complex_.real, complex_.imag], axis=1)


def _condensed(block: FloatArray) -> FloatArray:
    """A matrix (points, rank) with the same sums of squares as `block` (points, rows)."""
    if block.shape[1] > block.shape[0]:
        # Of many rows the triangular factor says all.
        block = np.asarray(np.linalg.qr(block.T, mode="r")).T
    left, size, _ = np.linalg.svd(block, full_matrices=False)
    keep = size > _ROUNDING * size[0]
    return np.ascontiguousarray(left[:, keep] * size[keep])
