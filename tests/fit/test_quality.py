"""Frames that must be noticed before anything is fitted."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.quality import judge_finite, judge_frames
from spectra.status import Status

GOOD = np.array([1.0, 4.0, 2.0, 3.0, 5.0, 2.0, 1.0, 7.0])


@pytest.mark.parametrize(
    ("y", "status", "text"),
    [
        (GOOD, Status.OK, ""),
        (-GOOD, Status.OK, ""),
        (np.zeros(8), Status.NO_SIGNAL, "zero"),
        (np.full(8, 7.0), Status.NO_SIGNAL, "all values are 7"),
        (np.full(8, np.nan), Status.BAD_INPUT, "0 finite points"),
        (np.where(np.arange(8) < 3, GOOD, np.nan), Status.BAD_INPUT, "3 finite points"),
        (np.where(np.arange(8) < 6, GOOD, np.nan), Status.OK, ""),
        (np.minimum(GOOD * 1e4, 6e4), Status.OK, ""),
        (np.array([1, 5e4, 65535, 65535, 65535, 65535, 9, 2]), Status.SATURATED, "65535"),
        (np.array([1.0, 3, 5, 5, 5, 5, 2, 0]), Status.OK, ""),
    ],
)
def test_status_and_reason(y, status, text):
    codes, messages = judge_frames(y[None])
    assert codes.tolist() == [status]
    assert text in messages[0]
    assert bool(messages[0]) == (status != Status.OK)


def test_frames_are_judged_one_by_one():
    codes, messages = judge_frames(np.array([GOOD, np.zeros(8), GOOD]))
    assert codes.tolist() == [0, Status.NO_SIGNAL, 0]
    assert messages[0] == messages[2] == ""


def test_no_frames():
    codes, messages = judge_frames(np.empty((0, 8)))
    assert codes.shape == (0,)
    assert messages == ()


def test_infinite_values_are_told():
    y = np.tile(np.arange(9.0), (3, 1))
    y[1, 2:4] = -np.inf, np.inf
    y[2] = np.inf
    status, messages = judge_finite(y)
    assert status.tolist() == [Status.OK, Status.BAD_INPUT, Status.BAD_INPUT]
    assert messages[0] == ""
    assert messages[1].startswith("2 infinite values; expected finite")
    assert messages[2] == "0 finite points; at least 5 are needed"
