"""χ(k) that is known: damped sines with noise."""

from __future__ import annotations

import numpy as np

from spectra import Stack

STEP = 0.05
K = STEP * np.arange(301)
SHELLS = ((1.9, 0.5, 0.004, 0.3), (2.9, 0.6, 0.006, 1.1))


def chi_of_shells(shells=SHELLS, k=K):
    """Sines of (R, amplitude, σ², phase), damped, with 1/k."""
    out = np.zeros(len(k))
    for r, amplitude, sigma2, phase in shells:
        out += amplitude * np.exp(-2 * sigma2 * k**2) * np.sin(2 * k * r + phase) / (1 + k)
    return out


def as_stack(chi, errors=None, k=K):
    noise = "unknown" if errors is None else "given"
    return Stack.from_arrays(
        k,
        np.atleast_2d(chi),
        errors,
        noise=noise,
        axis_name="k",
        axis_unit="1/angstrom",
        quantity="chi",
    )


def noisy(count, level=1e-3, seed=5, growing=False, given=True, shells=SHELLS):
    """Frames that differ by noise alone, white in k or growing with k²."""
    sigma = np.full(len(K), level)
    if growing:
        sigma = level * (0.2 + (K / 8.0) ** 2)
    chi = chi_of_shells(shells) + sigma * np.random.default_rng(seed).normal(size=(count, len(K)))
    return as_stack(chi, np.broadcast_to(sigma, chi.shape).copy() if given else None)
