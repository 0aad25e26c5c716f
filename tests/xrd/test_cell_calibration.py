"""Calibration of cells: every system exact, pulls, misfit, degeneracy, bits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares
from simulated_cells import (
    LATTICES,
    WAVELENGTH,
    labels_of,
    lattice_phase,
    lines_of,
    merged_lines_of,
    peaks_of,
    scaled,
)

from spectra import Status
from spectra.errors import ResultsError, SettingError
from spectra.reference import load_phase
from spectra.results import Results
from spectra.xrd import Cell
from spectra.xrd.lattice import CELL_NAMES, d_spacing, volume
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.tracks import PeakStatus

ANATASE, RUTILE = "TiO2_anatase", "TiO2_rutile"


def anatase(factors, **options):
    """Cells and lines of anatase scaled by factors (F,)."""
    cells = scaled(load_phase(ANATASE).cell, factors)
    return cells, lines_of(ANATASE, cells, **{"weakest": 1.0, **options})


def hide(peaks, frame, keep):
    """The peaks with only the tracks `keep` found in one frame."""
    columns = {name: value.copy() for name, value in peaks.columns.items()}
    gone = [t for t in range(columns["center"].shape[1]) if t not in keep]
    columns["peak_status"][frame, gone] = PeakStatus.LOST
    for name in ("center", "fwhm", "area"):
        columns[name][frame, gone] = np.nan
    columns["center_cov"][frame, gone, :] = np.nan
    columns["center_cov"][frame, :, gone] = np.nan
    return replace(peaks, columns=columns)


def refined(results, frame=0, phase=0):
    return np.array([results[n][frame, phase] for n in CELL_NAMES])


def in_blocks(method, source, size):
    plan = method.prepare(source)
    return Results.concatenate([method.fit(b, plan) for _, b in source.blocks(size)])


def assert_same(a, b):
    for name in a.columns:
        np.testing.assert_array_equal(a.columns[name], b.columns[name], name)
    np.testing.assert_array_equal(a.status, b.status)
    assert a.messages == b.messages


@pytest.mark.parametrize("system", LATTICES)
def test_exact_positions_give_the_exact_cell_of_every_system(system):
    phase = lattice_phase(system)
    cells = scaled(phase["cell"], np.linspace(1.004, 1.006, 3))
    tracks = lines_of(phase, cells, window=(15, 75))
    results = Cell(phases=(phase,))(peaks_of(tracks))
    assert all(got == true for got, true in labels_of(results, tracks))
    for f in range(3):
        np.testing.assert_allclose(refined(results, f), cells[f], rtol=1e-12)
        assert results["volume"][f, 0] == pytest.approx(float(volume(cells[f])[0]), rel=1e-12)
    assert (results["phase_status"] == PhaseStatus.OK).all()
    assert np.nanmax(np.abs(results["residual"])) < 1e-10


def test_pulls_are_calibrated():
    n = 2000
    cells, tracks = anatase(1.003 + 0.002 * np.sin(np.arange(n) / 200))
    peaks = peaks_of(tracks, sigma=2e-3, seed=1, correlation=0.3, shifts={"displacement": 0.08})
    results = Cell(phases=(ANATASE,), corrections=("displacement",))(peaks)
    assert (results.status == Status.OK).all()
    true = {
        "a": cells[:, 0],
        "c": cells[:, 2],
        "volume": volume(cells)[0],
        "c_over_a": cells[:, 2] / cells[:, 0],
        "displacement": np.full(n, 0.08),
    }
    for name, value in true.items():
        got, error = (results[k].reshape(n) for k in (name, f"{name}_stderr"))
        pulls = (got - value) / error
        assert abs(pulls.mean()) < 0.1, name
        assert pulls.std() == pytest.approx(1.0, abs=0.07), name
    # Correct uncertainties are left as they are: p < 0.001 in about 2 of 2000 frames.
    assert results["scaled"].sum() <= 8
    assert np.nanmean(results["chi2_reduced"]) == pytest.approx(1.0, abs=0.05)


def test_agrees_with_an_independent_least_squares():
    _, tracks = anatase(np.full(4, 1.003))
    shifts = {"displacement": 0.1, "zero": 0.01}
    peaks = peaks_of(tracks, sigma=2e-3, seed=8, correlation=0.4, shifts=shifts)
    plain = {"pull_uncertainty": 0.0, "wrong_share": 0.0, "excess_share": 0.0}
    method = Cell(phases=(ANATASE,), corrections=tuple(shifts), **plain)
    results = method(peaks)
    hkl = np.stack([results.table.coords["peak"][n] for n in "hkl"], axis=1)
    lower = np.linalg.cholesky(peaks["center_cov"][2])
    assert results["used"][2].all()

    def residual(q):
        a, c, displacement, zero = q
        theta = np.arcsin(WAVELENGTH / 2 / d_spacing(hkl, [a, a, c, 90, 90, 90]))
        calculated = np.degrees(2 * theta - 2 * displacement / 200 * np.cos(theta)) + zero
        return np.linalg.solve(lower, peaks["center"][2] - calculated)

    start = [3.79, 9.54, 0.0, 0.0]
    other = least_squares(
        residual, start, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale=[1e-3] * 4
    )
    sigma = np.sqrt(np.diag(np.linalg.inv(other.jac.T @ other.jac)))
    names = ("a", "c", "displacement", "zero")
    ours = np.array([results[n][2].item() for n in names])
    np.testing.assert_allclose((ours - other.x) / sigma, 0, atol=1e-4)
    errors = np.array([results[f"{n}_stderr"][2].item() for n in names])
    np.testing.assert_allclose(errors, sigma, rtol=1e-3)
    assert results["chi2_reduced"][2] == pytest.approx(2 * other.cost / (len(hkl) - 4), rel=1e-6)


def test_no_bit_hangs_on_how_the_sequence_is_cut():
    n = 70
    _, tracks = anatase(1.003 + 0.002 * np.sin(np.arange(n) / 20), weakest=0.5, apart=0.4)
    rutile = scaled(load_phase(RUTILE).cell, np.full(n, 0.998))
    tracks += lines_of(RUTILE, rutile, weakest=4.0, present=np.arange(n) > 30)
    peaks = peaks_of(tracks, sigma=2e-3, seed=3, shifts={"displacement": 0.1})
    peaks.columns["center"][10, 3] += 0.05
    peaks.columns["center"][41, 2] += 0.2
    method = Cell(phases=(ANATASE, RUTILE), corrections=("displacement",))
    whole = in_blocks(method, peaks, n)
    assert whole["n_outliers"][10] == 1
    for size in (1, 7, 64):
        assert_same(in_blocks(method, peaks, size), whole)


def test_the_input_is_not_touched_and_answers_repeat():
    _, tracks = anatase(np.full(5, 1.002))
    peaks = peaks_of(tracks, seed=2)
    before = {name: value.copy() for name, value in peaks.columns.items()}
    method = Cell(phases=(ANATASE,))
    assert_same(method(peaks), method(peaks))
    for name, value in before.items():
        np.testing.assert_array_equal(peaks.columns[name], value)


def test_a_bad_frame_is_passed_through_and_touches_no_other():
    _, tracks = anatase(np.full(6, 1.002))
    good = peaks_of(tracks, seed=2)
    status, messages = good.status.copy(), [""] * 6
    status[[1, 3]], messages[1] = (Status.BAD_INPUT, Status.NO_SIGNAL), "file is cut short"
    bad = hide(good, 1, ())
    bad.columns["center_cov"][3] = np.nan
    bad = replace(bad, status=status, messages=tuple(messages))
    method = Cell(phases=(ANATASE,))
    plan = method.prepare(bad)
    results, expected = method.fit(bad, plan), method.fit(good, plan)
    assert results.status.tolist() == [0, Status.BAD_INPUT, 0, Status.NO_SIGNAL, 0, 0]
    assert results.messages[1] == "file is cut short"
    assert np.isnan(results["volume"][[1, 3]]).all()
    keep = [0, 2, 4, 5]
    for name in results.columns:
        np.testing.assert_array_equal(results[name][keep], expected[name][keep], name)


def test_too_few_reflections_give_no_number():
    _, tracks = anatase(np.full(8, 1.002))
    peaks = peaks_of(tracks, seed=2)
    peaks = hide(hide(hide(peaks, 3, (0, 2)), 4, (0,)), 5, ())
    results = Cell(phases=(ANATASE,))(peaks)
    status = results["phase_status"][:, 0].tolist()
    assert status[3:6] == [PhaseStatus.OK, PhaseStatus.NOT_DETERMINED, PhaseStatus.LOST]
    assert results.status[3:6].tolist() == [Status.OK, Status.LOST, Status.LOST]
    assert results.messages[3:6] == ("", f"{ANATASE}: not_determined", f"{ANATASE}: lost")
    assert np.isnan(results["volume"][4:6]).all()
    assert np.isnan(results["a_stderr"][4:6]).all()
    # Two peaks for two parameters: nothing is left to judge the misfit by.
    assert np.isnan(results["chi2_reduced"][3:6]).all()
    assert (results["scaled"][3:6] == 0).all()


def test_a_wrong_peak_is_left_out_and_named():
    cells, tracks = anatase(np.full(10, 1.002))
    peaks = peaks_of(tracks, sigma=2e-3, seed=4)
    peaks.columns["center"][6, 4] += 0.06
    results = Cell(phases=(ANATASE,))(peaks)
    assert results["n_outliers"].tolist() == [0] * 6 + [1] + [0] * 3
    assert results.messages[6] == "left out: p05"
    assert results["used"][6, 4] == 0
    assert results["residual"][6, 4] == pytest.approx(0.06, abs=0.01)
    pull = (results["volume"][6, 0] - volume(cells[6])[0]) / results["volume_stderr"][6, 0]
    assert abs(pull) < 4


def test_misfit_widens_the_uncertainties_and_says_so():
    n = 400
    cells, tracks = anatase(np.full(n, 1.002))
    errors = np.random.default_rng(3).standard_normal((n, len(tracks))) * 0.01
    order = np.argsort([t["true"][0] for t in tracks])
    for rank, t in enumerate(order):
        tracks[t] = {**tracks[t], "true": tracks[t]["true"] + errors[:, rank]}
    peaks = peaks_of(tracks, sigma=1e-3)
    results = Cell(phases=(ANATASE,))(peaks)
    assert results["scaled"].mean() > 0.99
    pulls = (results["volume"][:, 0] - volume(cells)[0]) / results["volume_stderr"][:, 0]
    # Few lines, some left out: Birge's ratio is itself uncertain, so the tails are longer.
    assert 0.8 < pulls.std() < 1.4
    floored = Cell(phases=(ANATASE,), position_floor=0.01)(peaks)
    assert floored["scaled"].mean() < 0.02
    pulls = (floored["volume"][:, 0] - volume(cells)[0]) / floored["volume_stderr"][:, 0]
    assert pulls.std() == pytest.approx(1.0, abs=0.12)


def test_a_standard_determines_the_corrections():
    n = 400
    cells, tracks = anatase(np.full(n, 1.003))
    tracks = tracks + lines_of("Si", scaled(load_phase("Si").cell, np.ones(n)))
    peaks = peaks_of(tracks, sigma=2e-3, seed=8, shifts={"displacement": 0.1, "zero": 0.01})
    settings = {"phases": (ANATASE,), "corrections": ("displacement", "zero")}
    with_si = Cell(standards=("Si",), **settings)(peaks)
    without = Cell(**settings)(peaks)
    assert (with_si["a"][:, 1] == load_phase("Si").cell[0]).all()
    assert (with_si["n_reflections"][:, 1] >= 4).all()
    assert with_si["volume_stderr"][:, 0].mean() < 0.7 * without["volume_stderr"][:, 0].mean()
    for name, true in (("displacement", 0.1), ("zero", 0.01)):
        pulls = (with_si[name] - true) / with_si[f"{name}_stderr"]
        assert abs(pulls.mean()) < 0.2
        assert pulls.std() == pytest.approx(1.0, abs=0.12)
    pulls = (with_si["volume"][:, 0] - volume(cells)[0]) / with_si["volume_stderr"][:, 0]
    assert abs(pulls.mean()) < 0.2


def test_a_phase_that_vanishes_is_lost_not_copied():
    n = 40
    frames = np.arange(n)
    _, tracks = anatase(1.0 + 1e-4 * frames, present=frames < 28)
    cells = scaled(load_phase(RUTILE).cell, 1.002 - 5e-5 * frames)
    tracks = tracks + lines_of(RUTILE, cells, weakest=4.0, present=frames >= 12)
    results = Cell(phases=(ANATASE, RUTILE))(peaks_of(tracks, seed=1))
    ok, lost = PhaseStatus.OK, PhaseStatus.LOST
    assert results["phase_status"][:, 0].tolist() == [ok] * 28 + [lost] * 12
    assert results["phase_status"][:, 1].tolist() == [lost] * 12 + [ok] * 28
    for p, name in enumerate((ANATASE, RUTILE)):
        gone = results["phase_status"][:, p] == lost
        assert np.isnan(results["volume"][gone, p]).all()
        assert np.isnan(results["a_stderr"][gone, p]).all()
        assert all(f"{name}: lost" in results.messages[i] for i in np.flatnonzero(gone))
    assert (results.status == Status.OK).all()


@pytest.mark.parametrize("split", [0.0, 3e-4])
def test_a_nearly_tetragonal_cell_keeps_a_sharp_volume(split):
    n = 200
    cell = [7.72, 8.54 * (1 + split / 2), 8.54 * (1 - split / 2), 90.0, 90.0, 90.0]
    cells = scaled(cell, 1 + 1e-3 * np.sin(np.arange(n) / 30))
    tracks = merged_lines_of("CuCr2O4", cells, fwhm=0.012, wavelength=0.413263)
    peaks = peaks_of(tracks, sigma=1e-4, seed=5, fwhm=0.012, wavelength=0.413263)
    results = Cell(phases=("CuCr2O4",), geometry="transmission")(peaks)
    assert (results["phase_status"] == PhaseStatus.DEGENERATE).all()
    for name, true in (("volume", volume(cells)[0]), ("a", cells[:, 0])):
        pulls = (results[name][:, 0] - true) / results[f"{name}_stderr"][:, 0]
        assert abs(pulls.mean()) < 0.2
        assert pulls.std() == pytest.approx(1.0, abs=0.15)
    assert (results["volume_stderr"][:, 0] / volume(cells)[0]).max() < 1e-5
    for i, name in enumerate("bc", start=1):
        error = results[f"{name}_stderr"][:, 0]
        assert (error / cells[:, i]).min() > 2e-4
        assert (np.abs(results[name][:, 0] - cells[:, i]) < error).all()


def test_resolved_splitting_is_refined_with_the_literatures_axes():
    # b/c = 1.002 against 1.0008 in the literature: positions alone would take b for c.
    cells = scaled([7.72, 8.54854, 8.53146, 90.0, 90.0, 90.0], np.ones(50))
    tracks = merged_lines_of("CuCr2O4", cells, fwhm=0.012, wavelength=0.413263)
    peaks = peaks_of(tracks, sigma=1e-4, seed=5, fwhm=0.012, wavelength=0.413263)
    results = Cell(phases=("CuCr2O4",), geometry="transmission")(peaks)
    assert (results["phase_status"] == PhaseStatus.OK).all()
    np.testing.assert_allclose(results["b"][:, 0], cells[:, 1], rtol=3e-5)
    np.testing.assert_allclose(results["c"][:, 0], cells[:, 2], rtol=3e-5)


def test_patterns_in_q_need_no_wavelength():
    phase = lattice_phase("tetragonal")
    cells = scaled(phase["cell"], [1.003, 1.004])
    tracks = lines_of(phase, cells, window=(15, 75))
    tracks = [
        {**t, "true": 4 * np.pi * np.sin(np.radians(t["true"] / 2)) / WAVELENGTH} for t in tracks
    ]
    axis = ("q", "1/angstrom")
    peaks = peaks_of(tracks, sigma=1e-4, fwhm=0.01, axis=axis, wavelength=None)
    results = Cell(phases=(phase,))(peaks)
    np.testing.assert_allclose(refined(results), cells[0], rtol=1e-12)
    position = peaks["center"][0]
    np.testing.assert_allclose(results["d_observed"][0], 2 * np.pi / position, rtol=1e-14)
    with pytest.raises(SettingError, match=r"corrections \('zero',\) are shifts in 2θ"):
        Cell(phases=(phase,), corrections=("zero",))(peaks)


def test_observed_spacings_are_free_of_the_corrections():
    cells, tracks = anatase(np.full(3, 1.002))
    peaks = peaks_of(tracks, sigma=1e-3, shifts={"displacement": 0.2})
    results = Cell(phases=(ANATASE,), corrections=("displacement",))(peaks)
    hkl = np.stack([results.table.coords["peak"][n] for n in "hkl"], axis=1)
    # The shift is evaluated at the observed instead of the true position: second order.
    np.testing.assert_allclose(results["d_observed"], d_spacing(hkl, cells), rtol=3e-6)
    theta = np.radians(peaks["center"][0] / 2)
    error = results["d_observed"][0] / np.tan(theta) / 2 * np.radians(1e-3)
    np.testing.assert_allclose(results["d_observed_stderr"][0], error, rtol=0.01)


def test_lines_up_to_back_reflection():
    phase = lattice_phase("tetragonal")
    cells = scaled(phase["cell"], [1.002, 1.002])
    tracks = lines_of(phase, cells, window=(20, 165))
    assert max(t["true"][0] for t in tracks) > 155
    results = Cell(phases=(phase,), corrections=("zero",))(peaks_of(tracks))
    np.testing.assert_allclose(refined(results), cells[0], rtol=1e-12)


def test_settings_survive_a_recipe():
    phase = lattice_phase("cubic")
    method = Cell(phases=(ANATASE, phase, Path("x.cif")), standards="Si", corrections="zero")
    plain = json.loads(json.dumps(method.settings()))
    assert Cell.from_settings(plain) == method
    assert method.standards == ("Si",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name at least one phase"),
        ({"phases": (ANATASE, ANATASE)}, "name one twice"),
        ({"phases": ANATASE, "corrections": ("zer",)}, "did you mean 'zero'"),
        ({"phases": ANATASE, "corrections": ("across",)}, "in bragg_brentano geometry"),
        ({"phases": ANATASE, "geometry": "debye"}, "expected one of bragg_brentano"),
        ({"phases": ANATASE, "wrong_share": 1.0}, "wrong_share = 1.0; expected 0 to 0.5"),
        ({"phases": ANATASE, "radius": 0.0}, "radius = 0.0; expected > 0"),
        ({"phases": "anatas"}, "did you mean TiO2_anatase"),
    ],
)
def test_bad_settings_are_answered(settings, message):
    _, tracks = anatase(np.ones(2))
    with pytest.raises(SettingError, match=message):
        Cell(**settings)(peaks_of(tracks))


def test_bad_input_is_answered():
    _, tracks = anatase(np.ones(2))
    method = Cell(phases=(ANATASE,))
    with pytest.raises(SettingError, match="give it as `wavelength`"):
        method(peaks_of(tracks, wavelength=None))
    with pytest.raises(SettingError, match="expected two_theta or q"):
        method(peaks_of(tracks, axis=("d", "angstrom")))
    with pytest.raises(ResultsError, match=r"works on the results of xrd\.Peaks, not on 'cell'"):
        method(method(peaks_of(tracks)))
    with pytest.raises(SettingError, match="no reflection in the range of the peaks"):
        Cell(phases=(ANATASE,), wavelength=40.0)(peaks_of(tracks))
