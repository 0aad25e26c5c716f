"""Bonds and angles: against gemmi, against differences, against the spread of drawn structures."""

from __future__ import annotations

import itertools

import gemmi
import numpy as np
import pytest
from drawn_structures import allowed, covariance_of, draws, numerical_jacobian
from structures import empty_structure

from spectra.errors import SettingError
from spectra.reference import Atom, Phase, load_phase
from spectra.xrd.crystal.bonds import bond_angles, bond_lengths, find_angles, find_contacts
from spectra.xrd.crystal.geometry import RefinedRows

PHASES = ("V2O5", "VO2_M1", "CuCr2O4", "TiO2_anatase", "Al2O3", "Li4Ti5O12", "LiFePO4", "CuO")
# General and special positions in an oblique cell, one axis bonded to its own image.
OBLIQUE = Phase(
    "oblique",
    (4.1, 5.2, 6.3, 82.0, 97.0, 104.0),
    "P -1",
    (
        Atom("Ti1", "Ti", 0.0, 0.0, 0.0),
        Atom("O1", "O", 0.21, 0.28, 0.11),
        Atom("O2", "O", 0.5, 0, 0),
    ),
)


def small_structure(phase: Phase) -> gemmi.SmallStructure:
    small = empty_structure(phase)
    for atom in phase.atoms:
        site = gemmi.SmallStructure.Site()
        site.label, site.element = atom.label, gemmi.Element(atom.element)
        site.fract = gemmi.Fractional(atom.x, atom.y, atom.z)
        small.add_site(site)
    return small


def phase_named(name: str, data) -> Phase:
    return load_phase(data / "xrd/standards/PbSO4-Wyckoff.cif" if name == "PbSO4" else name)


@pytest.mark.parametrize("name", [*PHASES, pytest.param("PbSO4", marks=pytest.mark.realdata)])
def test_neighbours_are_those_that_gemmi_finds(name, request):
    data = request.getfixturevalue("data") if name == "PbSO4" else None
    phase = phase_named(name, data)
    elements = sorted({a.element for a in phase.atoms})
    pairs = {f"{a}-{b}": 3.4 for a in elements for b in elements}
    contacts = find_contacts(phase, limits=pairs)
    small = small_structure(phase)
    search = gemmi.NeighborSearch(small, 5.0).populate()
    shifts = list(itertools.product(range(-3, 4), repeat=3))
    atoms = [
        (gemmi.Fractional(*(np.array(a.fract.tolist()) + shift)), a.label)
        for a in small.get_all_unit_cell_sites()
        for shift in shifts
    ]
    places = [(small.cell.orthogonalize(f), label) for f, label in atoms]
    for k, site in enumerate(small.sites):
        here = small.cell.orthogonalize(site.fract)
        far = [(here.dist(place), label) for place, label in places]
        expected = sorted((round(d, 6), label) for d, label in far if 0.4 < d < 3.4)
        own = contacts.centre == k
        assert own.sum() == len(search.find_site_neighbors(site, min_dist=0.4, max_dist=3.4))
        labels = [contacts.labels[j] for j in contacts.neighbour[own]]
        distances = contacts.distance[own].round(6).tolist()
        assert sorted(zip(distances, labels, strict=True)) == expected


@pytest.mark.parametrize("name", PHASES)
def test_distances_and_angles_are_gemmis(name):
    phase = load_phase(name)
    contacts = find_contacts(phase).about()
    refined = RefinedRows.of(phase)
    cell = gemmi.UnitCell(*phase.cell)
    triplets = phase.operations.triplets()
    places = []
    for k in range(len(contacts)):
        here, there = phase.atoms[contacts.centre[k]], phase.atoms[contacts.neighbour[k]]
        operation = gemmi.Op(triplets[contacts.operation[k]])
        image = np.array(operation.apply_to_xyz([there.x, there.y, there.z])) + contacts.shift[k]
        places.append(
            (
                cell.orthogonalize(gemmi.Fractional(here.x, here.y, here.z)),
                cell.orthogonalize(gemmi.Fractional(*image)),
            )
        )
    expected = [a.dist(b) for a, b in places]
    np.testing.assert_allclose(bond_lengths(refined, contacts).value[0], expected, atol=1e-9)
    np.testing.assert_allclose(contacts.distance, expected, atol=1e-9)
    pairs = find_angles(contacts)
    angles = [
        np.degrees(gemmi.calculate_angle(places[i][1], places[i][0], places[j][1]))
        for i, j in pairs
    ]
    np.testing.assert_allclose(bond_angles(refined, contacts, pairs).value[0], angles, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("V2O5", {"V1": 5}),
        ("CuCr2O4", {"Cu1": 4, "Cr1": 6, "O1": 4}),
        ("CuO", {"Cu1": 4}),
        ("LiFePO4", {"Li1": 6, "Fe1": 6, "P1": 4}),
        ("CeO2", {"Ce1": 8, "O1": 4}),
        ("Li4Ti5O12", {"Li1": 4, "Ti1": 6}),
        ("Si", {"Si1": 4}),
        ("Cu", {"Cu1": 12}),
    ],
)
def test_the_first_shell_ends_at_the_gap(name, count):
    contacts = find_contacts(load_phase(name))
    assert {label: len(contacts.about([label])) for label in count} == count


