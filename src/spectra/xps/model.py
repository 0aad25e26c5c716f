"""What a region is fitted with: species, their lines, and what ties them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from spectra.errors import SettingError
from spectra.kinds import Bound, shown, take_fields, take_value
from spectra.reference import reference_folder

# What may be said of a parameter, as `lmfit` has it.
_TOLD: Mapping[str, Any] = {
    "value": float,
    "min": Bound | None,
    "max": Bound | None,
    "vary": bool,
    "expr": str,
}
_ORBITALS = {"s": 0.0, "p": 1.0 / 2.0, "d": 2.0 / 3.0, "f": 3.0 / 4.0}


@dataclass(frozen=True, kw_only=True)
class Species:
    """One chemical species in one core level: a singlet, a doublet or a multiplet.

    Parameters
    ----------
    name : str
        E.g. ``V5+``; its parameters are called ``V5_center``, ``V5_area``, ``V5_fwhm``….
    level : str
        E.g. ``V 2p``: fractions are counted within one level. Of p, d and f levels with a
        splitting the areas of the two lines have the ratio of their 2j + 1.
    position : float
        Binding energy (eV) of the line of highest j.
    spread : float
        How far (eV) the position may lie from it, such as the scatter among sources; 0 fixes it.
    width : float
        Start of the profile's first width (eV).
    widths : (float, float)
        Its bounds.
    profile : str
        One of `spectra.fit.photolines` or `spectra.fit.lineshapes`.
    shape : mapping of str to float
        Values of the other shape parameters, held fixed unless `Model.parameters` frees them.
    splitting : float
        Of a doublet (eV); 0 for a single line. Held fixed, as `broadening`, unless freed.
    broadening : float
        Width of the line of lower j over that of the other.
    multiplet : sequence of (float, float) or (float, float, float)
        Offsets (eV) and weights of the lines of a multiplet, in place of a doublet, and where
        given what their widths are multiplied by.
    valence : float, optional
        Takes part in the mean valence, which is told where all species that have one are of one
        element.
    source : str
        Where position and widths come from.
    """

    name: str
    level: str
    position: float
    spread: float = 0.3
    width: float = 1.3
    widths: tuple[float, float] = (0.4, 4.0)
    profile: str = "gl_sum"
    shape: Mapping[str, float] = field(default_factory=dict)
    splitting: float = 0.0
    broadening: float = 1.0
    multiplet: tuple[tuple[float, ...], ...] = ()
    valence: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        take_fields(self, f"species {shown(self.name)}")
        if wrong := [x for x in self.multiplet if len(x) not in (2, 3) or min(x[1:]) <= 0]:
            raise SettingError(
                f"species {self.name!r}: a line of the multiplet is {list(wrong[0])}; expected "
                "offset (eV), weight and perhaps a factor on the width, both above 0"
            )
        low, high = self.widths
        if not 0 < low <= self.width <= high or self.spread < 0:
            raise SettingError(
                f"species {self.name!r}: width {self.width} eV must lie within widths "
                f"{low} to {high}, above 0, and spread {self.spread} eV not below 0"
            )
        if self.multiplet and self.multiplet[0][2:] not in ((), (1.0,)):
            raise SettingError(
                f"species {self.name!r}: the first line of the multiplet has the factor "
                f"{self.multiplet[0][2]:g} on its width; expected 1, as `width` is its own"
            )
        if self.splitting and self.multiplet:
            raise SettingError(
                f"species {self.name!r} is a doublet or a multiplet, not both: "
                "give splitting or multiplet"
            )
        if self.splitting and self.ratio == 0.0:
            raise SettingError(
                f"species {self.name!r}: no doublet in the level {self.level!r}; "
                "expected one such as 'V 2p', or no splitting"
            )

    @property
    def key(self) -> str:
        """What its parameters' names begin with."""
        return re.sub(r"\W", "_", self.name.replace("=", "__")).strip("_")

    @property
    def ratio(self) -> float:
        """Area of the line of lower j over that of the other: l/(l + 1)."""
        found = re.search(r"\d([spdf])", self.level)
        return _ORBITALS[found.group(1)] if found else 0.0

    @property
    def element(self) -> str:
        """Element of the level; the whole level where it names none."""
        found = re.match(r"[A-Z][a-z]?(?= ?\d[spdf])", self.level)
        return found.group() if found else self.level

    def __hash__(self) -> int:
        return hash((self.name, self.level, self.position))


