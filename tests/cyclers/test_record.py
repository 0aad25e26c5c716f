"""Gaps of a record and the charge across them."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.cyclers import Cycler


def record(time, current=None, **more):
    time = np.asarray(time, float)
    current = np.ones(len(time)) if current is None else np.asarray(current, float)
    return Cycler(time, np.full(len(time), 3.0), current, more.pop("capacity", None), False, **more)


def test_a_change_of_the_sampling_is_no_gap():
    time = np.concatenate([np.arange(0, 100, 1.0), np.arange(130, 1000, 30.0)])
    assert len(record(time).gaps()) == 0
    assert len(record(time[::-1].max() - time[::-1]).gaps()) == 0


def test_sampling_that_slows_down_is_no_gap():
    relaxing = np.cumsum(2.0 ** np.arange(10))
    time = np.concatenate([relaxing, relaxing[-1] + relaxing, 2 * relaxing[-1] + relaxing])
    assert len(record(np.concatenate([[0.0], time])).gaps()) == 0


def test_gaps_do_not_hide_each_other():
    time = np.concatenate(
        [np.arange(10) * 30, [1500, 1530, 3000, 3030, 3060], 3060 + 30 * np.arange(1, 9)]
    )
    assert record(time).gaps().tolist() == [[270, 1500], [1530, 3000]]


def test_short_pauses_of_fast_sampling_are_no_gaps():
    time = np.concatenate([np.arange(10) * 0.01, 0.8 + np.arange(10) * 0.01])
    assert len(record(time).gaps()) == 0


@pytest.mark.parametrize("time", [[0.0], [0.0, 5000.0], [0.0, 3600.0, 7200.0]])
def test_what_is_usual_takes_more_than_one_interval(time):
    assert len(record(time).gaps()) == 0


def test_the_user_may_say_what_a_gap_is():
    time = np.concatenate([np.arange(0, 100, 10.0), np.arange(400, 500, 10.0)])
    assert record(time).gaps().tolist() == [[90, 400]]
    assert len(record(time, max_gap=310.0).gaps()) == 0
    assert len(record(time, max_gap=9.0).gaps()) == len(time) - 1


def test_a_seam_is_a_gap_however_short():
    joined = record(np.arange(10) * 30.0, joints=(4,))
    assert joined.gaps().tolist() == [[90, 120]]
    assert joined.gaps(np.arange(10) != 4).tolist() == [[90, 150]]


def test_mean_currents_are_integrated_exactly():
    # 1 A for the first 10 s, then 2 A for 5 s: 20 C, each row the mean of what came before it.
    sampled = record([0, 10, 15], [0, 1, 2], mean_current=True)
    np.testing.assert_allclose(sampled.charge() * 3.6, [0, 10, 20])
    np.testing.assert_allclose(record([0, 10, 15], [0, 1, 2]).charge() * 3.6, [0, 5, 12.5])


def test_the_counter_tells_what_passed_in_a_gap():
    time = np.concatenate([np.arange(10) * 10.0, 1000 + np.arange(10) * 10.0])
    counter = time / 3.6 * 0.7
    with_counter = record(time, capacity=counter)
    assert with_counter.charge_stderr().tolist() == [0.0] * 20
    assert with_counter.charge()[10] == pytest.approx(90 / 3.6 + 910 / 3.6 * 0.7)
    # It was set back, or counts something else: more than the current could pass.
    absurd = record(time, capacity=counter * 10)
    assert absurd.charge()[10] == pytest.approx(90 / 3.6)
    assert absurd.charge_stderr()[10] == pytest.approx(910 / 3.6 / np.sqrt(3))


def test_without_currents_the_counter_is_the_charge():
    counted = record([0, 1, 2], [np.nan] * 3, capacity=np.array([np.nan, 2.0, 3.0]))
    np.testing.assert_array_equal(counted.charge(), [np.nan, 0.0, 1.0])
    assert np.isnan(record([0, 1, 2], [np.nan] * 3).charge()).all()
