"""Crystalline phases: cell, space group and atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from spectra.errors import SettingError
from spectra.symmetry import (
    Operations,
    SiteSymmetry,
    axes_of,
    find_group,
    images,
    read_operations,
    site_symmetry,
)

Cell = tuple[float, float, float, float, float, float]
Displacements = tuple[float, float, float, float, float, float]

_SPECIES = re.compile(r"(\d*)([A-Za-z]{1,2})\(?(?:(\d*)([+-])|([+-])(\d*))?\)?")


@dataclass(frozen=True)
class Atom:
    """One site of the asymmetric unit.

    Parameters
    ----------
    label : str
    element : str
        Symbol, or species such as ``"V5+"``, ``"O2-"``, ``"D"`` or ``"7Li"``: it is then kept
        as `scatterer`, and `element` is the element alone.
    x, y, z : float
        Fractional coordinates.
    occupancy : float
        Fraction of the site that is filled: 1 on a full special position too.
    u_iso : float
        Mean square displacement (angstrom²); the equivalent one beside `u_aniso`.
    u_aniso : tuple of float, optional
        U11, U22, U33, U12, U13, U23 (angstrom²) as in CIF, on the axes a*·a and so on.
    scatterer : str, optional
        What scatters: the element with its charge or isotope; the element if not given.
    """

    label: str
    element: str
    x: float
    y: float
    z: float
    occupancy: float = 1.0
    u_iso: float = 0.0
    u_aniso: Displacements | None = None
    scatterer: str = ""

    def __post_init__(self) -> None:
        element, scatterer = read_species(self.scatterer or self.element)
        object.__setattr__(self, "element", element)
        object.__setattr__(self, "scatterer", scatterer)
        if self.u_aniso is not None:
            object.__setattr__(self, "u_aniso", tuple(float(u) for u in self.u_aniso))
            if len(self.u_aniso) != 6:
                raise SettingError(
                    f"atom {self.label!r}: u_aniso {self.u_aniso}; expected six numbers "
                    "U11, U22, U33, U12, U13, U23"
                )


@dataclass(frozen=True)
class Phase:
    """A crystalline phase.

    Parameters
    ----------
    name : str
    cell : tuple of float
        a, b, c (angstrom), alpha, beta, gamma (deg).
    space_group : str
        Hermann–Mauguin symbol with setting, e.g. ``"F d d d:2"``; or, for a setting that has
        none, all the operations: ``"x,y,z; -x+1/4,-y,-z"``.
    atoms : tuple of Atom
        Empty where no coordinates are known.
    formula, source : str
    """

    name: str
    cell: Cell
    space_group: str
    atoms: tuple[Atom, ...] = ()
    formula: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.cell) != 6 or not all(v > 0 for v in self.cell):
            raise SettingError(
                f"phase {self.name!r}: cell {self.cell}; expected six positive numbers"
            )
        _ = self.operations

    @cached_property
    def operations(self) -> Operations:
        """The symmetry operations of the space group."""
        found = read_operations(self.space_group, self.cell[3], self.cell[5])
        if found is None:
            raise SettingError(
                f"phase {self.name!r}: space group {self.space_group!r} is not known; "
                "write the Hermann-Mauguin symbol with blanks, e.g. 'F d -3 m:2', or all the "
                "operations, e.g. 'x,y,z; -x,-y,-z'"
            )
        return found

    @property
    def crystal_system(self) -> str:
        """System with the axes used.

        cubic, hexagonal, trigonal (hexagonal axes), rhombohedral, tetragonal, orthorhombic,
        monoclinic_a, _b, _c (unique axis) or triclinic.
        """
        group = find_group(self.space_group, self.cell[3], self.cell[5])
        if group is None:
            return self._system_of_operations()
        system = str(group.crystal_system_str())
        if system == "trigonal":
            return "rhombohedral" if group.ext == "R" else "trigonal"
        if system == "monoclinic":
            oblique = [abs(v - 90.0) for v in self.cell[3:]]
            letter = "abc"[oblique.index(max(oblique))] if max(oblique) > 0 else "b"
            return f"monoclinic_{letter}"
        return system

    def _system_of_operations(self) -> str:
        system = axes_of(self.operations)
        if system is None:
            raise SettingError(
                f"phase {self.name!r}: the operations {self.space_group!r} are those of no "
                "conventional choice of axes, so the cell's free parameters are not known; "
                "transform the structure to a standard setting"
            )
        return system

    @cached_property
    def volume(self) -> float:
        """Volume of the unit cell (angstrom³)."""
        import gemmi

        return float(gemmi.UnitCell(*self.cell).volume)

    @cached_property
    def density(self) -> float:
        """Density (g/cm³); NaN without atoms, or with one of no known element."""
        from scipy.constants import atomic_mass

        return float(self.cell_mass * atomic_mass * 1e3 / (self.volume * 1e-24))

    @cached_property
    def cell_mass(self) -> float:
        """Mass of the unit cell (g/mol); NaN without atoms."""
        if not self.atoms:
            return float("nan")
        return float(sum(atom.occupancy * _mass(atom) for atom in self.all_atoms()))

    def site_symmetry(self, atom: Atom) -> SiteSymmetry:
        """The operations that leave an atom's site in place, and its exact position.

        Raises
        ------
        SettingError
            If the coordinates are missing.
        """
        import gemmi

        position = np.array([atom.x, atom.y, atom.z], dtype=float)
        if not np.isfinite(position).all():
            raise SettingError(
                f"phase {self.name!r}: atom {atom.label!r} has coordinates {position.tolist()}; "
                "expected numbers; give them, or leave the atom out"
            )
        axes = np.array(gemmi.UnitCell(*self.cell).orth.mat.tolist())
        return site_symmetry(self.operations, position, axes)

    def all_atoms(self) -> tuple[Atom, ...]:
        """Every atom of the unit cell; a special position counts once for each image.

        Displacements are those of the site, not turned with its images.
        """
        atoms: list[Atom] = []
        for atom in self.atoms:
            site = self.site_symmetry(atom)
            for x, y, z in images(self.operations, site.position).tolist():
                atoms.append(replace(atom, x=x, y=y, z=z))
        return tuple(atoms)

    def to_plain(self) -> dict[str, Any]:
        """The phase as plain data that `load_phase` takes back."""
        return {
            "name": self.name,
            "cell": list(self.cell),
            "space_group": self.space_group,
            "atoms": [_row(atom) for atom in self.atoms],
            "formula": self.formula,
            "source": self.source,
        }


def read_species(text: str) -> tuple[str, str]:
    """Element and canonical name of a species: ("V", "V5+") of "V+5", ("H", "D") of "2H".

    What is no known element is given back as it is: positions can be used without it.
    """
    import gemmi

    match = _SPECIES.fullmatch(text.strip())
    element = gemmi.Element(match[2]).name if match else "X"
    if match is None or element == "X":
        return text, text
    mass = "2" if element == "D" else match[1]
    element = "H" if element == "D" else element
    sign = match[4] or match[5]
    charge = (match[3] or match[6] or "1") if sign else "0"
    nuclide = "D" if (element, mass) == ("H", "2") else f"{mass}{element}"
    return element, nuclide if int(charge) == 0 else f"{nuclide}{int(charge)}{sign}"


def _row(atom: Atom) -> list[Any]:
    row = [atom.label, atom.scatterer, atom.x, atom.y, atom.z, atom.occupancy, atom.u_iso]
    return row if atom.u_aniso is None else [*row, list(atom.u_aniso)]


def _mass(atom: Atom) -> float:
    import gemmi

    mass = re.match(r"\d+", atom.scatterer)
    if mass:
        return float(mass[0])
    element = gemmi.Element("D" if re.match(r"D(\d|$)", atom.scatterer) else atom.element)
    return float(element.weight) if element.atomic_number else float("nan")