def test_every_bond_is_seen_from_both_ends():
    """Sites of an orbit times bonds of each is the same number from either side."""
    phase = load_phase("LiFePO4")
    contacts = find_contacts(phase)
    atoms = [a.label for a in phase.all_atoms()]
    for i, here in enumerate(contacts.labels):
        for j, there in enumerate(contacts.labels):
            out = ((contacts.centre == i) & (contacts.neighbour == j)).sum() * atoms.count(here)
            back = ((contacts.centre == j) & (contacts.neighbour == i)).sum() * atoms.count(there)
            assert out == back


def test_codes_of_images_lead_to_them():
    phase = load_phase("TiO2_rutile")
    contacts = find_contacts(phase).about(["Ti"])
    assert set(contacts.names) == {"Ti1–O1"}
    rotation, translation = phase.operations.fractional()
    oxygen = np.array([phase.atoms[1].x, phase.atoms[1].y, phase.atoms[1].z])
    for k, code in enumerate(contacts.symmetry):
        number, _, digits = ("1", "", "555") if code == "." else code.partition("_")
        n, shift = int(number) - 1, [int(d) - 5 for d in digits]
        image = rotation[n] @ oxygen + translation[n] + shift
        end = contacts.vectors.rotation[k] @ oxygen + contacts.vectors.translation[k]
        np.testing.assert_allclose(image, end, atol=1e-12)


def test_limits_and_centres_are_checked():
    phase = load_phase("V2O5")
    with pytest.raises(SettingError, match="V-Na"):
        find_contacts(phase, limits={"V-Na": 2.0})
    with pytest.raises(SettingError, match="Xx"):
        find_contacts(phase).about(["Xx"])
    with pytest.raises(SettingError, match="no atoms"):
        find_contacts(load_phase("K3V5O14"))
    with pytest.raises(SettingError, match="rows, sites, 3"):
        RefinedRows(np.zeros((2, 6)), np.zeros((2, 3)), np.zeros((2, 15, 15)))


@pytest.mark.parametrize("name", ["oblique", "V2O5", "VO2_M1", "Al2O3", "TiO2_rutile"])
def test_derivatives_are_exact(name):
    """Al2O3 and rutile: rotations that are not their own transposes."""
    phase = OBLIQUE if name == "oblique" else load_phase(name)
    limits = {"Ti-Ti": 4.2} if phase is OBLIQUE else None
    contacts = find_contacts(phase, limits=limits)
    if phase is OBLIQUE:
        assert (contacts.centre == contacts.neighbour).any()
    refined = RefinedRows.of(phase)
    found = bond_lengths(refined, contacts)
    expected = numerical_jacobian(lambda r: bond_lengths(r, contacts).value, phase)
    np.testing.assert_allclose(found.jacobian[0], expected, atol=2e-8)
    pairs = find_angles(contacts)
    found = bond_angles(refined, contacts, pairs)
    bent = (found.value[0] > 2.0) & (found.value[0] < 178.0)
    pairs = pairs[bent]
    expected = numerical_jacobian(lambda r: bond_angles(r, contacts, pairs).value, phase)
    np.testing.assert_allclose(found.jacobian[0, bent], expected, atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["V2O5", "VO2_M1", "CuCr2O4"])
