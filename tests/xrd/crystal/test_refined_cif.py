"""CIF out: gemmi reads back what was written."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from drawn_structures import covariance_of

from spectra.errors import SettingError
from spectra.reference import load_phase
from spectra.xrd.crystal.bonds import bond_lengths, find_contacts
from spectra.xrd.crystal.cif import (
    BondRow,
    RefinedAtom,
    RefinedFrame,
    RefinedPattern,
    RefinedStructure,
    ReflectionRow,
    write_cif,
)
from spectra.xrd.crystal.geometry import RefinedRows

# The names of core and powder dictionary that may stand in a file.
KNOWN = {
    "_audit_creation_method",
    "_chemical_formula_sum",
    *(f"_cell_length_{k}" for k in "abc"),
    *(f"_cell_angle_{k}" for k in ("alpha", "beta", "gamma")),
    "_cell_volume",
    *(f"_space_group_name_{k}" for k in ("H-M_alt", "Hall")),
    *("_space_group_IT_number", "_space_group_crystal_system"),
    *("_space_group_symop_id", "_space_group_symop_operation_xyz"),
    *(f"_atom_site_{k}" for k in ("label", "type_symbol", "occupancy", "adp_type")),
    *(f"_atom_site_fract_{k}" for k in "xyz"),
    "_atom_site_U_iso_or_equiv",
    "_atom_site_aniso_label",
    *(f"_atom_site_aniso_U_{k}" for k in ("11", "22", "33", "12", "13", "23")),
    *(f"_geom_bond_{k}" for k in ("atom_site_label_1", "atom_site_label_2", "distance")),
    "_geom_bond_site_symmetry_2",
    *(f"_refln_index_{k}" for k in "hkl"),
    *("_refln_F_squared_meas", "_refln_F_squared_calc", "_refln_d_spacing"),
    "_refln_symmetry_multiplicity",
    *("_diffrn_radiation_probe", "_diffrn_radiation_wavelength", "_diffrn_ambient_temperature"),
    *("_refine_ls_R_I_factor", "_refine_ls_goodness_of_fit_all", "_refine_ls_number_parameters"),
    *("_pd_block_id", "_pd_block_diffractogram_id", "_pd_meas_number_of_points"),
    *(f"_pd_phase_{k}" for k in ("id", "name", "block_id", "mass_%")),
    *("_pd_meas_2theta_scan", "_pd_meas_intensity_total", "_pd_calc_intensity_total"),
    *("_pd_proc_intensity_bkg_calc", "_pd_proc_ls_weight"),
    *(f"_pd_proc_ls_prof_{k}" for k in ("R_factor", "wR_factor", "wR_expected")),
}


def structure_of(name: str, **extra) -> RefinedStructure:
    """A phase with the uncertainties that its symmetry allows."""
    phase = load_phase(name)
    covariance = covariance_of(phase)
    sigma = np.sqrt(np.diag(covariance))[6:].reshape(-1, 3)
    atoms = tuple(
        RefinedAtom(
            *(a.label, a.element, (a.x, a.y, a.z), tuple(s)),
            occupancy=a.occupancy,
            u_iso=0.0051234,
            u_iso_stderr=0.00021,
            u_aniso=(0.004, 0.005, 0.0063, -0.0007, 0.0011, 0.0) if a.element != "O" else None,
            u_aniso_stderr=(0.0002, 0.0003, 0.0002, 0.0003, 0.0004, 0.0),
        )
        for a, s in zip(phase.atoms, sigma.tolist(), strict=True)
    )
    return RefinedStructure(phase, phase.cell, covariance[:6, :6], atoms, **extra)


def pattern_of(points: int = 50) -> RefinedPattern:
    rng = np.random.default_rng(8)
    two_theta = 10.0 + 0.0131 * np.arange(points)
    observed = rng.poisson(4000.0, points).astype(float)
    background = np.full(points, 3900.125)
    weight = 1.0 / observed
    weight[3] = 0.0
    calculated = background + 100.0 * np.exp(-((two_theta - 10.3) ** 2) / 0.01)
    calculated[3] = np.nan
    return RefinedPattern(
        *(two_theta, observed, calculated, background, weight),
        wavelength=1.5405929,
        r_p=0.0412,
        r_wp=0.0523,
        r_exp=0.0371,
        goodness=1.41,
        parameters=28,
    )


def tags_of(document: gemmi.cif.Document) -> set[str]:
    found: set[str] = set()
    for block in document:
        for item in block:
            found |= {item.pair[0]} if item.pair else set(item.loop.tags)
    return found


def number_and_error(text: str) -> tuple[float, float]:
    """A CIF number and the uncertainty in its parentheses, 0 if there is none."""
    value, _, digits = text.partition("(")
    places = len(value.partition(".")[2])
    return float(value), float(digits.rstrip(")") or 0) * 10.0**-places


@pytest.mark.parametrize("name", ["V2O5", "VO2_M1", "CuCr2O4", "Al2O3", "Li4Ti5O12", "LiFePO4"])
def test_the_structure_reads_back(name, tmp_path):
    structure = structure_of(name)
    path = write_cif(tmp_path / "one.cif", [RefinedFrame("frame_0", (structure,))])
    document = gemmi.cif.read(str(path))
    small = gemmi.make_small_structure_from_block(document.sole_block())
    phase = structure.phase
    assert small.spacegroup.xhm() == gemmi.find_spacegroup_by_name(phase.space_group).xhm()
    error = np.sqrt(np.diag(structure.cell_covariance))
    for read, value, sigma in zip(small.cell.parameters, structure.cell, error, strict=True):
        assert read == pytest.approx(value, abs=0.5 * sigma + 1e-6)
    assert len(small.sites) == len(structure.atoms)
    for site, atom in zip(small.sites, structure.atoms, strict=True):
        assert (site.label, site.element.name) == (atom.label, atom.element)
        np.testing.assert_allclose(site.fract.tolist(), atom.position, atol=1e-4)
        assert site.occ == pytest.approx(atom.occupancy, abs=1e-6)
        assert site.u_iso == pytest.approx(atom.u_iso, abs=1e-4)
        if atom.u_aniso is not None:
            tensor = site.aniso
            read = (tensor.u11, tensor.u22, tensor.u33, tensor.u12, tensor.u13, tensor.u23)
            np.testing.assert_allclose(read, atom.u_aniso, atol=1e-9)
    again = load_phase(path)
    assert len(again.all_atoms()) == len(phase.all_atoms())
    counted = gemmi.cif.as_string(document.sole_block().find_value("_chemical_formula_sum"))
    assert counted.split() == sorted(counted.split())
    assert again.volume == pytest.approx(phase.volume, rel=1e-4)


def test_operators_are_those_of_the_group(tmp_path):
    path = write_cif(tmp_path / "one.cif", [RefinedFrame("a", (structure_of("Al2O3"),))])
    block = gemmi.cif.read(str(path)).sole_block()
    written = {
        gemmi.Op(t).wrap()
        for t in map(gemmi.cif.as_string, block.find_values("_space_group_symop_operation_xyz"))
    }
    group = gemmi.find_spacegroup_by_name(load_phase("Al2O3").space_group)
    assert written == {op.wrap() for op in group.operations()}


def test_uncertainties_are_within_rounding(tmp_path):
    structure = structure_of("VO2_M1")
    path = write_cif(tmp_path / "one.cif", [RefinedFrame("a", (structure,))])
    block = gemmi.cif.read(str(path)).sole_block()
    for k, tag in enumerate(("_cell_length_a", "_cell_length_b", "_cell_length_c")):
        value, error = number_and_error(block.find_value(tag))
        sigma = np.sqrt(structure.cell_covariance[k, k])
        assert error == pytest.approx(sigma, rel=0.26)
        assert abs(value - structure.cell[k]) <= 0.5 * error
    assert number_and_error(block.find_value("_cell_angle_alpha")) == (90.0, 0.0)
    _, error = number_and_error(block.find_value("_cell_volume"))
    rng = np.random.default_rng(0)
    cells = rng.multivariate_normal(structure.cell, structure.cell_covariance, 4000)
    spread = np.std([gemmi.UnitCell(*c).volume for c in cells])
    assert error == pytest.approx(spread, rel=0.26)
    held, _ = number_and_error(load_column(block, "_atom_site_occupancy")[0])
    assert held == 1.0


def load_column(block: gemmi.cif.Block, tag: str) -> list[str]:
    """The values of a column; text loses its quotes, ``?`` and ``.`` stay."""
    values = list(block.find_values(tag))
    return [v if gemmi.cif.is_null(v) else gemmi.cif.as_string(v) for v in values]


def test_pattern_and_factors_read_back(tmp_path):
    pattern = pattern_of()
    frame = RefinedFrame("hot", (structure_of("V2O5"),), pattern, temperature=653.2)
    block = gemmi.cif.read(str(write_cif(tmp_path / "one.cif", [frame]))).sole_block()
    columns = {
        "_pd_meas_2theta_scan": pattern.two_theta,
        "_pd_meas_intensity_total": pattern.observed,
        "_pd_calc_intensity_total": pattern.calculated,
        "_pd_proc_intensity_bkg_calc": pattern.background,
        "_pd_proc_ls_weight": pattern.weight,
    }
    for tag, expected in columns.items():
        read = [gemmi.cif.as_number(v) for v in load_column(block, tag)]
        np.testing.assert_allclose(read, expected, rtol=1e-8)
    factors = {
        "_pd_proc_ls_prof_R_factor": 0.0412,
        "_pd_proc_ls_prof_wR_factor": 0.0523,
        "_pd_proc_ls_prof_wR_expected": 0.0371,
        "_refine_ls_goodness_of_fit_all": 1.41,
        "_refine_ls_number_parameters": 28,
        "_diffrn_radiation_wavelength": 1.5405929,
        "_diffrn_ambient_temperature": 653.2,
    }
    for tag, value in factors.items():
        assert gemmi.cif.as_number(block.find_value(tag)) == pytest.approx(value, rel=1e-9)
    calculated = load_column(block, "_pd_calc_intensity_total")
    assert calculated[3] == "?"


def test_bonds_and_reflections_read_back(tmp_path):
    phase = load_phase("V2O5")
    contacts = find_contacts(phase).about(["V"])
    lengths = bond_lengths(RefinedRows.of(phase), contacts)
    error = lengths.stderr(covariance_of(phase)[None])[0]
    ends = zip(contacts.centre, contacts.neighbour, contacts.symmetry, strict=True)
    bonds = tuple(
        BondRow(contacts.labels[i], contacts.labels[j], code, float(d), float(e))
        for (i, j, code), d, e in zip(ends, lengths.value[0], error, strict=True)
    )
    lines = (ReflectionRow((0, 0, 1), 812.5, 800.25, 4.368, 2),)
    structure = structure_of("V2O5", bonds=bonds, reflections=lines, r_bragg=0.031)
    block = gemmi.cif.read(
        str(write_cif(tmp_path / "one.cif", [RefinedFrame("a", (structure,))]))
    ).sole_block()
    read = [number_and_error(v) for v in load_column(block, "_geom_bond_distance")]
    assert all(abs(r[0] - b.distance) <= 0.5 * r[1] for r, b in zip(read, bonds, strict=True))
    assert load_column(block, "_geom_bond_site_symmetry_2") == list(contacts.symmetry)
    assert load_column(block, "_refln_F_squared_meas") == ["812.5"]
    assert gemmi.cif.as_number(block.find_value("_refine_ls_R_I_factor")) == 0.031


def test_a_sequence_of_two_phases(tmp_path):
    both = (
        structure_of("CuCr2O4", weight_fraction=91.27, weight_fraction_stderr=0.31),
        structure_of("CuO", weight_fraction=8.73, weight_fraction_stderr=0.31),
    )
    frames = [RefinedFrame(f"frame {k}", both, pattern_of(5)) for k in range(3)]
    document = gemmi.cif.read(str(write_cif(tmp_path / "all.cif", frames)))
    assert len(document) == 9
    whole = document.find_block("frame_1")
    assert load_column(whole, "_pd_phase_block_id") == ["frame_1_CuCr2O4", "frame_1_CuO"]
    assert load_column(whole, "_pd_phase_mass_%") == ["91.3(3)", "8.7(3)"]
    assert whole.find_value("_pd_meas_number_of_points") == "5"
    for name in load_column(whole, "_pd_phase_block_id"):
        block = document.find_block(name)
        assert load_column(block, "_pd_block_diffractogram_id") == ["frame_1"]
        assert gemmi.make_small_structure_from_block(block).sites
    assert tags_of(document) <= KNOWN


def test_every_name_is_of_the_dictionaries(tmp_path):
    structure = structure_of(
        "V2O5",
        bonds=(BondRow("V1", "O1", ".", 1.58, 0.01),),
        reflections=(ReflectionRow((1, 1, 0), 1.0, 1.0, 3.4, 4),),
        r_bragg=0.02,
    )
    frame = RefinedFrame("x", (structure,), pattern_of(), probe="neutron", temperature=10.0)
    document = gemmi.cif.read(str(write_cif(tmp_path / "a.cif", [frame])))
    assert tags_of(document) <= KNOWN
    assert KNOWN - tags_of(document) == {
        *("_pd_phase_id", "_pd_phase_block_id", "_pd_phase_mass_%"),
        "_pd_block_diffractogram_id",
    }


def test_a_lost_frame_says_that_nothing_is_known(tmp_path):
    phase = load_phase("V2O5")
    lost = RefinedStructure(phase, (float("nan"),) * 6, np.full((6, 6), np.nan))
    path = write_cif(tmp_path / "lost.cif", [RefinedFrame("lost", (lost,))])
    block = gemmi.cif.read(str(path)).sole_block()
    assert block.find_value("_cell_length_a") == "?"
    assert block.find_value("_cell_volume") == "?"


def test_awkward_names_stay_valid(tmp_path):
    structure = structure_of("V2O5")
    frames = [RefinedFrame("α 400 °C; 'x'", (structure,)), RefinedFrame("_data #1", (structure,))]
    document = gemmi.cif.read(str(write_cif(tmp_path / "odd.cif", frames)))
    assert len(document) == 2


def test_what_cannot_be_written_is_refused(tmp_path):
    structure = structure_of("V2O5")
    twice = [RefinedFrame("a b", (structure,)), RefinedFrame("a_b", (structure,))]
    with pytest.raises(SettingError, match="two blocks are called 'a_b'"):
        write_cif(tmp_path / "twice.cif", twice)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingError, match=r"expected 6 and \(6, 6\)"):
        RefinedStructure(structure.phase, (1.0, 2.0), None)
    short = np.zeros(3)
    with pytest.raises(SettingError, match="one length"):
        RefinedPattern(short, short, short, short, np.zeros(4))
