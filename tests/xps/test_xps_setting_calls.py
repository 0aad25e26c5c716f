"""Methods and corrections of photoelectron spectra work or refuse, whatever their settings are."""

from __future__ import annotations

import pytest
from vanadium_regions import simulated

from setting_values import call_with_each
from spectra import xps

REGION = {"model": "O1s_lattice", "window": (526.0, 538.0)}
CASES = [
    (xps.Region, REGION, simulated(2, step=4)),
    (xps.Region, REGION | {"background": "tougaard"}, simulated(2, step=4)),
    (xps.Calibrate, {"target": 530.0}, simulated(2)),
    (xps.Calibrate, {"target": 530.0, "model": "O1s_lattice"}, simulated(2)),
    (xps.Calibrate, {"target": 517.0, "reference": "fermi_edge"}, simulated(2)),
    (xps.Calibrate, {"reference": "none"}, simulated(2)),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 5
