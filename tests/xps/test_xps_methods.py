"""`xps.Region` keeps what every method promises."""

from __future__ import annotations

from vanadium_regions import SETS, simulated

from conformance import MethodConformance
from spectra.engine import find_correction, find_method
from spectra.xps import Calibrate, Region


class TestRegion(MethodConformance):
    without_uncertainty = frozenset(
        {"area_correlation", "transmission", "chi2_reduced", "residual_sd", "abbe", "bic", "scaled"}
    )

    def make_method(self):
        return Region(model=SETS)

    def make_source(self):
        return simulated(14, step=4)


class TestSharedPositions(TestRegion):
    def make_method(self):
        return Region(model=SETS, common=("positions",), starts=2)


def test_they_are_found_by_name():
    assert find_method("xps.Region") is Region
    assert find_correction("xps.Calibrate") is Calibrate
