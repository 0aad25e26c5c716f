"""How far a course goes: without bias for sharp turns, steps, ramps, short ones and none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra.xrd.extent import find_extent
from spectra.xrd.kinks import find_turns, fit_turns


def triangle(n, period):
    return 1.0 - np.abs(2.0 * np.arange(n) / period % 2.0 - 1.0)


COURSES = {
    "charge and discharge": (triangle(150, 50), 0.03),
    "noisy charge and discharge": (triangle(150, 50), 0.10),
    "one short cycle": (triangle(20, 20), 0.05),
    "waves": (0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, 120)), 0.05),
    "short ramp": (np.linspace(0.0, 1.0, 17), 0.05),
    "four frames": (np.array([0.0, 0.3, 0.9, 1.0]), 0.05),
    "two frames": (np.array([0.0, 1.0]), 0.05),
    "step": ((np.arange(40) > 17) * 1.0, 0.05),
}


def extents(course, sigma, count, seed=0):
    rng = np.random.default_rng(seed)
    error = np.full(len(course), sigma)
    noise = sigma * rng.standard_normal((count, len(course)))
    return [find_extent(325.0 + course + row, error) for row in noise]


@pytest.mark.parametrize("name", COURSES)
def test_range_is_recovered_and_its_uncertainty_calibrated(name):
    course, sigma = COURSES[name]
    found = extents(course, sigma, 24)
    value, stderr = np.array([(e.value, e.stderr) for e in found]).T
    pulls = (value - 1.0) / stderr
    assert abs(pulls.mean()) < 1.4
    assert 0.6 < pulls.std() < 1.6
    # Not bought by huge uncertainties.
    assert stderr.mean() < 3.0 * sigma
    assert all(e.p_value < 1e-3 for e in found)


@pytest.mark.parametrize("n", [150, 60, 20, 12, 6])
def test_a_constant_stays_consistent_with_zero(n):
    found = extents(np.zeros(n), 0.012, 60)
    ratio = np.array([e.value / e.stderr for e in found])
    assert np.mean(ratio) < 1.5
    assert np.mean(ratio < 3.0) >= 0.9
    assert sum(e.p_value < 1e-3 for e in found) <= 1
    # The plain range would be this much, and never less.
    assert np.mean([e.value for e in found]) < 0.5 * 0.012 * 2.5


def test_zero_strain_of_a_long_sequence():
    found = extents(np.zeros(300), 0.012, 12)
    assert not any(e.p_value < 1e-3 for e in found)
    assert np.mean([e.value for e in found]) < 0.5 * 0.012


def test_a_tenth_of_a_percent_of_a_triangle_wave():
    volume, change = 325.0, 0.0011
    found = extents(volume * change * triangle(300, 100), 0.012, 12)
    percent = np.array([100 * e.value / volume for e in found])
    assert percent.mean() == pytest.approx(0.110, abs=0.003)
    # A smoother alone rounds the turns off and gives 0.101 ± 0.003.
    assert all(abs(e.value - volume * change) < 3.5 * e.stderr for e in found)


def test_places_of_the_extremes():
    course = triangle(120, 120)
    found = find_extent(325.0 + course, np.full(120, 0.01))
    assert abs(found.highest - 60) <= 1
    assert found.lowest in (0, 119)
    many = find_extent(np.tile(course, 6), np.full(720, 0.01))
    assert many.value == pytest.approx(1, abs=0.03)


def test_answers_repeat():
    y = 325.0 + triangle(80, 40) + 0.05 * np.random.default_rng(1).standard_normal(80)
    assert find_extent(y, np.full(80, 0.05)) == find_extent(y, np.full(80, 0.05))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 100.0), st.floats(-500.0, 500.0), st.integers(4, 40))
def test_scale_and_offset_do_not_matter(scale, offset, n):
    noise = np.random.default_rng(n).standard_normal(n)
    y, error = np.linspace(0, 5, n) + noise, np.ones(n)
    plain, other = find_extent(y, error), find_extent(offset + scale * y, scale * error)
    assert other.value == pytest.approx(scale * plain.value, rel=1e-6, abs=1e-9 * scale)
    assert other.stderr == pytest.approx(scale * plain.stderr, rel=1e-6)
    assert other.p_value == pytest.approx(plain.p_value, rel=1e-5, abs=1e-12)


def test_turns_are_found_where_they_are():
    course = triangle(150, 75)
    rng = np.random.default_rng(2)
    y = course + 0.02 * rng.standard_normal(150)
    turns, _ = find_turns(y, np.full(150, 0.02))
    for place in (37.5, 75.0, 112.5):
        assert np.abs(turns - place).min() < 1.5
    curve, moved = fit_turns(course[None], np.full(150, 0.02), np.array([36.0, 76.0, 111.0]))
    np.testing.assert_allclose(curve[0], course, atol=1e-3)
    np.testing.assert_allclose(moved[0], [37.5, 75.0, 112.5], atol=0.02)


def test_noise_has_no_turns():
    rng = np.random.default_rng(3)
    count = [len(find_turns(rng.standard_normal(100), np.ones(100))[0]) for _ in range(40)]
    assert np.mean(np.array(count) == 0) > 0.8
