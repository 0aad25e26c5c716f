"""First estimates for curve resolution: purest frames, and evolving factors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Offset of SIMPLISMA that keeps weak frames from being called pure, as a share of the largest.
_OFFSET = 0.05


def purest_frames(data: FloatArray, count: int) -> list[int]:
    """Frames that are most unlike each other, by SIMPLISMA.

    The purity of a frame is σ/(μ + α) of its points times the determinant of the correlations
    with those chosen before (W. Windig and J. Guilment, Anal. Chem. 63 (1991) 1425); with frames
    for the paper's variables it finds pure spectra.

    Parameters
    ----------
    data : array (frames, points)
    count : int

    Returns
    -------
    list of int
        In the order of the frames.
    """
    mean, deviation = data.mean(axis=1), data.std(axis=1)
    offset = _OFFSET * np.abs(mean).max()
    scaled = data / np.sqrt(mean**2 + (deviation + offset) ** 2)[:, None]
    correlation = scaled @ scaled.T / data.shape[1]
    purity = deviation / (np.abs(mean) + offset)
    chosen: list[int] = []
    for _ in range(count):
        weight = _determinants(correlation, chosen)
        weight[chosen] = -np.inf
        chosen.append(int(np.argmax(purity * weight)))
    return sorted(chosen)


def _determinants(correlation: FloatArray, chosen: list[int]) -> FloatArray:
    """Determinant of the correlations of each frame and the chosen ones (frames,)."""
    n = len(correlation)
    index = np.column_stack([np.arange(n), *(np.full(n, i) for i in chosen)])
    return np.asarray(np.linalg.det(correlation[index[:, :, None], index[:, None, :]]))


def evolving_factors(data: FloatArray, count: int) -> FloatArray:
    """First concentrations (frames, count) from factors that come and go.

    The singular values of the first n frames and of the last n tell when each of `count` factors
    appears and vanishes; the first to come is the first to go (H. Gampp, M. Maeder, C. J. Meyer
    and A. D. Zuberbühler, Talanta 32 (1985) 1133; M. Maeder, Anal. Chem. 59 (1987) 527).
    """
    turned, singular, _ = np.linalg.svd(data, full_matrices=False)
    score = turned[:, :count] * singular[:count]
    products = score[:, :, None] * score[:, None, :]
    forward = _roots(np.cumsum(products, axis=0))
    backward = _roots(np.cumsum(products[::-1], axis=0))[::-1]
    first = np.minimum(forward, backward[:, ::-1])
    top = np.maximum(first.max(axis=0), np.finfo(float).tiny)
    return np.asarray(first / top)


def _roots(gram: FloatArray) -> FloatArray:
    """Singular values, largest first (frames, count)."""
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, ::-1], 0.0)))
