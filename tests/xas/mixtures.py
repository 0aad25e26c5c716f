"""Simulated series of normalised spectra with known mixtures."""

from __future__ import annotations

import numpy as np

from spectra import Stack

ENERGY = np.arange(8320.0, 8420.0, 0.5)
LABELS = ("metal", "oxide", "peroxide")


def edge(energy, position, white, ripple):
    """An edge with a white line and a ripple after it."""
    x = energy - position
    step = 0.5 + np.arctan(x / 1.5) / np.pi
    line = white * np.exp(-0.5 * ((x - 3.0) / 2.0) ** 2)
    return step * (1 + ripple * np.sin(x / 6.0) * np.exp(-np.maximum(x, 0) / 40)) + line


def standards(energy=ENERGY):
    """Three species (3, points)."""
    return np.stack(
        [
            edge(energy, 8340.0, 0.1, 0.10),
            edge(energy, 8344.0, 0.6, 0.15),
            edge(energy, 8347.0, 0.9, -0.12),
        ]
    )


def normalised(norm, energy=ENERGY, errors=None, **parts):
    """A stack of normalised spectra."""
    return Stack.from_arrays(
        energy, norm, errors, axis_name="energy", axis_unit="eV", quantity="norm", **parts
    )


def mixed(shares, sigma, seed=0, *, given=True, shift=0.0):
    """Mixtures with noise, and the three standards before them, as one stack."""
    shares = np.asarray(shares, dtype=float)
    clean = shares @ standards(ENERGY - shift)
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    norm = np.concatenate([standards(), clean + noise])
    errors = np.full_like(norm, sigma) if given else None
    names = (*LABELS, *(f"f{i:05d}" for i in range(len(shares))))
    return normalised(norm, errors=errors, names=names)


def reaction(frames):
    """Shares (frames, 3) of a consecutive reaction metal → oxide → peroxide."""
    t = np.linspace(0, 5, frames)
    a = np.exp(-t)
    b = (np.exp(-t / 2) - np.exp(-t)) / (1 - 0.5)
    b = b * 0.9
    return np.stack([a, b, 1 - a - b], axis=1)
