"""Damage is told by what the rest of a sequence looks like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra.fit.damage import Normal
from spectra.fit.uncertainty import point_sigma

X = np.linspace(10.0, 20.0, 501)


def frames(n=20, *, background=50.0, width=0.2, height=2000.0, seed=0, scale=1.0):
    """Poisson counts of two lines on a background."""
    curve = np.full(len(X), background)
    for at in (13.0, 16.5):
        curve += height * np.exp(-4 * np.log(2) * ((X - at) / width) ** 2)
    expected = np.multiply.outer(np.broadcast_to(scale, n), curve)
    return np.random.default_rng(seed).poisson(expected).astype(float)


def inspect(y, learn_from=None, errors=None):
    noise = "counts" if errors is None else "given"
    sample = y if learn_from is None else learn_from
    sample_errors = errors if learn_from is None else None
    places = np.arange(float(len(sample)))
    normal = Normal.learn(places, sample, point_sigma(sample, sample_errors, noise))
    level = normal.level_at(np.arange(float(len(y))))
    return normal.inspect(X, "deg", y, point_sigma(y, errors, noise), level)


def only_frame(messages, frame):
    assert messages[frame]
    assert not any(m for i, m in enumerate(messages) if i != frame)
    return messages[frame]


def test_good_frames_are_left_alone():
    y = frames()
    clean, messages = inspect(y)
    assert not any(messages)
    np.testing.assert_array_equal(clean, y)


@pytest.mark.parametrize("background", [0.05, 1.0, 50.0, 5e4])
def test_noise_is_no_damage(background):
    _, messages = inspect(frames(200, background=background, height=40 * background))
    assert not any(messages)


@pytest.mark.parametrize("width", [0.03, 0.04, 0.06])
def test_lines_of_one_or_two_points_are_no_damage(width):
    _, messages = inspect(frames(width=width, height=1e5))
    assert not any(messages)


def test_a_sharp_line_that_comes_for_some_frames_is_no_damage():
    y = frames(40)
    y[12:25, 300] += 5000.0
    clean, messages = inspect(y)
    assert not any(messages)
    np.testing.assert_array_equal(clean, y)


@pytest.mark.parametrize("points", [1, 2, 3])
@pytest.mark.parametrize("first", [0, 100, 150, 152, 498])
def test_hot_pixels_are_taken_out(points, first):
    y = frames()
    y[7, first : first + points] += 1e5
    clean, messages = inspect(y)
    assert "hot" in only_frame(messages, 7)
    assert f"{X[first]:g}" in messages[7]
    gone = np.isnan(clean)
    assert gone[7, first : first + points].all()
    assert gone.sum() == points


def test_dead_pixels_are_taken_out():
    y = frames(background=1000.0)
    y[3, 200] = 0.0
    clean, messages = inspect(y)
    assert f"the point at {X[200]:g} deg" in only_frame(messages, 3)
    assert np.flatnonzero(np.isnan(clean[3])).tolist() == [200]


def test_holes_are_named():
    y = frames()
    y[4, 100:140] = np.nan
    _, messages = inspect(y)
    assert only_frame(messages, 4).startswith(f"40 points between {X[100]:g} and {X[139]:g} deg")


def test_gaps_that_every_frame_has_are_no_damage():
    y = frames()
    y[:, 100:140] = np.nan
    _, messages = inspect(y)
    assert not any(messages)


def test_points_taken_out_of_every_frame_are_no_damage():
    y = frames()
    rng = np.random.default_rng(1)
    for row in y:
        row[rng.choice(len(X), 5, replace=False)] = np.nan
    _, messages = inspect(y)
    assert not any(messages)


def test_a_scan_cut_short_is_named_and_masked():
    y = frames()
    y[9, 350:] = 0.0
    clean, messages = inspect(y)
    assert "cut off" in only_frame(messages, 9)
    assert np.isnan(clean[9, 350:]).all()
    assert np.isfinite(clean[9, :350]).all()


def test_zeros_are_natural_where_there_are_few_counts():
    y = frames(100, background=0.02, height=30.0)
    assert (y[:, :100] == 0).mean() > 0.9
    _, messages = inspect(y)
    assert not any(messages)


def test_missing_uncertainties_are_named():
    y = frames()
    errors = np.sqrt(np.maximum(y, 1.0))
    errors[5] = 0.0
    _, messages = inspect(y, errors=errors)
    assert "without uncertainty" in only_frame(messages, 5)


@pytest.mark.parametrize("share", [0.0004, 0.02, 0.15])
def test_a_lost_beam_is_named(share):
    y = frames(background=500.0)
    y[6] = np.random.default_rng(2).poisson(share * y[6])
    _, messages = inspect(y)
    assert "beam lost" in only_frame(messages, 6)


def test_intensities_that_always_leap_are_no_damage():
    scale = 10.0 ** np.random.default_rng(3).uniform(-2, 0, 60)
    _, messages = inspect(frames(60, scale=40 * scale))
    assert sum(bool(m) for m in messages) <= 1


def test_a_slow_decay_is_no_damage():
    scale = np.exp(-np.linspace(0, 6, 60))
    _, messages = inspect(frames(60, scale=40 * scale))
    assert not any(messages)


def test_what_is_normal_is_learnt_in_spite_of_damage():
    y = frames(30)
    spoilt = y.copy()
    spoilt[4] = 0.01 * spoilt[4]
    spoilt[11, 250:] = 0.0
    spoilt[17, 200:260] = np.nan
    spoilt[23, 77] = 1e6
    _, messages = inspect(spoilt)
    assert [i for i, m in enumerate(messages) if m] == [4, 11, 17, 23]


def test_one_frame_alone_is_its_own_measure():
    _, messages = inspect(frames(1))
    assert messages == ("",)


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(
        st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=9, max_size=9),
        min_size=1,
        max_size=7,
    )
)
def test_anything_is_inspected_without_complaint(y):
    y = np.array(y)
    sigma = point_sigma(np.where(np.isfinite(y), np.abs(y), np.nan), None, "counts")
    with np.errstate(over="ignore", invalid="ignore"):
        normal = Normal.learn(np.arange(float(len(y))), y, sigma)
        level = normal.level_at(np.arange(float(len(y))))
        clean, messages = normal.inspect(np.arange(9.0), "", y, sigma, level)
    assert clean.shape == y.shape
    assert len(messages) == len(y)
