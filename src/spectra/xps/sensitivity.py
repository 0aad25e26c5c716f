"""How strongly core levels are excited, and into which direction: sets of sensitivity factors."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import SettingError
from spectra.reference import reference_folder

# Angle (degrees) between X-rays and analyser at which the asymmetry cancels: sin²γ = 2/3.
MAGIC_ANGLE = float(np.degrees(np.arcsin(np.sqrt(2.0 / 3.0))))
# A line is that of an anode if its energy lies as near (eV); asymmetries change little in 20 eV.
_NEAR, _NEAR_BETA = 3.0, 20.0
_LEVEL = re.compile(r"([A-Z][a-z]?) ?(\d[spdf])(?:(\d)/2)?")


@dataclass(frozen=True)
class Level:
    """What a set knows of a core level.

    Attributes
    ----------
    factors : mapping of str to tuple of float
        By anode: cross sections relative to the set's reference; of doublets that of the line of
        lower j first.
    beta : float or None
        Asymmetry parameter of the whole level; None where it is not known.
    """

    factors: Mapping[str, tuple[float, ...]]
    beta: float | None


@dataclass(frozen=True)
class Sensitivities:
    """A set of relative photoionisation cross sections.

    Attributes
    ----------
    name, source, beta_source : str
    beta_energy : float
        Photon energy (eV) of the asymmetry parameters; those of s levels hold at all.
    photon_energy : mapping of str to float
        Energy (eV) of each anode.
    levels : mapping of str to Level
    """

    name: str
    source: str
    beta_source: str
    beta_energy: float
    photon_energy: Mapping[str, float]
    levels: Mapping[str, Level]

    def factor(self, level: str, photon_energy: float) -> float:
        """Relative cross section of a level, such as ``V 2p`` or ``V 2p3/2``.

        Raises
        ------
        SettingError
            If the set lacks the level or the photon energy, naming those of the element that
            are there.
        """
        near = {a: abs(e - photon_energy) for a, e in self.photon_energy.items()}
        anode = min(near, key=lambda a: near[a])
        if not near[anode] <= _NEAR:
            known = ", ".join(f"{e:g}" for e in self.photon_energy.values())
            raise SettingError(
                f"the set {self.name!r} has no cross sections at {photon_energy:g} eV, only at "
                f"{known} eV; give factors of your own: sensitivity = {{'{level}': …}}"
            )
        element, orbital, twice_j = split_level(level)
        lines = self._level(level).factors.get(anode)
        if lines is None:
            raise SettingError(
                f"the set {self.name!r} has no factor of {level} at "
                f"{self.photon_energy[anode]:g} eV; give one of your own: "
                f"sensitivity = {{'{level}': …}}"
            )
        if twice_j is None:
            return sum(lines)
        lower = 2 * "spdf".index(orbital[1]) - 1
        if lower < 0:
            raise SettingError(
                f"an s level is one line and has no j: {level}; expected {element} {orbital}"
            )
        if len(lines) != 2 or twice_j not in (lower, lower + 2):
            raise SettingError(
                f"there is no level {level}; expected {element} {orbital}, or its lines "
                f"{lower}/2 and {lower + 2}/2"
            )
        return lines[(twice_j - lower) // 2]

    def angular(self, level: str, angle: float, photon_energy: float) -> float:
        """Share that is emitted towards the analyser, as `angular_factor` gives it.

        Raises
        ------
        SettingError
            If the asymmetry is needed and not known.
        """
        if abs(angle - MAGIC_ANGLE) < 0.1:
            return 1.0
        beta = self._level(level).beta
        known = "s" in split_level(level)[1] or abs(photon_energy - self.beta_energy) < _NEAR_BETA
        if beta is None or not known:
            raise SettingError(
                f"the set {self.name!r} has no asymmetry parameter of {level} at "
                f"{photon_energy:g} eV, which an angle of {angle:g}° between source and analyser "
                "needs; leave the level out, or give factors of your own"
            )
        return angular_factor(beta, angle)

    def _level(self, level: str) -> Level:
        element, orbital, _ = split_level(level)
        found = self.levels.get(f"{element} {orbital}")
        if found is None:
            own = [name for name in self.levels if name.split()[0] == element]
            there = f"of {element} it has {', '.join(own)}" if own else f"it has none of {element}"
            raise SettingError(
                f"the set {self.name!r} has no factor of {level}; {there}. Name the species' "
                f"level so, or give factors of your own: sensitivity = {{'{level}': …}}"
            )
        return found


def split_level(level: str) -> tuple[str, str, int | None]:
    """Element, orbital and twice j of a level; j is None for the whole doublet.

    Raises
    ------
    SettingError
        If it is none.

    Examples
    --------
    >>> split_level("V 2p"), split_level("Au 4f7/2")
    (('V', '2p', None), ('Au', '4f', 7))
    """
    found = _LEVEL.fullmatch(level.strip())
    if found is None:
        raise SettingError(
            f"no element in the level {level!r}; expected such as 'V 2p', 'V 2p3/2' or 'O 1s', "
            "set as level of the species"
        )
    element, orbital, twice_j = found.groups()
    return element, orbital, int(twice_j) if twice_j else None


def angular_factor(beta: float, angle: float) -> float:
    """L = 1 + (β/2)·(3/2·sin²γ − 1), for X-rays without polarisation.

    R. F. Reilman, A. Msezane, S. T. Manson, J. Electron Spectrosc. Relat. Phenom. 8 (1976) 389.

    Parameters
    ----------
    beta : float
    angle : float
        γ between the X-rays and the electrons that are seen (degrees).

    Examples
    --------
    >>> round(angular_factor(2.0, 90.0), 3), round(angular_factor(1.4, MAGIC_ANGLE), 3)
    (1.5, 1.0)
    """
    return float(1.0 + beta / 2.0 * (1.5 * np.sin(np.radians(angle)) ** 2 - 1.0))


def list_sensitivities() -> tuple[str, ...]:
    """Names of the sets in `reference_patterns/xps/sensitivity`."""
    return tuple(sorted(p.stem for p in _folder().glob("*.toml")))


def load_sensitivities(spec: str) -> Sensitivities:
    """Load a set by its name, or from a TOML file.

    Raises
    ------
    SettingError
        For an unknown name, naming those there are, or a file that is none.

    Examples
    --------
    >>> round(load_sensitivities("scofield_1976").factor("V 2p", 1486.6), 2)
    9.66
    """
    if spec in list_sensitivities():
        return _load(_folder() / f"{spec}.toml")
    if Path(spec).suffix == ".toml" and Path(spec).is_file():
        return _load(Path(spec))
    raise SettingError(
        f"no set {spec!r} of sensitivity factors; there are {', '.join(list_sensitivities())}, or "
        "give the path of a TOML file, or the factors"
    )


def _folder() -> Path:
    return reference_folder() / "xps" / "sensitivity"


@lru_cache(maxsize=8)
def _load(path: Path) -> Sensitivities:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        anodes = {str(a): float(e) for a, e in data["photon_energy"].items()}
        levels = {str(k): _read_level(v, anodes) for k, v in data["level"].items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not a TOML file ({error})") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingError(
            f"{path}: not a set of sensitivity factors ({error!r}); expected [photon_energy] by "
            "anode and [level] with a list of factors for each"
        ) from None
    return Sensitivities(
        name=str(data.get("name", path.stem)),
        source=str(data.get("source", "")),
        beta_source=str(data.get("beta_source", "")),
        beta_energy=float(data.get("beta_energy", np.nan)),
        photon_energy=anodes,
        levels=levels,
    )


def _read_level(row: Mapping[str, Any], anodes: Mapping[str, float]) -> Level:
    factors = {a: tuple(float(v) for v in row[a]) for a in anodes if a in row}
    if not factors or any(not 0 < v < np.inf for lines in factors.values() for v in lines):
        raise ValueError(f"factors {dict(row)}; expected above 0 and finite")
    beta = None if row.get("beta") is None else float(row["beta"])
    # Beyond these more or less than no electrons would leave in some direction.
    if beta is not None and not -1.0 <= beta <= 2.0:
        raise ValueError(f"beta = {beta:g}; expected -1 to 2")
    return Level(factors, beta)
