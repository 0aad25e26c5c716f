"""A simulated charge of LiFePO4, from the model that the recipe of the project refines."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np

from spectra import Stack, Variable
from spectra.demo import write_raw
from spectra.operando import Cycler
from spectra.reference import load_phase
from spectra.xrd import Rietveld
from spectra.xrd.pattern.build import Measurement
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.tiles import Tiles
from spectra.xrd.profile.instrument import Instrument, emission_lines

_START, _EXPOSURE = 1_700_000_000.0, 300.0
_X = np.arange(14.0, 52.0, 0.02)


def weight_fraction(n: int) -> np.ndarray:
    """True share of FePO4 in the mass, frame by frame."""
    return np.clip(np.linspace(-0.1, 1.1, n), 0.0, 1.0)


def write_charge(recipe: Path, folder: Path, n: int, seed: int = 3) -> Path:
    """Write patterns, the cycler's log and the recipe; return the recipe's path."""
    with recipe.open("rb") as file:
        (step,) = tomllib.load(file)["step"]
    settings = {k: v for k, v in step.items() if k not in ("name", "method", "input")}
    y = _patterns(Rietveld.from_settings(settings), n)
    times = _START + _EXPOSURE * np.arange(n)
    stack = Stack.from_arrays(
        _X,
        np.random.default_rng(seed).poisson(y).astype(float),
        noise="counts",
        names=tuple(f"charge_{i:03d}" for i in range(n)),
        variables={"time": Variable(times, "s")},
    )
    time = np.arange(_START - 600.0, times[-1] + 1200.0, 20.0)
    voltage = 3.43 + 0.05 * np.linspace(0.0, 1.0, time.size) ** 8
    write_raw(folder, stack, Cycler(time, voltage, np.full(time.size, 1e-4), None, True, "made"))
    return Path(shutil.copy(recipe, folder / recipe.name))


def _patterns(method: Rietveld, n: int) -> np.ndarray:
    phases = [load_phase(p) for p in method.phases]
    instrument = Instrument(emission_lines("Cu"), geometry="bragg_brentano", w=0.008)
    measurement = Measurement(instrument, (float(_X[0]), float(_X[-1])), 0.12)
    model = method._model(measurement, phases)
    theta = np.tile(model.layout.start, (n, 1))
    share = weight_fraction(n)
    for phase, part in zip(phases, (1.0 - share, share), strict=True):
        # Scales by mass: W goes as S·M·V.
        mass = phase.cell_mass * float(np.prod(phase.cell[:3]))
        theta[:, model.layout.index(f"{phase.name}.scale")] = part / mass
        theta[:, model.layout.index(f"{phase.name}.strain")] = 0.15
    theta[:, model.layout.index("w")] = 0.008
    theta[:, model.layout.index("displacement")] = 0.05
    tiles = Tiles.of(_X, 128)
    objective = PatternObjective.of(model, tiles, np.zeros((n, _X.size)), np.ones((n, _X.size)))
    curve = objective.curve(theta)
    return 80.0 + 4000.0 * np.maximum(curve, 0.0) / curve.max()