def test_uncertainties_are_the_spread_of_drawn_structures(name):
    phase = load_phase(name)
    contacts = find_contacts(phase).about()
    covariance = covariance_of(phase)
    rows = draws(phase, covariance, 20000)
    one = RefinedRows(
        *(getattr(RefinedRows.of(phase), k) for k in ("cell", "coordinates")), covariance[None]
    )
    lengths = bond_lengths(one, contacts)
    spread = bond_lengths(rows, contacts).value.std(axis=0)
    np.testing.assert_allclose(lengths.stderr(one.covariance)[0], spread, rtol=0.03)
    pairs = find_angles(contacts)
    angles = bond_angles(one, contacts, pairs)
    spread = bond_angles(rows, contacts, pairs).value.std(axis=0)
    error = angles.stderr(one.covariance)[0]
    bent = angles.value[0] < 179.9
    np.testing.assert_allclose(error[bent], spread[bent], rtol=0.03, atol=1e-7)


def test_pulls_have_width_one():
    phase = load_phase("VO2_M1")
    contacts = find_contacts(phase).about()
    pairs = find_angles(contacts)
    covariance = covariance_of(phase, seed=3)
    rows, truth = draws(phase, covariance, 2000, seed=4), RefinedRows.of(phase)
    for found, true in (
        (bond_lengths(rows, contacts), bond_lengths(truth, contacts)),
        (bond_angles(rows, contacts, pairs), bond_angles(truth, contacts, pairs)),
    ):
        pulls = (found.value - true.value) / found.stderr(rows.covariance)
        np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.06)
        np.testing.assert_allclose(pulls.mean(axis=0), 0.0, atol=0.1)


def test_what_symmetry_holds_has_no_uncertainty():
    """CeO2: all atoms on special positions; bonds follow the cell, angles stay."""
    phase = load_phase("CeO2")
    contacts = find_contacts(phase).about(["Ce"])
    refined = RefinedRows.of(phase)
    covariance = covariance_of(phase)[None]
    assert not np.any(allowed(phase)[6:, 6:])
    lengths = bond_lengths(refined, contacts)
    # d = a·√3/4: its uncertainty is that of a alone.
    expected = np.sqrt(covariance[0, 0, 0]) * np.sqrt(3.0) / 4.0
    np.testing.assert_allclose(lengths.stderr(covariance), expected, rtol=1e-9)
    angles = bond_angles(refined, contacts, find_angles(contacts))
    assert (angles.stderr(covariance) == 0.0).all()


def test_a_bond_between_two_images_moves_at_both_ends():
    """O–O across the inversion centre: twice the vector of one oxygen."""
    contacts = find_contacts(OBLIQUE, limits={"O-O": 4.0})
    own = (contacts.centre == 1) & (contacts.neighbour == 1)
    across = own & (contacts.vectors.rotation[:, 0, 0] == -1.0)
    bond = contacts.take(np.flatnonzero(across)[:1])
    covariance = np.zeros((1, 15, 15))
    covariance[0, 9, 9] = 1e-8
    value = bond_lengths(RefinedRows.of(OBLIQUE), bond)
    cell = gemmi.UnitCell(*OBLIQUE.cell)
    u = bond.vectors.fractional(RefinedRows.of(OBLIQUE).coordinates)[0, 0]
    metric = np.array(cell.orth.mat.tolist()).T @ np.array(cell.orth.mat.tolist())
    expected = 2.0 * abs(metric[0] @ u) / value.value[0, 0] * 1e-4
    np.testing.assert_allclose(value.stderr(covariance)[0, 0], expected, rtol=1e-9)


def test_a_row_alone_is_the_row_among_others():
    phase = load_phase("LaB6")
    contacts = find_contacts(phase)
    pairs = find_angles(contacts.about(["B"]))
    rows = draws(phase, covariance_of(phase), 7)
    alone = RefinedRows(rows.cell[3:4], rows.coordinates[3:4], rows.covariance[3:4])
    for function in (
        lambda r: bond_lengths(r, contacts),
        lambda r: bond_angles(r, contacts.about(["B"]), pairs),
    ):
        many, one = function(rows), function(alone)
        np.testing.assert_array_equal(many.value[3:4], one.value)
        np.testing.assert_array_equal(
            many.stderr(rows.covariance)[3:4], one.stderr(alone.covariance)
        )


def test_a_lost_frame_stays_alone():
    phase = load_phase("V2O5")
    contacts = find_contacts(phase)
    rows = draws(phase, covariance_of(phase), 3)
    cell = rows.cell.copy()
    cell[1] = np.nan
    broken = RefinedRows(cell, rows.coordinates, rows.covariance)
    found = bond_lengths(broken, contacts)
    assert np.isnan(found.value[1]).all()
    assert np.isnan(found.stderr(rows.covariance)[1]).all()
    np.testing.assert_array_equal(found.value[[0, 2]], bond_lengths(rows, contacts).value[[0, 2]])
