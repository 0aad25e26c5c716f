"""Small sequences of known patterns, made by the model itself."""

from __future__ import annotations

import numpy as np

from spectra.phase import Atom, Phase
from spectra.reference import load_phase
from spectra.stack import Stack
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.rietveld import Rietveld
from spectra.xrd.pattern.tiles import Tiles

X = np.linspace(18.0, 98.0, 800)
PHASE = Phase(
    "LaB6",
    (4.157, 4.157, 4.157, 90.0, 90.0, 90.0),
    "P m -3 m",
    (
        Atom("La1", "La", 0.0, 0.0, 0.0, u_iso=0.006),
        Atom("B1", "B", 0.1993, 0.5, 0.5, u_iso=0.004),
    ),
)
OTHER = Phase(
    "Si",
    (5.431, 5.431, 5.431, 90.0, 90.0, 90.0),
    "F d -3 m:2",
    (Atom("Si1", "Si", 0.125, 0.125, 0.125, u_iso=0.005),),
)
TRUE = {
    "LaB6.a": 4.157,
    "LaB6.scale": 0.02,
    "LaB6.size": 0.10,
    "zero": 0.01,
    "background0": 200.0,
    "w": 0.02,
    "u": 0.004,
    "v": -0.002,
}


def method(**changes):
    """Refine cell, scale, size, zero and background of one phase."""
    settings = {
        "phases": (PHASE,),
        "wavelength": 1.5406,
        "widths": ("size",),
        "background_degree": 2,
        "start": {k: TRUE[k] for k in ("u", "v", "w")},
        "coarse_frames": 3,
        "errors": "counts",
        "geometry": "debye_scherrer",
    }
    return Rietveld(**{**settings, **changes})


def model_of(refinement, x=X):
    """Its model, starting at its usual starts."""
    stack = Stack.from_arrays(x, np.ones((1, x.size)), noise="counts")
    phases = [load_phase(p) for p in refinement.phases]
    return refinement.first_model(stack, phases, x, 100.0 + x)[1]


def theta_of(model, n, **values):
    """Parameters (n, P): true ones, and others (n,) by name with dots as double underscores."""
    theta = np.tile(model.layout.start, (n, 1))

    known = {k: v for k, v in TRUE.items() if k in model.layout.names}
    known |= {k.replace("__", "."): v for k, v in values.items()}
    for name, value in known.items():
        theta[:, model.layout.index(name)] = value
    return theta


def expected(model, theta, x=X):
    """Counts expected (n, points)."""
    flat = np.ones((len(theta), x.size))
    objective = PatternObjective.of(model, Tiles.of(x, 128), flat, flat)
    return objective.curve(theta)


def stack_of(y, rng=None, x=X, **variables):
    """Frames with counting noise, if there is a generator."""
    counts = y if rng is None else rng.poisson(y)
    return Stack.from_arrays(x, counts, noise="counts").with_variables(**variables)
