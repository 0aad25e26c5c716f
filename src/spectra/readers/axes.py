"""Axes of spectra and patterns, and what a user says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from spectra.errors import SettingError
from spectra.readers.electrons import over_energy
from spectra.readers.frame import Frame, noise_of
from spectra.readers.raman_spectra import RAMAN_AXES, over_raman_shift


class AxisKind(NamedTuple):
    """Unit of an axis, and its name in plots."""

    unit: str
    label: str


AXES = {
    "two_theta": AxisKind("deg", "2θ"),
    "q": AxisKind("1/angstrom", "q"),
    "energy": AxisKind("eV", "energy"),
    "k": AxisKind("1/angstrom", "k"),
    "binding_energy": AxisKind("eV", "binding energy"),
    "kinetic_energy": AxisKind("eV", "kinetic energy"),
    "raman_shift": AxisKind("1/cm", "Raman shift"),
    "wavelength": AxisKind("nm", "wavelength"),
}


def check_axis(name: str) -> None:
    """Refuse the name of an axis that is not known.

    Raises
    ------
    SettingError
        Naming those there are.
    """
    if name not in AXES:
        raise SettingError(f"axis = {name!r}; expected one of {', '.join(AXES)}")


def as_asked(frame: Frame, axis: str | None, laser: float | None) -> Frame:
    """A frame over the positions that a user says it has.

    Parameters
    ----------
    frame : Frame
    axis : str or None
        What its positions are, whatever the file says; but wavelengths become Raman shifts by
        the laser line alone, and energies of electrons one another by that of the photons. None
        leaves it to the file.
    laser : float or None
        Wavelength of the laser in nm, by which wavelengths become Raman shifts.

    Raises
    ------
    SettingError
        If the other energy of electrons is asked for and that of the photons is not known.
    """
    frame = over_energy(frame, axis)
    if axis is None:
        notes = (frame.note, frame.assumed)
        frame = replace(frame, note="; ".join(n for n in notes if n)) if frame.assumed else frame
    elif frame.axis not in RAMAN_AXES or frame.assumed:
        # What was taken for a Raman spectrum may be counts after all.
        noise = noise_of(frame.y, frame.errors) if frame.assumed else frame.noise
        noise = "unknown" if axis in RAMAN_AXES and frame.errors is None else noise
        frame = replace(frame, axis=axis, unit=AXES[axis].unit, noise=noise)
        if frame.assumed and axis != "energy":
            frame = replace(frame, quantity="intensity")
    return over_raman_shift(frame, laser)
