"""Simulated sequences whose cells are known, and how true the stated uncertainties are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from simulate import AREAS, CENTERS, WIDTHS, X, pattern, sequence
from simulated_cells import WAVELENGTH, lattice_phase, lines_of, peaks_of, scaled

from spectra.fit.lineshapes import get_profile
from spectra.reference import load_phase
from spectra.results import Results
from spectra.stack import Stack
from spectra.xrd import Cell, Peaks, Strain
from spectra.xrd.aberrations import ABERRATIONS
from spectra.xrd.lattice import CELL_NAMES, volume

ANATASE = "TiO2_anatase"
SHIFTS = {"displacement": 0.08, "zero": 0.01}
# Half widths of the intervals that hold 68 % and 95 % of a normal distribution.
HALF_68, HALF_95 = 0.99446, 1.95996


@dataclass(frozen=True)
class Calibration:
    """Pulls (value − truth over standard uncertainty) of one quantity."""

    pulls: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.pulls.mean())

    @property
    def width(self) -> float:
        return float(self.pulls.std())

    def covers(self, half: float) -> float:
        """Share of intervals of ± `half` standard uncertainties that hold the truth."""
        return float((np.abs(self.pulls) < half).mean())


def calibrate(cell: Results, true: np.ndarray, shifts: Mapping[str, float]) -> dict:
    """Calibration of everything that is free: cell, volume, corrections, and dV/V.

    Parameters
    ----------
    cell : Results
        Of `Cell`, for one phase.
    true : array (frames, 6)
    shifts : mapping of str to float
        True corrections, of those that are refined.
    """
    expected = {n: true[:, i] for i, n in enumerate(CELL_NAMES)}
    expected |= {"volume": volume(true)[0]}
    expected |= {n: np.full(len(true), v) for n, v in shifts.items()}
    found = {}
    for name, value in expected.items():
        got, error = (cell[k].reshape(len(true)) for k in (name, f"{name}_stderr"))
        # Angles that symmetry holds have no uncertainty.
        if (error > 0).any():
            found[name] = Calibration((got - value) / error)
    found["dv_over_v"] = Calibration(pulls_of_strain(cell, expected["volume"]))
    return found


def pulls_of_strain(cell: Results, true: np.ndarray) -> np.ndarray:
    """Pulls of dV/V in runs of four frames; the first one of each is its reference."""
    method, pulls = Strain(), []
    for first in range(0, len(true), 4):
        run = cell[first : first + 4]
        strain = method.fit(run, method.prepare(run))
        off = strain["dv_over_v"][1:, 0] - (true[first + 1 : first + 4] / true[first] - 1.0)
        pulls.append(off / strain["dv_over_v_stderr"][1:, 0])
    return np.concatenate(pulls)


def from_positions(
    n: int, phase: str | dict, corrections: tuple[str, ...], seed: int, correlation: float = 0.3
) -> dict:
    """Cells from positions with counting noise only."""
    factors = 1.003 + 0.002 * np.sin(np.arange(n) / 200)
    true = scaled(load_phase(phase).cell, factors)
    window = (15.0, 80.0)
    tracks = lines_of(phase, true, window=window, weakest=1.0)
    shifts = {name: SHIFTS[name] for name in corrections}
    peaks = peaks_of(tracks, sigma=2e-3, seed=seed, correlation=correlation, shifts=shifts)
    method = Cell(phases=(phase,), corrections=corrections)
    return calibrate(method(peaks), true, shifts)


def from_patterns(n: int, corrections: tuple[str, ...], seed: int) -> dict:
    """The same from patterns of counts: Peaks, Cell and Strain in a row."""
    true = scaled(load_phase(ANATASE).cell, 1.003 + 0.001 * np.sin(np.arange(n) / 60))
    tracks = lines_of(ANATASE, true, window=(22.0, 72.0), weakest=4.0)
    x = np.arange(22.0, 73.0, 0.02)
    profile = get_profile("pseudo_voigt")
    shifts = {name: SHIFTS[name] for name in corrections}
    y = np.full((n, x.size), 40.0)
    for t in tracks:
        moved = [v * ABERRATIONS[k].shift(t["true"], 200.0) for k, v in shifts.items()]
        center = t["true"] + sum(moved)
        area = 0.01 * t["area"]
        near = np.abs(x - center.mean()) < 4.0
        y[:, near] += area * profile.value(x[None, near], center[:, None], 0.12, 0.5)
    counts = np.random.default_rng(seed).poisson(y)
    stack = Stack.from_arrays(x, counts, noise="counts").with_metadata(wavelength=WAVELENGTH)
    method = Cell(phases=(ANATASE,), corrections=corrections)
    return calibrate(method(Peaks()(stack)), true, shifts)


def tops() -> np.ndarray:
    """Heights of the simulated peaks over the background, at scale 1."""
    heights = [get_profile("pseudo_voigt").peak_height_and_gradient(w, 0.5)[0] for w in WIDTHS]
    return AREAS * np.array(heights)


def from_counts(n: int, top: float, seed: int) -> dict:
    """Positions, widths, areas and backgrounds of peaks with `top` counts (median) on top."""
    scale = top / float(np.median(tops()))
    stack, centers = sequence(n, scale=scale, seed=seed)
    # Weak peaks stay in: without them the areas of the others would be chosen for their noise.
    peaks = Peaks(keep=2.0)(stack)
    flat = pattern(CENTERS[None], np.zeros_like(AREAS))[0]
    true = {
        "center": centers,
        "fwhm": np.broadcast_to(WIDTHS, centers.shape),
        "area": np.broadcast_to(scale * AREAS, centers.shape),
        "background": scale * np.interp(centers, X, flat),
    }
    pulls = {k: (peaks[k] - v) / peaks[f"{k}_stderr"] for k, v in true.items()}
    return {k: Calibration(v[np.isfinite(v)]) for k, v in pulls.items()}


PEAK_CASES: dict[str, Callable[[int], dict]] = {
    f"{top:g} counts": lambda n, top=top: from_counts(n, top, 21)
    for top in (30.0, 100.0, 1e3, 1e4, 1e5, 1e6)
}
CASES: dict[str, Callable[[int], dict]] = {
    "tetragonal": lambda n: from_positions(n, ANATASE, (), 1),
    "tetragonal, displacement": lambda n: from_positions(n, ANATASE, ("displacement",), 2),
    "tetragonal, displacement and zero": lambda n: from_positions(
        n, ANATASE, ("displacement", "zero"), 3
    ),
    "cubic, zero": lambda n: from_positions(n, "LaB6", ("zero",), 4),
    "monoclinic": lambda n: from_positions(n, lattice_phase("monoclinic_b"), (), 5),
    "monoclinic, displacement": lambda n: from_positions(
        n, lattice_phase("monoclinic_b"), ("displacement",), 6
    ),
    "patterns, tetragonal": lambda n: from_patterns(n, (), 7),
    "patterns, tetragonal, displacement": lambda n: from_patterns(n, ("displacement",), 8),
}
