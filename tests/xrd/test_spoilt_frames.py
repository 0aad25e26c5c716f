"""A tenth of a sequence is spoilt: all of it is flagged, and nothing else notices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.xrd.simulate import sequence

from spectra import Stack, Status
from spectra.xrd import Peaks

KINDS = ("beam dump", "all zero", "hole", "hot pixel", "cut off", "not scanned", "no esds")


def spoil(stack, seed):
    """Spoil one frame in ten: the stack and the kind of damage by frame."""
    rng = np.random.default_rng(seed)
    n, points = stack.signal.shape
    y, errors = np.array(stack.signal), np.array(stack.errors)
    kinds = {}
    for j, i in enumerate(rng.choice(n, n // 10, replace=False).tolist()):
        kinds[i] = KINDS[j % len(KINDS)]
        end = rng.integers(points // 4, 3 * points // 4)
        match kinds[i]:
            case "beam dump":
                y[i] = rng.poisson(y[i] * rng.uniform(0.0, 0.1))
            case "all zero":
                y[i] = 0.0
            case "hole":
                y[i, end : end + rng.integers(20, 100)] = np.nan
            case "hot pixel":
                y[i, rng.integers(0, points)] += 10 ** rng.uniform(3, 6)
            case "cut off":
                y[i, end:] = 0.0
            case "not scanned":
                y[i, end:] = np.nan
            case "no esds":
                errors[i] = 0.0
    return replace(stack, signal=y, errors=errors), kinds


@pytest.fixture(scope="module")
def runs():
    counts, _ = sequence(1000, seed=1)
    clean = Stack.from_arrays(
        counts.x, counts.signal, np.sqrt(np.maximum(np.asarray(counts.signal), 1.0))
    )
    spoilt, kinds = spoil(clean, seed=1)
    return Peaks()(clean), Peaks()(spoilt), kinds


def test_every_spoilt_frame_is_flagged_with_its_reason(runs):
    _, results, kinds = runs
    says = {
        "beam dump": "beam lost",
        "all zero": "all values are zero",
        "hole": "not measured",
        "hot pixel": "hot",
        "cut off": "cut off",
        "not scanned": "not measured",
        "no esds": "without uncertainty",
    }
    for frame, kind in kinds.items():
        assert results.status[frame] in (Status.BAD_INPUT, Status.NO_SIGNAL), kind
        assert says[kind] in results.messages[frame], kind


def test_no_other_frame_is_flagged(runs):
    _, results, kinds = runs
    others = np.setdiff1d(np.arange(1000), list(kinds))
    assert (results.status[others] == Status.OK).all()


def test_no_other_frame_changes_by_a_bit(runs):
    clean, spoilt, kinds = runs
    others = np.setdiff1d(np.arange(1000), list(kinds))
    for name in clean.columns:
        one, other = np.asarray(clean[name])[others], np.asarray(spoilt[name])[others]
        assert one.tobytes() == other.tobytes(), name


def test_what_is_left_of_a_spoilt_frame_is_kept(runs):
    clean, results, kinds = runs
    hot = [i for i, kind in kinds.items() if kind == "hot pixel"]
    error = np.asarray(clean["center_stderr"])[hot]
    shift = np.abs(np.asarray(results["center"])[hot] - np.asarray(clean["center"])[hot])
    assert (shift < error).all()


def test_damage_away_from_the_range_that_is_used_does_not_matter():
    stack, _ = sequence(30)
    y = np.array(stack.signal)
    y[7, stack.x > 40.0] = np.nan
    y[9, 1200] = 1e6
    results = Peaks(high=39.0)(replace(stack, signal=y))
    assert (results.status == Status.OK).all()
