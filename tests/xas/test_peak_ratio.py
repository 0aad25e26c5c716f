"""P/M alone: the numbers and flags of `PreEdge`, and valences of a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_edges import vanadium
from vanadium_edges import operando_series

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.xas import PreEdge, Ratio, Valence


class TestRatioConforms(MethodConformance):
    def make_method(self):
        return Ratio()

    def make_source(self):
        return operando_series(20).stack


class TestRatioOfUnknownNoiseConforms(TestRatioConforms):
    def make_source(self):
        return operando_series(20, noise="unknown").stack


def assert_like_preedge(stack: Stack) -> None:
    alone, whole = Ratio()(stack), PreEdge()(stack)
    for name, column in alone.columns.items():
        np.testing.assert_array_equal(column, whole[name], err_msg=name)
    np.testing.assert_array_equal(alone.status, whole.status)


@pytest.mark.parametrize("noise", ["given", "unknown"])
@pytest.mark.parametrize("photons", [2e6, 2e4])
def test_numbers_and_flags_are_those_of_preedge(noise, photons):
    # The fewer photons, the more frames without a maximum.
    stack = operando_series(300, noise=noise, photons=photons, seed=4).stack
    assert_like_preedge(stack)
    assert (Ratio()(stack).status != Status.OK).any() == (photons < 1e5)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["V2O5", "VO2", "V2O3"])
def test_oxides_have_the_ratio_of_preedge(data, name):
    assert_like_preedge(vanadium(data, name))


def test_spoilt_frames_are_flagged_alike():
    stack = operando_series(12).stack
    signal = np.array(stack.signal)
    signal[2] = 0.0
    signal[3] = np.nan
    signal[4, 100:] = np.nan
    signal[5, 60] = np.nan
    signal[6] = np.linspace(0.0, 1.0, signal.shape[1])
    assert_like_preedge(replace(stack, signal=signal))


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_ratios_in_blocks_of_any_size_have_the_same_bits(noise):
    stack = operando_series(300, noise=noise, seed=3).stack
    whole = Ratio()(stack)
    for size in (1, 7, 257):
        parts = [Ratio()(stack[i : i + size]) for i in range(0, len(stack), size)]
        for name, column in whole.columns.items():
            again = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(again, column, err_msg=f"{name}, {size} frames")


def test_a_message_promises_no_area():
    stack = operando_series(300, photons=2e4, seed=4).stack
    said = [m for m in Ratio()(stack).messages if "no P/M" in m]
    assert said
    assert not any("area" in m for m in said)


def test_pixels_in_single_precision_have_valences():
    series = operando_series(60, noise="unknown")
    pixels = replace(series.stack, signal=np.asarray(series.stack.signal, dtype=np.float32))
    ratios = Ratio()(pixels)
    assert ratios["ratio"] == pytest.approx(Ratio()(series.stack)["ratio"], abs=1e-5)
    standards = tuple(
        {"name": f"V{v}", "valence": float(v), "value": float(r), "stderr": 1e-3}
        for v, r in ((3, series.ratio[0]), (5, series.ratio[-1]))
    )
    valence = Valence(standards=standards)(ratios)
    curved = np.interp(series.ratio, series.ratio[[0, -1]], [3.0, 5.0])
    assert valence["valence"] == pytest.approx(curved, abs=0.05)


def test_settings_are_checked():
    with pytest.raises(SettingError, match="without overlap"):
        Ratio(window=(5440.0, 5473.0))
    with pytest.raises(SettingError, match="must be positive"):
        Ratio(main_reach=0.0)
