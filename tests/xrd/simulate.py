"""Simulated sequences with known peaks, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np

from spectra.fit.lineshapes import get_profile
from spectra.stack import Stack

X = np.arange(20.0, 50.0, 0.02)
CENTERS = np.array([23.0, 27.0, 27.5, 33.0, 41.0, 45.0, 45.35])
AREAS = np.array([300.0, 200.0, 120.0, 60.0, 150.0, 100.0, 80.0])
WIDTHS = 0.12 + 0.002 * (CENTERS - 20.0)


def pattern(centers, areas, widths=None, background=40.0):
    """Counts expected for pseudo-Voigts of eta 0.5: (frames, points)."""
    centers = np.atleast_2d(centers)
    widths = WIDTHS if widths is None else widths
    profile = get_profile("pseudo_voigt")
    y = np.zeros((len(centers), len(X))) + background * (1.3 - 0.01 * (X - 20.0))
    for k in range(centers.shape[1]):
        unit = profile.value(X[None], centers[:, k, None], widths[k], 0.5)
        y += np.broadcast_to(areas, centers.shape)[:, k, None] * unit
    return y


def sequence(n_frames, scale=1.0, seed=0):
    """Peaks that move by ±2 widths, with Poisson noise: the stack and the true centres."""
    t = np.linspace(0.0, 1.0, n_frames)
    centers = CENTERS + 0.3 * np.sin(2 * np.pi * t)[:, None] * CENTERS / 40.0
    y = scale * pattern(centers, AREAS)
    counts = np.random.default_rng(seed).poisson(y)
    return Stack.from_arrays(X, counts, noise="counts"), centers
