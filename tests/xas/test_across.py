"""Frames side by side: what comes back of them, and that no frame's bits hang on the others."""

import numpy as np
import pytest

from spectra.xas.across import Across, first_true, last_true
from spectra.xas.polynomials import TOGETHER

POINTS = 40


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(params=[1, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 7])
def frames(request, rng):
    return rng.normal(size=(request.param, POINTS))


def test_frames_come_back(frames):
    across = Across.of(frames)
    assert across.count == len(frames)
    np.testing.assert_array_equal(across.frames(), frames)
    np.testing.assert_array_equal(across.frames(3, 9), frames[:, 3:9])
    assert across.frames().flags.c_contiguous


def test_numbers_of_frames_stand_beside_them_and_come_back(frames):
    across = Across.of(frames)
    numbers = frames[:, 0]
    np.testing.assert_array_equal(across.beside(numbers)[:, None], across.values[:, :1])
    np.testing.assert_array_equal(across.each(across.beside(numbers)), numbers)


def test_values_about_a_point_of_each_frame(frames, rng):
    across, rows = Across.of(frames), np.arange(len(frames))
    k = rng.integers(2, POINTS - 2, len(frames))
    np.testing.assert_array_equal(across.at(k), frames[rows, k])
    offsets = np.array([-2, 0, 1])
    found = across.near(rows, k, offsets)
    np.testing.assert_array_equal(found, frames[rows, k + offsets[:, None]])


def test_the_first_of_the_highest_points(frames):
    frames[0, [7, 11]] = 9.0
    k, top = Across.of(frames).highest(5, 30)
    np.testing.assert_array_equal(k, 5 + frames[:, 5:30].argmax(axis=1))
    np.testing.assert_array_equal(top, frames[:, 5:30].max(axis=1))
    assert k[0] == 7


def test_sums_are_those_of_each_frame_and_the_same_bits_in_any_company(frames, rng):
    weights = rng.normal(size=(3, 17))
    across = Across.of(frames)
    whole = across.sums(4, weights, slice(None))
    np.testing.assert_allclose(whole, weights @ frames[:, 4:21].T, rtol=1e-12, atol=1e-13)
    some = np.arange(0, len(frames), 3)
    np.testing.assert_array_equal(across.sums(4, weights, some), whole[:, some])
    last = Across.of(frames[-5:])
    np.testing.assert_array_equal(last.sums(4, weights, slice(None)), whole[:, -5:])


def test_first_and_last_true_points():
    mask = np.array([[0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=bool)
    assert first_true(mask).tolist() == [3, 0, 1]
    assert last_true(mask).tolist() == [-1, 2, 2]
