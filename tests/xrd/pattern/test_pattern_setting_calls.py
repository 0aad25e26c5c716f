"""Refinements of whole patterns work or refuse, whatever their settings are."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_patterns import INSTRUMENT, RUTILE, simulate

from setting_values import call_with_each
from spectra.stack import Variable
from spectra.xrd import Parametric, Rietveld

COMMON = {"start": INSTRUMENT, "widths": ("size",), "background_degree": 1, "coarse_frames": 1}
NEEDED = {"phases": (RUTILE,), **COMMON}
VALUES = {"background0": 60.0, f"{RUTILE}.scale": 0.02, f"{RUTILE}.size": 0.1}
STACK = simulate(Rietveld(**NEEDED), np.arange(23.0, 45.0, 0.1), 2, VALUES).stack
STACK = STACK.with_variables(temperature=Variable(np.array([300.0, 400.0]), "K"))
TOGETHER = {"refinement": Rietveld(**NEEDED), "functions": {f"{RUTILE}.a": "constant"}}
CASES = [
    (Rietveld, NEEDED, STACK),
    (Parametric, TOGETHER, STACK),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 2
