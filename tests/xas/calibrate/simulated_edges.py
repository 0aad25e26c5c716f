"""Spectra of an edge at E0 with a pre-edge peak, a white line and fine structure."""

from __future__ import annotations

import numpy as np

from spectra import Stack

E0 = 8333.0


def absorption(energy, e0=E0):
    """Smooth everywhere, edge step 1."""
    e = np.asarray(energy, dtype=float) - e0
    step = 0.5 + np.arctan(e / 1.5) / np.pi
    peak = 0.08 * np.exp(-(((e + 10) / 1.5) ** 2))
    white = 0.5 * np.exp(-(((e - 5) / 3.0) ** 2))
    late = np.maximum(e, 0.0)
    wiggles = 0.1 * np.sin(0.9 * np.sqrt(late * 4 + 1)) * np.exp(-late / 150) * late / (late + 20)
    return step + peak + white + wiggles - 1e-4 * e + 0.2


def scan_energies():
    """As a step scan: 5 eV, 0.25 eV around the edge, then wider and wider."""
    return np.concatenate(
        [
            np.arange(E0 - 150, E0 - 30, 5.0),
            np.arange(E0 - 30, E0 + 40, 0.25),
            np.arange(E0 + 40, E0 + 300, 2.0),
        ]
    )


def scans(n=24, noise=0.0, shifts=None, seed=0, energy=None, **parts):
    """Repeated scans; the energies of scan i read low by shifts[i]."""
    rng = np.random.default_rng(seed)
    x = scan_energies() if energy is None else energy
    s = np.zeros(n) if shifts is None else np.asarray(shifts)
    clean = np.stack([absorption(x + v) for v in s])
    foil = clean * 0.7 + 0.3
    signal = clean + noise * rng.standard_normal(clean.shape)
    foil = foil + noise * rng.standard_normal(clean.shape)
    parts.setdefault("channels", {"reference": foil})
    parts.setdefault("metadata", {"element": "Ni", "edge": "K"})
    parts.setdefault("quantity", "mu")
    return Stack.from_arrays(x, signal, axis_name="energy", axis_unit="eV", **parts)
