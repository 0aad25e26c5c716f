"""The whole-pattern methods pass what every method must."""

from __future__ import annotations

from functools import cache

import numpy as np
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, drifting, simulate

from conformance import MethodConformance
from spectra.reference import load_phase
from spectra.xrd import LeBail, Pawley, Rietveld

X = np.arange(23.0, 57.0, 0.05)
N_FRAMES = 20
FIGURES = frozenset(
    {"rwp", "rp", "rexp", "gof", "durbin_watson", "berar_lelann", "scaled", "r_bragg"}
    | {"value_cov", "cell_cov", "value_held"}
)
COMMON = {
    "start": INSTRUMENT,
    "widths": ("size",),
    "background_degree": 1,
    "coarse_frames": 2,
}


@cache
def sequence(*phases):
    """Twenty patterns of phases whose cells breathe."""
    method = Rietveld(phases=phases, **COMMON)
    values = {"background0": 60.0, "zero": 0.01}
    for phase in phases:
        values[f"{phase}.a"] = load_phase(phase).cell[0] * drifting(N_FRAMES, 1.0, 1.002)
        values |= {f"{phase}.scale": 0.02, f"{phase}.size": 0.1}
    return simulate(method, X, N_FRAMES, values).stack


class OnPatterns(MethodConformance):
    without_uncertainty = FIGURES
    not_known = frozenset({"strain", "scale", "weight_fraction"})
    phases = (RUTILE,)

    def make_source(self):
        return sequence(*self.phases)


class TestRietveld(OnPatterns):
    not_known = frozenset({"strain"})
    phases = (ANATASE, RUTILE)

    def make_method(self):
        return Rietveld(phases=self.phases, **COMMON)


class TestPawley(OnPatterns):
    def make_method(self):
        return Pawley(phases=self.phases, **COMMON)


class TestLeBail(OnPatterns):
    without_uncertainty = FIGURES | {"intensity"}

    def make_method(self):
        return LeBail(phases=self.phases, **COMMON)
