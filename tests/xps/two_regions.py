"""Simulated C 1s and V 2p, measured one after the other through an analyser, for several tests."""

from __future__ import annotations

import numpy as np

from spectra import Stack, Variable
from spectra.xps import Model, Region, Species, load_sensitivities
from spectra.xps.build import Background, build

PHOTONS = 1486.6
CARBON = Model(
    name="carbon",
    species=(
        Species(name="C-C", level="C 1s", position=284.8, spread=0.3, width=1.3),
        Species(name="C-O", level="C 1s", position=286.4, spread=0.3, width=1.3),
    ),
    parameters={
        "C_O_fwhm": {"expr": "C_C_fwhm"},
        "C_O_center": {"expr": "C_C_center + 1.6"},
    },
)
VANADIUM = Model(
    name="vanadium",
    species=(
        Species(name="V5+", level="V 2p", position=517.2, splitting=7.4, broadening=1.5, valence=5),
        Species(name="V4+", level="V 2p", position=515.8, splitting=7.4, broadening=1.5, valence=4),
    ),
    parameters={"V4_fwhm": {"expr": "V5_fwhm"}, "V4_center": {"expr": "V5_center - 1.4"}},
)
WINDOWS = {"carbon": (279.0, 293.0), "vanadium": (508.0, 531.0)}
TIMES = {"carbon": 0.8, "vanadium": 2.5}
# Atoms of each species in the volume that is seen.
ATOMS = {"C-C": 5.0, "C-O": 2.0, "V5+": 2.0, "V4+": 1.0}
PERCENT = np.array([70.0, 30.0])
PATH, PASSED = 0.75, -0.6


def transmission(energy):
    """Of the analyser at binding energies, T ∝ E^−0.6."""
    return 2.1 * ((PHOTONS - np.asarray(energy)) / 1000.0) ** PASSED


def counts(model, scale=250.0, below=400.0, step=0.1, degree=0, slope=0.0):
    """Axis and expected counts of a region; the background slopes where it is said so."""
    low, high = WINDOWS[model.name]
    energy = np.arange(low, high + step / 2, step)
    chosen = load_sensitivities("scofield_1976")
    losses = (1643.0, 1.0, 0.0, 0.0)
    made = build(model, Background("shirley", False, degree, losses, low, high))
    made.params["shirley"].set(value=0.02)
    made.params["background_c0"].set(value=below)
    for one in model.species:
        path = ((PHOTONS - one.position) / 1000.0) ** PATH
        area = scale * ATOMS[one.name] * chosen.factor(one.level, PHOTONS) * path
        made.params[f"{one.key}_area"].set(value=area)
    rate = made.model.eval(made.params, x=energy)
    rate = rate + slope * (energy - energy.mean())
    return energy, rate * transmission(energy) * TIMES[model.name]


def measured(model, frames, seed, **how):
    """A stack of simulated counts."""
    energy, expected = counts(model, **how)
    y = np.random.default_rng(seed).poisson(expected, (frames, energy.size)).astype(float)
    passed = np.broadcast_to(transmission(energy), y.shape).copy()
    stack = Stack.from_arrays(
        *(energy, y),
        noise="counts",
        axis_name="binding_energy",
        axis_unit="eV",
        channels={"transmission": passed},
        metadata={"photon_energy": PHOTONS, "pass_energy": 20.0},
    )
    return stack.with_variables(count_time=Variable(np.full(frames, TIMES[model.name]), "s"))


def fitted(model, frames, seed, **how):
    """The region's results."""
    return Region(model=model, degree=1)(measured(model, frames, seed, **how))
