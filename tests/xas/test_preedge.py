"""P/M and the pre-edge peaks: exact, on real spectra, from noise, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_edges import as_stack, vanadium
from vanadium_edges import WINDOW, energies, operando_series

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.xas import PreEdge


class TestPreEdgeConforms(MethodConformance):
    def make_method(self):
        return PreEdge()

    def make_source(self):
        return operando_series(20).stack


class TestUnknownNoiseConforms(TestPreEdgeConforms):
    def make_source(self):
        return operando_series(20, noise="unknown").stack


class TestPeaksConform(TestPreEdgeConforms):
    def test_blocks_do_not_change_a_bit(self):
        # `fit_stack` sums a last remaining row otherwise than several: it is equal to 1e-11 only.
        method, source = self.make_method(), self.make_source()
        whole, single = self.run(method, source), self.run(method, source, 1)
        for name, column in whole.columns.items():
            assert single[name] == pytest.approx(column, rel=1e-9, nan_ok=True), name

    def make_method(self):
        return PreEdge(peaks=1, profile="lorentzian")

    def make_source(self):
        return operando_series(14).stack


def peaks_on(energy, height=0.4, width=1.2, offset=0.0, scale=1.0):
    """A Lorentzian pre-edge peak and a broad Gaussian main peak on nothing."""
    peak = height / (1 + ((energy - 5469.7) / width) ** 2)
    main = np.exp(-(((energy - 5492.2) / 8.0) ** 2))
    return offset + scale * (peak + main)


def test_maxima_of_known_curves_are_exact():
    energy = np.arange(5380.0, 5560.0, 0.3)
    found = PreEdge(line=(5382.0, 5400.0))(as_stack(energy, peaks_on(energy)))
    at = 5400.0 - 5391.0
    assert at == 9.0
    top = peaks_on(np.arange(*WINDOW, 1e-3)).max() - peaks_on(np.array([5391.0]))[0]
    assert found["peak_energy"][0] == pytest.approx(5469.7, abs=2e-3)
    assert found["peak_height"][0] == pytest.approx(top, abs=3e-3)
    assert found["main_energy"][0] == pytest.approx(5492.2, abs=0.02)


def test_scale_and_offset_cancel():
    stack = operando_series(5).stack
    plain = PreEdge()(stack)
    signal, errors = np.array(stack.signal), np.array(stack.errors)
    other = PreEdge()(replace(stack, signal=7.0 + 30.0 * signal, errors=30.0 * errors))
    for name in ("ratio", "ratio_subtracted", "area", "centroid", "fwhm"):
        assert other[name] == pytest.approx(plain[name], rel=1e-9), name
        stderr = f"{name}_stderr"
        assert other[stderr] == pytest.approx(plain[stderr], rel=1e-7), name
    short = PreEdge()(stack.crop(5365.0, 5520.0))
    assert short["ratio"] == pytest.approx(plain["ratio"], rel=1e-12)


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_blocks_of_any_size_give_the_same_bits(noise):
    stack = operando_series(192, noise=noise, seed=3).stack
    whole = PreEdge()(stack)
    for size in (1, 7, 64):
        parts = [PreEdge()(stack[i : i + size]) for i in range(0, len(stack), size)]
        for name, column in whole.columns.items():
            again = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(again, column, err_msg=f"{name}, {size} frames")


def test_sharp_maxima_are_not_lowered():
    series = operando_series(50)
    # A polynomial of the same degree would lower them by up to 3e-3.
    assert PreEdge()(series.true)["ratio"] == pytest.approx(series.ratio, abs=2e-4)


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_pulls_of_the_ratio(noise):
    series = operando_series(3000, noise=noise, seed=11)
    results = PreEdge()(series.stack)
    pulls = (results["ratio"] - series.ratio) / results["ratio_stderr"]
    assert np.isfinite(pulls).all()
    # The mean of 3000 is itself uncertain by 0.02: three times that are allowed for.
    assert abs(pulls.mean()) < 0.05 + 0.06
    assert abs(pulls.std() - 1.0) < 0.05 + 0.02
    assert 0.93 < (np.abs(pulls) < 1.96).mean() < 0.97


def test_pulls_of_what_stands_on_the_baseline():
    series = operando_series(2000, jitter=0.0, drift=0.0, seed=12)
    results, true = PreEdge()(series.stack), PreEdge()(series.true)
    for name in ("ratio_subtracted", "area", "centroid", "fwhm", "peak_energy", "main_energy"):
        some = slice(500, None)
        pulls = ((results[name] - true[name]) / results[f"{name}_stderr"])[some]
        assert abs(pulls.mean()) < 0.15, name
        assert 0.85 < pulls.std() < 1.15, name


def spoilt(name: str) -> tuple[Stack, Status, str]:
    """A spoilt frame, and what it must be called."""
    x = energies()
    y = np.array(operando_series(3).stack.signal)[2]
    if name == "no pre-edge":
        y = 0.5 + np.arctan((x - 5482.0) / 4.0) / np.pi
        y = y + 0.4 * np.exp(-(((x - 5492.0) / 5.0) ** 2))
        return as_stack(x, y), Status.LOST, "no local maximum"
    if name == "no main peak":
        return as_stack(x, y + 0.2 * np.maximum(x - 5480.0, 0.0)), Status.LOST, "no main peak"
    if name == "truncated":
        return as_stack(x[x < 5488], y[x < 5488]), Status.BAD_INPUT, "truncated"
    if name == "begins late":
        return as_stack(x[x > 5430], y[x > 5430]), Status.BAD_INPUT, "line"
    if name == "saturated":
        return as_stack(x, np.minimum(y, np.quantile(y, 0.9))), Status.SATURATED, "saturated"
    if name == "other element":
        return as_stack(x + 1647.0, y), Status.BAD_INPUT, "another element"
    if name == "edge below":
        return as_stack(x, np.interp(x + 40.0, x, y)), Status.LOST, "another element"
    flat = np.random.default_rng(1).normal(1.0, 1e-3, x.size)
    return as_stack(x, flat), Status.NO_SIGNAL, "no edge"


@pytest.mark.parametrize(
    "name",
    [
        *("no pre-edge", "no main peak", "truncated", "begins late"),
        *("saturated", "other element", "edge below", "no edge"),
    ],
)
def test_where_there_is_no_ratio_none_is_given(name):
    stack, status, words = spoilt(name)
    results = PreEdge()(stack)
    assert results.status[0] == status
    assert words in results.messages[0]
    assert np.isnan(results["ratio"][0])
    assert np.isnan(results["ratio_stderr"][0])


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(SettingError, match="overlap"):
        PreEdge(main=(5470.0, 5510.0))
    with pytest.raises(SettingError, match="foot"):
        PreEdge(free=(5450.0, 5474.0))
    with pytest.raises(SettingError, match="baseline"):
        PreEdge(baseline="linear")
    with pytest.raises(SettingError, match="peaks"):
        PreEdge(peaks=5)
    with pytest.raises(SettingError, match="profile"):
        PreEdge(peaks=1, profile="triangle")


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian", "pseudo_voigt"])
def test_two_peaks_are_told_apart(shape):
    x = np.arange(5380.0, 5520.0, 0.2)
    main = np.exp(-(((x - 5492.0) / 6.0) ** 2))
    first = 0.2 / (1 + ((x - 5468.0) / 0.8) ** 2)
    second = 0.3 / (1 + ((x - 5471.0) / 0.8) ** 2)
    y = main + first + second + np.random.default_rng(2).normal(0, 3e-4, x.size)
    found = PreEdge(peaks=2, profile=shape)(as_stack(x, y))
    assert found["component_position"][0] == pytest.approx([5468.0, 5471.0], abs=0.1)
    assert found["component_height"][0] == pytest.approx([0.2, 0.3], rel=0.25)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "ratio"), [("V2O5", 0.607), ("VO2", 0.361), ("V2O3", 0.110)])
def test_ratios_of_vanadium_oxides(data, name, ratio):
    # The highest points alone give 0.602, 0.358 and 0.110; a sharp peak is higher between them.
    results = PreEdge()(vanadium(data, name))
    assert results["ratio"][0] == pytest.approx(ratio, abs=0.002)
    assert 0 < results["ratio_stderr"][0] < 0.002
    assert results["peak_energy"][0] == pytest.approx(5470.9, abs=0.2)
