"""Conversions between 2θ, q, d, wavelength and energy, and of photoelectrons.

Angles are degrees, lengths angstrom, energies eV; wavelengths of lasers nm and Raman shifts 1/cm.
Values outside the domain give NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import electron_mass, elementary_charge, hbar, zero_Celsius

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

# ħ²/2m in eV Å²: E − E0 = 3.81 k².
EV_PER_K2 = hbar**2 / (2 * electron_mass * elementary_charge) * 1e20

KELVIN, _CELSIUS = ("K", "kelvin"), ("degC", "°C", "C")
TEMPERATURE_UNITS = (*KELVIN, *_CELSIUS)
"""What temperatures may be in."""

# Of each kind: factor and offset to one of its units.
_KINDS: tuple[dict[str, tuple[float, float]], ...] = (
    {
        **dict.fromkeys(("s", "sec", "second", "seconds"), (1.0, 0.0)),
        "ms": (1e-3, 0.0),
        **dict.fromkeys(("us", "µs"), (1e-6, 0.0)),
        **dict.fromkeys(("min", "minute", "minutes"), (60.0, 0.0)),
        **dict.fromkeys(("h", "hr", "hour", "hours"), (3600.0, 0.0)),
        **dict.fromkeys(("d", "day", "days"), (86400.0, 0.0)),
    },
    {**dict.fromkeys(KELVIN, (1.0, 0.0)), **dict.fromkeys(_CELSIUS, (1.0, zero_Celsius))},
    {"V": (1.0, 0.0), "mV": (1e-3, 0.0)},
    {"Pa": (1.0, 0.0), "kPa": (1e3, 0.0), "MPa": (1e6, 0.0), "GPa": (1e9, 0.0)}
    | {"bar": (1e5, 0.0), "mbar": (1e2, 0.0)},
    {"kg": (1e6, 0.0), "g": (1e3, 0.0), "mg": (1.0, 0.0)}
    | dict.fromkeys(("ug", "µg"), (1e-3, 0.0)),
    # Of shares and states of charge: a number without a unit is a fraction.
    {"": (1.0, 0.0), "%": (1e-2, 0.0)},
)


def energy_from_wavelength(wavelength: ArrayLike) -> FloatArray:
    """Photon energy E = hc/λ (eV).

    Examples
    --------
    >>> round(float(energy_from_wavelength(1.0)), 2)
    12398.42
    """
    from scipy.constants import c, e, h

    return np.asarray(h * c / e * 1e10 / np.asarray(wavelength, dtype=float))


def wavelength_from_energy(energy: ArrayLike) -> FloatArray:
    """Wavelength λ = hc/E (angstrom)."""
    return energy_from_wavelength(energy)


def d_from_two_theta(two_theta: ArrayLike, wavelength: ArrayLike) -> FloatArray:
    """Spacing d = λ/(2 sin θ) (angstrom), by Bragg's law.

    Examples
    --------
    >>> round(float(d_from_two_theta(60.0, 1.0)), 6)
    1.0
    """
    sine = np.sin(np.radians(np.asarray(two_theta, dtype=float)) / 2.0)
    good = sine > 0
    return np.where(good, np.asarray(wavelength) / (2.0 * np.where(good, sine, 1.0)), np.nan)


def two_theta_from_d(d: ArrayLike, wavelength: ArrayLike) -> FloatArray:
    """Angle 2θ = 2 arcsin(λ/2d) (deg); NaN where λ > 2d."""
    spacing = np.asarray(d, dtype=float)
    sine = np.asarray(wavelength, dtype=float) / (2.0 * np.where(spacing > 0, spacing, np.nan))
    return np.degrees(2.0 * np.arcsin(np.where(np.abs(sine) <= 1.0, sine, np.nan)))


def q_from_d(d: ArrayLike) -> FloatArray:
    """Scattering vector q = 2π/d (1/angstrom)."""
    return np.asarray(2.0 * np.pi / np.asarray(d, dtype=float))


def d_from_q(q: ArrayLike) -> FloatArray:
    """Spacing d = 2π/q (angstrom)."""
    return q_from_d(q)


def q_from_two_theta(two_theta: ArrayLike, wavelength: ArrayLike) -> FloatArray:
    """Scattering vector q = 4π sin θ/λ (1/angstrom)."""
    sine = np.sin(np.radians(np.asarray(two_theta, dtype=float)) / 2.0)
    return np.asarray(4.0 * np.pi * sine / np.asarray(wavelength, dtype=float))


def two_theta_from_q(q: ArrayLike, wavelength: ArrayLike) -> FloatArray:
    """Angle 2θ = 2 arcsin(qλ/4π) (deg); NaN where there is none."""
    return two_theta_from_d(d_from_q(q), wavelength)


def k_from_energy(energy: ArrayLike, e0: ArrayLike) -> FloatArray:
    """Wavenumber k = √(2m(E − E0))/ħ of a photoelectron (1/angstrom), below E0 its negative.

    Examples
    --------
    >>> round(float(k_from_energy(7212.0, 7112.0)), 4)
    5.1232
    """
    above = np.asarray(energy, dtype=float) - np.asarray(e0, dtype=float)
    return np.asarray(np.sign(above) * np.sqrt(np.abs(above) / EV_PER_K2))


def energy_from_k(k: ArrayLike, e0: ArrayLike) -> FloatArray:
    """Energy E = E0 + ħ²k²/2m of the photon that makes a photoelectron of wavenumber k (eV)."""
    k = np.asarray(k, dtype=float)
    return np.asarray(np.asarray(e0, dtype=float) + EV_PER_K2 * k * np.abs(k))


def raman_shift_from_wavelength(wavelength: ArrayLike, laser: ArrayLike) -> FloatArray:
    """Raman shift Δν = 10⁷(1/λ₀ - 1/λ) (1/cm) of light of wavelength λ (nm) and a laser λ₀ (nm).

    Both wavelengths are in vacuum; with both in air, shifts come out too large by the refractive
    index of air, 3e-4 of them.

    Examples
    --------
    >>> round(float(raman_shift_from_wavelength(547.15, 532.0)), 2)
    520.47
    """
    scattered = np.asarray(wavelength, dtype=float)
    safe = np.where(scattered > 0, scattered, np.nan)
    return np.asarray(1e7 / np.asarray(laser, dtype=float) - 1e7 / safe)


def kelvin_from(temperature: ArrayLike, unit: str) -> FloatArray:
    """Temperature in K, from that in one of `TEMPERATURE_UNITS`.

    Raises
    ------
    SettingError
        For another unit.

    Examples
    --------
    >>> float(kelvin_from(25.0, "degC"))
    298.15
    """
    if unit not in TEMPERATURE_UNITS:
        raise SettingError(
            f"temperatures in {unit!r}; expected one of {', '.join(TEMPERATURE_UNITS)}"
        )
    return np.asarray(temperature, dtype=float) + (zero_Celsius if unit in _CELSIUS else 0.0)


def is_convertible(unit: str, to: str) -> bool:
    """Whether `convert` knows both units, of one kind.

    Kinds are times, temperatures, voltages, pressures, masses and shares (% and no unit).
    """
    # Two numbers without a unit may be of any kind.
    return bool(unit or to) and any(unit in kind and to in kind for kind in _KINDS)


def convert(values: ArrayLike, unit: str, to: str) -> FloatArray:
    """Values in another unit of their kind.

    Raises
    ------
    SettingError
        If the units are of two kinds, or one is not known.

    Examples
    --------
    >>> float(convert(90.0, "min", "h")), float(convert(25.0, "degC", "K"))
    (1.5, 298.15)
    """
    kind = next((k for k in _KINDS if unit in k and to in k), None)
    if kind is None:
        raise SettingError(f"values in {unit!r} cannot be told in {to!r}; state them in one unit")
    (factor, offset), (other, shift) = kind[unit], kind[to]
    array = np.asarray(values, dtype=float)
    # Values whose unit is only called otherwise stay as they are, to the last bit.
    same = (factor, offset) == (other, shift)
    return array if same else np.asarray((array * factor + offset - shift) / other)
