"""Simulated C 1s of two species, small enough for tests that fit much."""

from __future__ import annotations

import numpy as np

from spectra import Stack
from spectra.xps import Model, Region, Species

ENERGY = np.linspace(281.0, 290.0, 73)
AREAS = {"C_C_area": 1500.0, "C_O_area": 500.0}


def carbon(apart=1.5, **changes):
    """Two Gaussians of one width, some eV apart; `changes` go to both."""
    common = {"level": "C 1s", "spread": 0.4, "width": 1.2, "shape": {"mixing": 0.0}} | changes
    species = tuple(
        Species(name=n, position=p, valence=v, **common)
        for n, p, v in (("C-C", 284.8, 0), ("C-O", 284.8 + apart, 1))
    )
    return Model(name="carbon", species=species, parameters={"C_O_fwhm": {"expr": "C_C_fwhm"}})


REGION = Region(model=carbon())


def curve_of(region=REGION, axis=ENERGY, **values):
    """The model's curve with given values of its parameters."""
    params = region.built(axis).params
    start = AREAS | {"shirley": 0.02, "background_c0": 100.0} | values
    for name, value in start.items():
        if name in params:
            params[name].set(value=value)
    return region.built(axis).model.eval(params, x=axis)


def counted(curve, n, seed=0, axis=ENERGY):
    """Counts of n frames of one curve (points,), or of one curve each."""
    y = np.random.default_rng(seed).poisson(curve, (n, axis.size))
    return Stack.from_arrays(axis, y, noise="counts", axis_name="binding_energy", axis_unit="eV")
