"""Simulated sequences of whole patterns whose every parameter is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spectra.reference import load_phase
from spectra.stack import Stack
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.tiles import Tiles
from spectra.xrd.pattern.wholepattern import WholePattern

WAVELENGTH = 1.5406
ANATASE, RUTILE = "TiO2_anatase", "TiO2_rutile"
# Widths of the instrument, which no method here refines.
INSTRUMENT = {"u": 0.004, "v": -0.002, "w": 0.006, "x": 0.0, "y": 0.0}


@dataclass(frozen=True)
class Simulated:
    """A sequence and what it was made from.

    Attributes
    ----------
    stack : Stack
        Counts.
    theta : array (frames, P)
        True parameters in the order of the model's layout.
    model : PatternModel
    expected : array (frames, points)
        The patterns without noise.
    """

    stack: Stack
    theta: np.ndarray
    model: PatternModel
    expected: np.ndarray

    def true(self, name: str) -> np.ndarray:
        """A true parameter (frames,)."""
        return self.theta[:, self.model.layout.index(name)]


def model_of(
    method: WholePattern, x: np.ndarray, metadata: Mapping[str, object] | None = None
) -> PatternModel:
    """The model a method makes for patterns over x."""
    blank = Stack.from_arrays(x, np.ones((1, x.size)), noise="counts")
    blank = blank.with_metadata(**({"wavelength": WAVELENGTH} if metadata is None else metadata))
    line = np.exp(-(((x - x.mean()) / 0.1) ** 2))
    measurement = method._measurement(blank, x, line)
    phases = [load_phase(p) for p in method.phases]
    return method._starting(method._model(measurement, phases), measurement, line)


def simulate(
    method: WholePattern,
    x: np.ndarray,
    n_frames: int,
    values: Mapping[str, np.ndarray | float],
    seed: int = 0,
) -> Simulated:
    """Patterns of counts from the model of `method` with parameters (frames,) by name."""
    model = model_of(method, x)
    theta = np.tile(model.layout.start, (n_frames, 1))
    for name, value in values.items():
        theta[:, model.layout.index(name)] = value
    expected = curves(model, x, theta)
    counts = np.random.default_rng(seed).poisson(expected)
    stack = Stack.from_arrays(x, counts, noise="counts").with_metadata(wavelength=WAVELENGTH)
    return Simulated(stack, theta, model, expected)


def curves(model: PatternModel, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Patterns (frames, points) at parameters (frames, P)."""
    blank = np.ones((len(theta), x.size))
    return PatternObjective.of(model, Tiles.of(x, 128), blank, blank).curve(theta)


def drifting(n_frames: int, low: float, high: float) -> np.ndarray:
    """Values (frames,) that go up and down smoothly once."""
    return low + (high - low) * np.sin(np.pi * np.arange(n_frames) / n_frames) ** 2
