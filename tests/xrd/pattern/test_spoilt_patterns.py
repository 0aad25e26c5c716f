"""Phases that come and go, frames that are damaged, axes that cannot be told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, drifting, model_of, simulate

from spectra.errors import SettingError, StackError
from spectra.reference import load_phase
from spectra.status import Status
from spectra.xrd import LeBail, Rietveld
from spectra.xrd.phases import PhaseStatus

X = np.arange(23.0, 57.0, 0.05)
N_FRAMES = 40
COMMON = {"start": INSTRUMENT, "widths": ("size",), "background_degree": 1}
SIZES = {f"{ANATASE}.size": 0.1, f"{RUTILE}.size": 0.12}


@pytest.fixture(scope="module")
def passing():
    """Rutile comes at frame 8, is strongest at 16 and gone by 25; results, and its scale."""
    method = Rietveld(phases=(ANATASE, RUTILE), **COMMON)
    scale = np.clip(np.sin(1.5 * np.linspace(-1.0, 4.0, N_FRAMES)), 0.0, None) * 0.02
    grown = load_phase(RUTILE).cell[0] * drifting(N_FRAMES, 1.0, 1.003)
    values = {"background0": 60.0, f"{ANATASE}.scale": 0.01, f"{RUTILE}.scale": scale}
    made = simulate(method, X, N_FRAMES, values | SIZES | {f"{RUTILE}.a": grown})
    return method, made, method(made.stack)


def test_a_phase_that_comes_and_goes(passing):
    _, made, results = passing
    there = made.true(f"{RUTILE}.scale") > 0.0
    assert np.array_equal(results["phase_status"][:, 1] == PhaseStatus.OK, there)
    assert (results["phase_status"][~there, 1] == PhaseStatus.LOST).all()
    assert (results["phase_status"][:, 0] == PhaseStatus.OK).all()
    for name in ("a", "c", "volume", "size"):
        column = np.asarray(results[name])[:, 1]
        assert np.isnan(column[~there]).all()
        assert np.isfinite(column[there]).all()
    pull = (np.asarray(results["a"])[:, 1] - made.true(f"{RUTILE}.a"))[there]
    assert np.abs(pull / np.asarray(results["a_stderr"])[there, 1]).max() < 4.5
    share = np.asarray(results["weight_fraction"])
    assert np.allclose(share.sum(axis=1), 1.0)
    assert share[~there, 1].max() < 0.003
    # Nothing found is not the same as known to be nothing.
    error = np.asarray(results["weight_fraction_stderr"])[:, 1]
    assert np.isnan(error[share[:, 1] == 0.0]).all()
    assert (error[share[:, 1] > 0.0] > 0.0).all()
    assert all("lost" in m for m, here in zip(results.messages, there, strict=True) if not here)


def test_the_other_phase_does_not_notice(passing):
    _, made, results = passing
    for name in ("a", "c"):
        value, error = (np.asarray(results[k])[:, 0] for k in (name, f"{name}_stderr"))
        pulls = (value - made.true(f"{ANATASE}.{name}")) / error
        assert np.abs(pulls).max() < 4.5
        assert pulls.std() < 1.4


def test_a_phase_that_is_nowhere():
    method = Rietveld(phases=(ANATASE, "LaB6"), **COMMON)
    made = simulate(
        method, X, 8, {"background0": 60.0, f"{ANATASE}.scale": 0.01, "LaB6.scale": 0.0}
    )
    results = method(made.stack)
    assert (results["phase_status"][:, 1] == PhaseStatus.LOST).all()
    assert np.isnan(results["a"][:, 1]).all()
    assert np.isfinite(results["a"][:, 0]).all()


@pytest.mark.parametrize("method", [Rietveld, LeBail])
def test_nothing_but_background_is_no_phase(method):
    refine = method(phases=(ANATASE,), **COMMON)
    made = simulate(refine, X, 3, {"background0": 60.0, **_nothing(refine)})
    results = refine(made.stack)
    found = np.asarray(results["a"])[:, 0]
    # Where intensities are free, noise has some: then the cell is known to nothing.
    wild = np.abs(found - load_phase(ANATASE).cell[0]) / np.asarray(results["a_stderr"])[:, 0]
    assert (np.isnan(found) | (wild < 6.0)).all()
    if method is Rietveld:
        assert (results.status == Status.LOST).all()


def _nothing(method):
    names = model_of(method, X).layout.names
    return {f"{ANATASE}.scale": 0.0} if f"{ANATASE}.scale" in names else {}


def test_damaged_frames_are_marked_and_no_other_changes(passing):
    method, made, clean = passing
    signal = np.asarray(made.stack.signal).astype(float)
    signal[5] *= 0.02
    signal[7] = 0.0
    signal[9, 300] = 1e6
    signal[11, 200:260] = np.nan
    signal[13] = np.nan
    signal[15, 400:] = 0.0
    plan = method.prepare(made.stack)
    results = method.fit(replace(made.stack, signal=signal), method.narrow(plan, 0, N_FRAMES))
    expected = {
        5: (Status.BAD_INPUT, "beam"),
        7: (Status.NO_SIGNAL, "zero"),
        9: (Status.BAD_INPUT, "38"),
        11: (Status.BAD_INPUT, "not measured"),
        13: (Status.BAD_INPUT, "finite"),
        15: (Status.BAD_INPUT, "zero"),
    }
    for frame, (status, text) in expected.items():
        assert results.status[frame] == status, frame
        assert text in results.messages[frame]
    assert np.isnan(np.asarray(results["a"])[[7, 13]]).all()
    # What is left of a frame still tells its cell.
    for frame in (9, 11, 15):
        off = np.asarray(results["a"])[frame, 0] - made.true(f"{ANATASE}.a")[frame]
        assert abs(off) < 4.5 * np.asarray(results["a_stderr"])[frame, 0]
    others = np.setdiff1d(np.arange(N_FRAMES), list(expected))
    assert np.array_equal(results.status[others], clean.status[others])
    assert np.array_equal(
        np.asarray(results["value"])[others], np.asarray(clean["value"])[others], equal_nan=True
    )


def test_axes_that_cannot_be_told_apart():
    """An orthorhombic cell whose b and c differ by less than the lines are wide."""
    phase = {
        "name": "nearly",
        "cell": [5.0, 6.0, 6.0006, 90.0, 90.0, 90.0],
        "space_group": "P m m m",
        "atoms": [["Ti1", "Ti", 0.0, 0.0, 0.0, 1.0, 0.005]],
    }
    method = Rietveld(phases=(phase,), **COMMON)
    values = {"background0": 60.0, "nearly.scale": 0.3, "nearly.size": 0.3}
    made = simulate(method, X, 12, values)
    results = method(made.stack)
    status = results["phase_status"][:, 0]
    # None is passed off as known, and of some not even the mean of both axes is told.
    assert np.isin(status, (PhaseStatus.DEGENERATE, PhaseStatus.NOT_DETERMINED)).all()
    named = {PhaseStatus(s).label for s in status.tolist()}
    assert all(any(text in m for text in named) for m in results.messages)
    known = status == PhaseStatus.DEGENERATE
    assert known.any()
    a, b, c, volume = (np.asarray(results[n])[known, 0] for n in ("a", "b", "c", "volume"))
    a_error, volume_error = (np.asarray(results[f"{n}_stderr"])[known, 0] for n in ("a", "volume"))
    true = made.theta[known, made.model.cell_columns(0)]
    assert np.abs((a - true[:, 0]) / a_error).max() < 4.5
    assert np.abs((volume - true.prod(axis=1)) / volume_error).max() < 4.5
    assert np.abs((b + c) / true[:, 1:].sum(axis=1) - 1.0).max() < 2e-4


def test_wrong_sequences_and_settings_are_refused():
    method = Rietveld(phases=(ANATASE,), **COMMON)
    made = simulate(method, X, 4, {"background0": 60.0, f"{ANATASE}.scale": 0.01})
    with pytest.raises(StackError, match="none of the 4 frames"):
        method.prepare(replace(made.stack, signal=np.zeros((4, X.size))))
    with pytest.raises(SettingError, match=r"did you mean .*u_iso"):
        Rietveld(phases=(ANATASE,), refine=("*.uiso",), **COMMON).prepare(made.stack)
    with pytest.raises(SettingError, match="neither scales nor background"):
        Rietveld(phases=(ANATASE,), hold=("*scale", "background*"), **COMMON).prepare(made.stack)
    with pytest.raises(SettingError, match="no reflection"):
        Rietveld(phases=(ANATASE,), high=26.5, wavelength=2.5, start=INSTRUMENT).prepare(made.stack)
    for few in ({"low": 70.0, "high": 80.0}, {"exclude": ((23.5, 60.0),)}):
        with pytest.raises(StackError, match="at least 50 are needed"):
            Rietveld(phases=(ANATASE,), **COMMON, **few).prepare(made.stack)


def test_what_a_pattern_does_not_determine_is_named():
    method = Rietveld(phases=(ANATASE,), **COMMON)
    made = simulate(method, X, 2, {"background0": 60.0, f"{ANATASE}.scale": 0.02})
    # Below zero the Gaussian width is none, and nothing hangs on the numbers that give it.
    nothing = INSTRUMENT | {"u": 0.0, "v": 0.0, "w": -0.05}
    results = replace(method, start=nothing, profile=("u", "v", "w"))(made.stack)
    assert results.messages == ("not determined: u, v, w",) * 2
    assert np.isfinite(results["a_stderr"]).all()
    assert method(made.stack).messages == ("", "")
