"""Spectra of photoelectrons as files hold them, made into frames over binding energy.

Kinetic energies of instruments are those above the Fermi level: the analyser's work function has
been added already, so that E_B = hν − E_K (Hüfner, Photoelectron Spectroscopy, 3rd ed., eq. 1.3;
ISO 18115-1). The files at hand confirm it: those of Kratos, SPECS and Scienta give either energy
of the same spectra.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError, SettingError
from spectra.readers.frame import Frame, Region, noise_of
from spectra.readers.ordering import order_points
from spectra.readers.regions import find_line
from spectra.stack import Noise

FloatArray = NDArray[np.float64]

ELECTRON_AXES = ("binding_energy", "kinetic_energy")
MIN_POINTS = 3
# Files round energies to some digits; differences of them are no more than that.
_DECIMALS = 9
# Rates are written with six digits or more; counts made of them are whole to that.
_ROUNDING, _MOST_ROUNDING = 2e-6, 0.1
_SURELY_WHOLE = 10
_LARGEST_ENERGY = 1e6
_UNITS = {
    "photon_energy": "eV",
    "pass_energy": "eV",
    "work_function": "eV",
    "dwell_time": "s",
}
_MOST_TEXTS = 8
_RATE = re.compile(
    r"\bcps\b|\bhz\b|(?:\bc|counts?)[\s_]*(?:/|per)[\s_]*s(?:ec\w*)?\b|counts?[\s_]*s\^?-1",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Spectrum:
    """A spectrum of electrons as a file holds it.

    Parameters
    ----------
    energy, signal : array (points,)
    axis : {"binding_energy", "kinetic_energy"}
        What `energy` (eV) is.
    region : Region
    name : str
        To tell it from others of its region.
    rate : bool
        Whether `signal` is per second of counting.
    dwell_time : float
        Seconds at each point in each sweep; NaN if not known.
    sweeps : float
        That were added up; NaN if not known.
    photon_energy : float
        In eV; NaN if not known, or if no photons excited it.
    channels : mapping of name to array (points,)
    facts : mapping
        Further metadata. Those that differ within a region become variables of its frames.
    variables : mapping of name to (value, unit)
    note : str
    """

    energy: FloatArray
    signal: FloatArray
    axis: str
    region: Region
    name: str = ""
    rate: bool = False
    dwell_time: float = math.nan
    sweeps: float = math.nan
    photon_energy: float = math.nan
    channels: Mapping[str, FloatArray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    note: str = ""

    @property
    def count_time(self) -> float:
        """Seconds of counting at each point, all sweeps together."""
        return self.dwell_time * self.sweeps

    @property
    def metadata(self) -> dict[str, Any]:
        """All that is known of how it was measured."""
        known: dict[str, Any] = {
            "region": self.region.name,
            "line": find_line(self.region.name),
            "photon_energy": self.photon_energy,
            "dwell_time": self.dwell_time,
            "sweeps": self.sweeps,
            **self.facts,
        }
        return {name: value for name, value in known.items() if _is_known(value)}


def make_electron_frames(path: Path, spectra: Sequence[Spectrum]) -> list[Frame]:
    """Frames of spectra, over binding energy where the photon energy is known.

    Rates become counts (rate × dwell time × sweeps) where the time is known. The noise is that
    of counts only if all of them are whole numbers.

    Raises
    ------
    ReaderError
        If a spectrum has too few points or a position that is no energy.
    """
    if not spectra:
        raise ReaderError(path, "it holds no spectrum", remedy="leave it out")
    groups: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        groups.setdefault(spectrum.region.name, []).append(spectrum)
    shared = {name: _shared(group) for name, group in groups.items()}
    return [_frame(path, s, *shared[s.region.name]) for s in spectra]


def over_energy(frame: Frame, axis: str | None) -> Frame:
    """A frame of electrons over the other energy; other frames as they are.

    Raises
    ------
    SettingError
        If the photon energy is not known.
    """
    if axis == frame.axis or axis not in ELECTRON_AXES or frame.axis not in ELECTRON_AXES:
        return frame
    photon_energy = frame.metadata.get("photon_energy", frame.variables.get("photon_energy"))
    if isinstance(photon_energy, tuple):
        photon_energy = photon_energy[0]
    if photon_energy is None:
        raise SettingError(
            f"axis = {axis!r}, but the file gives the {frame.axis} and no photon energy; "
            f"read it with axis={frame.axis!r}"
        )
    x = np.round(float(photon_energy) - frame.x[::-1], _DECIMALS)
    return replace(
        frame,
        x=x,
        y=frame.y[::-1].copy(),
        errors=None if frame.errors is None else frame.errors[::-1].copy(),
        channels={name: values[::-1].copy() for name, values in frame.channels.items()},
        axis=axis,
    )


def positive(value: float | None) -> float:
    """A number above zero; NaN for what is none."""
    return float(value) if value is not None and value > 0 else math.nan


def to_number(text: str) -> float:
    """A finite number; NaN for what is none."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def is_rate(label: str) -> bool:
    """Whether a label or unit is that of counts per second.

    Examples
    --------
    >>> is_rate("counts/s"), is_rate("c/s"), is_rate("CPS"), is_rate("Counts")
    (True, True, True, False)
    """
    return bool(_RATE.search(label))


