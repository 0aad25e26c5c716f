"""The methods on χ(k) pass what every method must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from waves import noisy

from conformance import MethodConformance
from spectra.xas import BackTransform, FourierTransform, Wavelet


class TestFourierTransform(MethodConformance):
    without_uncertainty = frozenset({"real", "imag", "noise_r", "noise_k", "given_noise_r"})

    def make_method(self):
        return FourierTransform(k_weight=(1, 2, 3), r_range=(1.2, 2.5))

    def make_source(self):
        return noisy(20)


class TestBackTransform(MethodConformance):
    def make_method(self):
        return BackTransform()

    def make_source(self):
        return FourierTransform()(noisy(20))

    def spoil(self, source, frame, value):
        columns = {k: v.copy() for k, v in source.columns.items()}
        for name in ("real", "imag"):
            columns[name][frame] = value
        return replace(source, columns=columns)


class TestWavelet(MethodConformance):
    without_uncertainty = frozenset({"ridge_r", "ridge_height"})

    def make_method(self):
        return Wavelet(points=(40, 40))

    def make_source(self):
        return noisy(20)


class TestMorletInGivenWindows(TestWavelet):
    without_uncertainty = TestWavelet.without_uncertainty | {"modulus"}

    def make_method(self):
        lobes = {"first": [[4, 11], [1.5, 2.3]], "second": [[4, 11], [2.5, 3.3]]}
        return Wavelet(mother="morlet", lobes=lobes, keep_maps=True, points=(40, 40))

    def make_source(self):
        return noisy(20, given=False)


def test_columns_are_those_of_the_frames():
    results = FourierTransform()(noisy(7))
    assert results["real"].shape == (7, 1, len(results.table.coords["r"]["r"]))
    assert np.isfinite(results["peak_r"]).all()
