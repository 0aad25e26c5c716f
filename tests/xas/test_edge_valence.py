"""Valences from indicators: the curve, the interval, and what is beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.conformance import MethodConformance

from spectra import Results, Status, xas
from spectra.errors import ResultsError, SettingError
from spectra.results import Column, Table
from spectra.sharing import covariance_with

TABLE = Table("preedge", (Column("ratio", "", "P/M", stderr=True),), default="ratio")
STANDARDS = {"V2O5": 5.0, "VO2": 4.0, "V2O3": 3.0}


def ratios(value, stderr, names=()):
    value = np.asarray(value, dtype=float)
    columns = {"ratio": value, "ratio_stderr": np.broadcast_to(stderr, value.shape).astype(float)}
    names = names or tuple(f"sample {i}" for i in range(len(value)))
    return Results(TABLE, columns, np.zeros(len(value), np.int8), names=tuple(names))


def sequence(n, seed=0, sigma=0.003):
    """Three standards on a line of 0.245 a valence, and samples from 3 to 5."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([[5.0, 4.0, 3.0], rng.uniform(3.0, 5.0, n)])
    value = 0.11 + 0.245 * (true - 3.0) + sigma * rng.normal(size=true.size)
    names = ("V2O5", "VO2", "V2O3", *(f"sample {i}" for i in range(n)))
    return true, ratios(value, sigma, names)


class TestValence(MethodConformance):
    without_uncertainty = frozenset(
        {
            *("own_stderr", "valence_by_common", "valence_low", "valence_high", "beyond"),
            "disagreement",
        }
    )
    spoilt = (5, 11)

    def make_method(self):
        return xas.Valence(standards=STANDARDS)

    def make_source(self):
        return sequence(20)[1]

    def spoil(self, source, frame, value):
        status = source.status.copy()
        status[frame] = Status.BAD_INPUT
        columns = {k: v.copy() for k, v in source.columns.items()}
        for v in columns.values():
            v[frame] = value
        return replace(source, columns=columns, status=status)


@pytest.mark.parametrize("curve", ["line", "monotone", "segments"])
def test_the_standards_come_back(curve):
    method = xas.Valence(standards=STANDARDS, curve=curve, scatter=0.0)
    source = ratios([0.6, 0.355, 0.11], 1e-3, tuple(STANDARDS))
    results = method(source)
    assert results["valence"] == pytest.approx([5.0, 4.0, 3.0], abs=1e-9)
    assert results["own_stderr"][1] == pytest.approx(1e-3 / 0.245, rel=0.02)


def test_pulls_and_coverage_with_the_standards_own_noise():
    pulls, covered = [], []
    for seed in range(300):
        true, source = sequence(5, seed, sigma=0.01)
        results = xas.Valence(standards=STANDARDS, scatter=0.0)(source)[3:]
        pulls.append((results["valence"] - true[3:]) / results["valence_stderr"])
        low, high = results["valence_low"], results["valence_high"]
        covered.append((low <= true[3:]) & (true[3:] <= high))
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.08)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.06)
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("curve", ["line", "monotone", "segments"])
def test_what_samples_share_cancels_in_their_differences(curve):
    method = xas.Valence(standards=STANDARDS, curve=curve, scatter=0.0)
    pulls, gained = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        true = np.array([5.0, 4.0, 3.0, 4.6, 4.2, 3.3])
        error = np.array([0.02, 0.02, 0.02, 0.002, 0.002, 0.002])
        value = 0.11 + 0.245 * (true - 3.0) + error * rng.normal(size=6)
        results = method(ratios(value, error, (*STANDARDS, "a", "b", "c")))[3:]
        alone = results["valence_stderr"] ** 2
        apart = alone + alone[0] - 2.0 * covariance_with(results, "valence", 0)
        change = (results["valence"] - results["valence"][0]) - (true[3:] - true[3])
        pulls.append(change[1:] / np.sqrt(apart[1:]))
        gained.append(apart[1] / (alone[0] + alone[1]))
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.15)
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.12)
    assert np.mean(gained) < 0.5


def test_scatter_of_compounds_is_covered():
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        true = np.array([5.0, 4.0, 3.0, *rng.uniform(3, 5, 3)])
        shown = true + 0.1 * rng.normal(size=6)
        value = 0.11 + 0.245 * (shown - 3) + 0.002 * rng.normal(size=6)
        source = ratios(value, 0.002, (*STANDARDS, "a", "b", "c"))
        results = xas.Valence(standards=STANDARDS, scatter=0.1)(source)[3:]
        covered.append(np.abs(results["valence"] - true[3:]) <= 1.96 * results["valence_stderr"])
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_curve_bends_and_carries_the_noise_of_its_standards():
    given = [
        {"name": n, "valence": v, "value": i, "stderr": 0.01}
        for n, v, i in (("a", 2, 0.05), ("b", 3, 0.1), ("c", 4, 0.3), ("d", 5, 0.7))
    ]
    where = np.array([0.07, 0.2, 0.5])
    method = xas.Valence(standards=given, curve="monotone", scatter=0.0)
    results = method(ratios(where, 0.004))
    rng = np.random.default_rng(0)
    tried = []
    for _ in range(500):
        moved = [{**g, "value": g["value"] + 0.001 * rng.normal(), "stderr": 0.001} for g in given]
        again = xas.Valence(standards=moved, curve="monotone", scatter=0.0)
        tried.append(again(ratios(where + 0.0004 * rng.normal(size=3), 0.0004))["valence"])
    assert results["valence_stderr"] == pytest.approx(10 * np.std(tried, axis=0), rel=0.12)


