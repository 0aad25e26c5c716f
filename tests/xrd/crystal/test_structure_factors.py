"""|F|² against other programs and plain sums; derivatives against the complex step."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xraydb
from structures import (
    INVENTED,
    direct_sum,
    empty_structure,
    indices,
    phase_of,
    waasmaier_kirfel,
)

from spectra.errors import SettingError
from spectra.reference import Atom, Phase, list_phases, load_phase
from spectra.units import energy_from_wavelength
from spectra.xrd.crystal.structure_factors import StructureFactors
from spectra.xrd.lattice import inverse_d2

WAVELENGTH = 1.5406
TABULATED = [
    *(n for n in INVENTED if "," not in INVENTED[n][1]),
    *(n for n in list_phases() if load_phase(n).atoms),
]


def small_structure(phase: Phase) -> gemmi.SmallStructure:
    """The phase as gemmi has it, with its own count of special positions."""
    small = empty_structure(phase)
    for i, atom in enumerate(phase.atoms):
        site = gemmi.SmallStructure.Site()
        site.label, site.occ = str(i), atom.occupancy
        site.element = gemmi.Element(atom.scatterer if atom.scatterer == "D" else atom.element)
        site.fract = gemmi.Fractional(atom.x, atom.y, atom.z)
        site.u_iso = atom.u_iso
        if atom.u_aniso:
            site.aniso = gemmi.SMat33d(*atom.u_aniso)
        small.add_site(site)
    small.change_occupancies_to_crystallographic()
    return small


def close(ours, theirs):
    """To 1e-6; gemmi's form factors are in single precision, which weak reflections feel."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7 * np.max(theirs))


def neutral(phase: Phase) -> Phase:
    atoms = tuple(
        Atom(a.label, a.element, a.x, a.y, a.z, a.occupancy, a.u_iso, a.u_aniso)
        for a in phase.atoms
    )
    return Phase(phase.name, phase.cell, phase.space_group, atoms)


@pytest.mark.parametrize("name", TABULATED)
def test_gemmi_computes_the_same(name):
    phase = neutral(phase_of(name))
    hkl = indices(phase, 0.7)
    small = small_structure(phase)
    factors = StructureFactors.of(phase, hkl, "xray", None, "it92")
    ours = factors.evaluate(factors.start[None], inverse_d2(hkl, phase.cell)[0][None])[0][0]
    calculator = gemmi.StructureFactorCalculatorX(small.cell)
    theirs = [
        abs(calculator.calculate_sf_from_small_structure(small, h)) ** 2 for h in hkl.tolist()
    ]
    close(ours, theirs)


@pytest.mark.parametrize("name", TABULATED)
def test_gemmi_computes_the_same_for_neutrons(name):
    phase = neutral(phase_of(name))
    hkl = indices(phase, 0.7)
    small = small_structure(phase)
    factors = StructureFactors.of(phase, hkl, "neutron")
    ours = factors.evaluate(factors.start[None], inverse_d2(hkl, phase.cell)[0][None])[0][0]
    calculator = gemmi.StructureFactorCalculatorN(small.cell)
    theirs = [
        abs(calculator.calculate_sf_from_small_structure(small, h)) ** 2 for h in hkl.tolist()
    ]
    close(ours, theirs)


def values_of(factors: StructureFactors, rows: int) -> np.ndarray:
    """Values around the start: a different structure in each row."""
    shake = np.random.default_rng(11).normal(size=(rows, len(factors.names)))
    scale = np.array([0.002 if n.split(".")[1][0] == "u" else 0.02 for n in factors.names])
    return factors.start + shake * scale


def site_values(name: str, factors: StructureFactors, values: np.ndarray) -> list[tuple]:
    """Full coordinates and displacements of a row, complex numbers allowed."""
    sites = []
    pick = dict(zip(factors.names, values, strict=True))
    for site, row in zip(factors.constraints, INVENTED[name][2], strict=True):
        free = np.array([pick[f"{site.label}.{n}"] for n in site.coordinate_names])
        moved = site.coordinate_matrix @ free + site.coordinate_offset
        u = np.array([pick[f"{site.label}.{n}"] for n in site.displacement_names])
        iso, tensor = (None, site.displacement_matrix @ u) if site.anisotropic else (u[0], None)
        sites.append((moved, pick[f"{site.label}.occupancy"], row[-1], iso, tensor))
    return sites


def scatter_of(phase: Phase, wavelength: float | None) -> list[tuple]:
    """f0 and f′ + i·f″ of each site, from xraydb's tables directly."""
    kinds = []
    for atom in phase.atoms:
        anomalous = 0j
        if wavelength is not None:
            energy = float(energy_from_wavelength(wavelength))
            anomalous = complex(
                float(xraydb.f1_chantler(atom.element, energy)),
                float(xraydb.f2_chantler(atom.element, energy)),
            )
        kinds.append((lambda s2, k=atom.scatterer: waasmaier_kirfel(k, s2), anomalous))
    return kinds


