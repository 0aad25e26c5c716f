"""Structures over all crystal systems, with the multiplicity of each site from the tables.

Coordinates and displacements are invented but obey the symmetry of International Tables A; the
last entry of an atom is the multiplicity of its Wyckoff position.
"""

# ruff: noqa: E501  (a table)

from __future__ import annotations

import json

import gemmi
import numpy as np
import xraydb

from spectra.reference import Atom, Phase, load_phase

# name: cell, space group, atoms
INVENTED = {
    "triclinic_centric": (
        (5.1, 6.2, 7.3, 81.0, 97.0, 103.0),
        "P -1",
        [
            ("V1", "V5+", 0.11, 0.23, 0.37, 1.0, 0.0, (0.011, 0.014, 0.017, 0.002, -0.003, 0.004), 2),
            ("O1", "O2-", 0.5, 0.0, 0.5, 0.8, 0.012, None, 1),
            ("K1", "K1+", 0.71, 0.62, 0.13, 1.0, 0.02, None, 2),
        ],
    ),
    "triclinic_acentric": (
        (5.1, 6.2, 7.3, 81.0, 97.0, 103.0),
        "P 1",
        [
            ("Fe1", "Fe3+", 0.01, 0.02, 0.03, 1.0, 0.007, None, 1),
            ("S1", "S", 0.31, 0.42, 0.63, 1.0, 0.0, (0.01, 0.02, 0.03, 0.001, 0.002, 0.003), 1),
        ],
    ),
    "monoclinic": (
        (9.0, 5.5, 6.1, 90.0, 107.0, 90.0),
        "C 1 2/c 1",
        [
            ("Cu1", "Cu2+", 0.0, 0.21, 0.25, 1.0, 0.0, (0.01, 0.013, 0.009, 0.0, 0.002, 0.0), 4),
            ("O1", "O", 0.17, 0.31, 0.44, 0.9, 0.0, (0.01, 0.02, 0.015, 0.001, -0.004, 0.002), 8),
            ("Mg1", "Mg", 0.25, 0.25, 0.0, 1.0, 0.011, None, 4),
        ],
    ),
    "orthorhombic_origin_1": (
        (7.7127, 8.5433, 8.5364, 90.0, 90.0, 90.0),
        "F d d d:1",
        [
            ("Cu1", "Cu", 0.0, 0.0, 0.0, 1.0, 0.0, (0.004, 0.006, 0.008, 0.0, 0.0, 0.0), 8),
            ("Cr1", "Cr", 0.625, 0.625, 0.625, 1.0, 0.006, None, 16),
            ("O1", "O", 0.3708, 0.3933, 0.3924, 1.0, 0.009, None, 32),
        ],
    ),
    "orthorhombic_acentric": (
        (6.0, 7.1, 8.3, 90.0, 90.0, 90.0),
        "P 21 21 21",
        [
            ("Co1", "Co", 0.13, 0.27, 0.39, 1.0, 0.0, (0.01, 0.02, 0.03, 0.004, 0.003, 0.002), 4),
            ("C1", "C", 0.41, 0.57, 0.11, 0.5, 0.01, None, 4),
        ],
    ),
    "tetragonal_origin_1": (
        (3.784, 3.784, 9.514, 90.0, 90.0, 90.0),
        "I 41/a m d:1",
        [
            ("Ti1", "Ti4+", 0.0, 0.0, 0.0, 1.0, 0.0, (0.005, 0.005, 0.007, 0.0, 0.0, 0.0), 4),
            ("O1", "O", 0.0, 0.0, 0.2081, 1.0, 0.0, (0.015, 0.004, 0.006, 0.0, 0.0, 0.0), 8),
        ],
    ),
    "trigonal": (
        (4.759, 4.759, 12.992, 90.0, 90.0, 120.0),
        "R -3 c:H",
        [
            ("Al1", "Al3+", 0.0, 0.0, 0.35219, 1.0, 0.0, (0.004, 0.004, 0.005, 0.002, 0.0, 0.0), 12),
            ("O1", "O", 0.3063, 0.0, 0.25, 1.0, 0.0, (0.006, 0.004, 0.005, 0.002, 0.0004, 0.0008), 18),
        ],
    ),
    "rhombohedral_axes": (
        (5.3, 5.3, 5.3, 57.0, 57.0, 57.0),
        "R -3 m:R",
        [
            ("Bi1", "Bi", 0.234, 0.234, 0.234, 1.0, 0.0, (0.01, 0.01, 0.01, 0.003, 0.003, 0.003), 2),
            ("O1", "O", 0.5, 0.5, 0.5, 0.7, 0.013, None, 1),
        ],
    ),
    "hexagonal_acentric": (
        (8.2, 8.2, 6.5, 90.0, 90.0, 120.0),
        "P 63 m c",
        [
            ("Zn1", "Zn2+", 0.1472, 0.2944, 0.05, 1.0, 0.0, (0.01, 0.014, 0.008, 0.007, 0.001, 0.002), 6),
            ("S1", "S", 0.33333, 0.66667, 0.42, 1.0, 0.01, None, 2),
        ],
    ),
    "cubic_origin_1": (
        (8.36, 8.36, 8.36, 90.0, 90.0, 90.0),
        "F d -3 m:1",
        [
            ("Li1", "Li1+", 0.0, 0.0, 0.0, 1.0, 0.011, None, 8),
            ("Mn1", "Mn3+", 0.625, 0.625, 0.625, 1.0, 0.0, (0.006, 0.006, 0.006, 0.001, 0.001, 0.001), 16),
            ("O1", "O", 0.3878, 0.3878, 0.3878, 1.0, 0.0, (0.01, 0.01, 0.01, -0.002, -0.002, -0.002), 32),
        ],
    ),
    "cubic_acentric": (
        (10.2512, 10.2512, 10.2512, 90.0, 90.0, 90.0),
        "I 21 3",
        [
            ("Ca1", "Ca2+", 0.46652, 0.0, 0.25, 1.0, 0.0, (0.0083, 0.0096, 0.008, 0.0, 0.0, 0.001), 12),
            ("Na1", "Na1+", 0.08462, 0.08462, 0.08462, 1.0, 0.0, (0.0255,) * 3 + (-0.0074,) * 3, 8),
            ("F1", "F1-", 0.13825, 0.30584, 0.12061, 1.0, 0.0113, None, 24),
        ],
    ),
    "shifted_origin": (
        (5.0, 6.0, 7.0, 90.0, 99.0, 90.0),
        "x,y,z; -x+1/4,-y,-z; -x+1/4,y+1/2,-z; x,-y+1/2,z",
        [
            ("Sr1", "Sr", 0.125, 0.5, 0.5, 1.0, 0.01, None, 2),
            ("O1", "O", 0.31, 0.25, 0.22, 1.0, 0.0, (0.01, 0.02, 0.03, 0.0, 0.004, 0.0), 2),
            ("O2", "O", 0.77, 0.11, 0.41, 1.0, 0.012, None, 4),
        ],
    ),
}  # fmt: skip