def test_beyond_the_standards_is_flagged():
    source = ratios([0.6, 0.355, 0.11, 0.75, 0.9], 0.002, (*STANDARDS, "more", "far"))
    line = xas.Valence(standards=STANDARDS)(source)
    assert line.status.tolist() == [0, 0, 0, Status.AT_BOUND, Status.AT_BOUND]
    assert "extrapolated by 1.2" in line.messages[4]
    assert line["valence_stderr"][4] > line["valence_stderr"][0]
    curve = xas.Valence(standards=STANDARDS, curve="segments")(source)
    assert curve.status[3:].tolist() == [Status.LOST, Status.LOST]
    assert np.isnan(curve["valence"][3:]).all()
    assert "ratio = 0.9 is beyond the standards (3 to 5)" in curve.messages[4]


def test_a_frame_without_indicator_has_no_valence():
    source = ratios([0.6, 0.355, np.nan], 0.002, ("V2O5", "VO2", "flat"))
    results = xas.Valence(standards={"V2O5": 5, "VO2": 4})(source)
    assert results.status[2] == Status.LOST
    assert results.messages[2] == "no ratio"
    assert np.isnan(results["valence_low"][2])


def test_what_a_lost_frame_has_serves():
    source = ratios([0.6, 0.355, 0.11, 0.3, 0.3], 0.002, (*STANDARDS, "no other", "bad"))
    status = source.status.copy()
    status[2:] = Status.LOST, Status.LOST, Status.BAD_INPUT
    messages = ("", "", "", "no local maximum", "cut short")
    results = xas.Valence(standards=STANDARDS)(replace(source, status=status, messages=messages))
    assert results.status.tolist() == [0, 0, 0, 0, Status.BAD_INPUT]
    assert results["valence"][3] == pytest.approx(3.77, abs=0.02)
    assert results.messages[3] == "no local maximum"
    assert np.isnan(results["valence"][4])


def test_standards_that_do_not_fit_widen_the_interval_or_are_refused():
    source = ratios([0.6, 0.2, 0.11], 0.002, tuple(STANDARDS))
    tight = xas.Valence(standards=STANDARDS, scatter=0.0)(source)
    assert tight.attrs["chi2"] > 100
    assert (tight["valence_stderr"] > 0.2).all()
    folded = ratios([0.6, 0.1, 0.2], 0.002, tuple(STANDARDS))
    with pytest.raises(SettingError, match="does not go one way"):
        xas.Valence(standards=STANDARDS, curve="segments")(folded)


def test_wrong_standards_are_named():
    source = ratios([0.6, np.nan], 0.002, ("V2O5", "VO2"))
    with pytest.raises(ResultsError, match=r"standard 'VO2' is not known: VO2 has no ratio"):
        xas.Valence(standards={"V2O5": 5, "VO2": 4})(source)
    with pytest.raises(ResultsError, match="no frame has such a name; there are V2O5, VO2"):
        xas.Valence(standards={"V2O5": 5, "VO": 2})(source)
    with pytest.raises(SettingError, match="needs 2 standards"):
        xas.Valence(standards={"V2O5": 5})(source)
    both = ratios([0.6, 0.4], 0.002, ("V2O5", "VO2"))
    with pytest.raises(SettingError, match=r"standards\['VO2'\] = nan; expected a finite number"):
        xas.Valence(standards={"V2O5": 5, "VO2": np.nan})(both)
    with pytest.raises(SettingError, match="the same valence"):
        xas.Valence(standards={"V2O5": 4, "VO2": 4})(both)
    with pytest.raises(SettingError, match="there are no standards"):
        xas.Valence()
    with pytest.raises(SettingError, match="no set of standards 'W'"):
        xas.Valence(standards="W")(source)
    with pytest.raises(ResultsError, match="has no column 'area'"):
        xas.Valence(standards={"V2O5": 5}, indicator="area")(source)


def test_another_coordination_is_told():
    # A tetrahedral V5+ has a stronger pre-edge than V2O5, at the same centroid.
    both = (*TABLE.columns, Column("centroid", "eV", "centroid", stderr=True))
    value = np.array([0.6, 0.355, 0.11, 0.355, 0.355])
    centroid = np.array([5471.0, 5470.25, 5469.5, 5470.26, 5471.05])
    columns = {
        **{"ratio": value, "ratio_stderr": np.full(5, 0.002)},
        **{"centroid": centroid, "centroid_stderr": np.full(5, 0.01)},
    }
    names = (*STANDARDS, "like VO2", "distorted")
    source = Results(Table("preedge", both), columns, np.zeros(5, np.int8), names=names)
    results = xas.Valence(standards=STANDARDS)(source)
    assert results.messages[:4] == ("", "", "", "")
    assert "centroid of 5.07: another coordination" in results.messages[4]
    assert results["disagreement"][4] > 3 > results["disagreement"][3]
    alone = xas.Valence(standards=STANDARDS, beside="")(source)
    assert alone.messages[4] == ""
    assert np.isnan(alone["disagreement"]).all()


def test_repeats_of_a_standard_that_scatter_know_less():
    names = ("V2O5 a", "V2O5 b", "V2O5 c", "VO2")
    close = ratios([0.600, 0.601, 0.599, 0.355], 0.002, names)
    apart = ratios([0.640, 0.600, 0.560, 0.355], 0.002, names)
    errors = [
        xas.Valence(standards={"V2O5*": 5, "VO2": 4})(source).attrs["standards"][-1]["stderr"]
        for source in (close, apart)
    ]
    assert errors[0] == pytest.approx(0.002 / 3**0.5)
    assert errors[1] == pytest.approx(np.std([0.64, 0.6, 0.56], ddof=1) / 3**0.5)