@dataclass(frozen=True, kw_only=True)
class Model:
    """Species of one or several levels that share a window.

    Parameters
    ----------
    name : str
        Named beside every valence derived from it.
    species : sequence of Species
    parameters : mapping of str to mapping
        Of further or of the species' parameters: ``value``, ``min``, ``max``, ``vary``, ``expr``
        as in `lmfit`, e.g. ``{"V4_fwhm": {"expr": "V5_fwhm"}}``.
    source : str
    """

    name: str
    species: tuple[Species, ...]
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        take_fields(self, f"model {shown(self.name)}")
        for name, told in self.parameters.items():
            _check_parameter(f"model {shown(self.name)}: parameters[{name!r}]", told)
        keys = [s.key for s in self.species]
        twice = sorted({k for k in keys if keys.count(k) > 1})
        if twice or not keys:
            raise SettingError(
                f"model {self.name!r}: {'two species share ' + ', '.join(twice) if twice else ''}"
                f"{'' if keys else 'no species'}; each needs a name of its own"
            )

    @property
    def elements_of_valences(self) -> tuple[str, ...]:
        """Elements of the species that have a valence."""
        return tuple(dict.fromkeys(s.element for s in self.species if s.valence is not None))

    def __hash__(self) -> int:
        return hash((self.name, self.species))

    def __add__(self, other: Model) -> Model:
        """Species of both in one window, on one background."""
        return Model(
            name=f"{self.name} + {other.name}",
            species=self.species + other.species,
            parameters={**self.parameters, **other.parameters},
            source="; ".join(filter(None, (self.source, other.source))),
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain data, from which `load_model` makes the same again."""
        return {
            "name": self.name,
            "source": self.source,
            "species": [_plain_species(s) for s in self.species],
            "parameters": {k: dict(v) for k, v in self.parameters.items()},
        }


def _check_parameter(where: str, told: Mapping[str, Any]) -> None:
    """Refuse what is not said of a parameter, or is of another kind."""
    if unknown := [key for key in told if key not in _TOLD]:
        raise SettingError(f"{where} has no {unknown[0]!r}; there are {', '.join(_TOLD)}")
    for key, value in told.items():
        take_value(value, _TOLD[key], f"{where}[{key!r}]")


def _plain_species(species: Species) -> dict[str, Any]:
    data = {f.name: getattr(species, f.name) for f in fields(species)}
    data["widths"] = list(data["widths"])
    data["multiplet"] = [list(line) for line in data["multiplet"]]
    data["shape"] = dict(data["shape"])
    return {k: v for k, v in data.items() if v is not None}


def list_models() -> tuple[str, ...]:
    """Names of the sets in `reference_patterns/xps`."""
    return tuple(sorted(p.stem for p in (reference_folder() / "xps").glob("*.toml")))


def load_model(spec: str | Model | Mapping[str, Any] | Sequence[Any]) -> Model:
    """Load a model.

    Parameters
    ----------
    spec : str, Model, mapping, or sequence of them
        Name of a set in `reference_patterns/xps`, path of a TOML file, plain data; several are
        joined.

    Raises
    ------
    SettingError
        For an unknown name or setting, naming those there are.

    Examples
    --------
    >>> [s.name for s in load_model("V2p_silversmit").species]
    ['V5+', 'V4+', 'V3+', 'V2+']
    """
    if isinstance(spec, Model):
        return spec
    if isinstance(spec, Mapping):
        return _from_plain(dict(spec), "model")
    if isinstance(spec, str):
        if spec in list_models():
            path = reference_folder() / "xps" / f"{spec}.toml"
        elif Path(spec).suffix == ".toml" and Path(spec).is_file():
            path = Path(spec)
        else:
            raise SettingError(
                f"no set {spec!r} of binding energies; there are {', '.join(list_models())}, "
                "or give the path of a TOML file"
            )
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: not a TOML file ({error})") from None
        return _from_plain({"name": path.stem} | data, str(path))
    parts = [load_model(part) for part in spec]
    if not parts:
        raise SettingError("xps.Region: no model; give the name of a set, or a Model")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _from_plain(data: dict[str, Any], where: str) -> Model:
    """A model from a TOML file's content; ``defaults`` are the species' common settings."""
    common, given = data.pop("defaults", {}), data.pop("species", ())
    listed = isinstance(given, Sequence) and all(isinstance(row, Mapping) for row in given)
    if not listed or not isinstance(common, Mapping):
        raise SettingError(
            f"{where}: species = {shown(given)}, defaults = {shown(common)}; expected a list of "
            "mappings with name, level and position, and a mapping of what they share"
        )
    known, own = {f.name for f in fields(Species)}, {f.name for f in fields(Model)}
    rows = [{**common, **row} for row in given]
    wrong = sorted(map(str, {k for row in rows for k in row} - known | data.keys() - own))
    if wrong:
        raise SettingError(
            f"{where}: unknown settings {', '.join(wrong)}; a species has "
            f"{', '.join(sorted(known))}"
        )
    for row in rows:
        if missing := {"name", "level", "position"} - row.keys():
            raise SettingError(f"{where}: a species lacks {', '.join(sorted(missing))}")
    return Model(**{"name": where, **data}, species=tuple(Species(**row) for row in rows))
