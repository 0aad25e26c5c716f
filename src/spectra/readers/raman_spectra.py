"""What readers of Raman spectra share: positions, and the facts that files state beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.frame import Frame
from spectra.readers.labels import scale_of_light
from spectra.readers.ordering import Ordering, order_points
from spectra.units import raman_shift_from_wavelength

FloatArray = NDArray[np.float64]

RAMAN_AXES = ("raman_shift", "wavelength")
_FEWEST = 3
_LASERS = (200.0, 2000.0)
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Positions:
    """Recorded positions, put into ascending order.

    Parameters
    ----------
    x : array (points,)
    axis, unit : str
        ``raman_shift``/``1/cm``, or ``wavelength``/``nm`` until the laser line is known.
    order : Ordering
        How recorded values become those at `x`.
    note : str
        What had to be assumed or done.
    """

    x: FloatArray
    axis: str
    unit: str
    order: Ordering
    note: str = ""

    def frame(
        self,
        path: Path,
        y: FloatArray,
        variables: Mapping[str, tuple[float, str]] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Frame:
        """The spectrum of recorded intensities (recorded,).

        The numbers of a CCD are no counts of photons (gain, offset, dark current), so what they
        scatter like is not known even where all of them are whole.

        Raises
        ------
        ReaderError
            If hardly any intensity is finite.
        """
        intensities = self.order.apply(y)
        finite = int(np.isfinite(intensities).sum())
        if finite < _FEWEST:
            raise ReaderError(
                path,
                f"{finite} finite intensities of {len(intensities)}",
                where=name,
                expected=f"at least {_FEWEST}",
                remedy="leave it out",
            )
        return Frame(
            self.x,
            intensities,
            noise="unknown",
            variables=variables or {},
            metadata=metadata or {},
            axis=self.axis,
            unit=self.unit,
            name=name,
            note=self.note,
        )


def order_positions(path: Path, x: FloatArray, unit: str, where: str = "") -> Positions:
    """Positions of a file, which may descend or be out of order, ready for its intensities.

    Parameters
    ----------
    path : Path
        For messages.
    x : array (recorded,)
    unit : str
        As the file states it, such as ``rel. 1/cm`` or ``nm``; empty where it does not.
    where : str
        Place in the file, for messages.

    Raises
    ------
    ReaderError
        For units of something else, and for fewer than three different positions.
    """
    scale = scale_of_light(unit) if unit.strip() else None
    if scale is None and unit.strip():
        raise ReaderError(
            path,
            f"positions in {unit.strip()[:40]!r}",
            where=where,
            expected="Raman shifts in 1/cm, or wavelengths in nm",
            remedy="export the spectrum over one of these",
        )
    order = order_points(x)
    if len(order.starts) < _FEWEST:
        raise ReaderError(
            path,
            f"{len(order.starts)} points",
            where=where,
            expected=f"at least {_FEWEST}",
            remedy="the file is truncated: copy it again, or leave it out",
        )
    assumed = "" if scale else "the unit of the positions is not stated; 1/cm is assumed"
    note = "; ".join(n for n in (assumed, order.note) if n)
    axis, unit = (scale.axis, scale.unit) if scale else ("raman_shift", "1/cm")
    return Positions(order.apply(x), axis, unit, order, note)


def over_raman_shift(frame: Frame, laser: float | None) -> Frame:
    """A spectrum over wavelengths as one over Raman shifts, where the laser line is known.

    Parameters
    ----------
    frame : Frame
    laser : float or None
        Wavelength in nm, in air or vacuum as the frame's are; None for what the file says.

    Returns
    -------
    Frame
        Over wavelengths still, with a note, if nobody says what the laser was.
    """
    if frame.axis not in RAMAN_AXES:
        return frame
    known = laser if laser is not None else frame.metadata.get("laser_wavelength")
    if laser is not None:
        frame = replace(frame, metadata={**frame.metadata, "laser_wavelength": float(laser)})
    if frame.axis == "raman_shift":
        return frame
    if known is None:
        remark = "positions are wavelengths; read(..., laser=532.1) makes Raman shifts of them"
        return replace(frame, note="; ".join(n for n in (frame.note, remark) if n))
    shift = raman_shift_from_wavelength(frame.x, known)
    return replace(frame, x=shift, axis="raman_shift", unit="1/cm")


def number_in(text: str) -> float | None:
    """The first number of a text, such as 45.5 of ``45.5 mW``; None where there is none."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    value = float(found[0].replace(",", "."))
    return value if np.isfinite(value) else None


def laser_in(text: str) -> float | None:
    """Wavelength of a laser in nm, as in ``532.17nm_Edge``; None where it can be none."""
    value = number_in(text)
    return value if value is not None and _LASERS[0] <= value <= _LASERS[1] else None


def spectrum_facts(
    *,
    exposure: float | None = None,
    accumulations: float | None = None,
    power: float | None = None,
    time: float | None = None,
    temperature: float | None = None,
) -> dict[str, tuple[float, str]]:
    """Variables of a frame from what is known of it.

    Parameters
    ----------
    exposure : float or None
        Of one accumulation, in s.
    accumulations : float or None
    power : float or None
        Of the laser, in mW.
    time : float or None
        Seconds since 1970.
    temperature : float or None
        Of the sample, in K.
    """
    facts = {
        "exposure": (exposure, "s"),
        "accumulations": (accumulations, ""),
        "laser_power": (power, "mW"),
        "time": (time, "s"),
        "temperature": (temperature, "K"),
    }
    return {name: (value, unit) for name, (value, unit) in facts.items() if value is not None}


def spectrum_metadata(laser: float | None = None, **texts: str | None) -> dict[str, float | str]:
    """Metadata of a measurement: the laser line in nm, and texts such as ``instrument``."""
    facts: dict[str, float | str] = {k: v.strip() for k, v in texts.items() if v and v.strip()}
    return {"laser_wavelength": laser, **facts} if laser is not None else facts