@pytest.mark.parametrize("wavelength", [None, WAVELENGTH])
@pytest.mark.parametrize("name", INVENTED)
def test_a_plain_sum_is_the_same_in_every_row(name, wavelength):
    phase = phase_of(name)
    hkl = indices(phase, 0.7)
    factors = StructureFactors.of(phase, hkl, "xray", wavelength)
    values = values_of(factors, 3)
    inverse = inverse_d2(hkl, phase.cell)[0] * np.array([1.0, 1.01, 0.98])[:, None]
    ours = factors.evaluate(values, inverse)[0]
    scatter = scatter_of(phase, wavelength)
    for row in range(3):
        atoms = site_values(name, factors, values[row])
        theirs = direct_sum(phase, hkl, inverse[row], atoms, scatter)
        np.testing.assert_allclose(ours[row], theirs, rtol=1e-9, atol=1e-11 * ours.max())


@pytest.mark.parametrize("name", INVENTED)
def test_derivatives_by_the_complex_step(name):
    phase = phase_of(name)
    hkl = indices(phase, 0.8, 40)
    factors = StructureFactors.of(phase, hkl, "xray", WAVELENGTH)
    values = values_of(factors, 2)
    inverse = inverse_d2(hkl, phase.cell)[0] * np.array([1.0, 1.01])[:, None]
    _, by_values, by_d2 = factors.evaluate(values, inverse)
    scatter, step = scatter_of(phase, WAVELENGTH), 1e-30
    for row in range(2):
        for k in range(len(factors.names)):
            stepped = values[row].astype(complex)
            stepped[k] += 1j * step
            atoms = site_values(name, factors, stepped)
            exact = direct_sum(phase, hkl, inverse[row], atoms, scatter).imag / step
            same(by_values[row, :, k], exact)
        atoms = site_values(name, factors, values[row])
        exact = direct_sum(phase, hkl, inverse[row] + 1j * step, atoms, scatter).imag / step
        same(by_d2[row], exact)


@pytest.mark.parametrize("name", ["monoclinic", "cubic_acentric"])
def test_derivatives_for_neutrons(name):
    phase = phase_of(name)
    hkl = indices(phase, 0.8, 40)
    factors = StructureFactors.of(phase, hkl, "neutron")
    values = values_of(factors, 1)
    inverse = inverse_d2(hkl, phase.cell)[0]
    _, by_values, by_d2 = factors.evaluate(values, inverse[None])
    lengths = [gemmi.Element(a.element).neutron92.get_coefs()[0] for a in phase.atoms]
    scatter = [(lambda s2, b=b: b, 0j) for b in lengths]
    for k in range(len(factors.names)):
        stepped = values[0].astype(complex)
        stepped[k] += 1e-30j
        atoms = site_values(name, factors, stepped)
        same(by_values[0, :, k], direct_sum(phase, hkl, inverse, atoms, scatter).imag / 1e-30)
    atoms = site_values(name, factors, values[0])
    same(by_d2[0], direct_sum(phase, hkl, inverse + 1e-30j, atoms, scatter).imag / 1e-30)


def same(ours, exact):
    np.testing.assert_allclose(ours, exact, rtol=1e-8, atol=1e-10 * np.abs(exact).max())


def test_a_row_does_not_see_its_neighbours():
    for name in ("orthorhombic_origin_1", "cubic_acentric"):
        phase = phase_of(name)
        hkl = indices(phase, 0.8)
        factors = StructureFactors.of(phase, hkl, "xray", WAVELENGTH)
        values = values_of(factors, 700)
        inverse = np.tile(inverse_d2(hkl, phase.cell)[0], (700, 1))
        together = factors.evaluate(values, inverse)
        for rows in (slice(0, 1), slice(3, 10), slice(301, 699)):
            alone = factors.evaluate(values[rows], inverse[rows])
            for ours, theirs in zip(alone, together, strict=True):
                assert (ours == theirs[rows]).all()


def test_a_bad_row_stays_alone():
    phase = phase_of("monoclinic")
    hkl = indices(phase, 0.8)
    factors = StructureFactors.of(phase, hkl, "xray", WAVELENGTH)
    values, inverse = values_of(factors, 3), np.tile(inverse_d2(hkl, phase.cell)[0], (3, 1))
    good = factors.evaluate(values, inverse)[0]
    values[1] = np.nan
    spoilt = factors.evaluate(values, inverse)[0]
    assert np.isnan(spoilt[1]).all()
    assert (spoilt[[0, 2]] == good[[0, 2]]).all()


