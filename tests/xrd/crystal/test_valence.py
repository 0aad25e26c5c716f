"""Bond-valence sums: near the charges, and with the spread of drawn structures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_structures import covariance_of, draws, numerical_jacobian

from spectra.errors import SettingError
from spectra.reference import load_phase
from spectra.xrd.crystal.bonds import find_contacts
from spectra.xrd.crystal.geometry import RefinedRows
from spectra.xrd.crystal.valence import (
    bond_valence,
    guess_valences,
    valence_limits,
    valence_sums,
)


def sums_of(phase, *, all_bonds: bool = False) -> dict[str, float]:
    contacts = find_contacts(phase)
    valences = guess_valences(phase, contacts)
    if all_bonds:
        contacts = find_contacts(phase, limits=valence_limits(phase, valences))
    found = valence_sums(RefinedRows.of(phase), phase, contacts, valences)
    return dict(zip(contacts.labels, found.value[0].tolist(), strict=True))


def test_the_sum_is_the_formula_over_the_distances():
    """The pyramid of V2O5 by hand."""
    distances = (1.576, 1.778, 1.878, 1.878, 2.017)
    expected = sum(math.exp((1.803 - r) / 0.37) for r in distances)
    assert sums_of(load_phase("V2O5"))["V1"] == pytest.approx(expected, abs=0.005)
    assert sums_of(load_phase("V2O5"))["V1"] == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize(
    ("name", "valences"),
    [
        ("V2O3", {"V1": 3}),
        ("VO2_M1", {"V1": 4}),
        ("V2O5", {"V1": 5}),
        ("CuCr2O4", {"Cu1": 2, "Cr1": 3}),
        ("LiFePO4", {"Li1": 1, "Fe1": 2, "P1": 5}),
        ("Al2O3", {"Al1": 3}),
        ("CeO2", {"Ce1": 4}),
    ],
)
def test_valences_of_known_compounds_are_found(name, valences):
    phase = load_phase(name)
    assert guess_valences(phase, find_contacts(phase)) == valences
    for label, value in sums_of(phase).items():
        assert value == pytest.approx(valences.get(label, 2), abs=0.25)


@pytest.mark.realdata
def test_lead_needs_its_weak_bonds(data):
    """Anglesite: Pb has twelve neighbours; its six nearest ones do not make two charges."""
    phase = load_phase(data / "xrd/standards/PbSO4-Wyckoff.cif")
    assert sums_of(phase)["Pb"] < 1.5
    every = sums_of(phase, all_bonds=True)
    assert every["Pb"] == pytest.approx(2.0, abs=0.2)
    assert every["S"] == pytest.approx(6.0, abs=0.3)


@pytest.mark.realdata
def test_fluorides_of_the_standard(data):
    sums = sums_of(load_phase(data / "xrd/standards/NAC.cif"))
    expected = {"Ca1": 2, "Al1": 3, "Na1": 1, "F1": 1, "F2": 1, "F3": 1}
    assert sums == pytest.approx(expected, abs=0.08)


def test_charges_balance():
    phase = load_phase("LiFePO4")
    total = {"cation": 0.0, "anion": 0.0}
    sums = sums_of(phase)
    for atom in phase.all_atoms():
        total["anion" if atom.element == "O" else "cation"] += sums[atom.label]
    assert total["cation"] == pytest.approx(total["anion"], rel=1e-12)


def test_a_neighbour_counts_with_its_occupancy():
    phase = load_phase("V2O5")
    half = tuple(replace(a, occupancy=0.5) if a.label == "O1" else a for a in phase.atoms)
    contacts = find_contacts(phase)
    whole, less = (
        valence_sums(RefinedRows.of(p), p, contacts, {"V": 5}).value[0]
        for p in (phase, replace(phase, atoms=half))
    )
    bond = math.exp((1.803 - contacts.distance[contacts.neighbour == 1][0]) / 0.37)
    assert whole[0] - less[0] == pytest.approx(bond / 2.0, rel=1e-12)
    assert whole[1] == less[1]


def test_derivatives_and_spread_of_sums():
    phase = load_phase("LiFePO4")
    contacts = find_contacts(phase)
    valences = guess_valences(phase, contacts)
    covariance = covariance_of(phase, scale=0.5)
    one = replace(RefinedRows.of(phase), covariance=covariance[None])
    found = valence_sums(one, phase, contacts, valences)
    expected = numerical_jacobian(lambda r: valence_sums(r, phase, contacts, valences).value, phase)
    np.testing.assert_allclose(found.jacobian[0], expected, rtol=1e-6, atol=1e-6)
    rows = draws(phase, covariance, 20000)
    drawn = valence_sums(rows, phase, contacts, valences)
    error = found.stderr(one.covariance)[0]
    np.testing.assert_allclose(error, drawn.value.std(axis=0), rtol=0.03)
    pulls = (drawn.value - found.value) / drawn.stderr(rows.covariance)
    np.testing.assert_allclose(pulls[:2000].std(axis=0), 1.0, atol=0.06)


def test_missing_parameters_are_told():
    with pytest.raises(SettingError, match=r"V6\+–O; of V there are: V3\+–O"):
        bond_valence("V", 6, "O")
    phase = load_phase("V2O5")
    contacts = find_contacts(phase)
    assert np.isnan(valence_sums(RefinedRows.of(phase), phase, contacts, {}).value).all()


def test_every_parameter_names_its_paper():
    for ion in (("K", 1, "O"), ("V", 4, "O"), ("Ca", 2, "F"), ("Pb", 2, "O"), ("Ni", 2, "O")):
        pair = bond_valence(*ion)
        assert "(1985)" in pair.source or "(1991)" in pair.source
        assert 1.0 < pair.r0 < 2.5


def test_only_bonds_between_ions_count():
    phase = load_phase("VO2_M1")
    plain, more = (find_contacts(phase, limits=limits) for limits in (None, {"V-V": 3.3}))
    assert guess_valences(phase, more) == {"V1": 4}
    one = RefinedRows.of(phase)
    sums = [valence_sums(one, phase, c, {"V": 4}).value for c in (plain, more)]
    np.testing.assert_array_equal(*sums)
