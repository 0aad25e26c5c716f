"""The methods on χ(k) pass what every method must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from waves import noisy

from conformance import MethodConformance
from spectra import Status
from spectra.results import Column, Results, Table
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


@pytest.mark.parametrize("method", [FourierTransform(), Wavelet(points=(30, 30))])
def test_a_sequence_of_bad_frames_has_no_results_and_says_so(method):
    stack = noisy(3)
    results = method(replace(stack, signal=np.full(stack.signal.shape, np.nan)))
    assert (results.status == Status.BAD_INPUT).all()
    assert all("no value" in text for text in results.messages)


@pytest.mark.parametrize("method", [FourierTransform(), Wavelet(points=(30, 30))])
def test_results_of_the_background_step_are_taken_and_their_flags_kept(method):
    stack = noisy(4)
    k = stack.x
    columns = (Column("chi", "", "χ(k)", ("k",), stderr=True),)
    status = np.array([Status.OK, Status.AT_BOUND, Status.LOST, Status.OK], dtype=np.int8)
    background = Results(
        table=Table("background", columns, {"k": {"k": k}}, "chi"),
        columns={"chi": np.asarray(stack.signal), "chi_stderr": np.asarray(stack.errors)},
        status=status,
        messages=("", "at an end", "no edge", ""),
    )
    results, plain = method(background), method(stack)
    assert results.status.tolist() == status.tolist()
    assert results.messages == background.messages
    name = results.table.columns[0].name
    assert np.isnan(results[name][2]).all()
    np.testing.assert_array_equal(results[name][[0, 1, 3]], plain[name][[0, 1, 3]])


def test_columns_are_those_of_the_frames():
    results = FourierTransform()(noisy(7))
    assert results["real"].shape == (7, 1, len(results.table.coords["r"]["r"]))
    assert np.isfinite(results["peak_r"]).all()
