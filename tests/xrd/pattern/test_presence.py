"""Phases that come and go where intensities are free."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, simulate

import spectra
from spectra.status import Status
from spectra.xrd import LeBail, Pawley, Rietveld
from spectra.xrd.pattern.curves import pattern_curves
from spectra.xrd.pattern.presence import _of_all, _of_expected
from spectra.xrd.phases import PhaseStatus

X = np.arange(23.0, 57.0, 0.05)
N_FRAMES = 16
COMMON = {"start": INSTRUMENT, "widths": ("size",), "background_degree": 1, "coarse_frames": 4}
# Rutile goes, comes again and goes; in frame 8 its scale is some eight times its uncertainty.
SCALE = np.array([20, 10, 2, 0, 0, 0, 0, 0, 0.22, 2, 10, 5, 0, 0, 0, 0]) * 1e-3


@pytest.fixture(scope="module")
def made():
    values = {"background0": 60.0, f"{ANATASE}.scale": 0.01, f"{RUTILE}.scale": SCALE}
    values |= {f"{ANATASE}.size": 0.1, f"{RUTILE}.size": 0.12}
    return simulate(Rietveld(phases=(ANATASE, RUTILE), **COMMON), X, N_FRAMES, values)


@pytest.fixture(scope="module", params=[Pawley, LeBail])
def refined(request, made):
    method = request.param(phases=(ANATASE, RUTILE), **COMMON)
    return method, method(made.stack)


def test_a_phase_without_a_scale_comes_and_goes(made, refined):
    _, results = refined
    there = SCALE > 0.0
    found = np.asarray(results["phase_status"])
    assert (found[:, 0] == PhaseStatus.OK).all()
    assert np.array_equal(found[:, 1] == PhaseStatus.OK, there)
    assert (found[~there, 1] == PhaseStatus.LOST).all()
    assert (results.status == Status.OK).all()
    for name in ("a", "c", "volume", "size"):
        column = np.asarray(results[name])[:, 1]
        assert np.isnan(column[~there]).all()
        assert np.isfinite(column[there]).all()
    rutile = results.table.coords["reflection"]["phase"] == RUTILE
    assert np.isnan(np.asarray(results["intensity"])[np.ix_(~there, rutile)]).all()
    assert np.isfinite(np.asarray(results["intensity"])[:, ~rutile]).all()
    for p, phase in enumerate((ANATASE, RUTILE)):
        away = np.asarray(results["a"])[:, p] - made.true(f"{phase}.a")
        pulls = away / np.asarray(results["a_stderr"])[:, p]
        assert np.nanmax(np.abs(pulls)) < 4.5, phase


def test_curves_without_the_lost_phase(made, refined):
    method, results = refined
    lost = np.flatnonzero(SCALE == 0.0)[:2]
    curves = pattern_curves(results, made.stack, lost, method)
    away = (curves.calculated - made.expected[lost]) * np.sqrt(curves.weight)
    assert np.abs(away).max() < 4.5


@pytest.mark.parametrize("method", [Pawley, LeBail])
def test_noise_is_no_phase(method):
    """One phase never there, whose lines stand free of those of the other."""
    truth = Rietveld(phases=(ANATASE,), **COMMON)
    stack = simulate(truth, X, 12, {"background0": 60.0, f"{ANATASE}.scale": 0.01}).stack
    results = method(phases=(ANATASE, RUTILE), **COMMON)(stack)
    assert (results["phase_status"][:, 0] == PhaseStatus.OK).all()
    assert (results["phase_status"][:, 1] == PhaseStatus.LOST).all()


def test_significance_of_noise_is_normal():
    rng = np.random.default_rng(3)
    root = rng.normal(size=(12, 12))
    spread = np.tile(root @ root.T, (4000, 1, 1))
    score = rng.normal(size=(4000, 12)) @ root.T
    one = np.ones(4000)
    figures = [_of_all(score, spread, one)]
    figures.append(_of_expected(score, spread, one, np.tile(np.arange(12.0), (4000, 1))))
    for found in figures:
        assert abs(found.mean()) < 0.06
        assert abs(found.std() - 1.0) < 0.045
        assert abs((found > 2.0).mean() - 0.02275) < 0.01


@pytest.mark.realdata
@pytest.mark.parametrize("method", [Pawley, LeBail])
def test_anatase_that_has_gone_is_lost_without_atoms(data, method):
    folder = data / "xrd" / "tio2_temperature"
    stack = spectra.read(str(folder / "degussa_*.xye"), anode="Cu")[[0, 8, 14, 18]]
    common = {
        "phases": ("TiO2_anatase", "TiO2_rutile"),
        "radiation": "Cu",
        "geometry": "bragg_brentano",
        "radius": 250.0,
        "corrections": ("displacement",),
        "profile": ("w",),
        "widths": ("size",),
        "start": {"w": 0.002},
        "coarse_frames": 4,
        "high": 58.0,
    }
    atoms, results = (kind(**common)(stack) for kind in (Rietveld, method))
    assert results["phase_status"].tolist() == [[0, 0]] * 3 + [[PhaseStatus.LOST, 0]]
    assert np.isnan(results["a"][3, 0])
    seen = np.isfinite(atoms["a"])
    assert np.abs(results["a"] / atoms["a"] - 1.0)[seen].max() < 500e-6
