"""What symmetry leaves free of a site, in every setting of every space group."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from spectra.reference import Atom, Phase
from spectra.symmetry import SPECIAL_DISTANCE, images
from spectra.xrd.crystal.constraints import PAIRS, site_constraints
from spectra.xrd.lattice import CellConstraint

SETTINGS = list(gemmi.spacegroup_table())
CELLS = {
    "triclinic": (6.1, 7.2, 8.3, 82.0, 96.0, 104.0),
    "monoclinic": (6.1, 7.2, 8.3, 90.0, 90.0, 90.0),
    "orthorhombic": (6.1, 7.2, 8.3, 90.0, 90.0, 90.0),
    "tetragonal": (6.1, 6.1, 8.3, 90.0, 90.0, 90.0),
    "trigonal": (6.1, 6.1, 8.3, 90.0, 90.0, 120.0),
    "hexagonal": (6.1, 6.1, 8.3, 90.0, 90.0, 120.0),
    "cubic": (6.1, 6.1, 6.1, 90.0, 90.0, 90.0),
}


def cell_of(group: gemmi.SpaceGroup) -> tuple:
    if group.ext == "R":
        return (6.1, 6.1, 6.1, 70.0, 70.0, 70.0)
    cell = list(CELLS[group.crystal_system_str()])
    if group.crystal_system_str() == "monoclinic":
        cell["abc".index(group.monoclinic_unique_axis()) + 3] = 99.0
    return tuple(cell)


def special_positions(group, rng, count):
    """Random positions put on the symmetry elements of a few random operations in turn."""
    operations = list(group.operations())
    for _ in range(count):
        position = rng.uniform(size=3)
        for pick in rng.integers(len(operations), size=8):
            rotation = np.array(operations[pick].rot) / 24
            shift = np.array(operations[pick].tran) / 24 + rng.integers(-1, 2, size=3)
            orbit = [position]
            while len(orbit) < 6:
                orbit.append(rotation @ orbit[-1] + shift)
            # Powers of an operation with a screw or glide never come back.
            back = [n for n in range(1, 6) if np.abs(orbit[n] - position).max() < 1e-9]
            sixth = rotation @ orbit[-1] + shift
            period = back[0] if back else 6 * (np.abs(sixth - position).max() < 1e-9)
            if period:
                position = np.mean(orbit[:period], axis=0)
        yield position


def test_every_setting_of_every_group():
    rng = np.random.default_rng(2)
    special = 0
    for group in SETTINGS:
        phase = Phase("p", cell_of(group), group.xhm())
        for position in special_positions(group, rng, 2):
            special += check_site(phase, group, position, rng)
    assert special > len(SETTINGS)


def check_site(phase, group, position, rng) -> bool:
    atom = Atom("A", "Fe", *position.tolist(), u_aniso=tuple(rng.uniform(0.01, 0.02, size=6)))
    (site,) = site_constraints(Phase("p", phase.cell, phase.space_group, (atom,)))
    rotations, shifts = site.symmetry.rotations, site.symmetry.shifts / 24
    where = f"{group.xhm()} at {position}"
    # The free ones are as many as the symmetry's invariants, counted by characters.
    trace = np.trace(rotations, axis1=1, axis2=2)
    square = np.trace(rotations @ rotations, axis1=1, axis2=2)
    assert len(site.coordinate_names) == pytest.approx(trace.mean()), where
    assert len(site.displacement_names) == pytest.approx((trace**2 + square).mean() / 2), where
    # Any free values give a site that its operations leave alone.
    free = rng.uniform(size=len(site.coordinate_names))
    moved = site.coordinate_matrix @ free + site.coordinate_offset
    assert np.abs(rotations @ moved + shifts - moved).max() < 1e-12, where
    reciprocal = gemmi.UnitCell(*phase.cell).reciprocal()
    lengths = np.array([reciprocal.a, reciprocal.b, reciprocal.c])
    scale = np.array([lengths[i] * lengths[j] for i, j in PAIRS])
    u = scale * (site.displacement_matrix @ rng.uniform(size=len(site.displacement_names)))
    tensor = np.array([[u[0], u[3], u[4]], [u[3], u[1], u[5]], [u[4], u[5], u[2]]])
    turned = rotations @ tensor @ np.swapaxes(rotations, 1, 2)
    assert np.abs(turned - tensor).max() < 1e-12, where
    # Names mean what they say, and the start is the place itself.
    picked = [("x", "y", "z").index(n) for n in site.coordinate_names]
    assert (site.coordinate_matrix[picked] == np.eye(len(picked))).all(), where
    start = site.coordinate_matrix @ site.coordinate_start + site.coordinate_offset
    assert np.abs(start - site.symmetry.position).max() < 1e-9, where
    axes = np.array(gemmi.UnitCell(*phase.cell).orth.mat.tolist())
    assert np.linalg.norm(axes @ (start - position)) < SPECIAL_DISTANCE, where
    # gemmi counts the same images.
    assert len(images(phase.operations, site.symmetry.position)) == site.multiplicity, where
    small = gemmi.SmallStructure()
    small.cell, small.spacegroup = gemmi.UnitCell(*phase.cell), group
    small.spacegroup_hm = group.xhm()
    small.setup_cell_images()
    theirs = gemmi.SmallStructure.Site()
    theirs.element, theirs.fract = gemmi.Element("Fe"), gemmi.Fractional(*site.symmetry.position)
    theirs.occ = 1.0
    small.add_site(theirs)
    small.change_occupancies_to_crystallographic(1e-3)
    assert small.sites[0].occ == pytest.approx(1 / site.symmetry.order), where
    return site.symmetry.order > 1


def names_of(space_group, cell, x, y, z):
    u = (0.01, 0.02, 0.03, 0.001, 0.002, 0.003)
    atom = Atom("A", "Fe", x, y, z, u_aniso=u)
    (site,) = site_constraints(Phase("p", cell, space_group, (atom,)))
    return site


def test_sites_of_the_tables():
    """Wyckoff positions of International Tables A with their constraints by hand."""
    cubic, hexagonal = CELLS["cubic"], CELLS["hexagonal"]
    site = names_of("P m -3 m", cubic, 0.2, 0.2, 0.2)
    assert (site.coordinate_names, site.multiplicity) == (("x",), 8)
    assert site.coordinate_matrix.tolist() == [[1], [1], [1]]
    assert site.displacement_names == ("u11", "u12")
    site = names_of("P 63/m m c", hexagonal, 0.17, 0.34, 0.25)
    assert (site.coordinate_names, site.multiplicity) == (("x",), 6)
    assert site.coordinate_matrix.tolist() == [[1], [2], [0]]
    assert site.coordinate_offset.tolist() == [0, 0, 0.25]
    assert site.displacement_names == ("u11", "u22", "u33")
    assert site.displacement_matrix[3].tolist() == pytest.approx([0, 0.5, 0])
    site = names_of("I 41/a m d:1", CELLS["tetragonal"], 0.0, 0.0, 0.2)
    assert (site.coordinate_names, site.multiplicity) == (("z",), 8)
    site = names_of("P 42/m n m", CELLS["tetragonal"], 0.3, 0.7, 0.0)
    assert site.coordinate_matrix.tolist() == [[1], [-1], [0]]
    assert site.coordinate_offset.tolist() == [0, 1, 0]
    assert site.displacement_names == ("u11", "u33", "u12")


def test_rounded_coordinates_are_put_in_place():
    site = names_of("P -3 m 1", CELLS["hexagonal"], 0.333, 0.667, 0.21)
    assert site.coordinate_names == ("z",)
    assert site.coordinate_offset.tolist() == pytest.approx([1 / 3, 2 / 3, 0], abs=1e-12)


def test_a_split_site_stays_split():
    """Half atoms 0.15 angstrom off a mirror plane are two images, not one special position."""
    site = names_of("P m m m", CELLS["orthorhombic"], 0.15 / 6.1, 0.3, 0.4)
    assert (site.coordinate_names, site.multiplicity) == (("x", "y", "z"), 8)


def test_near_two_elements_that_do_not_meet_the_site_takes_the_nearer():
    """A short axis brings inversions within reach of each other; one of them is chosen."""
    phase = Phase("p", (0.15, 7.0, 8.0, 90.0, 90.0, 90.0), "P -1")
    (site,) = site_constraints(Phase("p", phase.cell, "P -1", (Atom("A", "H", 0.2, 0.0, 0.0),)))
    assert site.symmetry.order == 2
    assert site.symmetry.position.tolist() == [0, 0, 0]


def test_start_is_the_mean_over_the_sites_symmetry():
    site = names_of("P m -3 m", CELLS["cubic"], 0.2, 0.2, 0.2)
    start = dict(zip(site.displacement_names, site.displacement_start, strict=True))
    assert start["u11"] == pytest.approx(0.02)
    assert start["u12"] == pytest.approx(0.002)


def test_free_cell_parameters_match_the_operations():
    """The invariants of the metric tensor are as many as the free parameters of the cell."""
    for group in SETTINGS:
        phase = Phase("p", cell_of(group), group.xhm())
        rotations = phase.operations.rotations
        trace = np.trace(rotations, axis1=1, axis2=2)
        square = np.trace(rotations @ rotations, axis1=1, axis2=2)
        free = CellConstraint.of(phase.crystal_system).names
        assert len(free) == pytest.approx((trace**2 + square).mean() / 2), group.xhm()
