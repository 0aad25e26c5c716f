"""From noisy spectra to valences and their intervals: what is said must be true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from vanadium_edges import operando_series

from spectra import Stack, Status, xas

STANDARDS = 9


def with_standards(seed: int, frames: int, **options) -> tuple[Stack, np.ndarray, dict]:
    """A series behind standards measured alike, all valences, and the standards' by name."""
    series = operando_series(frames, seed=seed, **options)
    known = operando_series(STANDARDS, seed=10_000 + seed, **options)
    names = [f"standard {v:.2f}" for v in known.valence]
    both = replace(
        series.stack,
        signal=np.vstack([known.stack.signal, series.stack.signal]),
        errors=np.vstack([known.stack.errors, series.stack.errors]),
        names=(*names, *(f"frame {i}" for i in range(frames))),
        variables={},
        messages=(),
        status=np.zeros(STANDARDS + frames, np.int8),
    )
    truth = np.concatenate([known.valence, series.valence])
    return both, truth, dict(zip(names, known.valence.tolist(), strict=True))


@pytest.mark.slow
def test_pulls_and_coverage_from_spectra_to_valences():
    pulls, covered = [], []
    for seed in range(150):
        stack, truth, standards = with_standards(seed, 20)
        valence = xas.Valence(standards=standards, curve="monotone", scatter=0.0)
        results = valence(xas.PreEdge()(stack))[STANDARDS:]
        known = np.isfinite(results["valence"])
        assert known.sum() >= 17, "the ends may fall outside the noisy standards"
        off = (results["valence"] - truth[STANDARDS:])[known]
        pulls.append(off / results["valence_stderr"][known])
        low, high = results["valence_low"][known], results["valence_high"][known]
        inside = truth[STANDARDS:][known]
        covered.append((low <= inside) & (inside <= high))
    # The standards' errors are common to the frames of a series.
    assert np.mean(np.concatenate(pulls)) == pytest.approx(0.0, abs=0.13)
    assert np.std(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.05)
    assert 0.93 <= np.concatenate(covered).mean() <= 0.97


def test_spoilt_spectra_are_flagged_and_have_no_valence():
    stack, _, standards = with_standards(3, 12)
    signal, errors = np.array(stack.signal), np.array(stack.errors)
    x, first = stack.x, STANDARDS
    signal[first, x > 5476.0] = np.nan
    top = 0.6 * np.nanmax(signal[first + 1])
    signal[first + 1] = np.minimum(signal[first + 1], top)
    signal[first + 2] = 0.4 + 0.1 * np.random.default_rng(0).normal(size=x.size)
    signal[first + 3] = 0.8 * (x / 5480.0) ** -2.7
    spoilt = replace(stack, signal=signal, errors=errors)
    pre = xas.PreEdge()(spoilt)
    results = xas.Valence(standards=standards, curve="monotone")(pre)
    for frame in range(first, first + 4):
        assert results.status[frame] != Status.OK, results.names[frame]
        assert np.isnan(results["valence"][frame]), results.names[frame]
        assert results.messages[frame], results.names[frame]
    clean = xas.Valence(standards=standards, curve="monotone")(xas.PreEdge()(stack))
    others = np.r_[:first, first + 4 : len(stack)]
    assert np.array_equal(results["valence"][others], clean["valence"][others], equal_nan=True)


def test_glitches_and_drifting_scales_are_mended_first():
    stack, truth, standards = with_standards(5, 20)
    rng = np.random.default_rng(1)
    signal = np.array(stack.signal)
    hit = np.flatnonzero((stack.x > 5464) & (stack.x < 5505))
    for frame in range(STANDARDS, STANDARDS + 20, 2):
        signal[frame, rng.choice(hit)] += 0.3
    mended = xas.Deglitch()(replace(stack, signal=signal))
    valence = xas.Valence(standards=standards, curve="monotone", scatter=0.0)
    results = valence(xas.PreEdge()(mended))[STANDARDS:]
    known = np.isfinite(results["valence"])
    assert known.sum() >= 16
    pulls = ((results["valence"] - truth[STANDARDS:]) / results["valence_stderr"])[known]
    assert np.abs(pulls).max() < 4.5
