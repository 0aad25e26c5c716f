"""What `reference_patterns/` holds: phases and the radiation of laboratory tubes."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import ReaderError, SettingError
from spectra.symmetry import (
    Operations,
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
        element, scatterer = _species(self.scatterer or self.element)
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
        """Density (g/cm³); NaN without atoms."""
        from scipy.constants import atomic_mass

        return float(self.cell_mass * atomic_mass * 1e3 / (self.volume * 1e-24))

    @cached_property
    def cell_mass(self) -> float:
        """Mass of the unit cell (g/mol); NaN without atoms."""
        if not self.atoms:
            return float("nan")
        return float(sum(atom.occupancy * _mass(atom) for atom in self.all_atoms()))

    def all_atoms(self) -> tuple[Atom, ...]:
        """Every atom of the unit cell; a special position counts once for each image.

        Displacements are those of the site, not turned with its images.
        """
        import gemmi

        axes = np.array(gemmi.UnitCell(*self.cell).orth.mat.tolist())
        atoms: list[Atom] = []
        for atom in self.atoms:
            site = site_symmetry(self.operations, (atom.x, atom.y, atom.z), axes)
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


@dataclass(frozen=True)
class Radiation:
    """A line of an X-ray tube: wavelengths in angstrom, ratio I(Kα2)/I(Kα1)."""

    name: str
    wavelength: float
    wavelength2: float | None = None
    ratio: float = 0.0


def radiation(name: str) -> Radiation:
    """Return the Kα doublet of an anode, e.g. ``"Cu"``, or its Kα1 alone, ``"Cu Ka1"``.

    Examples
    --------
    >>> radiation("Cu").wavelength
    1.5405929
    """
    anode, _, line = name.strip().partition(" ")
    table = _radiation_table()
    if anode not in table or line.lower() not in ("", "ka", "ka1"):
        raise SettingError(
            f"no radiation {name!r}; there are {', '.join(table)}, each also as 'Cu Ka1'"
        )
    entry = table[anode]
    if line.lower() == "ka1":
        return Radiation(name, entry["wavelength"])
    return Radiation(name, entry["wavelength"], entry["wavelength2"], entry["ratio"])


def list_phases() -> tuple[str, ...]:
    """Names of the phases in `reference_patterns/`."""
    return tuple(sorted(p.stem for p in (_folder() / "phases").glob("*.toml")))


def load_phase(spec: str | Path | Mapping[str, Any] | Phase) -> Phase:
    """Load a phase.

    Parameters
    ----------
    spec : str, Path, mapping or Phase
        The name of a phase in `reference_patterns/`, the path of a CIF or TOML file, or the
        phase as plain data (name, cell, space_group…).

    Raises
    ------
    SettingError
        For an unknown name, with near ones, or incomplete data.
    ReaderError
        For a file that cannot be read as a phase.

    Examples
    --------
    >>> load_phase("LaB6").cell[0]
    4.156826
    """
    if isinstance(spec, Phase):
        return spec
    if isinstance(spec, Mapping):
        return _from_plain(dict(spec), "phase")
    names = {n.lower(): n for n in list_phases()}
    if str(spec).lower() in names:
        return _from_toml(_folder() / "phases" / f"{names[str(spec).lower()]}.toml")
    path = Path(spec)
    if path.suffix.lower() not in (".cif", ".toml"):
        near = difflib.get_close_matches(str(spec).lower(), names, 3)
        hint = f"; did you mean {' or '.join(names[n] for n in near)}?" if near else ""
        raise SettingError(
            f"no phase {str(spec)!r}{hint} Give a CIF or TOML file, or one of "
            f"{', '.join(names.values())}"
        )
    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path of the phase")
    return _from_toml(path) if path.suffix.lower() == ".toml" else _from_cif(path)


def _from_toml(path: Path) -> Phase:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReaderError(path, f"not a TOML file ({error})", expected="a phase") from None
    data.setdefault("name", path.stem)
    return _from_plain(data, str(path))


def _from_plain(data: dict[str, Any], where: str) -> Phase:
    missing = [k for k in ("name", "cell", "space_group") if k not in data]
    if missing:
        raise SettingError(f"{where}: a phase needs {', '.join(missing)}")
    atoms = tuple(Atom(*row) for row in data.get("atoms", ()))
    cell: Any = tuple(float(v) for v in data["cell"])
    formula, source = data.get("formula", ""), data.get("source", "")
    return Phase(data["name"], cell, data["space_group"], atoms, formula, source)


def _from_cif(path: Path) -> Phase:
    import gemmi

    try:
        document = gemmi.cif.read(str(path))
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise ReaderError(path, f"not a CIF file ({error})", remedy="check the file") from None
    block = next((b for b in document if b.find_value("_cell_length_a")), None)
    if block is None:
        raise ReaderError(path, "no data block has a cell", expected="_cell_length_a")
    small = gemmi.make_small_structure_from_block(block)
    aniso = _anisotropic(block)
    atoms = tuple(_cif_atom(site, aniso.get(site.label), small.cell) for site in small.sites)
    cell: Any = tuple(float(v) for v in small.cell.parameters)
    names = (block.find_value("_chemical_name_common"), block.find_value("_pd_phase_name"))
    name = next((n.strip("'\" ") for n in names if n and n not in ("?", ".")), path.stem)
    formula = (block.find_value("_chemical_formula_sum") or "").strip("'\"")
    return Phase(name or path.stem, cell, _cif_symmetry(path, small), atoms, formula, path.name)


def _cif_symmetry(path: Path, small: Any) -> str:
    """Symbol of the space group, or its operations where they are those of no tabulated one."""
    if not small.spacegroup:
        # Operations outrank the symbol, which often lacks its setting.
        small.determine_and_set_spacegroup("s.h2")
    if small.spacegroup:
        return str(small.spacegroup.xhm())
    triplets = "; ".join(small.symops)
    if "," in triplets:
        alpha, gamma = small.cell.alpha, small.cell.gamma
        operations = read_operations(triplets, alpha, gamma)
        if operations is None:
            raise ReaderError(
                path,
                f"the {len(small.symops)} symmetry operators form no space group",
                expected="every operator of the group once",
                remedy="export the CIF again, or leave the operators out and give the symbol",
            )
        return operations.triplets()
    raise ReaderError(
        path,
        f"space group {small.spacegroup_hm!r} is not known",
        expected="a Hermann-Mauguin symbol or all symmetry operators",
        remedy="add the operators as _space_group_symop_operation_xyz",
    )


def _cif_atom(site: Any, u_aniso: Displacements | None, cell: Any) -> Atom:
    """An atom of a CIF; U_eq is taken from the anisotropic displacements if not given."""
    species = site.type_symbol or site.element.name
    if _species(species)[0] != site.element.name and site.element.name not in ("X", "D"):
        species = site.element.name
    u_iso = site.u_iso
    if u_aniso is not None and not u_iso:
        u_iso = _equivalent(u_aniso, cell)
    x, y, z = site.fract.tolist()
    return Atom(site.label, species, x, y, z, site.occ, u_iso, u_aniso)


def _equivalent(u_aniso: Displacements, cell: Any) -> float:
    """U_eq = ⅓ Σ U_ij a*_i a*_j a_i·a_j.

    R. X. Fischer and E. Tillmanns, Acta Cryst. C44 (1988) 775.
    """
    metric = np.array(cell.metric_tensor().as_mat33().tolist())
    reciprocal = np.sqrt(np.diag(np.linalg.inv(metric)))
    u11, u22, u33, u12, u13, u23 = u_aniso
    tensor = np.array([[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]])
    return float((tensor * metric * np.outer(reciprocal, reciprocal)).sum() / 3.0)


def _anisotropic(block: Any) -> dict[str, Displacements]:
    """Anisotropic displacements (angstrom²) by label; those given as B are divided by 8π²."""
    import gemmi

    found: dict[str, Displacements] = {}
    for letter, factor in (("B", 1.0 / (8.0 * np.pi**2)), ("U", 1.0)):
        tags = [f"{letter}_{ij}" for ij in ("11", "22", "33", "12", "13", "23")]
        for row in block.find("_atom_site_aniso_", ["label", *tags]):
            values = [gemmi.cif.as_number(row[i]) * factor for i in range(1, 7)]
            if np.isfinite(values).all() and any(values):
                u11, u22, u33, u12, u13, u23 = values
                found[gemmi.cif.as_string(row[0])] = (u11, u22, u33, u12, u13, u23)
    return found


def _species(text: str) -> tuple[str, str]:
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

    nuclide = re.match(r"\d+", atom.scatterer)
    if nuclide:
        return float(nuclide[0])
    return float(
        gemmi.Element("D" if re.match(r"D(\d|$)", atom.scatterer) else atom.element).weight
    )


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Folder of the reference patterns: in the installed package or at the project's root."""
    here = Path(__file__).resolve().parent
    for folder in (here / "reference_patterns", here.parents[1] / "reference_patterns"):
        if folder.is_dir():
            return folder
    raise SettingError("reference_patterns is missing from the installation; install it again")


@lru_cache(maxsize=1)
def _radiation_table() -> dict[str, Any]:
    return tomllib.loads((_folder() / "radiation.toml").read_text(encoding="utf-8"))
