"""Bonds, angles, polyhedra and valence sums along a sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from refined_patterns import refined_patterns

import spectra
from spectra import Status
from spectra.errors import ResultsError, SettingError
from spectra.reference import load_phase
from spectra.report.series import groups
from spectra.results import Record
from spectra.xrd import Rietveld, Structure
from spectra.xrd.crystal.geometry import RefinedRows
from spectra.xrd.crystal.readout import read_phase_rows
from spectra.xrd.phases import PhaseStatus

QUANTITIES = ("length", "angle", "polyhedron_volume", "mean_length", "valence_sum")


def truth(phase, results):
    """What the structure itself measures, in the order of the results."""
    found = Structure(reference="literature")
    plan = found.prepare(results)
    inventory = plan.inventories[0]
    assert inventory.phase.name == phase.name
    return {n: d.value[0] for n, d in inventory.measure(RefinedRows.of(inventory.phase)).items()}


def test_rutile_has_the_bonds_it_has():
    results = Structure()(refined_patterns(frames=3))
    bonds = results.table.coords["bond"]
    assert bonds["label"].tolist() == ["Ti1-O1 (-y+1/2,x-1/2,z-1/2)", "Ti1-O1 (x,y,z)"]
    assert bonds["count"].tolist() == [4, 2]
    assert results.table.coords["polyhedron"]["label"].tolist() == ["Ti1 TiO6"]
    np.testing.assert_allclose(results["length"][0], [1.949, 1.980], atol=0.005)
    # An octahedron has 15, three of them straight.
    counts = results.table.coords["angle"]["count"]
    assert counts.sum() == 15
    # So are those between the apices and the plane right, by symmetry.
    held = np.isclose(results["angle"][0] % 90.0, 0.0, atol=1e-4)
    assert counts[held].sum() == 3 + 8
    assert (results["angle_stderr"][0, held] == 0).all()
    assert (results["angle_stderr"][0, ~held] > 0).all()


@pytest.mark.parametrize("name", ["TiO2_rutile", "V2O5"])
def test_pulls_of_every_quantity(name):
    phase = load_phase(name)
    source = refined_patterns((name,), frames=1500, seed=4)
    results, true = Structure(reference="literature")(source), truth(phase, source)
    for quantity in QUANTITIES:
        error = results[f"{quantity}_stderr"]
        known = (error > 0).all(axis=0)
        assert known.any(), quantity
        pulls = (results[quantity] - true[quantity])[:, known] / error[:, known]
        assert np.abs(pulls.mean(axis=0)).max() < 0.12, quantity
        assert np.abs(pulls.std(axis=0) - 1.0).max() < 0.08, quantity
        change = results[f"{quantity}_change"][:, known]
        pulls = change / results[f"{quantity}_change_stderr"][:, known]
        assert np.abs(pulls.std(axis=0) - 1.0).max() < 0.08, quantity


def test_changes_against_a_frame_hold_the_reference():
    pulls = []
    for seed in range(60):
        found = Structure(reference=2)(refined_patterns(frames=20, seed=seed))
        assert (found["length_change"][2] == 0).all()
        assert (found["length_change_stderr"][2] == 0).all()
        others = np.delete(np.arange(20), 2)
        pulls.append(found["length_change"][others] / found["length_change_stderr"][others])
    # Sixty references share half of the variance.
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.13)


def test_what_is_held_adds_nothing():
    """Without coordinates, an isotropic cell's bond is known as well as its axis."""
    source = refined_patterns(("TiO2_rutile",), frames=4)
    names = source.table.coords["refined"]["name"].tolist()
    at = names.index("TiO2_rutile.O1.x")
    keep = [i for i in range(len(names)) if i != at]
    coords = {**source.table.coords, "refined": {"name": np.array(names)[keep]}}
    columns = {k: np.array(v) for k, v in source.columns.items()}
    for name in ("value", "value_stderr"):
        columns[name] = columns[name][:, keep]
    columns["value_cov"] = columns["value_cov"][:, keep][:, :, keep]
    attrs = {**source.attrs, "held": {"TiO2_rutile.O1.x": 0.31}}
    held = replace(source, table=replace(source.table, coords=coords), columns=columns, attrs=attrs)
    found = Structure(reference="literature")(held)
    # The bond in the plane is √2·x·a.
    np.testing.assert_allclose(found["length"][:, 1], np.sqrt(2) * 0.31 * held["a"][:, 0])
    expected = np.sqrt(2) * 0.31 * held["a_stderr"][:, 0]
    np.testing.assert_allclose(found["length_stderr"][:, 1], expected)


def test_special_positions_are_right():
    source = refined_patterns(("TiO2_rutile",), frames=4)
    rows = read_phase_rows(source, 0, load_phase("TiO2_rutile")).rows
    oxygen = rows.coordinates[:, 1]
    np.testing.assert_array_equal(oxygen[:, 0], oxygen[:, 1])
    assert (oxygen[:, 2] == 0).all()
    cov = rows.covariance[:, 9:12, 9:12]
    np.testing.assert_allclose(cov[:, 0, 1], cov[:, 0, 0])
    assert (cov[:, 2] == 0).all()
    np.testing.assert_allclose(rows.covariance[:, :6, :6], source["cell_cov"][:, 0], rtol=1e-12)


