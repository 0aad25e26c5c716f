"""Simulated L₂,₃ edges of a 3d metal, with exactly known areas and steps."""

from __future__ import annotations

import numpy as np

from spectra import Stack

ENERGY = np.arange(920.0, 970.0, 0.1)
METHOD = {
    "peaks": ((926.0, 936.0), (946.0, 956.0)),
    "before": (920.0, 925.0),
    "after": (958.0, 970.0),
    "width": 0.8,
}
POSITIONS, AREAS, FWHM, STEP = (931.0, 951.0), (3.0, 1.4), (1.2, 1.5), 0.3


def gauss(x, centre, area, fwhm):
    sigma = fwhm / np.sqrt(8 * np.log(2))
    return area * np.exp(-0.5 * ((x - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def clean(energy=ENERGY, shift=0.0, areas=AREAS):
    """Peaks over a line and two steps as 2 : 1."""
    y = 0.2 + 1e-3 * (energy - 945.0)
    for position, share in zip(POSITIONS, (2 / 3, 1 / 3), strict=True):
        apart = (energy - position - shift) / (0.5 * METHOD["width"])
        y = y + STEP * share * (0.5 + np.arctan(apart) / np.pi)
    for position, area, fwhm in zip(POSITIONS, areas, FWHM, strict=True):
        y = y + gauss(energy, position + shift, area, fwhm)
    return y


def soft_edges(frames, sigma=0.004, seed=0, *, given=False):
    """A stack of such edges, with fluorescence yield (a tenth less white line) beside it."""
    rng = np.random.default_rng(seed)
    shape = (frames, len(ENERGY))
    signal = clean() + rng.normal(0, sigma, shape)
    tfy = clean(shift=0.1, areas=(2.4, 1.3)) + rng.normal(0, 2 * sigma, shape)
    errors = np.full(shape, sigma or 0.004) if given else None
    return Stack.from_arrays(
        ENERGY,
        signal,
        errors,
        axis_name="energy",
        axis_unit="eV",
        quantity="mu",
        channels={"tfy": tfy},
    )
