"""Simulated V 2p and O 1s in one window, for several tests."""

from __future__ import annotations

import numpy as np

from spectra import Stack
from spectra.xps import load_model
from spectra.xps.build import Background, build

SETS = ("V2p_silversmit", "O1s_lattice")
MODEL = load_model(SETS)
ENERGY = np.linspace(508, 538, 400)
AREAS = {"V5": 6000, "V4": 4000, "V3": 2500, "V2": 1200, "O_lattice": 15000, "OH": 5000}
AREAS |= {"H2O": 2000}
REST = {"shirley": 0.02, "background_c0": 800.0, "V5_fwhm": 1.3, "V5_broadening": 1.7}
REST |= {"O_lattice_fwhm": 1.4}
TRUE_AREA = np.array([AREAS[s.key] for s in MODEL.species], dtype=float)
TRUE_FRACTION = TRUE_AREA / np.array([TRUE_AREA[:4].sum()] * 4 + [TRUE_AREA[4:].sum()] * 3)


def built(background="shirley", degree=0):
    """The model with the true values as its starts."""
    low, high = float(ENERGY[0]), float(ENERGY[-1])
    losses = (1643.0, 1.0, 0.0, 0.0)
    made = build(MODEL, Background(background, False, degree, losses, low, high))
    for name, value in REST.items():
        if name in made.params:
            made.params[name].set(value=value)
    for name, value in AREAS.items():
        made.params[f"{name}_area"].set(value=value)
    return made


def true_curve():
    made = built()
    return made.model.eval(made.params, x=ENERGY)


def simulated(n, seed=0, step=1):
    """Counts of n frames at every `step`-th point."""
    curve = true_curve()[::step]
    y = np.random.default_rng(seed).poisson(curve, (n, curve.size))
    return Stack.from_arrays(
        ENERGY[::step], y, noise="counts", axis_name="binding_energy", axis_unit="eV"
    )
