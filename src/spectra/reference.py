"""What `reference_patterns/` holds: phases and the radiation of laboratory tubes."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from scipy.constants import Planck, elementary_charge, speed_of_light

from spectra.cif import read_phase
from spectra.errors import ReaderError, SettingError
from spectra.kinds import shown, take_value
from spectra.phase import Atom as Atom
from spectra.phase import Cell
from spectra.phase import Phase as Phase

# eV·angstrom
_HC = speed_of_light * Planck / elementary_charge * 1e10
PHASE_FILES = (".cif", ".toml")


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


def emission_spectrum(anode: str) -> tuple[tuple[float, float, float], ...]:
    """Return the Kα emission of an anode as Lorentzians: wavelength, share, full width.

    Wavelengths and widths in angstrom; the shares in the intensity have the sum 1.

    Examples
    --------
    >>> [round(wavelength, 6) for wavelength, _, _ in emission_spectrum("Cu")]
    [1.54059, 1.541063, 1.544398, 1.544685]
    """
    table = {k: v for k, v in _radiation_table().items() if "spectrum" in v}
    if anode not in table:
        raise SettingError(f"no spectrum of {anode!r}; there are those of {', '.join(table)}")
    lines = [tuple(float(v) for v in line) for line in table[anode]["spectrum"]]
    whole = sum(height * width for _, width, height in lines)
    return tuple(
        (_HC / energy, height * width / whole, _HC * width / energy**2)
        for energy, width, height in lines
    )


@dataclass(frozen=True)
class EdgeSet:
    """Standards of one element's edge, measured and evaluated alike.

    Parameters
    ----------
    name, element, edge, source : str
        ``source`` says where the spectra and numbers come from, ``evaluation`` how the
        indicators were read off the spectra.
    evaluation : str
    entries : tuple of mapping
        ``name``, ``valence`` and an indicator's ``[value, stderr]`` each.
    """

    name: str
    element: str
    edge: str
    source: str
    evaluation: str
    entries: tuple[Mapping[str, Any], ...]

    def standards(self, indicator: str) -> list[dict[str, Any]]:
        """Standards that an indicator is known of: name, valence, value and stderr.

        Raises
        ------
        SettingError
            If fewer than two are, naming the indicators that the set holds.
        """
        known = [e for e in self.entries if indicator in e]
        if len(known) < 2:
            held = {k for e in self.entries for k, v in e.items() if isinstance(v, list)}
            raise SettingError(
                f"the set {self.name!r} holds no {indicator!r}; it has {', '.join(sorted(held))}"
            )
        keep = ("name", "valence", "valence_stderr")
        return [
            {k: e[k] for k in keep if k in e}
            | {"value": float(e[indicator][0]), "stderr": float(e[indicator][1])}
            for e in known
        ]


def list_edge_sets() -> tuple[str, ...]:
    """Names of the sets of standards in `reference_patterns/xanes`."""
    return tuple(sorted(p.stem for p in (reference_folder() / "xanes").glob("*.toml")))


def edge_set(name: str) -> EdgeSet:
    """Return a set of standards of an edge, e.g. ``"V_oxides"``.

    Raises
    ------
    SettingError
        For an unknown name, naming those there are.
    """
    if name not in list_edge_sets():
        raise SettingError(f"no set of standards {name!r}; there are {', '.join(list_edge_sets())}")
    path = reference_folder() / "xanes" / f"{name}.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = tuple(data.pop("standard"))
    return EdgeSet(name=name, entries=entries, **data)


def neutron_isotopes() -> dict[str, complex]:
    """Bound coherent scattering lengths (fm) of enriched isotopes, e.g. of ``"7Li"``.

    Natural elements and deuterium are in `FormFactors` by gemmi's table.
    """
    table = tomllib.loads(
        (reference_folder() / "neutron_isotopes.toml").read_text(encoding="utf-8")
    )
    return {name: complex(*value) for name, value in table["length"].items()}


def list_phases() -> tuple[str, ...]:
    """Names of the phases in `reference_patterns/`."""
    return tuple(sorted(p.stem for p in (reference_folder() / "phases").glob("*.toml")))


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
        return _from_toml(reference_folder() / "phases" / f"{names[str(spec).lower()]}.toml")
    path = Path(spec)
    if path.suffix.lower() not in PHASE_FILES:
        near = difflib.get_close_matches(str(spec).lower(), names, 3)
        hint = f"; did you mean {' or '.join(names[n] for n in near)}?" if near else "."
        raise SettingError(
            f"no phase {str(spec)!r}{hint} Give a CIF or TOML file, or one of "
            f"{', '.join(names.values())}"
        )
    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path of the phase")
    return _from_toml(path) if path.suffix.lower() == ".toml" else read_phase(path)


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
    rows = take_value(data.get("atoms", ()), tuple[tuple[Any, ...], ...], f"{where}: atoms")
    atoms = tuple(_atom(row, f"{where}: atoms[{i}]") for i, row in enumerate(rows))
    cell: Cell = take_value(data["cell"], Cell, f"{where}: cell")
    texts = ("name", "space_group", "formula", "source")
    said = {k: take_value(data.get(k, ""), str, f"{where}: {k}") for k in texts}
    return Phase(cell=cell, atoms=atoms, **said)


def _atom(row: tuple[Any, ...], where: str) -> Atom:
    """An atom from its label, element, x, y, z and what else there is of it."""
    if not 5 <= len(row) <= len(fields(Atom)):
        raise SettingError(
            f"{where} = {shown(row)}; expected label, element, x, y, z, and perhaps occupancy and "
            "u_iso"
        )
    for text in row[:2]:
        take_value(text, str, where)
    numbers = [v if v != v else take_value(v, float, where) for v in row[2:7]]
    return Atom(*row[:2], *numbers, *row[7:])


@lru_cache(maxsize=1)
def reference_folder() -> Path:
    """Folder of the reference patterns: in the installed package or at the project's root."""
    here = Path(__file__).resolve().parent
    for folder in (here / "reference_patterns", here.parents[1] / "reference_patterns"):
        if folder.is_dir():
            return folder
    raise SettingError("reference_patterns is missing from the installation; install it again")


@lru_cache(maxsize=1)
def _radiation_table() -> dict[str, Any]:
    return tomllib.loads((reference_folder() / "radiation.toml").read_text(encoding="utf-8"))
