"""Polyhedra: exact volumes and distortions, derivatives, spread of drawn structures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_structures import covariance_of, draws, numerical_jacobian
from scipy.spatial import ConvexHull

from spectra.reference import Atom, Phase, load_phase
from spectra.xrd.crystal.bonds import find_contacts
from spectra.xrd.crystal.geometry import RefinedRows
from spectra.xrd.crystal.polyhedra import find_polyhedra, measure_polyhedra
from spectra.xrd.lattice import orthogonalization

CELL = (11.0, 12.0, 13.0, 81.0, 97.0, 104.0)
MEASURES = (
    *("volume", "mean_length", "baur", "length_distortion"),
    *("quadratic_elongation", "angle_variance"),
)
OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)


def molecule(corners: np.ndarray) -> Phase:
    """One cation with oxygen at Cartesian corners, in an oblique cell without symmetry."""
    inverse = np.linalg.inv(orthogonalization(CELL))
    middle = np.array([0.5, 0.5, 0.5])
    places = middle + corners @ inverse.T
    oxygen = tuple(Atom(f"O{k}", "O", *p) for k, p in enumerate(places.tolist()))
    return Phase("molecule", CELL, "P 1", (Atom("V1", "V", *middle.tolist()), *oxygen))


def measured(phase: Phase):
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts, ["V"])
    return polyhedra, measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)


def rotated(corners: np.ndarray) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    return corners @ rotation


@pytest.mark.parametrize(
    ("corners", "name", "volume"),
    [(OCTAHEDRON, "VO6", 4.0 / 3.0), (TETRAHEDRON, "VO4", 8.0 * np.sqrt(3.0) / 27.0)],
)
def test_regular_polyhedra_are_exact(corners, name, volume):
    length = 1.9
    polyhedra, found = measured(molecule(rotated(length * corners)))
    assert [p.name for p in polyhedra] == [name]
    expected = {
        "volume": volume * length**3,
        "mean_length": length,
        "baur": 0.0,
        "length_distortion": 0.0,
        "quadratic_elongation": 1.0,
        "angle_variance": 0.0,
    }
    for measure, value in expected.items():
        got = getattr(found, measure).value
        np.testing.assert_allclose(got, [[value]], rtol=1e-12, atol=1e-12)


def test_a_stretched_octahedron_has_the_indices_of_the_papers():
    t = 1.2
    stretched = 1.9 * OCTAHEDRON * [1.0, 1.0, t]
    _, found = measured(molecule(rotated(stretched)))
    mean = (4.0 + 2.0 * t) / 6.0
    lengths = np.array([1.0] * 4 + [t] * 2)
    expected = {
        "volume": 4.0 / 3.0 * 1.9**3 * t,
        "mean_length": 1.9 * mean,
        "baur": np.abs(lengths - mean).mean() / mean,
        "length_distortion": ((lengths / mean - 1.0) ** 2).mean(),
        "quadratic_elongation": (lengths**2).mean() / t ** (2.0 / 3.0),
        "angle_variance": 0.0,
    }
    for measure, value in expected.items():
        got = getattr(found, measure).value
        np.testing.assert_allclose(got, [[value]], rtol=1e-11, atol=1e-11)


def test_a_flattened_tetrahedron_has_the_variance_of_its_angles():
    flat = 1.7 * TETRAHEDRON * [1.0, 1.0, 0.8]
    _, found = measured(molecule(rotated(flat)))
    unit = flat / np.linalg.norm(flat, axis=1)[:, None]
    angles = np.degrees(np.arccos((unit @ unit.T)[np.triu_indices(4, 1)]))
    ideal = np.degrees(np.arccos(-1.0 / 3.0))
    expected = ((angles - ideal) ** 2).sum() / 5.0
    np.testing.assert_allclose(found.angle_variance.value, [[expected]], rtol=1e-10)


def test_a_prism_has_no_octahedral_angles():
    angles = np.radians([0, 120, 240])
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    up = np.array([0.0, 0.0, 0.7])
    prism = 1.5 * np.concatenate([ring + up, ring - up])
    polyhedra, found = measured(molecule(prism))
    assert polyhedra[0].name == "VO6"
    assert np.isnan(found.quadratic_elongation.value).all()
    assert np.isnan(found.angle_variance.value).all()
    area = 1.5**2 * 3.0 * np.sqrt(3.0) / 4.0
    np.testing.assert_allclose(found.volume.value, [[area * 2.1]], rtol=1e-12)


def test_a_square_has_no_volume():
    phase = load_phase("CuO")
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    found = measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)
    assert [p.name for p in polyhedra] == ["CuO4"]
    assert np.isnan(found.volume.value).all()
    assert np.isfinite(found.mean_length.value).all()


@pytest.mark.parametrize("name", ["Al2O3", "V2O5", "LiFePO4", "CeO2", "Si", "LaB6"])
def test_volumes_are_those_of_hulls(name):
    phase = load_phase(name)
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    found = measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)
    refined = RefinedRows.of(phase)
    places = contacts.vectors.fractional(refined.coordinates)[0] @ orthogonalization(phase.cell).T
    hulls = [ConvexHull(places[p.corners]).volume for p in polyhedra]
    np.testing.assert_allclose(found.volume.value[0], hulls, rtol=1e-10)


@pytest.mark.parametrize("name", ["V2O5", "VO2_M1", "LiFePO4"])
def test_derivatives_of_polyhedra_are_exact(name):
    phase = load_phase(name)
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    found = measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)
    assert not found.other_faces.any()
    for measure in MEASURES if name != "V2O5" else MEASURES[:4]:
        expected = numerical_jacobian(
            lambda r, m=measure: getattr(measure_polyhedra(r, contacts, polyhedra), m).value, phase
        )
        got = getattr(found, measure)
        scale = np.abs(got.jacobian).max()
        np.testing.assert_allclose(
            got.jacobian[0] / scale, expected / scale, atol=1e-7, err_msg=measure
        )


@pytest.mark.parametrize("name", ["V2O5", "LiFePO4", "CuCr2O4"])
def test_uncertainties_are_the_spread(name):
    phase = load_phase(name)
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    covariance = covariance_of(phase, scale=0.1)
    rows = draws(phase, covariance, 10000)
    one = replace(RefinedRows.of(phase), covariance=covariance[None])
    true, drawn = (measure_polyhedra(r, contacts, polyhedra) for r in (one, rows))
    for measure in MEASURES:
        error = getattr(true, measure).stderr(one.covariance)[0]
        spread = getattr(drawn, measure).value.std(axis=0)
        np.testing.assert_allclose(error, spread, rtol=0.03, atol=1e-12, err_msg=measure)


def test_pulls_of_polyhedra_have_width_one():
    phase = load_phase("LiFePO4")
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    rows = draws(phase, covariance_of(phase, seed=2, scale=0.1), 2000, seed=9)
    found = measure_polyhedra(rows, contacts, polyhedra)
    truth = measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)
    for measure in MEASURES:
        drawn = getattr(found, measure)
        pulls = (drawn.value - getattr(truth, measure).value) / drawn.stderr(rows.covariance)
        np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.06, err_msg=measure)
        np.testing.assert_allclose(pulls.mean(axis=0), 0.0, atol=0.1, err_msg=measure)


def test_the_volume_on_special_positions_follows_the_cell():
    """CeO8 is an eighth of the cubic cell: σ(V)/V = 3σ(a)/a, and its shape is sure."""
    phase = load_phase("CeO2")
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    covariance = covariance_of(phase)[None]
    found = measure_polyhedra(RefinedRows.of(phase), contacts, polyhedra)
    a, error = phase.cell[0], np.sqrt(covariance[0, 0, 0])
    np.testing.assert_allclose(found.volume.value, a**3 / 8.0, rtol=1e-12)
    np.testing.assert_allclose(found.volume.stderr(covariance), 3.0 * a**2 / 8.0 * error)
    assert (found.length_distortion.stderr(covariance) == 0.0).all()
    assert (found.baur.stderr(covariance) == 0.0).all()


def test_a_frame_with_other_faces_has_its_own_hull():
    """A pyramid whose base bends the other way: the fold changes its diagonal."""
    base = 1.9 * np.array([[1, 0, 0.06], [0, 1, -0.06], [-1, 0, 0.06], [0, -1, -0.06]])
    apex = np.array([[0.0, 0.0, 1.6]])
    reference = molecule(np.concatenate([base, apex]))
    other = molecule(np.concatenate([base * [1, 1, -1], apex]))
    contacts = find_contacts(reference)
    polyhedra = find_polyhedra(reference, contacts, ["V"])
    both = [RefinedRows.of(p) for p in (reference, other)]
    rows = RefinedRows(
        *(np.concatenate([getattr(r, k) for r in both]) for k in ("cell", "coordinates")),
        np.concatenate([r.covariance for r in both]),
    )
    found = measure_polyhedra(rows, contacts, polyhedra)
    assert found.other_faces[:, 0].tolist() == [False, True]
    hulls = [ConvexHull(np.concatenate([b, apex])).volume for b in (base, base * [1, 1, -1])]
    np.testing.assert_allclose(found.volume.value[:, 0], hulls, rtol=1e-12)
    expected = numerical_jacobian(
        lambda r: measure_polyhedra(r, contacts, polyhedra).volume.value, other
    )
    np.testing.assert_allclose(found.volume.jacobian[1], expected, atol=1e-5)


def test_corners_shared_in_disorder_are_one():
    oxygen = molecule(1.9 * OCTAHEDRON)
    shared = (*oxygen.atoms, replace(oxygen.atoms[3], label="F3", element="F", occupancy=0.5))
    polyhedra, found = measured(replace(oxygen, atoms=shared))
    assert len(polyhedra[0].corners) == 6
    assert found.volume.value[0, 0] == pytest.approx(4.0 / 3.0 * 1.9**3)


def test_a_row_of_polyhedra_alone_is_the_row_among_others():
    phase = load_phase("LaB6")
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    rows = draws(phase, covariance_of(phase), 5)
    alone = RefinedRows(rows.cell[2:3], rows.coordinates[2:3], rows.covariance[2:3])
    many, one = (measure_polyhedra(r, contacts, polyhedra) for r in (rows, alone))
    for measure in MEASURES:
        np.testing.assert_array_equal(
            getattr(many, measure).value[2:3], getattr(one, measure).value
        )
        np.testing.assert_array_equal(
            getattr(many, measure).stderr(rows.covariance)[2:3],
            getattr(one, measure).stderr(alone.covariance),
        )


def test_a_lost_frame_has_no_polyhedra():
    phase = load_phase("LiFePO4")
    contacts = find_contacts(phase)
    polyhedra = find_polyhedra(phase, contacts)
    rows = draws(phase, covariance_of(phase), 3)
    whole = measure_polyhedra(rows, contacts, polyhedra)
    for part in ("cell", "coordinates"):
        lost = getattr(rows, part).copy()
        lost[1] = np.nan
        found = measure_polyhedra(replace(rows, **{part: lost}), contacts, polyhedra)
        for measure in MEASURES:
            value = getattr(found, measure).value
            assert np.isnan(value[1]).all()
            np.testing.assert_array_equal(value[[0, 2]], getattr(whole, measure).value[[0, 2]])


def test_cations_are_no_corners_of_cations():
    """V–V of rutile-like VO2 may be listed; its octahedra stay octahedra."""
    phase = load_phase("VO2_M1")
    contacts = find_contacts(phase, limits={"V-V": 3.3})
    assert (contacts.elements[0], len(contacts.about(["V1"]))) == ("V", 8)
    assert [p.name for p in find_polyhedra(phase, contacts)] == ["VO6"]
