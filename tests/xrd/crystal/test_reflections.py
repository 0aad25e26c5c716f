"""Reflections: which, how many, how strong."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from structures import INVENTED, phase_of

from spectra.errors import SettingError
from spectra.phase import Atom, Phase
from spectra.reference import list_phases, load_phase
from spectra.xrd.crystal.reflections import reflections, relative_intensity
from spectra.xrd.lattice import d_spacing


def indexed(name, d_min=1.0, wavelength=1.5406):
    lines = reflections(load_phase(name), d_min, wavelength)
    intensity = relative_intensity(lines, wavelength)
    return {
        tuple(sorted(map(abs, h))): (int(m), float(i))
        for h, m, i in zip(lines.hkl.tolist(), lines.multiplicity, intensity, strict=True)
    }


def test_silicon_shows_what_diamond_shows():
    lines = indexed("Si")
    assert lines[(1, 1, 1)] == (8, pytest.approx(100))
    assert lines[(0, 2, 2)][0] == 12
    # Calculated patterns of the powder diffraction file: 64 and 37.
    assert lines[(0, 2, 2)][1] == pytest.approx(64, abs=3)
    assert lines[(1, 1, 3)][1] == pytest.approx(37, abs=3)
    assert lines[(2, 2, 2)][1] == pytest.approx(0, abs=1e-6)
    assert (0, 0, 2) not in lines


def test_rutile_and_fcc_extinctions():
    assert (0, 0, 1) not in indexed("TiO2_rutile")
    assert all(len({v % 2 for v in hkl}) == 1 for hkl in indexed("Al"))


def test_every_reciprocal_vector_is_in_one_family():
    """Multiplicities add up to the lattice points in the sphere, less the absences."""
    phase = load_phase("LaB6")
    lines = reflections(phase, 0.8)
    reach = np.arange(-6, 7)
    grid = np.stack(np.meshgrid(reach, reach, reach), -1).reshape(-1, 3)
    inside = (grid**2).sum(axis=1) <= (phase.cell[0] / 0.8) ** 2
    assert lines.multiplicity.sum() == inside.sum() - 1
    assert (np.diff(lines.d) <= 0).all()


def test_f000_limit_is_the_number_of_electrons():
    # At vanishing angle |F| is the sum of the electrons; LaB6 (100) at 4.16 Å is near it.
    lines = reflections(load_phase("CeO2"), 3.0)
    electrons = 4 * 58 + 8 * 8
    assert 0 < lines.structure_factor2[0] < electrons**2


def test_without_atoms_there_are_positions_but_no_intensities():
    lines = reflections(load_phase("K3V5O14"), 2.0)
    assert len(lines) > 10
    assert np.isnan(lines.structure_factor2).all()
    # d(111) as HRTEM sees it: 0.328 nm.
    assert np.abs(lines.d - 3.28).min() < 0.01


def test_nothing_beyond_the_first_line():
    assert len(reflections(load_phase("LaB6"), 10.0)) == 0


@pytest.mark.parametrize("name", [*INVENTED, *list_phases()])
def test_families_and_absences_fill_the_sphere(name):
    """Every reflection inside is in one family or absent, as gemmi sees it."""
    phase = phase_of(name)
    phase = Phase(phase.name, phase.cell, phase.space_group)
    d_min = 0.9
    lines = reflections(phase, d_min)
    reach = [np.arange(-int(a / d_min), int(a / d_min) + 1) for a in phase.cell[:3]]
    every = np.stack(np.meshgrid(*reach), -1).reshape(-1, 3)
    every = every[every.any(axis=1)]
    every = every[d_spacing(every, phase.cell) >= d_min]
    if "," in phase.space_group:
        group = gemmi.GroupOps([gemmi.Op(t) for t in phase.space_group.split(";")])
    else:
        group = gemmi.SpaceGroup(phase.space_group).operations()
    absent = group.systematic_absences(every.astype(np.int32))
    assert lines.multiplicity.sum() == (~absent).sum()
    assert not group.systematic_absences(lines.hkl).any()


def test_every_setting_lists_what_gemmi_lists():
    for group in gemmi.spacegroup_table():
        cubic = gemmi.UnitCell(5.0, 5.0, 5.0, 90.0, 90.0, 90.0)
        cell = (5.0, 5.0, 5.0, 90.0, 90.0, 90.0)
        if group.crystal_system_str() in ("trigonal", "hexagonal") and group.ext != "R":
            cell = (5.0, 5.0, 5.0, 90.0, 90.0, 120.0)
            cubic = gemmi.UnitCell(*cell)
        lines = reflections(Phase("p", cell, group.xhm()), 1.3)
        theirs = gemmi.make_miller_array(cubic, group, 1.3)
        unique = {_family(h, group) for h in theirs.tolist()}
        assert {_family(h, group) for h in lines.hkl.tolist()} == unique, group.xhm()
        assert len(lines) == len(unique), group.xhm()


def _family(hkl, group):
    images = [op.apply_to_hkl(hkl) for op in group.operations().sym_ops]
    return max(max(tuple(h), tuple(-v for v in h)) for h in images)


def test_a_margin_lists_what_a_larger_cell_shows():
    phase = load_phase("LiFePO4")
    strained = (phase.cell[0] * 1.02, phase.cell[1] * 0.99, phase.cell[2] * 1.015, 90.0, 90.0, 90.0)
    larger = Phase("larger", strained, phase.space_group)
    listed = {tuple(h) for h in reflections(phase, 1.1, margin=0.02).hkl.tolist()}
    needed = {tuple(h) for h in reflections(larger, 1.1).hkl.tolist()}
    without = {tuple(h) for h in reflections(phase, 1.1).hkl.tolist()}
    assert needed <= listed
    assert not needed <= without


def test_neutrons_see_other_intensities():
    phase = load_phase("TiO2_rutile")
    xray, neutron = reflections(phase, 1.2), reflections(phase, 1.2, radiation="neutron")
    assert (xray.hkl == neutron.hkl).all()
    # (110): titanium scatters neutrons with the opposite sign, so it is weak for them.
    strongest = xray.structure_factor2.argmax(), neutron.structure_factor2.argmax()
    assert strongest[0] != strongest[1]


def test_wrong_limits_are_answered():
    with pytest.raises(SettingError, match="d_min"):
        reflections(load_phase("Si"), 0.0)
    with pytest.raises(SettingError, match="margin"):
        reflections(load_phase("Si"), 1.0, margin=-0.1)
    with pytest.raises(SettingError, match="radiation 'electron'"):
        reflections(load_phase("Si"), 1.0, radiation="electron")


def test_atoms_without_coordinates_leave_positions_but_no_intensities():
    nan = float("nan")
    atoms = (Atom("Fe1", "Fe", 0, 0, 0), Atom("H1", "H", nan, nan, nan))
    lines = reflections(Phase("p", (5.0, 6.0, 7.0, 90.0, 90.0, 90.0), "P m m m", atoms), 2.0)
    assert len(lines) > 5
    assert np.isnan(lines.structure_factor2).all()
