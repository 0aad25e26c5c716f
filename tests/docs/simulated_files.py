"""Small simulated files under the names that the documentation's snippets use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.docs.simulated_batch import write_batch
from tests.docs.simulated_crystals import write_crystals
from tests.docs.simulated_levels import write_levels

from spectra import xas
from spectra.xas.shells.equation import chi_of_path

SILICON = (28.44, 47.30, 56.12, 69.13)


def _save(path: Path, header: str, *columns: np.ndarray, comments: str = "# ") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.column_stack(columns), fmt="%.6f", header=header, comments=comments)


def write_patterns(folder: Path) -> None:
    """Three patterns of silicon, Cu Kα1, as ``scan/*.xye``, and the sign that no more will come."""
    (folder / "scan.done").touch()
    rng = np.random.default_rng(0)
    x = np.arange(25.0, 75.0, 0.02)
    lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in SILICON)
    for i in range(3):
        y = rng.poisson(20 + lines).astype(float)
        _save(folder / f"scan/p{i}.xye", "2theta counts esd", x, y, np.sqrt(np.maximum(y, 1)))


def _absorption(energy: np.ndarray, e0: float, pre_edge: float, bond: float) -> np.ndarray:
    edge = 0.5 + np.arctan((energy - e0) / 1.5) / np.pi
    main = 0.3 * np.exp(-(((energy - e0 - 12.0) / 5) ** 2))
    k = np.sqrt(0.2624683 * np.clip(energy - e0, 0, None))
    waves = 0.6 * np.sin(2 * bond * k + 1.0) * np.exp(-0.01 * k**2) * np.clip(k - 2, 0, 1) / (1 + k)
    peak = pre_edge * np.exp(-(((energy - e0 + 9.0) / 1.2) ** 2))
    return edge * (1 + waves) + main + peak


def _write_xdi(path: Path, energy: np.ndarray, mu: np.ndarray, element: str) -> None:
    header = (
        "XDI/1.0\nColumn.1: energy eV\nColumn.2: mutrans\n"
        f"Element.symbol: {element}\nElement.edge: K\nMono.d_spacing: 3.13555\n---"
    )
    _save(path, header, energy, mu)


def _vanadium_oxide() -> tuple[np.ndarray, np.ndarray]:
    """Energies and absorption of V2O3's first shell, from FEFF's paths."""
    paths = xas.feff_paths("V2O3", "V")
    k = np.arange(0.0, 13.0, 0.05)
    shell = [chi_of_path(paths[w], k, sigma2=0.005) for w in ("V-O 1.971", "V-O 2.049")]
    e0 = 5470.0
    before = np.arange(5270.0, e0, 1.0)
    energy = np.concatenate([before, e0 + k**2 / 0.2624683])
    waves = np.append(np.zeros(len(before)), np.where(k > 0.8, sum(shell), 0.0))
    step = 1 / (1 + np.exp(-(energy - e0) / 0.8))
    noise = np.random.default_rng(4).normal(0, 1e-4, len(energy))
    return energy, 0.4 + step * (1 + waves) + noise


def write_absorption(folder: Path) -> None:
    """Vanadium as ``session/*.xdi`` and ``V2O3.xdi``; three species of gold in ``series``."""
    rng = np.random.default_rng(1)
    energy = np.concatenate([np.arange(5270.0, 5520.0, 0.5), np.arange(5520.0, 6000.0, 2.0)])
    for name, height in {"V2O5": 0.6, "VO2": 0.3, "V2O3": 0.1, "sample": 0.45}.items():
        mu = _absorption(energy, 5480.0, height, 1.8) + rng.normal(0, 1e-4, len(energy))
        _write_xdi(folder / f"session/{name}.xdi", energy, mu, "V")
    for charge, height in {"0": 0.3, "50": 0.45, "100": 0.6}.items():
        mu = _absorption(energy, 5480.0, height, 1.8) + rng.normal(0, 1e-4, len(energy))
        _write_xdi(folder / f"kvo1/{charge}.xdi", energy, mu, "V")
    _write_xdi(folder / "V2O3.xdi", *_vanadium_oxide(), "V")
    energy = np.concatenate([np.arange(11720.0, 12000.0, 1.0), np.arange(12000.0, 12400.0, 4.0)])
    names = ("foil", "chloride", "sulphide")
    pure = [_absorption(energy, 11919.0 + 2 * i, 0.2 * i, 2.0) for i in range(3)]
    for name, mu in zip(names, pure, strict=True):
        _write_xdi(folder / f"{name}.xdi", energy, mu, "Au")
    for i, shares in enumerate(rng.dirichlet([1.0, 1.0, 1.0], 12)):
        mu = shares @ np.array(pure) + rng.normal(0, 1e-3, len(energy))
        _write_xdi(folder / f"series/{i:02d}.xdi", energy, mu, "Au")


def write_electrons(folder: Path) -> None:
    """C 1s of two species, as ``levels.csv``."""
    energy = np.arange(280.0, 294.0, 0.1)
    lines = [np.exp(-(((energy - at) / 0.7) ** 2)) for at in (284.8, 289.8)]
    counts = np.random.default_rng(2).poisson(100 + 900 * lines[0] + 300 * lines[1])
    _save(folder / "levels.csv", "binding energy (eV) counts", energy, counts)


def write_raman(folder: Path) -> None:
    """Carbon, glasses and silicon as columns."""
    rng = np.random.default_rng(3)
    x = np.arange(900.0, 1900.0, 2.0)
    for i in range(3):
        bands = 900 / (1 + ((x - 1350) / 60) ** 2) + 1000 / (1 + ((x - 1585) / 35) ** 2)
        _save(folder / f"carbon/c{i}.txt", "Raman shift (cm-1) counts", x, rng.poisson(200 + bands))
    x = np.arange(150.0, 1400.0, 1.0)
    for i in range(3):
        bands = 400 * np.exp(-(((x - 480) / 40) ** 2)) + 300 * np.exp(-(((x - 1080) / 35) ** 2))
        y = rng.normal(500 - 0.1 * x + bands, 5.0)
        _save(folder / f"glass_batch/g{i}.txt", "Raman shift (cm-1) counts", x, y)
    silicon = rng.normal(50 + 5000 / (1 + ((x - 521.5) / 2.5) ** 2), 5.0)
    _save(folder / "Si_spectrum01.txt", "Raman shift (cm-1) counts", x, silicon)


def write_all(folder: Path) -> None:
    """Every file that the snippets read."""
    for write in (
        write_patterns,
        write_crystals,
        write_absorption,
        write_electrons,
        write_levels,
        write_raman,
        write_batch,
    ):
        write(folder)