def test_names_starts_and_bounds():
    factors = StructureFactors.of(phase_of("hexagonal_acentric"), [[1, 0, 0]])
    assert factors.names == (
        *("Zn1.x", "Zn1.z", "Zn1.occupancy", "Zn1.u11", "Zn1.u22", "Zn1.u33", "Zn1.u13"),
        *("S1.z", "S1.occupancy", "S1.u_iso"),
    )
    start = dict(zip(factors.names, factors.start, strict=True))
    assert start["Zn1.x"] == pytest.approx(0.1472)
    assert start["S1.u_iso"] == 0.01
    assert (factors.lower <= factors.start).all()
    assert (factors.start <= factors.upper).all()
    assert factors.upper[0] - factors.start[0] == pytest.approx(1 / 8.2)


def test_sites_are_given_in_full_with_their_linear_map():
    phase = phase_of("hexagonal_acentric")
    factors = StructureFactors.of(phase, [[1, 0, 0]])
    values = values_of(factors, 4)
    coordinates, occupancies, matrix = factors.sites(values)
    assert coordinates.shape == (4, 2, 3)
    np.testing.assert_allclose(coordinates[:, 0, 1], 2 * coordinates[:, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(coordinates[:, 1, :2] - [1 / 3, 2 / 3], 0, atol=1e-15)
    np.testing.assert_array_equal(occupancies, values[:, [2, 8]])
    step = coordinates[1] - coordinates[0]
    np.testing.assert_allclose(matrix @ (values[1] - values[0]), step, atol=1e-14)
    u, u_matrix = factors.displacements(values)
    np.testing.assert_allclose(u_matrix @ values[2], u[2], atol=1e-15)
    # International Tables, site (x, 2x, z) of a hexagonal cell: 2·U12 = U22, U23 = 2·U13.
    np.testing.assert_allclose(u[:, 0, 3], u[:, 0, 1] / 2, rtol=1e-12)
    np.testing.assert_allclose(u[:, 0, 5], 2 * u[:, 0, 4], rtol=1e-12)


def test_two_atoms_on_one_site_under_one_label():
    """Mixed sites of many CIF files: occupancies add, parameters keep apart."""
    cell, group = (4.2, 4.2, 4.2, 90.0, 90.0, 90.0), "F m -3 m"
    mixed = (Atom("M", "Mg", 0, 0, 0, 0.4), Atom("M", "Mg", 0, 0, 0, 0.6))
    hkl = [[1, 1, 1], [2, 0, 0]]
    ours = StructureFactors.of(Phase("mixed", cell, group, mixed), hkl)
    plain = StructureFactors.of(Phase("plain", cell, group, (Atom("M", "Mg", 0, 0, 0),)), hkl)
    assert ours.names == ("M.occupancy", "M.u_iso", "M_2.occupancy", "M_2.u_iso")
    inverse = inverse_d2(hkl, cell)[0][None]
    value, expected = (f.evaluate(f.start[None], inverse)[0] for f in (ours, plain))
    np.testing.assert_allclose(value, expected, rtol=1e-13)


def test_isotropic_and_equal_anisotropic_displacements_agree():
    phase = phase_of("triclinic_centric")
    one = Phase("i", phase.cell, "P -1", (Atom("A", "Fe", 0.1, 0.2, 0.3, 1.0, 0.02),))
    factors = StructureFactors.of(one, [[1, 2, 3]])
    tensor = tuple(factors.displacements(factors.start[None])[0][0, 0])
    other = Phase("a", phase.cell, "P -1", (Atom("A", "Fe", 0.1, 0.2, 0.3, 1.0, 0.02, tensor),))
    hkl = indices(one, 0.8)
    inverse = inverse_d2(hkl, phase.cell)[0][None]
    both = [StructureFactors.of(p, hkl) for p in (one, other)]
    iso, aniso = (f.evaluate(f.start[None], inverse)[0] for f in both)
    np.testing.assert_allclose(iso, aniso, rtol=1e-10)


def test_what_cannot_be_computed_is_refused():
    cell, group = (4.0, 4.0, 4.0, 90.0, 90.0, 90.0), "P 1"
    with pytest.raises(SettingError, match="no atoms"):
        StructureFactors.of(Phase("bare", cell, group), [[1, 0, 0]])
    unknown = Phase("odd", cell, group, (Atom("W1", "Wat", 0, 0, 0),))
    with pytest.raises(SettingError, match="'Wat' is no element"):
        StructureFactors.of(unknown, [[1, 0, 0]])
    nowhere = Phase("odd", cell, group, (Atom("H1", "H", float("nan"), 0, 0),))
    with pytest.raises(SettingError, match="'H1' has coordinates"):
        StructureFactors.of(nowhere, [[1, 0, 0]])
    good = Phase("good", cell, group, (Atom("H1", "H", 0, 0, 0),))
    with pytest.raises(SettingError, match="whole numbers"):
        StructureFactors.of(good, [[1.5, 0, 0]])
    with pytest.raises(SettingError, match=r"expected \(rows, 5\)"):
        StructureFactors.of(good, [[1, 0, 0]]).evaluate(np.zeros((1, 4)), np.ones((1, 1)))
