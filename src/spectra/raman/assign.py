"""What Raman bands are assigned to: sets of reference_patterns/raman."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.reference import reference_folder

FloatArray = NDArray[np.float64]

_FOLDER = "raman"


@dataclass(frozen=True)
class Mode:
    """A band as a source gives it: position (1/cm) and what vibrates."""

    position: float
    name: str


@dataclass(frozen=True)
class ModeSet:
    """Bands of one source.

    Parameters
    ----------
    name, compound, source : str
    modes : tuple of Mode
    """

    name: str
    compound: str
    source: str
    modes: tuple[Mode, ...]


def list_mode_sets() -> tuple[str, ...]:
    """Names of the sets of bands.

    Examples
    --------
    >>> "vanadium_oxides" in list_mode_sets()
    True
    """
    files = sorted((reference_folder() / _FOLDER).glob("*.toml"))
    return tuple(f.stem for f in files if "mode" in tomllib.loads(f.read_text(encoding="utf-8")))


@lru_cache
def load_mode_set(name: str) -> ModeSet:
    """A set of bands.

    Raises
    ------
    SettingError
        If there is none of that name.
    """
    if name not in list_mode_sets():
        raise SettingError(
            f"no set of Raman bands {name!r}; there are {', '.join(list_mode_sets())}"
        )
    path = reference_folder() / _FOLDER / f"{name}.toml"
    plain = tomllib.loads(path.read_text(encoding="utf-8"))
    modes = tuple(Mode(float(m["position"]), m["name"]) for m in plain["mode"])
    return ModeSet(name, plain["compound"], plain["source"], modes)


def assign(positions: FloatArray, sets: tuple[str, ...], tolerance: float) -> list[str]:
    """Names of the nearest modes of each set within a tolerance, one text per band.

    Parameters
    ----------
    positions : array (bands,)
    sets : tuple of str
    tolerance : float
        In 1/cm.
    """
    texts = []
    for position in positions.tolist():
        found = []
        for name in sets:
            modes = load_mode_set(name).modes
            nearest = min(modes, key=lambda mode: abs(mode.position - position))
            if abs(nearest.position - position) <= tolerance:
                found.append(f"{nearest.name} ({nearest.position:g}, {name})")
        texts.append("; ".join(found))
    return texts
