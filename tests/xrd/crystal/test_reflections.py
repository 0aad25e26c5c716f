"""Reflections: which, how many, how strong."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.reference import load_phase
from spectra.xrd.crystal.reflections import reflections, relative_intensity


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
