"""Simulated K edges with EXAFS of known shells, for tests."""

from __future__ import annotations

import numpy as np

from spectra import Stack
from spectra.units import energy_from_k, k_from_energy

E0 = 8979.0
SHELLS = ((12.0, 2.55, 0.008), (6.0, 3.61, 0.012), (24.0, 4.42, 0.013))


def scan(end: float = 15.0, step: float = 0.05) -> np.ndarray:
    """Energies of a scan that is even in k beyond 30 eV."""
    before = np.arange(E0 - 180.0, E0 - 20.0, 5.0)
    across = np.arange(E0 - 20.0, E0 + 30.0, 0.5)
    k = np.arange(k_from_energy(E0 + 30.0, E0), end, step)
    return np.concatenate([before, across, energy_from_k(k, E0)])


def true_chi(k: np.ndarray, shells=SHELLS) -> np.ndarray:
    """χ(k) of single scattering by shells (number, distance, σ²), phases a line in k."""
    safe = np.maximum(np.asarray(k, dtype=float), 0.05)
    total = np.zeros_like(safe)
    for number, distance, sigma2 in shells:
        size = number * 0.9 * np.exp(-2 * sigma2 * safe**2 - 2 * distance / 8.0)
        amplitude = size * safe / (safe**2 + 12.0) / distance**2
        total += amplitude * np.sin(2.0 * (distance - 0.2) * safe + 1.5)
    return total * (1.0 - np.exp(-((safe / 2.0) ** 4)))


def edge(energy: np.ndarray, e0: float = E0, step: float = 1.0, shells=SHELLS) -> np.ndarray:
    """Absorption: a line, an edge with a bent background, and χ on it."""
    k = k_from_energy(energy, e0)
    above = np.maximum(energy - e0, 0.0)
    smooth = 1.0 - 1e-4 * above + 2e-8 * above**2 + 0.05 * np.exp(-above / 60.0) * (above > 0)
    rise = 1.0 / (1.0 + np.exp(-(energy - e0) / 1.2))
    line = 0.4 - 2e-4 * (energy - E0)
    return line + step * rise * smooth * (1.0 + np.where(k > 0, true_chi(k, shells), 0.0))


def series(frames: int, *, sigma: float = 3e-4, seed: int = 0, noise: str = "given") -> Stack:
    """A sequence whose edge and first distance move, with white noise."""
    energy, share = scan(), np.linspace(0.0, 1.0, frames)
    shells = [((12.0, 2.55 + 0.03 * s, 0.008), *SHELLS[1:]) for s in share]
    mu = np.array(
        [
            edge(energy, E0 + 0.8 * s, 1.0 + 0.05 * s, own)
            for s, own in zip(share, shells, strict=True)
        ]
    )
    mu += sigma * np.random.default_rng(seed).standard_normal(mu.shape)
    errors = None if noise == "unknown" else np.full(mu.shape, sigma)
    return Stack.from_arrays(
        energy, mu, errors, axis_name="energy", axis_unit="eV", quantity="mu", noise=noise
    )
