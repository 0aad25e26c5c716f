"""Backgrounds removed: conformance, known oscillations, and calibrated uncertainties."""

from __future__ import annotations

import numpy as np
import pytest
from edge_oscillations import E0, edge, scan, series, true_chi

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import ResultsError, SettingError, StackError
from spectra.xas import Background, Normalize, background_curve

COMMON = {"e0": E0}


class TestBackgroundConforms(MethodConformance):
    without_uncertainty = frozenset(
        {"e0_offset", "k_max", "noise", "coefficients", "knots", "objective"}
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
