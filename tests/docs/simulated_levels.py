"""Core levels in files of several regions, as the documentation's snippets name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.readers.electron_samples import phi, vamas

# Positions (eV) and areas of lines.
VANADIUM = ((517.2, 3000.0), (524.6, 1500.0), (515.84, 1500.0), (523.24, 750.0))
OXYGEN = ((530.0, 7000.0), (531.1, 900.0), (533.2, 500.0))
CARBON = ((284.8, 2000.0), (285.7, 500.0), (288.8, 400.0))
FWHM = 1.3
STRENGTH = 0.01


def write_levels(folder: Path) -> None:
    """``profile.vms`` and ``film.vms`` of V 2p with O 1s, and C 1s; ``run/*.spe`` of PHI."""
    wide = np.arange(508.0, 538.01, 0.15)
    narrow = np.arange(278.0, 294.01, 0.1)
    for name, levels in (("profile", 10), ("film", 1)):
        rng = np.random.default_rng(levels)
        measured = {
            "V": (wide, _counts(wide, VANADIUM + OXYGEN, levels, rng)),
            "C": (narrow, _counts(narrow, CARBON, levels, rng)),
        }
        content = vamas(
            regions=(("V", "2p"), ("C", "1s")),
            levels=tuple(30.0 * k for k in range(levels)),
            measured=measured,
        )
        (folder / f"{name}.vms").write_bytes(content)
    (folder / "run").mkdir()
    for k in range(2):
        (folder / f"run/{k}.spe").write_bytes(phi())


def _counts(
    energy: np.ndarray,
    lines: tuple[tuple[float, float], ...],
    levels: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Lines with the active Shirley background (levels, points), the first line growing."""
    growth = np.linspace(1.0, 1.3, levels)[:, None]
    curve = np.zeros((levels, energy.size))
    step = energy[1] - energy[0]
    for k, (position, area) in enumerate(lines):
        shape = np.exp(-4 * np.log(2) * ((energy - position) / FWHM) ** 2)
        shape = area * shape / (shape.sum() * step)
        curve += (growth if k == 0 else 1.0) * (shape + STRENGTH * np.cumsum(shape) * step)
    return rng.poisson(200 + curve).astype(float)
