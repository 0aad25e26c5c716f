"""How far photoelectrons travel before they lose energy: TPP-2M, and the depth they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.kinds import shown, take_fields

FloatArray = NDArray[np.float64]

LOWEST, HIGHEST = 50.0, 2000.0
"""Energies (eV) that TPP-2M was fitted over."""
_NOBLE = (0, 2, 10, 18, 36, 54, 86)
_FIRST_LANTHANIDE, _LAST_LANTHANIDE = 58, 70


@dataclass(frozen=True, kw_only=True)
class Material:
    """What electrons travel through.

    Parameters
    ----------
    formula : str
        E.g. ``V2O5``.
    density : float
        g/cm³.
    gap : float
        Energy of the band gap (eV), 0 for metals.
    valence_electrons : float, optional
        N_v of a formula unit. By default those of the elements' groups: 1 to 12 for the groups
        1 to 12, 3 to 8 for 13 to 18. Give it where shallow p or f levels take part, as in K, Y
        or the lanthanides (S. Tanuma, C. J. Powell, D. R. Penn, Surf. Interface Anal. 35 (2003)
        268).

    Raises
    ------
    SettingError
        If the formula is not understood, a number is impossible, or N_v of an element is not
        known.

    Examples
    --------
    >>> Material(formula="SrTiO3", density=5.11, gap=3.4).electrons
    24.0
    """

    formula: str
    density: float
    gap: float = 0.0
    valence_electrons: float | None = None

    def __post_init__(self) -> None:
        take_fields(self, f"material {shown(self.formula)}")
        if not (self.density > 0 and self.gap >= 0):
            raise SettingError(
                f"material {self.formula!r}: density {self.density} g/cm³, gap {self.gap} eV; "
                "expected a density above 0 and a gap of 0 or more"
            )
        if not self.electrons > 0:
            raise SettingError(
                f"material {self.formula!r}: valence_electrons = {self.valence_electrons}; "
                "expected above 0"
            )

    @classmethod
    def given(cls, value: Self | Mapping[str, Any]) -> Self:
        """Take it as it is, or make it from plain data."""
        if isinstance(value, cls):
            return value
        known = ("formula", "density", "gap", "valence_electrons")
        needed = {"formula", "density"}
        if not isinstance(value, Mapping) or not needed <= set(value) <= set(known):
            raise SettingError(
                f"{value!r} is no material; expected formula and density (g/cm³), and gap (eV) "
                "and valence_electrons where they are known"
            )
        return cls(**value)

    def to_plain(self) -> dict[str, Any]:
        """Plain data, from which `given` makes the same again."""
        plain = {"formula": self.formula, "density": self.density, "gap": self.gap}
        given = self.valence_electrons
        return plain if given is None else {**plain, "valence_electrons": given}

    @property
    def mass(self) -> float:
        """Molar mass of a formula unit (g/mol)."""
        import xraydb

        return float(sum(n * xraydb.atomic_mass(e) for e, n in self._parts().items()))

    @property
    def electrons(self) -> float:
        """Valence electrons of a formula unit, N_v."""
        import xraydb

        parts = self._parts()
        if self.valence_electrons is not None:
            return float(self.valence_electrons)
        each = {e: _valence_electrons(xraydb.atomic_number(e)) for e in parts}
        if unknown := [e for e, n in each.items() if n is None]:
            raise SettingError(
                f"material {self.formula!r}: how many electrons of {', '.join(unknown)} count is "
                "a matter of choice; give valence_electrons of the formula unit"
            )
        return float(sum(n * (each[e] or 0) for e, n in parts.items()))

    def _parts(self) -> Mapping[str, float]:
        import xraydb

        try:
            parts: Mapping[str, float] = xraydb.chemparse(self.formula)
        except (ValueError, KeyError) as error:
            raise SettingError(
                f"formula {self.formula!r} is not understood ({error}); expected such as V2O5"
            ) from None
        return parts


def imfp(material: Material | Mapping[str, Any], energy: ArrayLike) -> FloatArray:
    """Inelastic mean free path by TPP-2M (angstrom).

    λ = E / (E_p²·[β·ln(γE) − C/E + D/E²]), with the plasmon energy E_p = 28.8·√U, U = N_v·ρ/M,
    β = −0.10 + 0.944/√(E_p² + E_g²) + 0.069·ρ^0.1, γ = 0.191/√ρ, C = 1.97 − 0.91U and
    D = 53.4 − 20.8U (S. Tanuma, C. J. Powell, D. R. Penn, Surf. Interface Anal. 21 (1994) 165).
    Calculated from optical data the paths are some 10 % off on average (the same, 35 (2003) 268).

    Parameters
    ----------
    material : Material or mapping
    energy : array_like
        Kinetic energies of the electrons, 50 to 2000 eV.

    Raises
    ------
    SettingError
        For energies that the formula was not made for.

    Examples
    --------
    >>> water = Material(formula="H2O", density=1.0, gap=6.9)
    >>> imfp(water, [498.5, 1000.6]).round(2)
    array([20.3 , 34.48])
    """
    what = Material.given(material)
    e = np.asarray(energy, dtype=float)
    wrong = (e < LOWEST) | (e > HIGHEST)
    if wrong.any():
        raise SettingError(
            f"TPP-2M holds from {LOWEST:g} to {HIGHEST:g} eV, not at {e[wrong].flat[0]:g} eV; "
            "give another material's or measured path"
        )
    rho = what.density
    u = what.electrons * rho / what.mass
    plasmon = 28.8 * np.sqrt(u)
    beta = -0.10 + 0.944 / np.hypot(plasmon, what.gap) + 0.069 * rho**0.1
    gamma = 0.191 / np.sqrt(rho)
    c, d = 1.97 - 0.91 * u, 53.4 - 20.8 * u
    return np.asarray(e / (plasmon**2 * (beta * np.log(gamma * e) - c / e + d / e**2)))


def information_depth(
    path: ArrayLike, *, emission_angle: float = 0.0, part: float = 0.95
) -> FloatArray:
    """Depth from which a part of the signal comes: λ·cos θ·ln(1/(1 − P)), in the unit of the path.

    Elastic scattering is neglected, which is worst far from the normal.

    Parameters
    ----------
    path : array_like
        Inelastic mean free path λ.
    emission_angle : float
        θ from the surface's normal (degrees).
    part : float
        P, between 0 and 1.

    Raises
    ------
    SettingError
        For a path that is not above 0, or an angle or a part that is impossible.

    Examples
    --------
    >>> float(information_depth(20.0).round(1))
    59.9
    """
    if not (0 <= emission_angle < 90 and 0 < part < 1):
        raise SettingError(
            f"emission_angle = {emission_angle}, part = {part}; expected 0 to 90 degrees from the "
            "normal, and a part between 0 and 1"
        )
    lengths = np.asarray(path, dtype=float)
    if (wrong := lengths[lengths <= 0]).size:
        raise SettingError(f"path = {wrong[0]:g}; expected a mean free path above 0")
    cosine = np.cos(np.radians(emission_angle))
    return np.asarray(lengths * cosine * -np.log1p(-part))


def _valence_electrons(number: int) -> int | None:
    """Those of an element's group; None of lanthanides and what is heavier than radon."""
    if _FIRST_LANTHANIDE <= number <= _LAST_LANTHANIDE or number > _NOBLE[-1]:
        return None
    core = max(n for n in _NOBLE if n < number)
    beyond = number - core
    if number > _LAST_LANTHANIDE:
        beyond -= 14
    return beyond if number <= _NOBLE[3] or beyond <= 12 else beyond - 10
