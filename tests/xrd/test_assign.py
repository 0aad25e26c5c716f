"""Indexing tracks: wrong literature, foreign peaks, several phases, what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_cells import labels_of, lattice_phase, lines_of, merged_lines_of, peaks_of, scaled

from spectra.reference import load_phase
from spectra.xrd import Cell

ANATASE, RUTILE = "TiO2_anatase", "TiO2_rutile"


def foreign(n_frames, *positions, area=3e3):
    there = np.ones(n_frames, bool)
    return [
        {"phase": "", "hkl": (0, 0, 0), "true": np.full(n_frames, x), "area": area, "there": there}
        for x in positions
    ]


@pytest.mark.parametrize("displacement", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("factors", [(1.01, 1.0), (1.0, 1.01), (0.99, 1.005), (1.004, 0.994)])
def test_a_literature_cell_off_by_a_percent_either_way(factors, displacement):
    a, c = factors
    cells = scaled(load_phase(ANATASE).cell, np.tile([a, a, c], (12, 1)))
    cells[:, :3] *= np.linspace(1.0, 1.004, 12)[:, None]
    tracks = lines_of(ANATASE, cells, weakest=1.0)
    peaks = peaks_of(tracks, sigma=2e-3, seed=3, shifts={"displacement": displacement})
    results = Cell(phases=(ANATASE,), corrections=("displacement",))(peaks)
    assert all(got == true for got, true in labels_of(results, tracks))
    np.testing.assert_allclose(results["a"][:, 0], cells[:, 0], rtol=3e-4)
    assert results.attrs["unassigned"] == []
    assert results.attrs["ambiguous"] == {}


def test_foreign_peaks_stay_unassigned_and_are_listed():
    cells = scaled(load_phase(ANATASE).cell, np.full(10, 1.003))
    extra = foreign(10, 22.3, 33.1, 46.7, 58.6)
    tracks = lines_of(ANATASE, cells, weakest=1.0) + extra
    peaks = peaks_of(tracks, sigma=2e-3, seed=1)
    results = Cell(phases=(ANATASE,))(peaks)
    assert all(got == true for got, true in labels_of(results, tracks))
    labels = results.table.coords["peak"]
    strange = [
        str(name)
        for name, x in zip(labels["label"], peaks["center"][0], strict=True)
        if min(abs(x - t["true"][0]) for t in extra) < 0.1
    ]
    assert results.attrs["unassigned"] == strange
    assert len(strange) == 4
    # They are no outliers either: nothing is known of where they ought to be.
    assert (results["n_outliers"] == 0).all()
    at = np.isin(labels["label"], strange)
    assert np.isnan(results["residual"][:, at]).all()


def test_two_phases_of_which_one_appears_and_one_vanishes():
    n = 40
    frames = np.arange(n)
    anatase = scaled(load_phase(ANATASE).cell, np.tile([1.005, 1.005, 1.001], (n, 1)))
    rutile = scaled(load_phase(RUTILE).cell, 0.996 + 5e-5 * frames)
    tracks = lines_of(ANATASE, anatase, weakest=2.0, present=frames < 25)
    tracks += lines_of(RUTILE, rutile, weakest=4.0, present=frames >= 15)
    tracks += foreign(n, 22.3)
    results = Cell(phases=(ANATASE, RUTILE))(peaks_of(tracks, sigma=2e-3, seed=2))
    assert all(got == true for got, true in labels_of(results, tracks))


def test_a_broken_track_is_found_again():
    n = 20
    frames = np.arange(n)
    cells = scaled(load_phase(ANATASE).cell, np.full(n, 1.002))
    tracks = lines_of(ANATASE, cells, weakest=1.0)
    first = tracks[2]
    late = {**first, "there": frames >= 12, "true": first["true"] + 1e-6}
    tracks[2] = {**first, "there": frames < 9}
    tracks.append(late)
    results = Cell(phases=(ANATASE,))(peaks_of(tracks, sigma=2e-3, seed=2))
    assert all(got == true for got, true in labels_of(results, tracks))


def test_what_coincides_within_the_width_is_told_as_ambiguous():
    cell = [7.72, 8.541, 8.539, 90.0, 90.0, 90.0]
    cells = scaled(cell, np.ones(5))
    tracks = merged_lines_of("CuCr2O4", cells, fwhm=0.012, wavelength=0.413263)
    peaks = peaks_of(tracks, sigma=1e-4, seed=5, fwhm=0.012, wavelength=0.413263)
    results = Cell(phases=("CuCr2O4",), geometry="transmission")(peaks)
    ambiguous = results.attrs["ambiguous"]
    labels = results.table.coords["peak"]["label"].tolist()
    merged = [label for label, t in zip(labels, tracks_in_order(tracks), strict=True) if t["n"] > 1]
    assert set(merged) <= set(ambiguous)
    pair = {frozenset(names[:2]) for names in ambiguous.values()}
    assert frozenset(("CuCr2O4 (2 2 0)", "CuCr2O4 (2 0 2)")) in pair


def tracks_in_order(tracks):
    return sorted(tracks, key=lambda t: t["true"][0])


def test_lines_that_coincide_by_symmetry_are_not_ambiguous():
    phase = lattice_phase("cubic")
    cells = scaled(phase["cell"], [1.0, 1.001])
    # (2 2 1) and (3 0 0) of a cubic cell are one line in any cell.
    tracks = merged_lines_of(phase, cells, fwhm=0.15, window=(15.0, 90.0))
    assert any(t["n"] > 1 for t in tracks)
    results = Cell(phases=(phase,))(peaks_of(tracks))
    assert results.attrs["ambiguous"] == {}
    assert results.attrs["unassigned"] == []


def test_without_any_peak_nothing_is_assigned():
    cells = scaled(load_phase(ANATASE).cell, np.ones(3))
    tracks = [{**t, "there": np.zeros(3, bool)} for t in lines_of(ANATASE, cells)]
    results = Cell(phases=(ANATASE,))(peaks_of(tracks))
    assert len(results.attrs["unassigned"]) == len(tracks)
    assert np.isnan(results["volume"]).all()
    assert results.status.tolist() == [5, 5, 5]
