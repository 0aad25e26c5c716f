"""The reference phases are what they say they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from spectra.errors import ReaderError, SettingError
from spectra.reference import Atom, Phase, list_phases, load_phase, radiation
from spectra.xrd.lattice import orthogonalization

# Formula units per cell and density (g/cm³) from handbooks (CRC; International Centre for
# Diffraction Data), to the percent that lattice parameters at other temperatures leave.
KNOWN = {
    "Al": ({"Al": 4}, 2.70),
    "Al2O3": ({"Al": 12, "O": 18}, 3.987),
    "Be": ({"Be": 2}, 1.85),
    "CeO2": ({"Ce": 4, "O": 8}, 7.215),
    "Cu": ({"Cu": 4}, 8.93),
    "CuCr2O4": ({"Cu": 8, "Cr": 16, "O": 32}, 5.43),
    "CuO": ({"Cu": 4, "O": 4}, 6.51),
    "LaB6": ({"La": 1, "B": 6}, 4.71),
    "Li4Ti5O12": ({"Li": 10.6667, "Ti": 13.3333, "O": 32}, 3.48),
    "LiFePO4": ({"Li": 4, "Fe": 4, "P": 4, "O": 16}, 3.60),
    "Si": ({"Si": 8}, 2.329),
    "TiO2_anatase": ({"Ti": 4, "O": 8}, 3.89),
    "TiO2_rutile": ({"Ti": 2, "O": 4}, 4.25),
    "V2O3": ({"V": 12, "O": 18}, 5.02),
    "V2O5": ({"V": 4, "O": 10}, 3.37),
    "VO2_M1": ({"V": 4, "O": 8}, 4.65),
    "VO2_R": ({"V": 2, "O": 4}, 4.66),
    "graphite": ({"C": 4}, 2.26),
}
# Shortest distance (angstrom) between atoms, from the literature of each structure.
SHORTEST = {"LaB6": 1.65, "V2O5": 1.58, "LiFePO4": 1.52, "Si": 2.35, "graphite": 1.42}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_formula_density_and_distances(name):
    phase = load_phase(name)
    counts: Counter[str] = Counter()
    for atom in phase.all_atoms():
        counts[atom.element] += atom.occupancy
    assert counts == pytest.approx(KNOWN[name][0], abs=1e-3)
    assert phase.density == pytest.approx(KNOWN[name][1], rel=0.01)
    shortest = _shortest(phase)
    assert shortest == pytest.approx(SHORTEST.get(name, shortest), abs=0.03)
    assert shortest > 1.35


def _shortest(phase: Phase) -> float:
    atoms = [a for a in phase.all_atoms() if a.occupancy > 0.5]
    position = np.array([(a.x, a.y, a.z) for a in atoms])
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3)
    between = position[:, None, None] - position[None, :, None] + shifts
    length = np.linalg.norm(between @ orthogonalization(phase.cell).T, axis=-1)
    return float(length[length > 1e-3].min())


def test_every_phase_is_there_with_its_source():
    assert set(KNOWN) | {"K3V5O14"} == set(list_phases())
    assert all(load_phase(n).source for n in list_phases())


def test_the_wheel_carries_the_patterns(project_root):
    text = (project_root / "pyproject.toml").read_text()
    assert '"reference_patterns" = "spectra/reference_patterns"' in text


def test_plain_data_go_both_ways():
    phase = load_phase("cuo")
    assert load_phase(phase.to_plain()) == phase
    assert phase.crystal_system == "monoclinic_b"


def test_wrong_specifications_are_answered(tmp_path):
    with pytest.raises(SettingError, match="did you mean LaB6"):
        load_phase("LaB66")
    with pytest.raises(ReaderError, match="no such file"):
        load_phase(tmp_path / "absent.cif")
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\n_cell_length_a\nloop_\n")
    with pytest.raises(ReaderError, match=r"broken\.cif"):
        load_phase(broken)
    with pytest.raises(SettingError, match="space group"):
        load_phase({"name": "x", "cell": [4, 4, 4, 90, 90, 90], "space_group": "Q m m"})
    with pytest.raises(SettingError, match="needs space_group"):
        load_phase({"name": "x", "cell": [4, 4, 4, 90, 90, 90]})


def test_radiation():
    line = radiation("Cu")
    assert line.wavelength2 / line.wavelength == pytest.approx(1.002489, abs=1e-5)
    assert radiation("Cu Ka1").wavelength2 is None
    with pytest.raises(SettingError, match="there are Cr"):
        radiation("Xx")


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
