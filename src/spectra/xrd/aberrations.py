"""What shifts powder lines: named functions of 2θ that are linear in one parameter.

Each gives ∂(2θ_observed − 2θ_true)/∂parameter in degrees. R is the radius of the
diffractometer in mm. Source of all: H. P. Klug and L. E. Alexander, X-ray Diffraction
Procedures, 2nd ed. (1974), ch. 5; for capillaries P. Scardi, M. Leoni and K. R. Beyerlein,
Z. Kristallogr. 226 (2011) 924.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

_DEGREES = 180.0 / np.pi
# Step (deg) of the slope of a shift; the shifts bend over tens of degrees.
_STEP = 1e-3


@dataclass(frozen=True)
class Aberration:
    """One cause of line shifts.

    Parameters
    ----------
    name, unit, meaning : str
    geometries : tuple of str
        Where it makes sense.
    shift : callable
        (2θ in deg, R in mm) to the shift in deg for unit parameter.
    """

    name: str
    unit: str
    meaning: str
    geometries: tuple[str, ...]
    shift: Callable[[FloatArray, float], FloatArray]

    def slope(self, two_theta: FloatArray, radius: float) -> FloatArray:
        """Derivative of the shift by 2θ, by central differences (to about 1e-9)."""
        up, down = (self.shift(two_theta + s, radius) for s in (_STEP, -_STEP))
        return np.asarray((up - down) / (2.0 * _STEP))


def _zero(two_theta: FloatArray, radius: float) -> FloatArray:
    return np.ones_like(two_theta)


def _displacement(two_theta: FloatArray, radius: float) -> FloatArray:
    """−2s·cos θ/R: the sample lies s too low, away from source and detector."""
    return -2.0 / radius * np.cos(np.radians(two_theta) / 2.0) * _DEGREES


def _transparency(two_theta: FloatArray, radius: float) -> FloatArray:
    """−δ·sin 2θ/R, with δ = 1/(2μ) for a thick sample."""
    return -np.sin(np.radians(two_theta)) / radius * _DEGREES


def _axial(two_theta: FloatArray, radius: float) -> FloatArray:
    """−k·cot 2θ: the centroid's shift by axial divergence, first order."""
    return -_DEGREES / np.tan(np.radians(two_theta))


def _along(two_theta: FloatArray, radius: float) -> FloatArray:
    """−x·sin 2θ/R: a capillary off the axis towards the source."""
    return -np.sin(np.radians(two_theta)) / radius * _DEGREES


def _across(two_theta: FloatArray, radius: float) -> FloatArray:
    """y·cos 2θ/R: a capillary off the axis across the beam."""
    return np.cos(np.radians(two_theta)) / radius * _DEGREES


GEOMETRIES = ("bragg_brentano", "transmission")
_BB, _TR = ("bragg_brentano",), ("transmission",)
ABERRATIONS: Mapping[str, Aberration] = {
    a.name: a
    for a in (
        Aberration("zero", "deg", "offset of the 2θ scale", GEOMETRIES, _zero),
        Aberration(
            "displacement", "mm", "sample displacement, away from the beam", _BB, _displacement
        ),
        Aberration("transparency", "mm", "transparency, 1/(2 mu)", _BB, _transparency),
        Aberration("axial", "rad^2", "axial divergence", GEOMETRIES, _axial),
        Aberration("along", "mm", "capillary displacement along the beam", _TR, _along),
        Aberration("across", "mm", "capillary displacement across the beam", _TR, _across),
    )
}


def get_aberrations(names: tuple[str, ...], geometry: str) -> tuple[Aberration, ...]:
    """Return the aberrations of these names.

    Raises
    ------
    SettingError
        For an unknown name or geometry, one that does not belong to the geometry, or a
        repeated one.
    """
    if geometry not in GEOMETRIES:
        raise SettingError(f"geometry {geometry!r}; expected one of {', '.join(GEOMETRIES)}")
    fitting = [a.name for a in ABERRATIONS.values() if geometry in a.geometries]
    for name in names:
        if name not in fitting:
            near = difflib.get_close_matches(name, fitting, 1)
            hint = f"did you mean {near[0]!r}? There are" if near else "there are"
            raise SettingError(
                f"no correction {name!r} in {geometry} geometry; {hint} {', '.join(fitting)}"
            )
    if len(set(names)) < len(names):
        raise SettingError(f"corrections {names} name one twice")
    return tuple(ABERRATIONS[name] for name in names)
