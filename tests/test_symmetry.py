"""Operations of space groups as arrays, and the systems they tell."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from spectra.reference import Phase
from spectra.symmetry import axes_of, images, read_operations, site_symmetry


def test_operations_of_every_setting_are_gemmis():
    for group in gemmi.spacegroup_table():
        operations = read_operations(group.xhm(), 90.0, 120.0 if group.ext == "H" else 90.0)
        theirs = {op.wrap().triplet() for op in group.operations()}
        assert set(operations.triplets()) == theirs, group.xhm()
        assert len(operations) == len(theirs)
        assert (operations.inversion is not None) == group.is_centrosymmetric()


def test_triplets_are_read_back():
    for symbol in ("F d d d:1", "R -3 c:H", "I 41/a m d:1", "P 1"):
        operations = read_operations(symbol, 90.0, 90.0)
        again = read_operations("; ".join(operations.triplets()), 90.0, 90.0)
        assert set(again.triplets()) == set(operations.triplets())


def test_the_identity_is_the_first():
    text = "-x,-y,-z; x+1/2,y+1/2,z; x,y,z; -x+1/2,-y+1/2,-z"
    assert read_operations(text, 90.0, 90.0).triplets()[0] == "x,y,z"
    rotation, translation = read_operations("P 21 21 21", 90.0, 90.0).fractional()
    assert (rotation[0] == np.eye(3)).all()
    assert not translation[0].any()
    assert set(np.unique(translation)) == {0.0, 0.5}


@pytest.mark.parametrize("text", ["x,y,z; -x,y+1/4,-z", "x,y,z; x,y,z", "-x,-y,-z", "x,y"])
def test_what_is_no_group_is_none(text):
    assert read_operations(text, 90.0, 90.0) is None


def test_systems_from_operations_alone():
    """As the tables name them; hexagonal axes serve trigonal groups too."""
    for group in gemmi.spacegroup_table():
        system = group.crystal_system_str()
        if system == "monoclinic":
            expected = f"monoclinic_{group.monoclinic_unique_axis()}"
        elif system == "trigonal":
            expected = "rhombohedral" if group.ext == "R" else "hexagonal"
        else:
            expected = system
        operations = read_operations(group.xhm(), 90.0, 90.0 if group.ext == "R" else 120.0)
        assert axes_of(operations) == expected, group.xhm()


def test_a_triplet_group_has_the_system_of_its_symbol():
    operations = "; ".join(read_operations("P 42/m n m", 90.0, 90.0).triplets())
    phase = Phase("p", (4.6, 4.6, 2.9, 90.0, 90.0, 90.0), operations)
    assert phase.crystal_system == "tetragonal"


def test_images_and_order_make_up_the_group():
    operations = read_operations("F d -3 m:1", 90.0, 90.0)
    for position, order in (
        ((0, 0, 0), 24),
        ((0.625,) * 3, 12),
        ((0.3,) * 3, 6),
        ((0.11, 0.23, 0.41), 1),
    ):
        site = site_symmetry(operations, position, np.eye(3) * 8.0)
        assert site.order == order
        assert len(images(operations, site.position)) == 192 // order