def empty_structure(phase: Phase) -> gemmi.SmallStructure:
    """Cell and space group of a phase as gemmi has them, without atoms."""
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*phase.cell)
    small.spacegroup = gemmi.find_spacegroup_by_name(
        phase.space_group, phase.cell[3], phase.cell[5]
    )
    small.spacegroup_hm = small.spacegroup.xhm()
    small.setup_cell_images()
    return small


def phase_of(name: str) -> Phase:
    """A structure of this file, or a phase of `reference_patterns/`."""
    if name not in INVENTED:
        return load_phase(name)
    cell, group, atoms = INVENTED[name]
    return Phase(name, cell, group, tuple(Atom(*row[:-1]) for row in atoms))


def group_operations(phase: Phase) -> list[gemmi.Op]:
    if "," in phase.space_group:
        return [gemmi.Op(t) for t in phase.space_group.split(";")]
    return list(gemmi.SpaceGroup(phase.space_group).operations())


def indices(phase: Phase, d_min: float, limit: int = 60) -> np.ndarray:
    """Reflections spread over the sphere, absent ones among them."""
    reach = [range(-int(a / d_min), int(a / d_min) + 1) for a in phase.cell[:3]]
    every = np.array([(h, k, m) for h in reach[0] for k in reach[1] for m in reach[2]])
    cell = gemmi.UnitCell(*phase.cell)
    near = [cell.calculate_1_d2(h.tolist()) <= 1 / d_min**2 and h.any() for h in every]
    every = every[near]
    return every[np.random.default_rng(4).permutation(len(every))[:limit]]


def waasmaier_kirfel(entry: str, s2):
    """f0 at s², complex numbers allowed."""
    rows = xraydb.get_xraydb().get_cache("Waasmaier")
    row = next(r for r in rows if r.ion == entry)
    pairs = zip(json.loads(row.scale), json.loads(row.exponents), strict=True)
    return row.offset + sum(a * np.exp(-b * s2) for a, b in pairs)


def direct_sum(phase, hkl, inverse_d2, atoms, scatter):
    """Mean |F|² of Friedel mates by a plain sum over all operations.

    Written with cosines and sines apart, so that complex arguments give the complex step.

    atoms: (position (3,), occupancy, multiplicity, u_iso or None, U_ij (6,) or None) of each
    site; scatter: f0(s²) and f′ + i·f″ of each site.
    """
    cell = gemmi.UnitCell(*phase.cell).reciprocal()
    lengths = np.array([cell.a, cell.b, cell.c])
    operations = group_operations(phase)
    re = im = mate_re = mate_im = 0.0
    for (position, occupancy, multiplicity, u_iso, u), (f0, anomalous) in zip(
        atoms, scatter, strict=True
    ):
        f, f2 = f0(inverse_d2 / 4) + anomalous.real, anomalous.imag
        for operation in operations:
            h = hkl @ (np.array(operation.rot) / 24)
            angle = 2 * np.pi * (h @ position + hkl @ np.array(operation.tran) / 24)
            if u is None:
                damping = np.exp(-2 * np.pi**2 * u_iso * inverse_d2)
            else:
                tensor = np.array([[u[0], u[3], u[4]], [u[3], u[1], u[5]], [u[4], u[5], u[2]]])
                g = h * lengths
                damping = np.exp(-2 * np.pi**2 * ((g @ tensor) * g).sum(axis=1))
            part = occupancy * multiplicity / len(operations) * damping
            c, s = part * np.cos(angle), part * np.sin(angle)
            re, im = re + f * c - f2 * s, im + f * s + f2 * c
            mate_re, mate_im = mate_re + f * c + f2 * s, mate_im - f * s + f2 * c
    return (re**2 + im**2 + mate_re**2 + mate_im**2) / 2
