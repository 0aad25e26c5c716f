"""Methods and corrections of absorption spectra work or refuse, whatever their settings are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import LABELS, mixed, reaction
from soft_edges import METHOD, soft_edges
from vanadium_edges import operando_series

from setting_values import call_with_each
from spectra import xas

EDGES = operando_series(3).stack.with_metadata(element="V", edge="K")
EDGES = replace(EDGES, channels={**EDGES.channels, "reference": np.array(EDGES.signal)})
MIXED = mixed(reaction(6), 0.01, seed=8)
RATIOS = replace(xas.PreEdge()(EDGES), names=("a", "b", "c"))
CASES = [
    (xas.Normalize, {}, EDGES),
    (xas.Mback, {}, EDGES),
    (xas.Ratio, {}, EDGES),
    (xas.PreEdge, {}, EDGES),
    (xas.SoftEdge, METHOD, soft_edges(3)),
    (xas.LinearCombination, {"standards": LABELS}, MIXED),
    (xas.PrincipalComponents, {}, MIXED),
    (xas.CurveResolution, {"components": 2, "rounds": 20}, MIXED),
    (xas.Valence, {"standards": {"a": 3, "c": 5}}, RATIOS),
    (xas.Align, {}, EDGES),
    (xas.Calibrate, {}, EDGES),
    (xas.DeadTime, {"dead_time": 1e-6}, EDGES),
    (xas.Deglitch, {}, EDGES),
    (xas.Merge, {}, EDGES),
    (xas.OverAbsorption, {"formula": "V2O5"}, EDGES),
    (xas.Rebin, {}, EDGES),
    (xas.RemoveSteps, {}, EDGES),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 2
