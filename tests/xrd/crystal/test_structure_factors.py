"""|F|² against other programs and plain sums; derivatives against the complex step."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xraydb
from structures import (
    INVENTED,
    direct_sum,
    group_operations,
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
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*phase.cell)
    small.spacegroup = gemmi.find_spacegroup_by_name(
        phase.space_group, phase.cell[3], phase.cell[5]
    )
    small.spacegroup_hm = small.spacegroup.xhm()
    small.setup_cell_images()
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


def site_values(factors: StructureFactors, values: np.ndarray) -> list[tuple]:
    """Full coordinates and displacements of a row, complex numbers allowed."""
    sites = []
    multiplicity = [row[-1] for row in INVENTED[factors_name(factors)][2]]
    for site, count in zip(factors.constraints, multiplicity, strict=True):
        pick = {n: v for n, v in zip(factors.names, values, strict=True)}
        free = np.array([pick[f"{site.label}.{n}"] for n in site.coordinate_names], dtype=complex)
        moved = site.coordinate_matrix @ free + site.coordinate_offset
        u = np.array([pick[f"{site.label}.{n}"] for n in site.displacement_names], dtype=complex)
        iso, tensor = (None, site.displacement_matrix @ u) if site.anisotropic else (u[0], None)
        sites.append((moved, pick[f"{site.label}.occupancy"], count, iso, tensor))
    return sites


def factors_name(factors: StructureFactors) -> str:
    labels = [(s.atom.label, s.atom.x, s.atom.y) for s in factors.constraints]
    return next(
        n for n, (_, _, rows) in INVENTED.items() if [(r[0], r[2], r[3]) for r in rows] == labels
    )


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
        atoms = site_values(factors, values[row])
        theirs = direct_sum(phase, hkl, inverse[row], atoms, scatter)
        assert np.abs(theirs.imag).max() < 1e-9 * theirs.real.max()
        np.testing.assert_allclose(ours[row], theirs.real, rtol=1e-9, atol=1e-11 * ours.max())


@pytest.mark.parametrize("name", INVENTED)
def test_friedel_mates_differ_where_f2_acts_on_no_inversion(name):
    """The mean of the mates is needed: |F(h)|² alone is another number in acentric groups."""
    phase = phase_of(name)
    hkl = indices(phase, 0.9)
    mates = StructureFactors.of(phase, np.concatenate([hkl, -hkl]), "xray", WAVELENGTH)
    inverse = np.tile(inverse_d2(hkl, phase.cell)[0], 2)[None]
    both = mates.evaluate(mates.start[None], inverse)[0][0]
    np.testing.assert_allclose(
        both[: len(hkl)], both[len(hkl) :], rtol=1e-9, atol=1e-9 * both.max()
    )


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
            # The sum is complex by itself only in its rounding, which the real run shows.
            moved = direct_sum(phase, hkl, inverse[row], site_values(factors, stepped), scatter)
            still = direct_sum(phase, hkl, inverse[row], site_values(factors, values[row]), scatter)
            exact = _imaginary(moved, still, step)
            np.testing.assert_allclose(
                by_values[row, :, k], exact, rtol=1e-8, atol=1e-8 * np.abs(exact).max()
            )
