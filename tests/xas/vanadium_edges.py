"""Simulated V K edges whose answers are known: an operando series from V5+ to V3+.

An arctan edge with a white line and a shoulder, a pre-edge peak that shrinks and an edge that
moves with the valence, a damped sine beyond, all on a falling background; measured in
transmission with shot and electronic noise, an incident beam that decays and is topped up, and
an energy scale that jitters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import erf

from spectra import Stack
from spectra.stack import Variable

LINE = (5382.0, 5442.0)
WINDOW = (5465.0, 5473.0)
MAIN = (5478.0, 5510.0)


def energies() -> np.ndarray:
    """Points of a scan: coarse before the edge, 0.3 eV across it, even in k beyond."""
    before = np.arange(5365.0, 5450.0, 2.5)
    across = np.arange(5450.0, 5520.0, 0.3)
    k = np.arange(np.sqrt((5520.0 - 5480.0) / 3.81), np.sqrt(420.0 / 3.81), 0.05)
    return np.concatenate([before, across, 5480.0 + 3.81 * k**2])


def absorption(energy: np.ndarray, valence: np.ndarray) -> np.ndarray:
    """Absorption over the edge step, without background: (frames, points).

    Parameters
    ----------
    energy : array (points,) or (frames, points)
    valence : array (frames,)
        3 to 5.
    """
    v = np.asarray(valence, dtype=float)[:, None]
    x = np.atleast_2d(energy)
    edge = 5477.5 + 2.2 * (v - 3.0)
    rise = (
        0.5 + 0.35 * erf((x - edge) / 3.0) / 1.0 * 0.8 + 0.44 * np.arctan((x - edge) / 2.0) / np.pi
    )
    white = (0.45 - 0.1 * (v - 3.0)) * np.exp(-(((x - edge - 10.0) / 4.5) ** 2))
    shoulder = 0.12 * np.exp(-(((x - edge - 22.0) / 6.0) ** 2))
    height = 0.06 + 0.26 * (v - 3.0)
    peak = height / (1.0 + ((x - 5470.3 - 0.25 * (v - 3.0)) / 1.6) ** 2) ** 2
    k = np.sqrt(np.maximum(x - edge - 15.0, 0.0) / 3.81)
    wiggles = 0.25 * np.sin(2.0 * 1.9 * k + 1.0) * k**2 * np.exp(-0.55 * k) / 10.0
    return rise + white + shoulder + peak + wiggles


def background(energy: np.ndarray) -> np.ndarray:
    """Absorption of everything else, falling with the energy."""
    return 0.8 * (energy / 5480.0) ** -2.7


@dataclass(frozen=True)
class Series:
    """A measured series and what is true of it.

    Attributes
    ----------
    stack, true : Stack
        As measured, and the same without noise, jitter and drift.
    valence : array (frames,)
    ratio : array (frames,)
        P/M of the true curves: their maxima, between points, over the line through their values
        in the line's range.
    """

    stack: Stack
    true: Stack
    valence: np.ndarray
    ratio: np.ndarray


def operando_series(
    frames: int = 200,
    *,
    seed: int = 1,
    photons: float = 2e6,
    electronic: float = 3e-4,
    jitter: float = 0.001,
    drift: float = 0.03,
    noise: str = "given",
    energy: np.ndarray | None = None,
    step: float = 1.0,
) -> Series:
    """Simulate a charge from V3+ to V5+ measured in transmission.

    Parameters
    ----------
    photons : float
        Incident on each point, on average.
    electronic : float
        Noise of the chambers' amplifiers as a share of the incident signal.
    jitter : float
        Standard deviation of every point's energy (eV).
    drift : float
        Standard deviation of a frame's energy scale (eV).
    noise : {"given", "unknown"}
        Whether the stack carries its uncertainties.
    """
    rng = np.random.default_rng(seed)
    x = energies() if energy is None else energy
    valence = np.linspace(3.0, 5.0, frames)
    shift = drift * rng.standard_normal(frames)
    place = x + shift[:, None] + jitter * rng.standard_normal((frames, x.size))
    true = background(place) + step * absorption(place, valence)
    # The ring's current decays, and is topped up six times in the series.
    beam = photons * (1.0 - 0.2 * ((6.0 * np.arange(frames) / frames) % 1.0))[:, None]
    incident = rng.poisson(beam, true.shape) + electronic * beam * rng.standard_normal(true.shape)
    through = beam * np.exp(-true)
    passed = rng.poisson(through) + electronic * beam * rng.standard_normal(true.shape)
    mu = np.log(incident / passed)
    errors = np.sqrt(
        1.0 / beam + electronic**2 + 1.0 / through + (electronic * beam / through) ** 2
    )
    stack = Stack.from_arrays(
        x,
        mu,
        errors if noise == "given" else None,
        axis_name="energy",
        axis_unit="eV",
        quantity="mu",
        variables={"time": Variable(60.0 * np.arange(frames, dtype=float), "s")},
        title="simulated charge",
    )
    clean = background(x) + step * absorption(x, valence)
    true_stack = replace(stack, signal=clean)
    return Series(stack, true_stack, valence, true_ratio(x, valence, step))


def true_ratio(x: np.ndarray, valence: np.ndarray, step: float = 1.0) -> np.ndarray:
    """P/M of the true curves: exact at some valences, and between them by a cubic spline."""
    nodes = np.linspace(valence.min(), valence.max(), 21)
    line = x[(x >= LINE[0]) & (x <= LINE[1])]
    heights = []
    for low, high in (WINDOW, MAIN):
        fine = np.arange(low, high, 0.005)
        over = background(fine) + step * absorption(fine, nodes)
        at_line = background(line) + step * absorption(line, nodes)
        fits = np.polynomial.polynomial.polyfit(line - 5412.0, at_line.T, 1)
        over -= np.polynomial.polynomial.polyval(fine - 5412.0, fits)
        heights.append(over.max(axis=1))
    ratio = heights[0] / heights[1]
    return CubicSpline(nodes, ratio)(valence)
