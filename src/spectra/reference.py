"""What `reference_patterns/` holds: phases and the radiation of laboratory tubes."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from spectra.errors import ReaderError, SettingError

Cell = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Atom:
    """One site of the asymmetric unit; fractional coordinates, U_iso in angstrom²."""

    label: str
    element: str
    x: float
    y: float
    z: float
    occupancy: float = 1.0
    u_iso: float = 0.0


@dataclass(frozen=True)
class Phase:
    """A crystalline phase.

    Parameters
    ----------
    name : str
    cell : tuple of float
        a, b, c (angstrom), alpha, beta, gamma (deg).
    space_group : str
        Hermann–Mauguin symbol with setting, e.g. ``"F d d d:2"``.
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
        _ = self._group

    @cached_property
    def _group(self) -> Any:
        import gemmi

        alpha, gamma = self.cell[3], self.cell[5]
        group = gemmi.find_spacegroup_by_name(self.space_group, alpha, gamma)
        if group is None:
            raise SettingError(
                f"phase {self.name!r}: space group {self.space_group!r} is not known; "
                "write the Hermann-Mauguin symbol with blanks, e.g. 'F d -3 m:2'"
            )
        return group

    @property
    def crystal_system(self) -> str:
        """System with the axes used.

        cubic, hexagonal, trigonal (hexagonal axes), rhombohedral, tetragonal, orthorhombic,
        monoclinic_a, _b, _c (unique axis) or triclinic.
        """
        system = str(self._group.crystal_system_str())
        if system == "trigonal":
            return "rhombohedral" if self._group.ext == "R" else "trigonal"
        if system == "monoclinic":
            oblique = [abs(v - 90.0) for v in self.cell[3:]]
            letter = "abc"[oblique.index(max(oblique))] if max(oblique) > 0 else "b"
            return f"monoclinic_{letter}"
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

        if not self.atoms:
            return float("nan")
        mass = sum(atom.occupancy * _mass(atom.element) for atom in self.all_atoms())
        return float(mass * atomic_mass * 1e3 / (self.volume * 1e-24))

    def all_atoms(self) -> tuple[Atom, ...]:
        """Every atom of the unit cell; a special position counts once for each image."""
        import gemmi

        small = gemmi.SmallStructure()
        small.cell = gemmi.UnitCell(*self.cell)
        small.spacegroup_hm = self._group.xhm()
        small.spacegroup = self._group
        small.setup_cell_images()
        by_label = {}
        for atom in self.atoms:
            site = gemmi.SmallStructure.Site()
            site.label, site.occ = atom.label, atom.occupancy
            site.element = gemmi.Element(atom.element)
            site.fract = gemmi.Fractional(atom.x, atom.y, atom.z)
            small.add_site(site)
            by_label[atom.label] = atom
        return tuple(
            Atom(
                *(s.label, by_label[s.label].element, s.fract.x, s.fract.y, s.fract.z),
                *(by_label[s.label].occupancy, by_label[s.label].u_iso),
            )
            for s in small.get_all_unit_cell_sites()
        )

    def to_plain(self) -> dict[str, Any]:
        """The phase as plain data that `load_phase` takes back."""
        return {
            "name": self.name,
            "cell": list(self.cell),
            "space_group": self.space_group,
            "atoms": [
                [a.label, a.element, a.x, a.y, a.z, a.occupancy, a.u_iso] for a in self.atoms
            ],
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
    if not small.spacegroup:
        # Operators outrank the symbol, which often lacks its setting.
        small.determine_and_set_spacegroup("s.h2")
    if not small.spacegroup:
        raise ReaderError(
            path,
            f"space group {small.spacegroup_hm!r} is not known",
            expected="a Hermann-Mauguin symbol or the symmetry operators of a standard setting",
        )
    atoms = tuple(
        Atom(s.label, s.element.name, s.fract.x, s.fract.y, s.fract.z, s.occ, s.u_iso)
        for s in small.sites
    )
    cell: Any = tuple(float(v) for v in small.cell.parameters)
    names = (block.find_value("_chemical_name_common"), block.find_value("_pd_phase_name"))
    name = next((n.strip("'\" ") for n in names if n and n not in ("?", ".")), path.stem)
    formula = (block.find_value("_chemical_formula_sum") or "").strip("'\"")
    return Phase(name or path.stem, cell, small.spacegroup.xhm(), atoms, formula, path.name)


def _mass(element: str) -> float:
    import gemmi

    return float(gemmi.Element(element).weight)


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
