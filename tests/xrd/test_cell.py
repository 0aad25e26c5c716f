"""Cells from tracked peaks: exact, calibrated, robust, honest about what is not determined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from spectra.errors import ResultsError, SettingError
from spectra.reference import load_phase
from spectra.results import Results
from spectra.status import Status
from spectra.units import two_theta_from_d
from spectra.xrd import Cell
from spectra.xrd.aberrations import ABERRATIONS
from spectra.xrd.crystal.reflections import reflections, relative_intensity
from spectra.xrd.lattice import d_spacing
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.tracks import PeakStatus, peaks_table

WAVELENGTH = 1.5405929


def tracked(phases, cells, *, sigma=1e-9, shift=0.0, noise=0.0, seed=0, fwhm=0.1, low=8.0):
    """Peaks of phases with given cells (frames, 6) each, as `Peaks` would give them."""
    rng = np.random.default_rng(seed)
    centers, areas = [], []
    for phase, cell in zip(phases, cells, strict=True):
        lines = reflections(phase, 0.85, WAVELENGTH)
        strength = relative_intensity(lines, WAVELENGTH)
        if np.isnan(strength).any():
            strength = 100.0 * lines.multiplicity / lines.multiplicity.max()
        keep = strength > low
        two_theta = two_theta_from_d(d_spacing(lines.hkl[keep], cell), WAVELENGTH)
        centers.append(two_theta)
        areas.append(np.tile(strength[keep], (len(cell), 1)))
    center, area = np.concatenate(centers, axis=1), np.concatenate(areas, axis=1)
    order = np.argsort(center[0])
    center, area = center[:, order] + shift, area[:, order]
    center = center + noise * rng.standard_normal(center.shape)
    return results_of(center, area, sigma, fwhm)


def results_of(center, area, sigma, fwhm=0.1):
    n_frames, n = center.shape
    coords = {
        "label": np.array([f"p{i + 1:02d}" for i in range(n)]),
        "start": center[0],
        "group": np.arange(n),
    }
    table = peaks_table("deg", coords, 2)
    columns = table.empty(n_frames)
    columns["center"][:] = center
    columns["center_stderr"][:] = sigma
    columns["fwhm"][:] = fwhm
    columns["area"][:] = area
    columns["peak_status"][:] = PeakStatus.OK
    columns["center_cov"][:] = np.eye(n) * sigma**2
    columns["n_peaks"][:] = n
    columns["chi2_reduced"][:] = 1.0
    attrs = {"axis": {"name": "two_theta", "unit": "deg"}, "wavelength": WAVELENGTH}
    return Results(table, columns, np.zeros(n_frames, np.int8), attrs=attrs)


@pytest.mark.parametrize(
    "name", ["LaB6", "TiO2_rutile", "V2O3", "LiFePO4", "CuO", "graphite", "TiO2_anatase"]
)
def test_exact_positions_give_the_exact_cell(name):
    phase = load_phase(name)
    true = np.array([phase.cell] * 3)
    # 0.4 % off: what heating or charging does to a literature cell.
    true[:, :3] *= np.array([[1.0], [1.004], [0.997]])
    low = {"LiFePO4": 15.0, "CuO": 15.0, "graphite": 1.0}.get(name, 8.0)
    cell = Cell(phases=(name,))(tracked([phase], [true], low=low))
    found = np.stack([cell[n][:, 0] for n in ("a", "b", "c", "alpha", "beta", "gamma")], axis=1)
    # Lines that coincide are one line here; where all are apart the answer is exact.
    np.testing.assert_allclose(found, true, rtol=2e-5)
    assert (cell["phase_status"] == PhaseStatus.OK).all()


def test_pulls_and_agreement_with_scipy():
    phase = load_phase("TiO2_rutile")
    n = 2000
    true = np.tile(phase.cell, (n, 1))
    true[:, :2] *= 1.0 + 0.002 * np.linspace(-1, 1, n)[:, None]
    displacement = 0.06
    # Every line has its own peak here, so that none pulls another.
    ideal = tracked([phase], [true], sigma=0.004, low=0.0)
    shift = displacement * ABERRATIONS["displacement"].shift(ideal["center"], 200.0)
    peaks = tracked([phase], [true], sigma=0.004, shift=shift, noise=0.004, seed=3, low=0.0)
    cell = Cell(phases=("TiO2_rutile",), corrections=("displacement",))(peaks)
    from spectra.xrd.lattice import volume

    expected = {"a": true[:, 0], "c": true[:, 2], "volume": volume(true)[0]}
    for name, value in expected.items():
        pulls = (cell[name][:, 0] - value) / cell[f"{name}_stderr"][:, 0]
        assert pulls.mean() == pytest.approx(0, abs=0.1), name
        assert pulls.std() == pytest.approx(1, abs=0.07), name
    pulls = (cell["displacement"] - displacement) / cell["displacement_stderr"]
    assert pulls.mean() == pytest.approx(0, abs=0.1)
    assert pulls.std() == pytest.approx(1, abs=0.07)
    assert np.median(cell["chi2_reduced"]) == pytest.approx(1, abs=0.08)
    plain = Cell(
        phases=("TiO2_rutile",),
        corrections=("displacement",),
        wrong_share=0.0,
        excess_share=0.0,
    )
    _compare_with_scipy(plain(peaks[:1]), peaks)


def _compare_with_scipy(cell, peaks):
    labels = cell.table.coords["peak"]
    hkl = np.stack([labels[n] for n in "hkl"], axis=1)
    used = cell["used"][0].astype(bool)

    def misfit(p):
        full = np.array([p[0], p[0], p[1], 90, 90, 90])
        position = two_theta_from_d(d_spacing(hkl[used], full), WAVELENGTH)
        position = position + p[2] * ABERRATIONS["displacement"].shift(position, 200.0)
        return (peaks["center"][0, used] - position) / 0.004

    peer = least_squares(misfit, [4.6, 2.95, 0.0], xtol=1e-15, ftol=1e-15)
    assert cell["a"][0, 0] == pytest.approx(peer.x[0], rel=1e-7)
    assert cell["c"][0, 0] == pytest.approx(peer.x[1], rel=1e-7)


def test_blocks_change_nothing():
    phase = load_phase("TiO2_rutile")
    peaks = tracked([phase], [np.tile(phase.cell, (9, 1))], sigma=0.004, noise=0.004)
    method = Cell(phases=("TiO2_rutile",), corrections=("zero",))
    plan = method.prepare(peaks)
    whole = method.fit(peaks, plan)
    for i in range(9):
        part = method.fit(peaks[i], plan)
        for name, column in part.columns.items():
            np.testing.assert_array_equal(column[0], whole.columns[name][i], name)


def test_a_standard_fixes_the_displacement():
    phase, window = load_phase("K3V5O14"), load_phase("Be")
    cells = [np.tile(phase.cell, (4, 1)), np.tile(window.cell, (4, 1))]
    ideal = tracked([phase, window], cells, low=60)
    shift = 0.1 * ABERRATIONS["displacement"].shift(ideal["center"], 200.0)
    peaks = tracked([phase, window], cells, sigma=1e-4, shift=shift, low=60)
    method = Cell(phases=("K3V5O14",), standards=("Be",), corrections=("displacement",))
    cell = method(peaks)
    np.testing.assert_allclose(cell["displacement"], 0.1, atol=2e-3)
    np.testing.assert_allclose(cell["a"][:, 0], 8.68, rtol=2e-5)
    assert cell.attrs["standards"] == ["Be"]
    assert (cell["a_stderr"][:, 1] == 0).all()


def test_foreign_peaks_are_left_alone_and_a_wrong_one_is_named():
    phase = load_phase("LaB6")
    peaks = tracked([phase], [np.tile(phase.cell, (6, 1))], sigma=0.002, noise=0.002)
    center = np.concatenate([peaks["center"], np.full((6, 1), 26.3)], axis=1)
    area = np.concatenate([peaks["area"], np.full((6, 1), 40.0)], axis=1)
    center[3, 5] += 0.035
    cell = Cell(phases=("LaB6",), corrections=("zero",))(results_of(center, area, 0.002))
    assert len(cell.attrs["unassigned"]) == 1
    assert cell["n_outliers"].tolist() == [0, 0, 0, 1, 0, 0]
    assert "left out: p06" in cell.messages[3]
    np.testing.assert_allclose(cell["a"][:, 0], 4.156826, rtol=1e-4)


def test_a_phase_that_vanishes_is_lost_and_not_copied():
    first, second = load_phase("TiO2_anatase"), load_phase("TiO2_rutile")
    cells = [np.tile(first.cell, (8, 1)), np.tile(second.cell, (8, 1))]
    peaks = tracked([first, second], cells, sigma=0.003, noise=0.003)
    expected = Cell(phases=("TiO2_anatase", "TiO2_rutile"))(peaks)
    gone = expected.table.coords["peak"]["phase"] == "TiO2_anatase"
    columns = {k: v.copy() for k, v in peaks.columns.items()}
    columns["peak_status"][5:, gone] = PeakStatus.LOST
    for name in ("center", "fwhm", "area"):
        columns[name][5:, gone] = np.nan
    peaks = Results(peaks.table, columns, peaks.status, attrs=peaks.attrs)
    cell = Cell(phases=("TiO2_anatase", "TiO2_rutile"))(peaks)
    assert (cell["phase_status"][5:, 0] == PhaseStatus.LOST).all()
    assert np.isnan(cell["a"][5:, 0]).all()
    assert (cell["phase_status"][:, 1] == PhaseStatus.OK).all()
    assert (cell.status == Status.OK).all()


def test_frames_that_failed_before_stay_failed():
    phase = load_phase("LaB6")
    peaks = tracked([phase], [np.tile(phase.cell, (4, 1))], sigma=0.002)
    status = peaks.status.copy()
    status[2] = Status.NO_SIGNAL
    peaks = Results(
        peaks.table, peaks.columns, status, messages=("", "", "dead", ""), attrs=peaks.attrs
    )
    cell = Cell(phases=("LaB6",))(peaks)
    assert cell.status.tolist() == [0, 0, Status.NO_SIGNAL, 0]
    assert cell.messages[2] == "dead"
    assert np.isnan(cell["volume"][2, 0])


def test_nearly_tetragonal_cell_is_degenerate_with_a_sure_volume():
    """b and c of an orthorhombic cell within a tenth of a line width of each other."""
    phase = load_phase("CuCr2O4")
    n = 60
    true = np.tile([7.75, 8.5342, 8.5340, 90, 90, 90], (n, 1))
    lines = reflections(phase, 0.85, WAVELENGTH)
    strength = relative_intensity(lines, WAVELENGTH)
    position = two_theta_from_d(d_spacing(lines.hkl, true[:1]), WAVELENGTH)[0]
    keep = strength > 2
    # One observed peak for what stands together: the centroid.
    groups = np.split(np.flatnonzero(keep), np.flatnonzero(np.diff(position[keep]) > 0.05) + 1)
    center = np.array([np.average(position[g], weights=strength[g]) for g in groups])
    area = np.array([strength[g].sum() for g in groups])
    rng = np.random.default_rng(1)
    observed = center + 0.002 * rng.standard_normal((n, len(center)))
    peaks = results_of(observed, np.tile(area, (n, 1)), 0.002)
    cell = Cell(phases=("CuCr2O4",), pull_uncertainty=0.0)(peaks)
    assert (cell["phase_status"] == PhaseStatus.DEGENERATE).mean() > 0.8
    relative = cell["volume_stderr"][:, 0] / cell["volume"][:, 0]
    assert np.median(relative) < 5e-5
    assert np.median(cell["b_stderr"][:, 0] / cell["b"][:, 0]) > 3e-4
    truth = 7.75 * 8.5342 * 8.5340
    pulls = (cell["volume"][:, 0] - truth) / cell["volume_stderr"][:, 0]
    # The centroids of three and more lines are modelled to first order only.
    assert abs(pulls.mean()) < 0.6
    assert pulls.std() < 1.6


def test_wrong_use_is_answered():
    phase = load_phase("LaB6")
    peaks = tracked([phase], [np.tile(phase.cell, (2, 1))])
    with pytest.raises(SettingError, match="phases is empty"):
        Cell()
    with pytest.raises(SettingError, match="did you mean LaB6"):
        Cell(phases=("LaB7",))(peaks)
    with pytest.raises(SettingError, match="radius = 0"):
        Cell(phases=("LaB6",), radius=0)
    bare = Results(peaks.table, peaks.columns, peaks.status, attrs={"axis": peaks.attrs["axis"]})
    with pytest.raises(SettingError, match="no wavelength"):
        Cell(phases=("LaB6",))(bare)
    cell = Cell(phases=("LaB6",))(peaks)
    with pytest.raises(ResultsError, match=r"works on the results of xrd\.Peaks"):
        Cell(phases=("LaB6",))(cell)
