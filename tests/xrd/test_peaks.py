"""Following peaks: calibrated, whatever happens to a peak or a frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulate import AREAS, CENTERS, WIDTHS, X, pattern, sequence

from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.xrd import Peaks
from spectra.xrd.curves import evaluate
from spectra.xrd.tracks import PeakStatus


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_pulls_are_calibrated_from_few_counts_to_many(scale):
    stack, centers = sequence(600, scale)
    results = Peaks()(stack)
    assert results.table.size("peak") == len(CENTERS)
    assert (results.status == Status.OK).all()
    true = {"center": centers, "area": scale * AREAS, "fwhm": WIDTHS}
    for name, value in true.items():
        pulls = (results[name] - value) / results[f"{name}_stderr"]
        # 600 frames: the mean of one peak's pulls scatters by 0.04, of all seven by 0.016.
        assert abs(pulls.mean()) < 0.1, name
        assert np.abs(pulls.mean(axis=0)).max() < 0.2, name
        assert pulls.std() == pytest.approx(1, abs=0.06), name


def test_neither_blocks_nor_memory_change_a_bit():
    stack, _ = sequence(23)
    method = Peaks()
    plan = method.prepare(stack)
    whole = method.fit(stack, method.narrow(plan, 0, 23))
    for size in (1, 7):
        for start in range(0, 23, size):
            stop = min(start + size, 23)
            part = method.fit(stack[start:stop], method.narrow(plan, start, stop))
            for name, column in part.columns.items():
                np.testing.assert_array_equal(column, whole.columns[name][start:stop], name)


def test_input_is_not_touched_and_answers_repeat():
    stack, _ = sequence(5)
    before = stack.signal.copy()
    first, second = Peaks()(stack), Peaks()(stack)
    np.testing.assert_array_equal(stack.signal, before)
    np.testing.assert_array_equal(first["center"], second["center"])


def test_bad_frames_are_flagged_and_leave_the_others_alone():
    stack, _ = sequence(24)
    y = stack.signal.copy()
    y[3] = 0.0
    y[7] = np.nan
    y[11] = 5.0
    y[15] = np.minimum(y[15], 60.0) * 1e4
    y[19, :] = np.where(np.arange(len(X)) % 100 == 0, y[19], np.nan)
    spoiled = replace(stack, signal=y)
    # The same plan for both: the frames between nodes must not notice.
    plan = Peaks().narrow(Peaks().prepare(stack), 0, 24)
    good, results = Peaks().fit(stack, plan), Peaks().fit(spoiled, plan)
    assert results.status[[3, 7, 11, 15]].tolist() == [
        Status.NO_SIGNAL,
        Status.BAD_INPUT,
        Status.NO_SIGNAL,
        Status.SATURATED,
    ]
    assert all(results.messages[i] for i in (3, 7, 11, 15))
    assert np.isnan(results["center"][[3, 7, 11, 15]]).all()
    assert results.status[19] != Status.OK
    others = np.setdiff1d(np.arange(24), [3, 7, 11, 15, 19])
    np.testing.assert_array_equal(results["center"][others], good["center"][others])


def test_a_beam_dump_is_no_signal_and_starts_nothing():
    stack, _ = sequence(30)
    y = stack.signal.copy()
    y[10] = np.random.default_rng(5).poisson(0.5, len(X))
    results = Peaks()(replace(stack, signal=y))
    assert results.status[10] == Status.NO_SIGNAL
    assert results.table.size("peak") == len(CENTERS)


def test_a_vanishing_peak_is_lost_and_a_new_one_appears():
    t = np.linspace(0, 1, 40)
    areas = np.tile(AREAS, (40, 1))
    areas[:, 3] = 120 * np.clip(1 - 2 * t, 0, 1)
    areas[:, 4] = 200 * np.clip(2 * t - 1, 0, 1)
    y = pattern(np.tile(CENTERS, (40, 1)), areas)
    counts = np.random.default_rng(2).poisson(y)
    results = Peaks()(Stack.from_arrays(X, counts, noise="counts"))
    start = results.table.coords["peak"]["start"]
    vanishing, appearing = (int(np.abs(start - c).argmin()) for c in (33.0, 41.0))
    status = results["peak_status"]
    assert (status[:15, vanishing] == PeakStatus.OK).all()
    assert (status[24:, vanishing] == PeakStatus.LOST).all()
    assert np.isnan(results["area"][24:, vanishing]).all()
    assert (status[:16, appearing] == PeakStatus.LOST).all()
    assert (status[28:, appearing] == PeakStatus.OK).all()


def test_crossing_peaks_merge_and_part_again():
    t = np.linspace(-1, 1, 41)
    centers = np.stack([30 + 0.6 * t, 30 - 0.6 * t, np.full(41, 40.0)], axis=1)
    y = pattern(centers, np.array([200.0, 90.0, 100.0]), np.array([0.15, 0.15, 0.15]))
    counts = np.random.default_rng(4).poisson(y)
    results = Peaks()(Stack.from_arrays(X, counts, noise="counts"))
    assert (results["n_peaks"][[0, 5, 35, 40]] == 3).all()
    middle = results["peak_status"][20]
    assert np.count_nonzero(middle == PeakStatus.OK) == 2
    ok = results["peak_status"] == PeakStatus.OK
    nearest = np.abs(results["center"][:, :, None] - centers[:, None, :]).min(axis=2)
    far = np.abs(t) > 0.3
    assert np.nanmax(np.where(ok, nearest, np.nan)[far]) < 0.05


def test_a_jump_of_many_widths_between_frames_is_followed():
    centers = np.tile(CENTERS, (12, 1))
    centers[6:] *= 1.012
    counts = np.random.default_rng(6).poisson(pattern(centers, 3 * AREAS))
    results = Peaks()(Stack.from_arrays(X, counts, noise="counts"))
    assert results.table.size("peak") == len(CENTERS)
    np.testing.assert_allclose(results["center"], centers, atol=0.05)


def test_kalpha_doublet_and_given_errors():
    from spectra.fit.doublet import Doublet
    from spectra.fit.lineshapes import get_profile

    line = Doublet(get_profile("pseudo_voigt"), 1.5444274 / 1.5405929, 0.5)
    y = 50 + 300 * line.value(X, 45.0, 0.1, 0.4) + 200 * line.value(X, 30.0, 0.1, 0.4)
    counts = np.random.default_rng(1).poisson(np.tile(y, (200, 1)))
    stack = Stack.from_arrays(X, counts, np.sqrt(np.tile(y, (200, 1))))
    results = Peaks(radiation="Cu")(stack)
    assert results.attrs["errors"] == "given"
    assert results.table.size("peak") == 2
    pulls = (results["center"] - [30.0, 45.0]) / results["center_stderr"]
    assert np.abs(pulls.mean(axis=0)).max() < 0.25
    assert pulls.std() == pytest.approx(1, abs=0.12)


def test_unknown_noise_comes_from_the_residual():
    y = pattern(CENTERS, AREAS)
    rng = np.random.default_rng(8)
    stack = Stack.from_arrays(X, 1e-3 * (y + 3.0 * rng.standard_normal((300, len(X)))))
    results = Peaks()(stack)
    assert results.attrs["errors"] == "residual"
    pulls = (results["center"] - CENTERS) / results["center_stderr"]
    assert pulls.std() == pytest.approx(1, abs=0.08)


def test_fitted_curve_lies_on_the_data():
    stack, _ = sequence(3)
    results = Peaks()(stack)
    model = evaluate(stack, results)
    inside = np.isfinite(model)
    assert inside.mean() > 0.2
    z = (stack.signal - model)[inside] / np.sqrt(model[inside])
    # 40 parameters for 410 points a frame leave a width of 0.95.
    assert z.std() == pytest.approx(0.95, abs=0.05)


def test_lmfit_gives_the_same_answer():
    stack, _ = sequence(4)
    results = Peaks()(stack)
    label = "p02"
    handed = Peaks().hand_back(stack, 2, label)
    column = results.table.coords["peak"]["label"].tolist().index(label)
    ours = results["center"][2, column], results["center_stderr"][2, column]
    theirs = handed.params[f"{label}_center"]
    # lmfit weights by smoothed counts, ours by the fitted curve: the same to a part of σ.
    assert theirs.value == pytest.approx(ours[0], abs=0.5 * ours[1])
    assert theirs.stderr == pytest.approx(ours[1], rel=0.15)


@pytest.mark.parametrize("profile", ["gaussian", "pearson7", "voigt", "tch", "split_pseudo_voigt"])
def test_other_profiles_find_the_same_places(profile):
    stack, centers = sequence(4, scale=3.0)
    results = Peaks(profile=profile)(stack)
    for k in (0, 3, 4):
        nearest = np.nanmin(np.abs(results["center"] - centers[:, k : k + 1]), axis=1)
        assert nearest.max() < 0.02


def test_a_constant_background_hides_no_peak():
    x = np.linspace(20.0, 30.0, 1001)
    at, height = np.array([23.0, 25.0, 25.3]), np.array([[1400.0], [1400.0], [200.0]])
    y = (height * np.exp(-4 * np.log(2) * ((x - at[:, None]) / 0.2) ** 2)).sum(axis=0)
    y = y + np.random.default_rng(3).normal(0.0, 1.5, (4, len(x)))
    bare = Stack.from_arrays(x, y, np.full(y.shape, 1.5))
    first = Peaks(profile="gaussian")(bare)
    assert first["center"].shape == (4, 3)
    for scale, zero in ((1.0, 2000.0), (1e6, 0.0), (1e-3, -7.0)):
        other = Stack.from_arrays(x, scale * y + zero, np.full(y.shape, 1.5 * scale))
        again = Peaks(profile="gaussian")(other)
        np.testing.assert_array_equal(again["peak_status"], first["peak_status"])
        for name, factor in (("center", 1.0), ("fwhm", 1.0), ("area", scale)):
            off = np.abs(again[name] / factor - first[name]) / first[f"{name}_stderr"]
            assert off.max() < 1e-5, name


def test_channels_that_never_count_are_left_out():
    stack, _ = sequence(4)
    y = np.array(stack.signal)
    y[:, -3:] = y[:, 300:320] = 0.0
    results = Peaks()(replace(stack, signal=y))
    assert (results.status == Status.OK).all()
    assert not any("zero" in m for m in results.messages)
    missing = Peaks()(replace(stack, signal=np.where(y == 0, np.nan, y)))
    # Which points are zero by chance is not the same in all frames.
    off = np.abs(results["center"] - missing["center"]) / missing["center_stderr"]
    assert np.nanmax(off) < 0.01
    one = Peaks()(replace(stack, signal=y)[0])
    assert one.status.tolist() == [Status.OK]


def test_chosen_positions_and_ranges():
    stack, _ = sequence(10)
    results = Peaks(positions=(27.0, 41.0), low=25.0)(stack)
    np.testing.assert_allclose(results.table.coords["peak"]["start"], [27.0, 41.0], atol=0.3)
    with pytest.raises(SettingError, match="no peak within two widths of position 36"):
        Peaks(positions=(36.0,))(stack)
    assert Peaks(find_in="first")(stack).table.size("peak") == len(CENTERS)
    assert Peaks(find_in="mean", low=30, high=36)(stack[:1]).table.size("peak") == 1


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"threshold": 0}, "threshold = 0"),
        ({"errors": "guess"}, "errors = 'guess'; expected auto"),
        ({"profile": "gausian"}, "did you mean 'gaussian'"),
        ({"low": 5, "high": 4}, "not below"),
        ({"background_degree": 9}, "background_degree = 9"),
    ],
)
def test_wrong_settings_are_answered(settings, match):
    with pytest.raises(SettingError, match=match):
        Peaks(**settings)


def test_unknown_settings_are_type_errors_here_and_named_in_recipes():
    with pytest.raises(TypeError):
        Peaks(treshold=5)
    with pytest.raises(SettingError, match="no setting treshold"):
        Peaks.from_settings({"treshold": 5})
    assert Peaks.from_settings(Peaks(low=3.0).settings()) == Peaks(low=3.0)


def test_too_few_points_and_no_usable_frame():
    with pytest.raises(StackError, match="3 usable points"):
        Peaks()(Stack.from_arrays([1, 2, 3.0], [[1, 2, 3]]))
    with pytest.raises(StackError, match="none of the 2 frames"):
        Peaks()(Stack.from_arrays(X, np.zeros((2, len(X)))))
    with pytest.raises(SettingError, match="carries no uncertainties"):
        Peaks(errors="given")(Stack.from_arrays(X, np.ones((2, len(X)))))


def test_a_pattern_without_peaks_gives_lost_frames():
    flat = np.random.default_rng(0).poisson(50.0, (3, len(X)))
    results = Peaks()(Stack.from_arrays(X, flat, noise="counts"))
    assert results.table.size("peak") == 0
    assert (results.status == Status.LOST).all()


def test_negative_intensities_are_fitted():
    rng = np.random.default_rng(0)
    y = pattern(CENTERS, AREAS) - 50 + 2 * rng.standard_normal((2, len(X)))
    results = Peaks()(Stack.from_arrays(X, y))
    assert results.table.size("peak") == len(CENTERS)


@pytest.mark.slow
def test_a_million_points():
    x = np.linspace(0, 1000, 1_000_000)
    y = 100 + 5000 * np.exp(-4 * np.log(2) * ((x - 400) / 0.5) ** 2)
    counts = np.random.default_rng(0).poisson(y)
    results = Peaks(fwhm_max=2.0)(Stack.from_arrays(x, counts, noise="counts"))
    assert results["center"][0] == pytest.approx([400], abs=0.01)


def test_absorption_is_refused():
    energy = np.linspace(5400.0, 5600.0, 400)
    stack = Stack.from_arrays(
        energy, np.ones((1, 400)), axis_name="energy", axis_unit="eV", quantity="mu"
    )
    with pytest.raises(StackError, match="works on intensities; the stack holds 'mu' over energy"):
        Peaks()(stack)
