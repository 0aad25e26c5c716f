"""Structures from CIF files of many hands."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from spectra.errors import ReaderError, SettingError
from spectra.phase import Phase
from spectra.reference import load_phase

CIF = """data_made
_cell_length_a 7
_cell_length_b 8
_cell_length_c 9
_cell_angle_alpha 90
_cell_angle_beta 95
_cell_angle_gamma 90
{symmetry}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
_atom_site_disorder_group
V1 V+5 0.1 0.2 0.3(1) 0.5(1) 0.79 .
D1 D 0.4 0.1 0.1 0.5 1 1
H1 H 0.4 0.1 0.1 0.5 1 2
O1 O2- 0.6 0.7 0.3 1 . .
W1 Wat 0.1 0.1 0.2 1 1 .
loop_
_atom_site_aniso_label
_atom_site_aniso_{letter}_11
_atom_site_aniso_{letter}_22
_atom_site_aniso_{letter}_33
_atom_site_aniso_{letter}_12
_atom_site_aniso_{letter}_13
_atom_site_aniso_{letter}_23
V1 1.0(2) 2 3 .1 .2 .3
O1 1.5 1.5 1.5 0 0.130734 0
D1 ? ? ? ? ? ?
"""


def cif(folder, symmetry, letter="U"):
    path = folder / "made.cif"
    path.write_text(CIF.format(symmetry=symmetry, letter=letter))
    return path


def operators(*triplets):
    return "loop_\n_space_group_symop_operation_xyz\n" + "\n".join(f"'{t}'" for t in triplets)


def test_cif_of_many_habits(tmp_path):
    symmetry = "_symmetry_space_group_name_H-M 'P 1 21/c 1'"
    phase = load_phase(cif(tmp_path, symmetry))
    assert [a.scatterer for a in phase.atoms] == ["V5+", "D", "H", "O2-", "Wat"]
    assert [a.occupancy for a in phase.atoms] == [0.5, 0.5, 0.5, 1, 1]
    assert phase.atoms[0].u_aniso == (1.0, 2.0, 3.0, 0.1, 0.2, 0.3)
    assert phase.atoms[0].u_iso == pytest.approx(0.79 / (8 * np.pi**2))
    assert phase.atoms[1].u_aniso is None
    # An isotropic tensor: U13 = U cos β*. The equivalent one is its U.
    assert phase.atoms[3].u_iso == pytest.approx(1.5, rel=1e-4)
    as_b = load_phase(cif(tmp_path, symmetry, "B"))
    assert as_b.atoms[0].u_aniso == pytest.approx(
        np.array([1, 2, 3, 0.1, 0.2, 0.3]) / (8 * np.pi**2)
    )
    assert load_phase(as_b.to_plain()) == as_b


def test_operators_of_no_tabulated_setting(tmp_path):
    """P 1 21/c 1 with its origin moved by a/8: the symbol is not believed, the operators are."""
    moved = operators("x,y,z", "-x+1/4,y+1/2,-z+1/2", "-x+1/4,-y,-z", "x,-y+1/2,z+1/2")
    phase = load_phase(cif(tmp_path, "_symmetry_space_group_name_H-M 'P 1 21/c 1'\n" + moved))
    assert phase.space_group.startswith("x,y,z; ")
    assert len(phase.operations) == 4
    assert phase.crystal_system == "monoclinic_b"
    assert len(phase.all_atoms()) == 4 * 5
    assert load_phase(phase.to_plain()) == phase


def test_symmetry_that_cannot_be_used_is_answered(tmp_path):
    with pytest.raises(ReaderError, match=r"2 symmetry operators form no space group.*export"):
        load_phase(cif(tmp_path, operators("x,y,z", "-x,y+1/4,-z")))
    with pytest.raises(ReaderError, match="add the operators"):
        load_phase(cif(tmp_path, "_symmetry_space_group_name_H-M 'Q 1'"))
    with pytest.raises(SettingError, match="write the Hermann-Mauguin symbol"):
        Phase("p", (5, 6, 7, 90, 90, 90), "x,y,z; -x,y+1/4,-z")
    diagonal = Phase("p", (5, 5, 7, 90, 90, 90), "x,y,z; y,x,-z")
    with pytest.raises(SettingError, match="transform the structure"):
        _ = diagonal.crystal_system


@pytest.mark.realdata
def test_cif_of_others(data):
    phase = load_phase(data / "xrd" / "cucr2o4_temperature" / "CuCr2O4.cif")
    assert phase.space_group == "F d d d:2"
    assert len(phase.all_atoms()) == 56
    oxide = load_phase(data / "xrd" / "cucr2o4_temperature" / "CuO.cif")
    assert [a.scatterer for a in oxide.atoms] == ["Cu2+", "O2-"]


@pytest.mark.realdata
def test_anisotropic_displacements_of_a_measured_structure(data):
    phase = load_phase(data / "xrd" / "standards" / "NAC.cif")
    assert phase.atoms[3].u_aniso == (0.0102, 0.0110, 0.0128, 0.0006, -0.0018, 0.0020)
    assert phase.atoms[3].scatterer == "F1-"
    counts: Counter[str] = Counter()
    for atom in phase.all_atoms():
        counts[atom.element] += atom.occupancy
    assert counts == {"Na": 8, "Al": 8, "Ca": 12, "F": 56}
    assert load_phase(phase.to_plain()) == phase


@pytest.mark.realdata
def test_every_cif_at_hand_is_read(data):
    files = sorted((data / "xrd").rglob("*.cif"))
    assert len(files) > 10
    for file in files:
        phase = load_phase(file)
        assert phase.density > 1
        assert load_phase(phase.to_plain()) == phase


def test_elements_known_by_labels_alone(tmp_path):
    """Mineral databases leave the type symbol out."""
    path = tmp_path / "labels.cif"
    head = CIF.format(symmetry="_symmetry_space_group_name_H-M 'P 1'", letter="U").split("loop_")[0]
    tags = "\n".join(f"_atom_site_{t}" for t in ("label", "fract_x", "fract_y", "fract_z"))
    rows = "FeM1 0.1 0.2 0.3\nD1 0.2 0.3 0.4\nO3 0.3 0.4 0.5\nWat 0.4 0.5 0.6\n"
    path.write_text(f"{head}loop_\n{tags}\n{rows}")
    assert [a.scatterer for a in load_phase(path).atoms] == ["Fe", "D", "O", "Wat"]
