"""Phases as data: species, displacements, what survives a round trip."""

from __future__ import annotations

import math

import pytest

from spectra.errors import SettingError
from spectra.phase import Atom, Phase
from spectra.reference import load_phase


@pytest.mark.parametrize(
    ("written", "element", "scatterer"),
    [
        *[("V", "V", "V"), ("V5+", "V", "V5+"), ("V+5", "V", "V5+"), ("V(5+)", "V", "V5+")],
        *[("O2-", "O", "O2-"), ("O-2", "O", "O2-"), ("Na+", "Na", "Na1+"), ("Cl-", "Cl", "Cl1-")],
        *[("D", "H", "D"), ("2H", "H", "D"), ("D+", "H", "D1+"), ("7Li+", "Li", "7Li1+")],
        *[("V0+", "V", "V"), ("CU2+", "Cu", "Cu2+"), ("Wat", "Wat", "Wat"), ("X", "X", "X")],
    ],
)
def test_species(written, element, scatterer):
    atom = Atom("A1", written, 0.1, 0.2, 0.3)
    assert (atom.element, atom.scatterer) == (element, scatterer)
    assert Atom("A1", element, 0.1, 0.2, 0.3, scatterer=scatterer) == atom
    cell = [5, 6, 7, 90, 90, 90]
    plain = {
        "name": "p",
        "cell": cell,
        "space_group": "P 1",
        "atoms": [["A1", written, 0.1, 0.2, 0.3]],
    }
    phase = load_phase(plain)
    assert phase.atoms == (atom,)
    assert load_phase(phase.to_plain()) == phase


def test_plain_data_with_anisotropic_displacements():
    u = [0.01, 0.02, 0.03, 0.001, 0.002, 0.003]
    row = ["V1", "V5+", 0.1, 0.2, 0.3, 1.0, 0.02, u]
    plain = {"name": "p", "cell": [5, 6, 7, 90, 90, 90], "space_group": "P 1", "atoms": [row]}
    phase = load_phase(plain)
    assert phase.atoms[0].u_aniso == tuple(u)
    assert phase.to_plain()["atoms"] == [row]
    with pytest.raises(SettingError, match="expected six numbers"):
        Atom("V1", "V", 0, 0, 0, u_aniso=(0.01, 0.02))


def test_plain_data_of_isotropic_atoms_keep_their_form():
    """Hashes of recorded runs depend on it."""
    assert load_phase("LaB6").to_plain()["atoms"] == [
        ["La1", "La", 0.0, 0.0, 0.0, 1.0, 0.005],
        ["B1", "B", 0.1997, 0.5, 0.5, 1.0, 0.005],
    ]


def test_heavy_water_is_heavier():
    cell = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0)
    light, heavy, named = (
        Phase("p", cell, "P 1", (Atom("H1", h, 0, 0, 0),)) for h in ("H", "D", "2H")
    )
    assert heavy.density / light.density == pytest.approx(2.014 / 1.008, rel=1e-3)
    assert named.density == heavy.density


def test_an_unknown_element_has_no_density():
    cell = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0)
    atoms = (Atom("Fe1", "Fe", 0, 0, 0), Atom("W1", "Wat", 0.5, 0.5, 0.5))
    assert math.isnan(Phase("p", cell, "P 1", atoms).density)
    assert Phase("p", cell, "P 1", atoms[:1]).density == pytest.approx(1.449, abs=0.001)


def test_missing_coordinates_are_said():
    phase = Phase("p", (4.0, 4.0, 4.0, 90.0, 90.0, 90.0), "P 1", (Atom("H1", "H", math.nan, 0, 0),))
    with pytest.raises(SettingError, match="'H1' has coordinates"):
        phase.all_atoms()
