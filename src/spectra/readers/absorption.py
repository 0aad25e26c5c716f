"""Which columns of a measurement of X-ray absorption are what.

The names are those of the dictionary of the XAS Data Interchange format (B. Ravel et al., "XDI
dictionary of metadata", version 1.0, namespace Column) and what beamlines call the same things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.units import energy_from_wavelength

FloatArray = NDArray[np.float64]

_ENERGY = re.compile(
    # "ZapEnergy" is what continuous scans of the ESRF call it.
    r"(?:[a-z\d]+_)*(?:zap)?(?:energ(?:y|ies|ia|ie)?|ene|hv|hnu)(?:_?k?ev)?(?:_[a-z\d]+)*|(?:e|en|x|pe)_?k?ev|k?ev"
)
_OTHER_ENERGY = re.compile(r"binding|kinetic|loss|transfer|pass_")
_BARE_ENERGY = ("e", "en")
_ANGLE = re.compile(r"(?:mono_?|bragg_?)?(?:angle|theta)(?:_[a-z]+)*|bragg")

_Names = tuple[str, ...]
_MU: _Names = (
    *("mutrans", "mu", "xmu", "xmu_trans", "mu_trans", "trans_mu", "mu_e", "mue", "absorption"),
    *("absorbance", "absorption_coefficient", "optical_density", "od", "xanes", "xafs"),
)
_MU_FLUORESCENCE: _Names = ("mufluor", "mu_fluor", "xmu_fluor", "fluor_mu", "mu_f", "mufl")
_NORM: _Names = (
    *("norm", "normalized", "normalised", "normtrans", "normfluor", "norm_mu", "mu_norm", "nmu"),
    *("normalized_mu", "normalized_mu_e", "normalized_absorption", "normalized_xmu"),
)
_NORM_BEGINS = "abnorm"
_I0: _Names = ("i0", "io", "i_0", "izero", "monitor", "mon", "i0_detector", "incoming_beam")
_TRANSMITTED: _Names = ("itrans", "i1", "it", "i_1", "i_trans", "itr", "transmission")
_FLUORESCENCE: _Names = ("ifluor", "if", "iff", "i_f", "ifl", "ifluo", "fluor", "fluorescence")
_BEHIND: _Names = ("irefer", "i2", "iref", "i_2", "ir", "i_ref", "irf")
_REFERENCE: _Names = ("reference", "ref", "murefer", "mu_ref", "muref", "xmu_ref", "xmur")
# What is plotted of two chambers, as in "ln(I0/It)".
_LOGARITHMS: _Names = tuple(
    f"{log}_{i0}_{i1}" for log in ("ln", "log") for i0 in _I0 for i1 in _TRANSMITTED
)
_LOGARITHMS_BEHIND: _Names = tuple(
    f"{log}_{i1}_{i2}" for log in ("ln", "log") for i1 in _TRANSMITTED for i2 in _BEHIND
)
_ELECTRONS: _Names = ("tey", "drain", "drain_current", "sample_current", "electron_yield")
_PHOTONS: _Names = ("tfy", "pfy", "ipfy", "fluorescence_yield")
_COUNTS: _Names = ("intensity", "counts", "signal", "data")

# Above this, energies are in eV; no edge lies between in both units (Li K: 54.7 eV, U K: 116 keV).
_MOST_KEV = 45.0
# Up to this they might be keV all the same (rare earths and heavier), and it is said.
_LEAST_EV = 120.0
_NO_ENERGY = "name the column with energy="


class Energies(NamedTuple):
    """Photon energies (points,) in eV, the columns they are made of, and what was assumed."""

    values: FloatArray
    used: frozenset[str]
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """What is made of columns: expressions (`spectra.readers.arithmetic`) by what they give."""

    signal: str
    quantity: str
    channels: Mapping[str, str] = field(default_factory=dict)


def is_energy(name: str) -> bool:
    """Whether a column of this name holds photon energies, and not those of electrons."""
    if _OTHER_ENERGY.search(name):
        return False
    return bool(_ENERGY.fullmatch(name)) or name in _BARE_ENERGY


def is_absorption(name: str) -> bool:
    """Whether a column of this name tells of absorption, whatever else stands beside it."""
    known = (*_MU, *_LOGARITHMS, *_MU_FLUORESCENCE, *_NORM, *_I0, *_TRANSMITTED, *_FLUORESCENCE)
    return name.startswith(_NORM_BEGINS) or name in (
        *known,
        *_BEHIND,
        *_REFERENCE,
        *_ELECTRONS,
        *_PHOTONS,
    )


def choose_signal(names: Sequence[str]) -> Choice | None:
    """Choose what to show of columns, by their names; None if these do not tell.

    In this order: absorption or normalised absorption that the file itself holds, transmission
    ln(I₀/I₁), fluorescence I_f/I₀, yields of electrons or photons over I₀ where there is one.
    """

    def first(known: Sequence[str]) -> str:
        return next((name for name in known if name in names), "")

    i0, i1 = first(_I0), first(_TRANSMITTED)
    fluorescence = first(_MU_FLUORESCENCE) or _over(first(_FLUORESCENCE), i0, needed=True)
    electrons, photons = _over(first(_ELECTRONS), i0), _over(first(_PHOTONS), i0)
    transmission = f"ln({i0}/{i1})" if i0 and i1 else ""
    options = (
        (first((*_MU, *_LOGARITHMS)), "mu"),
        (first(_NORM), "norm"),
        (transmission, "mu"),
        (fluorescence, "mu"),
        (electrons, "mu"),
        (photons, "mu"),
    )
    signal, quantity = next(((s, q) for s, q in options if s), ("", ""))
    if not signal:
        return None
    behind = first(_BEHIND)
    channels = {
        "reference": first((*_REFERENCE, *_LOGARITHMS_BEHIND))
        or (f"ln({i1}/{behind})" if i1 and behind else ""),
        "fluorescence": fluorescence,
        "tey": electrons,
        "tfy": photons,
        "i0": i0,
    }
    return Choice(signal, quantity, {k: v for k, v in channels.items() if v and v != signal})


def is_electron_yield(signal: str) -> bool:
    """Whether a signal, an expression in columns, is a yield of electrons.

    Examples
    --------
    >>> is_electron_yield("tey/i0"), is_electron_yield("ln(i0/itrans)")
    (True, False)
    """
    return any(name in _ELECTRONS for name in re.findall(r"[^\W\d]\w*", signal.lower()))


def quantity_of(signal: str) -> str:
    """What a signal is that the names of columns did not suggest.

    ``norm`` for such a column alone, ``intensity`` for a column of counts alone, else ``mu``.
    """
    name = signal.strip().lower()
    counted = name in (*_I0, *_TRANSMITTED, *_FLUORESCENCE, *_BEHIND, *_COUNTS)
    norm = name in _NORM or name.startswith(_NORM_BEGINS)
    return "norm" if norm else "intensity" if counted else "mu"


def find_energy(
    path: Path,
    columns: Mapping[str, FloatArray],
    units: Mapping[str, str],
    d_spacing: float,
    where: str = "",
) -> Energies:
    """Find the photon energies among columns.

    Parameters
    ----------
    path : Path
        For messages.
    columns : mapping of name to array (points,)
    units : mapping of name to str
        Of the columns whose units are known.
    d_spacing : float
        Of the monochromator's crystal in angstrom; NaN if not known.
    where : str
        For messages.

    Raises
    ------
    ReaderError
        If there are none, naming the columns.

    Notes
    -----
    A column of that name; else from the Bragg angle θ of the monochromator,
    E = hc/(2 d sin θ); else, if no column has a name, the first whose values rise or fall all
    along and may be energies. A unit that is not stated is told from the values: below 45
    they are keV.
    """
    energies = [name for name in columns if is_energy(name)]
    if energies:
        # "energy" before "energy_requested" and the like.
        name = min(energies, key=lambda n: (n not in ("energy", "e"), energies.index(n)))
        return _read(path, columns, units, name, where)
    angles = [name for name in columns if _ANGLE.fullmatch(name)]
    if angles:
        if not np.isfinite(d_spacing):
            raise ReaderError(
                path,
                f"column {angles[0]!r} holds angles, and the crystal's d-spacing is not given",
                where=where,
                expected="an energy, or Mono.d_spacing",
                remedy="energy='6199.21/(3.1356*sin(angle*pi/180))' with your crystal's spacing",
            )
        values = _from_angle(columns[angles[0]], units.get(angles[0], ""), d_spacing)
        return Energies(values, frozenset(angles[:1]))
    if all(re.fullmatch(r"col\d+", name) for name in columns):
        for name, values in columns.items():
            if _may_be_energy(values):
                return _read(path, columns, units, name, where)
    raise ReaderError(
        path,
        f"no energy among the columns {', '.join(columns)}",
        where=where,
        expected="a column called energy",
        remedy=_NO_ENERGY,
    )


def to_electronvolt(
    path: Path, values: FloatArray, unit: str, name: str, where: str
) -> tuple[FloatArray, str]:
    """Energies in eV from those in a stated or likely unit, and what had to be assumed."""
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() <= 0:
        seen = f"{finite.min():g}" if finite.size else "no number"
        raise ReaderError(
            path,
            f"{seen} in the column of energies {name!r}",
            where=where,
            expected="positive energies",
            remedy=_NO_ENERGY,
        )
    stated = f"{unit} {name}".lower()
    if re.search(r"(?<![a-z])kev(?![a-z])|_kev\b", stated):
        return values * 1000.0, ""
    if re.search(r"(?<![a-z])ev(?![a-z])|_ev\b", stated) or finite.max() > _LEAST_EV:
        return values, ""
    if finite.max() > _MOST_KEV:
        return values, f"energies up to {finite.max():g} without a unit are taken for eV"
    return values * 1000.0, f"energies up to {finite.max():g} without a unit are taken for keV"


def _read(
    path: Path,
    columns: Mapping[str, FloatArray],
    units: Mapping[str, str],
    name: str,
    where: str,
) -> Energies:
    values, note = to_electronvolt(path, columns[name], units.get(name, ""), name, where)
    return Energies(values, frozenset([name]), note)


def _over(name: str, i0: str, *, needed: bool = False) -> str:
    if not name or (needed and not i0):
        return ""
    return f"{name}/{i0}" if i0 else name


def _from_angle(angle: FloatArray, unit: str, d_spacing: float) -> FloatArray:
    theta = angle if unit.lower().startswith("rad") else np.radians(angle)
    sine = np.sin(theta)
    return energy_from_wavelength(2.0 * d_spacing * np.where(sine > 0, sine, np.nan))


def _may_be_energy(values: FloatArray) -> bool:
    step = np.diff(values[np.isfinite(values)])
    if step.size < 2 or not ((step > 0).all() or (step < 0).all()):
        return False
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return low > 0.04 and high < 200_000
