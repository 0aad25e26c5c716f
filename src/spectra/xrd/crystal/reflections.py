"""Reflections of a phase: which there are, how many, and how strong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.phase import Phase
from spectra.symmetry import DENOMINATOR, Operations
from spectra.xrd.crystal.structure_factors import StructureFactors
from spectra.xrd.lattice import inverse_d2

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
        |F|² (electrons², or fm² for neutrons); NaN for a phase without atoms
        or with atoms whose coordinates are missing.
    """

    hkl: NDArray[np.int32]
    d: FloatArray
    multiplicity: NDArray[np.int32]
    structure_factor2: FloatArray

    def __len__(self) -> int:
        return len(self.d)


def reflections(
    phase: Phase,
    d_min: float,
    wavelength: float | None = None,
    *,
    radiation: str = "xray",
    margin: float = 0.0,
) -> Reflections:
    """List the reflections of a phase down to a spacing.

    Systematic absences are left out. |F|² is that of `StructureFactors` for the phase's own
    cell and atoms.

    Parameters
    ----------
    phase : Phase
    d_min : float
        Smallest spacing (angstrom).
    wavelength : float, optional
        Angstrom; for anomalous scattering.
    radiation : {"xray", "neutron"}
    margin : float
        List down to d_min/(1 + margin): every reflection that reaches d_min in a cell strained
        by no more than this fraction in any direction is then there.

    Returns
    -------
    Reflections

    Raises
    ------
    SettingError
        If d_min or margin is out of range, or an atom has no known scattering.
    """
    if not d_min > 0 or not margin >= 0:
        raise SettingError(
            f"d_min {d_min} angstrom and margin {margin}; expected d_min above 0, margin 0 or more"
        )
    hkl, multiplicity, inverse = _families(phase, d_min / (1.0 + margin))
    d = 1.0 / np.sqrt(inverse)
    # Rounded, so that the order of lines at one spacing does not hang on the last bit.
    order = np.lexsort((hkl[:, 2], hkl[:, 1], hkl[:, 0], -np.round(d, 10)))
    hkl, d, multiplicity = hkl[order], d[order], multiplicity[order]
    square = np.full(len(hkl), np.nan)
    placed = all(np.isfinite((a.x, a.y, a.z)).all() for a in phase.atoms)
    if phase.atoms and placed and len(hkl):
        factors = StructureFactors.of(phase, hkl, radiation, wavelength)
        square = factors.evaluate(factors.start[None], inverse[order][None])[0][0]
    return Reflections(hkl.astype(np.int32), d, multiplicity.astype(np.int32), square)


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


def _families(phase: Phase, d_min: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Representatives (R, 3) of the families present, their sizes (R,) and 1/d² (R,)."""
    reach = [int(length / d_min) for length in phase.cell[:3]]
    ranges = [np.arange(-n, n + 1) for n in reach]
    hkl = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)
    # Friedel mates are of one family: half the lattice is enough.
    hkl = hkl[len(hkl) // 2 + 1 :]
    inverse = inverse_d2(hkl, phase.cell)[0] if len(hkl) else np.empty(0)
    inside = inverse <= 1.0 / d_min**2
    hkl, inverse = hkl[inside], inverse[inside]
    laue = phase.operations.laue()
    key, alike = _key(hkl), np.zeros(len(hkl), dtype=np.int64)
    first = np.ones(len(hkl), dtype=bool)
    for rotation in laue:
        image = _key(hkl @ rotation)
        first &= image <= key
        alike += image == key
    chosen = first & _present(phase.operations, hkl)
    return hkl[chosen], len(laue) // alike[chosen], inverse[chosen]


def _key(hkl: IntArray) -> IntArray:
    """A number that orders indices by h, then k, then l."""
    return np.asarray((hkl[:, 0] * 4096 + hkl[:, 1]) * 4096 + hkl[:, 2])


def _present(operations: Operations, hkl: IntArray) -> NDArray[np.bool_]:
    """Whether reflections are not systematically absent.

    F(h) = F(h)·exp(2πi h·t) for an operation with h·R = h, so h·t must be whole (International
    Tables A (2016), ch. 1.6).
    """
    present = (hkl @ operations.centrings.T % DENOMINATOR == 0).all(axis=1)
    for rotation, translation in zip(operations.rotations, operations.translations, strict=True):
        unmoved = (hkl @ rotation == hkl).all(axis=1)
        present &= ~unmoved | (hkl @ translation % DENOMINATOR == 0)
    return np.asarray(present)
