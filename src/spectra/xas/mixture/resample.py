"""Bootstrap of mixtures: how weights scatter when points are drawn anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.xas.mixture.bounded import solve_bounded
from spectra.xas.mixture.frames import Frames
from spectra.xas.mixture.shifted import Mixing, Mixture

FloatArray = NDArray[np.float64]


def resampled(
    frames: Frames,
    mixing: Mixing,
    mixture: Mixture,
    members: tuple[int, ...],
    times: int,
    seed: int,
) -> dict[str, FloatArray]:
    """Weights from points drawn with replacement (B. Efron, Ann. Stat. 7 (1979) 1).

    The same points are drawn in every frame, so that no frame's answer hangs on its
    neighbours. Shifts take one step about the fitted ones.

    Returns
    -------
    dict
        ``weight_bootstrap``, its standard deviation, and the limits of the central 95 %, each
        (frames, standards).
    """
    draw = np.random.default_rng(seed)
    n_points = frames.y.shape[1]
    size = len(mixing.standards)
    weights = np.empty((times, len(frames.y), size))
    for i in range(times):
        often = np.bincount(draw.integers(n_points, size=n_points), minlength=n_points)
        normal = mixing.normal(frames, mixture, members, frames.weight * often)
        weights[i] = solve_bounded(normal, members)[0][:, :size]
    low, high = np.quantile(weights, (0.025, 0.975), axis=0)
    return {
        "weight_bootstrap": weights.mean(axis=0),
        "weight_bootstrap_stderr": weights.std(axis=0, ddof=1),
        "weight_low": low,
        "weight_high": high,
    }
