"""Tails of peaks in other windows do not shift what is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from calibrated import from_counts

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import get_profile
from spectra.reference import radiation
from spectra.stack import Stack
from spectra.xrd import Peaks
from spectra.xrd.peaks import evaluate

WIDTH, ETA = 0.2, 0.5
X = np.arange(20.0, 40.0, 0.02)


def two_peaks(n, *, top=1e6, gap=6.0, ratio=1.0, profile=None, second=None):
    """Counts of two peaks `gap` widths apart, the stack and the true areas (frames, 2)."""
    profile = profile or get_profile("pseudo_voigt")
    first = 28.0 + 0.05 * np.sin(np.arange(n) / 7.0)
    area = top / float(get_profile("pseudo_voigt").peak_height_and_gradient(WIDTH, ETA)[0])
    areas = area * np.column_stack([np.ones(n), np.full(n, ratio) if second is None else second])
    y = np.full((n, X.size), 0.05 * top)
    for k in range(2):
        unit = profile.value(X[None], (first + k * gap * WIDTH)[:, None], WIDTH, ETA)
        y += areas[:, k, None] * unit
    counts = np.random.default_rng(8).poisson(y)
    return Stack.from_arrays(X, counts, noise="counts"), areas


def pulls_of_area(results, areas):
    return (results["area"] - areas) / results["area_stderr"]


@pytest.mark.parametrize("top", [30.0, 1e6])
def test_pulls_of_weak_and_strong_patterns(top):
    n = 300
    for name, found in from_counts(n, top, seed=4).items():
        assert abs(found.mean) < 0.05 + 3 / np.sqrt(7 * n), name
        assert abs(found.width - 1) < 0.05 + 3 / np.sqrt(14 * n), name


@pytest.mark.parametrize(("gap", "ratio"), [(6.0, 1.0), (6.0, 0.02), (5.0, 0.02)])
def test_neighbours_that_just_have_windows_of_their_own(gap, ratio):
    stack, areas = two_peaks(60, gap=gap, ratio=ratio)
    results = Peaks()(stack)
    assert (results["window_low"][:, 0] < results["window_low"][:, 1]).all()
    pulls = pulls_of_area(results, areas)
    assert np.abs(pulls.mean(axis=0)).max() < 0.5
    assert pulls.std() == pytest.approx(1.0, abs=0.3)


def test_tails_of_both_lines_of_a_doublet():
    line = radiation("Cu")
    profile = Doublet(get_profile("pseudo_voigt"), line.wavelength2 / line.wavelength, line.ratio)
    stack, areas = two_peaks(60, gap=7.0, profile=profile)
    results = Peaks(radiation="Cu")(stack)
    assert np.abs(pulls_of_area(results, areas).mean(axis=0)).max() < 0.5


def test_a_peak_that_is_not_there_has_no_tails():
    second = np.where(np.arange(64) < 40, 1.0, 0.0)
    stack, areas = two_peaks(64, second=second)
    results = Peaks()(stack)
    pulls = pulls_of_area(results, areas)
    assert np.isnan(pulls[40:, 1]).all()
    assert abs(pulls[40:, 0].mean()) < 0.8
    assert abs(pulls[:40].mean()) < 0.5


def test_a_frame_has_the_same_bits_in_any_block():
    stack, _ = two_peaks(24, second=np.where(np.arange(24) % 5 < 3, 0.5, 0.03))
    method = Peaks()
    plan = method.prepare(stack)
    whole = method.fit(stack, method.narrow(plan, 0, 24))
    for start, stop in ((0, 1), (1, 8), (8, 24)):
        part = method.fit(stack[start:stop], method.narrow(plan, start, stop))
        for name in whole.columns:
            one, other = np.asarray(whole[name])[start:stop], np.asarray(part[name])
            assert one.tobytes() == other.tobytes(), name


def test_the_curve_holds_the_tails():
    stack, _ = two_peaks(10)
    model = evaluate(stack, Peaks()(stack))
    inside = np.isfinite(model)
    z = (stack.signal - model)[inside] / np.sqrt(model[inside])
    assert z.std() == pytest.approx(1.0, abs=0.06)


def test_lmfit_sees_the_window_without_the_tails():
    stack, areas = two_peaks(8)
    results = Peaks()(stack)
    handed = Peaks().hand_back(stack, 3, "p02")
    found = handed.params["p02_area"]
    assert found.value == pytest.approx(results["area"][3, 1], abs=0.1 * found.stderr)
    assert found.value == pytest.approx(areas[3, 1], abs=4 * found.stderr)