def whole_counts(rates: FloatArray, time: float) -> bool:
    """Whether rates (1/s) times a time (s) are whole numbers, as counts are.

    Rates that were rounded so much that they would come out whole anyway say nothing.
    """
    counts = rates[np.isfinite(rates)] * time
    if counts.size < _SURELY_WHOLE or (counts < 0).any():
        return False
    decimals = next((d for d in range(7) if np.array_equal(rates, np.round(rates, d))), 7)
    if 10.0**-decimals * time > 1 + _ROUNDING:
        return False
    allowed = np.minimum(1e-3 + _ROUNDING * counts, _MOST_ROUNDING)
    return bool((np.abs(counts - np.rint(counts)) <= allowed).all())


def _frame(
    path: Path, spectrum: Spectrum, metadata: Mapping[str, Any], varying: Sequence[str]
) -> Frame:
    where = " ".join(dict.fromkeys(filter(None, (spectrum.region.name, spectrum.name))))
    if spectrum.energy.shape != spectrum.signal.shape:
        raise ReaderError(
            path, f"{len(spectrum.energy)} energies, {len(spectrum.signal)} values", where=where
        )
    x = _energies(path, spectrum.energy, where)
    axis = spectrum.axis
    if axis == "kinetic_energy" and math.isfinite(spectrum.photon_energy):
        x, axis = np.round(spectrum.photon_energy - x, _DECIMALS), "binding_energy"
    order = order_points(x)
    if len(order.starts) < MIN_POINTS:
        raise ReaderError(
            path,
            f"{len(order.starts)} points",
            where=where,
            expected=f"at least {MIN_POINTS}",
            remedy="leave the region out",
        )
    y, noise, note = _counts(spectrum)
    if len(order.starts) < len(order.index) and noise == "counts":
        noise = "unknown"
    variables = dict(spectrum.variables)
    if math.isfinite(spectrum.count_time):
        variables["count_time"] = (spectrum.count_time, "s")
    own = spectrum.metadata
    variables |= {name: (float(own[name]), _UNITS.get(name, "")) for name in varying if name in own}
    return Frame(
        order.apply(x),
        order.apply(y),
        noise=noise,
        variables=variables,
        metadata=metadata,
        axis=axis,
        unit="eV",
        channels={name: order.apply(values) for name, values in spectrum.channels.items()},
        name=where,
        note="; ".join(text for text in (spectrum.note, note, order.note) if text),
        region=spectrum.region,
    )


def _energies(path: Path, energies: FloatArray, where: str) -> FloatArray:
    wrong = ~(np.abs(energies) < _LARGEST_ENERGY)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ReaderError(
            path,
            f"position {float(energies[at])!r} at point {at + 1}",
            where=where,
            expected="an energy in eV",
            remedy="export the file again",
        )
    return np.asarray(np.round(energies, _DECIMALS), dtype=float)


def _counts(spectrum: Spectrum) -> tuple[FloatArray, Noise, str]:
    """The signal in counts where that can be had, its noise, and why that is not known."""
    values = np.where(np.isfinite(spectrum.signal), spectrum.signal, np.nan)
    if not spectrum.rate:
        noise = noise_of(values, None)
        return values, noise, "" if noise == "counts" else "no whole counts: noise not known"
    time = spectrum.count_time
    if not time > 0:
        return values, "unknown", "a count rate without the time of counting: noise not known"
    if whole_counts(values, time):
        return np.rint(values * time), "counts", ""
    return values * time, "unknown", f"the rate × {time:g} s is no whole counts: noise not known"


def _shared(spectra: Sequence[Spectrum]) -> tuple[dict[str, Any], list[str]]:
    """Metadata common to spectra of one region, and names of the numbers that differ."""
    every = [spectrum.metadata for spectrum in spectra]
    shared: dict[str, Any] = {}
    varying: list[str] = []
    for name in dict.fromkeys(name for facts in every for name in facts):
        values = [facts.get(name) for facts in every]
        if all(value == values[0] for value in values):
            shared[name] = values[0]
        elif any(isinstance(value, int | float) for value in values):
            varying.append(name)
        else:
            texts = list(dict.fromkeys(str(value) for value in values if value is not None))
            if len(texts) <= _MOST_TEXTS:
                shared[name] = " | ".join(texts)
    return shared, varying


def _is_known(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and math.isfinite(value)
