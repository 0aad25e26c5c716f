"""Atoms around an absorber, and what FEFF is told of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from spectra.errors import DataWarning, SettingError
from spectra.phase import Atom, Phase
from spectra.reference import load_phase
from spectra.xas.paths.cluster import absorber_sites, cut_cluster
from spectra.xas.paths.feffinput import feff_input

CUBIC = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0)


def cluster_of(phase, element, radius, site=0):
    phase = load_phase(phase)
    return cut_cluster(phase, absorber_sites(phase, element)[site], radius)


def as_cif(phase):
    operations = "\n".join(f"'{t}'" for t in phase.operations.triplets())
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    cell = "\n".join(f"_cell_{n} {v}" for n, v in zip(names, phase.cell, strict=True))
    atoms = "\n".join(f"{a.label} {a.element} {a.x} {a.y} {a.z} 1.0" for a in phase.atoms)
    tags = ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"]
    heads = "\n".join(f"_atom_site_{tag}" for tag in tags)
    return (
        f"data_{phase.name}\n{cell}\nloop_\n_space_group_symop_operation_xyz\n{operations}\n"
        f"loop_\n{heads}\n{atoms}\n"
    )


@pytest.mark.parametrize(("name", "element"), [("V2O3", "V"), ("V2O5", "V"), ("LiFePO4", "Fe")])
def test_clusters_are_those_of_larixite(name, element):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larixite import cif_cluster

        theirs = cif_cluster(ciftext=as_cif(load_phase(name)), absorber=element, cluster_size=7.0)
        theirs.build_cluster(absorber_site=theirs.atom_sites[element][0])
    ours = cluster_of(name, element, 7.0)
    expected = sorted(
        (round(float(np.linalg.norm(xyz)), 3), symbol)
        for xyz, symbol in zip(theirs.coords, theirs.symbols, strict=True)
    )
    found = sorted(
        (round(d, 3), s) for d, s in zip(ours.distances.tolist(), ours.symbols, strict=True)
    )
    assert len(found) > 90
    for (d, symbol), (d_theirs, symbol_theirs) in zip(found, expected, strict=True):
        assert symbol == symbol_theirs
        assert d == pytest.approx(d_theirs, abs=2e-3)


def test_oblique_cells_are_whole():
    # The same lattice of points in a sheared cell.
    sheared = Phase(
        "sheared",
        (4.0, 4.0, float(np.sqrt(48.0)), *(float(np.degrees(np.arccos(3**-0.5))),) * 2, 90.0),
        "P 1",
        (Atom("Cu1", "Cu", 0.1, 0.2, 0.3),),
    )
    straight = Phase("straight", CUBIC, "P 1", (Atom("Cu1", "Cu", 0.0, 0.0, 0.0),))
    one, other = (cluster_of(p, "Cu", 9.0) for p in (sheared, straight))
    np.testing.assert_allclose(one.distances, other.distances, atol=1e-9)


def test_shares_of_the_sites_count_atoms():
    phase = Phase(
        "two sites", CUBIC, "P m -3 m", (Atom("Cu1", "Cu", 0, 0, 0), Atom("Cu2", "Cu", 0.5, 0.5, 0))
    )
    assert [(s.label, s.share) for s in absorber_sites(phase, "Cu")] == [
        ("Cu1", 0.25),
        ("Cu2", 0.75),
    ]
    half = Phase(
        "half",
        CUBIC,
        "P m -3 m",
        (Atom("Cu1", "Cu", 0, 0, 0, 0.6), Atom("Cu2", "Cu", 0.5, 0.5, 0, 0.2)),
    )
    assert [s.share for s in absorber_sites(half, "Cu")] == pytest.approx([0.5, 0.5])


def test_the_most_frequent_atom_stands_at_a_shared_place():
    mixed = Phase(
        "mixed",
        CUBIC,
        "P m -3 m",
        (
            Atom("Ni", "Ni", 0, 0, 0, 0.8),
            Atom("Co", "Co", 0, 0, 0, 0.2),
            Atom("O", "O", 0.5, 0, 0),
            Atom("Li", "Li", 0.5, 0.5, 0.5, 0.3),
        ),
    )
    for element in ("Ni", "Co"):
        with pytest.warns(DataWarning, match="shared or partly filled"):
            cluster = cluster_of(mixed, element, 4.5)
        assert cluster.symbols[0] == element
        assert set(cluster.symbols[1:]) == {"Ni", "O"}
        assert cluster.symbols.count("O") == 6 + 24


def test_hydrogen_is_left_out():
    phase = Phase("h", CUBIC, "P 1", (Atom("V", "V", 0, 0, 0), Atom("D", "D", 0.3, 0, 0)))
    assert set(cluster_of(phase, "V", 6.0).symbols) == {"V"}


def test_what_cannot_be_a_structure_is_refused():
    twice = (Atom("A", "Cu", 0, 0, 0), Atom("B", "Cu", 0.05, 0, 0))
    with pytest.raises(SettingError, match="'A' shares its place with B, 2 atoms in all"):
        cluster_of(Phase("X", CUBIC, "P 1", twice), "Cu", 5.0)
    with pytest.raises(SettingError, match="has no Fe; it has O, V"):
        cluster_of("V2O3", "Fe", 5.0)
    with pytest.raises(SettingError, match="has no atoms"):
        absorber_sites(load_phase("K3V5O14"), "V")
    strange = (Atom("A", "Cu", 0, 0, 0), Atom("B", "Wat", 0.5, 0, 0))
    with pytest.raises(SettingError, match="'Wat' is no element"):
        feff_input(cluster_of(Phase("X", CUBIC, "P 1", strange), "Cu", 5.0), edge="K", radius=4.0)


def test_whole_shells_are_kept():
    cluster = cluster_of("Cu", "Cu", 6.0)
    assert len(cluster.symbols) == 79
    assert len(cluster.nearest(50).symbols) == 43
    assert cluster.nearest(79) is cluster


def test_the_input_is_the_same_text_for_the_same_cluster():
    cluster = cluster_of("V2O3", "V", 6.0)
    text = feff_input(cluster, edge="K", radius=4.0, nleg=3)
    assert text == feff_input(cluster_of("V2O3", "V", 6.0), edge="K", radius=4.0, nleg=3)
    assert text.isascii()
    assert "-0.00000" not in text
    rows = text.split("ATOMS\n")[1].splitlines()[:-1]
    assert len(rows) == len(cluster.symbols)
    assert rows[0].split() == ["0.00000", "0.00000", "0.00000", "0", "V"]
    with pytest.raises(SettingError, match="edge 'L4'; FEFF8L has K, L1, L2, L3"):
        feff_input(cluster, edge="L4", radius=4.0)
    with pytest.raises(SettingError, match="FEFF takes 1000"):
        feff_input(cluster_of("Cu", "Cu", 15.0), edge="K", radius=4.0)