def test_a_lost_phase_leaves_a_hole():
    source = refined_patterns(("TiO2_rutile", "V2O5"), 6, lost=((0, 0), (3, 1), (4, 0), (4, 1)))
    found = Structure()(source)
    phase = found.table.coords["bond"]["phase"]
    rutile, other = phase == "TiO2_rutile", phase == "V2O5"
    assert np.isnan(found["length"][0, rutile]).all()
    assert np.isfinite(found["length"][0, other]).all()
    assert np.isnan(found["length_stderr"][3, other]).all()
    assert found["phase_status"][3].tolist() == [PhaseStatus.OK, PhaseStatus.LOST]
    assert found.status.tolist() == [0, 0, 0, 0, Status.LOST, 0]
    assert found.attrs["reference_frames"] == [1, 0]
    # Each phase alone gives the same.
    alone = Structure(phases=("V2O5",))(source)
    np.testing.assert_array_equal(alone["length"], found["length"][:, other])
    np.testing.assert_array_equal(
        alone["angle_stderr"][1], found["angle_stderr"][1][-len(alone["angle_stderr"][1]) :]
    )


def test_a_frame_at_a_bound_can_be_the_reference():
    """Some other parameter's bound: the structure itself is determined."""
    source = refined_patterns(frames=3)
    status = np.full(3, Status.AT_BOUND, np.int8)
    found = Structure()(replace(source, status=status))
    assert found.attrs["reference_frames"] == [0]
    assert (found["length_change"][0] == 0).all()


def test_settings_choose():
    source = refined_patterns(("V2O5",), frames=2)
    short = Structure(limits={"V-O": 1.8})(source)
    long = Structure(limits={"V-O": 3.0})(source)
    assert len(short.table.coords["bond"]["label"]) < len(long.table.coords["bond"]["label"])
    four = Structure(valences={"V": 4})(source)
    assert four.attrs["valences"]["V2O5"] == {"V1": 4}
    about = Structure(centres=("O3",))(source)
    assert all(n.startswith("O3-") for n in about.table.coords["bond"]["label"].tolist())


def test_errors_say_what_there_is():
    source = refined_patterns(frames=2)
    with pytest.raises(ResultsError, match="no phase 'V2O5'; there are TiO2_rutile"):
        Structure(phases=("V2O5",))(source)
    with pytest.raises(ResultsError, match="not on a table 'structure'"):
        Structure()(Structure()(source))
    with pytest.raises(ResultsError, match="not determined in reference frame 9"):
        Structure(reference=9)(source)
    with pytest.raises(SettingError, match="expected a frame number"):
        Structure(reference="last")
    with pytest.raises(SettingError, match="centres name 'V'"):
        Structure(centres=("V",))(source)
    with pytest.raises(SettingError, match="limits name 'V-O'"):
        Structure(limits={"V-O": 2.0})(source)
    old = replace(source, attrs={})
    with pytest.raises(ResultsError, match="run the refinement again"):
        Structure()(old)


def test_the_report_shows_polyhedra():
    found = Structure()(refined_patterns(("TiO2_rutile", "V2O5"), frames=4))
    shown = groups(Record({"structure": found}))
    assert [g.heading for g in shown] == ["Polyhedra of TiO2_rutile", "Polyhedra of V2O5"]
    labels = [s.label for s in shown[1].series]
    assert labels == ["mean bond, V1 VO5 (Å)", "ΔV/V, V1 VO5 (%)"]


@pytest.mark.realdata
@pytest.mark.slow
def test_chromite_with_its_oxygen_refined(data):
    folder = data / "xrd" / "cucr2o4_temperature"
    stack = spectra.read(str(folder / "*.fxye"))[[0, 8, 16]]
    refined = Rietveld(
        phases=(folder / "CuCr2O4.cif", folder / "CuO.cif"),
        instrument=folder / "OH_00.prm",
        low=2.0,
        high=24.0,
        corrections=("zero",),
        background_degree=14,
        widths={"CuCr2O4": ("size", "stephens"), "CuO": ("size", "strain")},
        refine=("CuCr2O4.O.[xyz]", "CuCr2O4.O.u_iso"),
    )(stack)
    found = Structure(phases=("CuCr2O4",))(refined)
    octahedron, tetrahedron = (
        found.table.coords["polyhedron"]["label"].tolist().index(n) for n in ("Cr CrO6", "Cu CuO4")
    )
    mean, error = found["mean_length"], found["mean_length_stderr"]
    np.testing.assert_allclose(mean[:, octahedron], 1.985, atol=0.015)
    assert (error[:, octahedron] < 0.003).all()
    assert (error[:, octahedron] > 1e-4).all()
    # Copper in a flattened tetrahedron, 1.95 to 2.0 Å.
    np.testing.assert_allclose(mean[:, tetrahedron], 1.97, atol=0.03)
    valence = dict(
        zip(found.table.coords["site"]["label"].tolist(), found["valence_sum"].T, strict=True)
    )
    np.testing.assert_allclose(valence["Cr"], 3.0, atol=0.15)
    np.testing.assert_allclose(valence["Cu"], 2.0, atol=0.3)
