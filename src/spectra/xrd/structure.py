"""Reflections of a phase: which there are, how many, and how strong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase
from spectra.xrd.laue import images, laue_rotations

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Reflections:
    """Symmetry-independent reflections in the order of falling d, each array (R,).

    Attributes
    ----------
    hkl : int array (R, 3)
    d : array
        Spacing (angstrom) for the phase's own cell.
    multiplicity : int array
        Reflections of the family, Friedel mates included.
    structure_factor2 : array
        |F|² (electrons²); NaN for a phase without atoms.
    """

    hkl: NDArray[np.int32]
    d: FloatArray
    multiplicity: NDArray[np.int32]
    structure_factor2: FloatArray

    def __len__(self) -> int:
        return len(self.d)


def reflections(phase: Phase, d_min: float, wavelength: float | None = None) -> Reflections:
    """List the reflections of a phase down to a spacing.

    Systematic absences are left out. |F|² is the sum over all atoms of the cell of
    f·occupancy·exp(−8π²U·s²)·exp(2πi h·x), s = 1/(2d), with the form factors of
    International Tables C (2004), table 6.1.1.4, and, if a wavelength is given, f′ and f″ of
    C. T. Chantler (J. Phys. Chem. Ref. Data 24 (1995) 71) through xraydb.

    Parameters
    ----------
    phase : Phase
    d_min : float
        Smallest spacing (angstrom).
    wavelength : float, optional
        Angstrom; for anomalous scattering.

    Returns
    -------
    Reflections
    """
    import gemmi

    cell = gemmi.UnitCell(*phase.cell)
    group = gemmi.find_spacegroup_by_name(phase.space_group, phase.cell[3], phase.cell[5])
    hkl = np.asarray(gemmi.make_miller_array(cell, group, d_min), dtype=np.int32)
    if len(hkl) == 0:
        none = np.empty(0)
        return Reflections(np.empty((0, 3), np.int32), none, np.empty(0, np.int32), none)
    hkl, multiplicity = _merge(hkl, group)
    d = np.asarray(cell.calculate_d_array(hkl))
    order = np.lexsort((hkl[:, 2], hkl[:, 1], hkl[:, 0], -d))
    hkl, d, multiplicity = hkl[order], d[order], multiplicity[order]
    return Reflections(hkl, d, multiplicity, _structure_factor2(phase, hkl, d, wavelength))


def relative_intensity(reflections: Reflections, wavelength: float) -> FloatArray:
    """Powder intensities m·|F|²·LP for unpolarised radiation, the strongest 100 (R,).

    LP = (1 + cos²2θ)/(sin²θ·cosθ) (B. E. Warren, X-ray Diffraction (1969), ch. 4). NaN
    without atoms or beyond the limit 2d = λ.
    """
    sine = wavelength / (2.0 * reflections.d)
    theta = np.arcsin(np.where(sine < 1.0, sine, np.nan))
    lp = (1.0 + np.cos(2.0 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    intensity = reflections.multiplicity * reflections.structure_factor2 * lp
    if not np.isfinite(intensity).any():
        return np.full(len(reflections), np.nan)
    return np.asarray(100.0 * intensity / np.nanmax(intensity))


def _merge(hkl: NDArray[np.int32], group: object) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """One representative of each family under the Laue group, and the family's size."""
    family = images(hkl, laue_rotations(group))
    key = (family[..., 0] * 4096 + family[..., 1]) * 4096 + family[..., 2]
    best = key.argmax(axis=1)
    chosen = family[np.arange(len(hkl)), best]
    size = np.array([np.unique(row).size for row in key])
    _, first = np.unique(key.max(axis=1), return_index=True)
    return chosen[first].astype(np.int32), size[first].astype(np.int32)


def _structure_factor2(
    phase: Phase, hkl: NDArray[np.int32], d: FloatArray, wavelength: float | None
) -> FloatArray:
    if not phase.atoms:
        return np.full(len(hkl), np.nan)
    atoms = phase.all_atoms()
    elements = sorted({a.element for a in atoms})
    s2 = 1.0 / (4.0 * d**2)
    factors = np.array([_form_factor(e, s2, wavelength) for e in elements])
    kind = np.array([elements.index(a.element) for a in atoms])
    position = np.array([(a.x, a.y, a.z) for a in atoms])
    occupancy = np.array([a.occupancy for a in atoms])
    u_iso = np.array([a.u_iso for a in atoms])
    phase_factor = np.exp(2j * np.pi * (hkl @ position.T))
    damping = np.exp(-8.0 * np.pi**2 * np.maximum(u_iso, 0.0) * s2[:, None])
    total = (factors[kind].T * occupancy * damping * phase_factor).sum(axis=1)
    return np.asarray(np.abs(total) ** 2)


def _form_factor(element: str, s2: FloatArray, wavelength: float | None) -> NDArray[np.complex128]:
    import gemmi

    it92 = gemmi.Element(element).it92
    value = np.full(len(s2), float(it92.c), dtype=complex)
    for a, b in zip(it92.a, it92.b, strict=True):
        value += a * np.exp(-b * s2)
    if wavelength is not None:
        import xraydb

        from spectra.units import energy_from_wavelength

        energy = float(energy_from_wavelength(wavelength))
        value += float(xraydb.f1_chantler(element, energy)) + 1j * float(
            xraydb.f2_chantler(element, energy)
        )
    return value
