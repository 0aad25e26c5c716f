"""Backgrounds removed: conformance, known oscillations, and calibrated uncertainties."""

from __future__ import annotations

from edge_oscillations import E0, series

from conformance import MethodConformance
from spectra.xas import Background

COMMON = {"e0": E0}


class TestBackgroundConforms(MethodConformance):
    without_uncertainty = frozenset(
        {"e0_offset", "k_max", "noise", "coefficients", "knots", "objective"}
        | {"first_shell", "first_shell_kept", "odd_point"}
    )

    def make_method(self):
        return Background()

    def make_source(self):
        return series(20)


class TestCommonEdgeConforms(TestBackgroundConforms):
    def make_method(self):
        return Background(normalize={"e0": "sequence"}, rbkg=1.1, k_weight=2, clamp_low=0.5)

    def make_source(self):
        return series(20, noise="unknown")
