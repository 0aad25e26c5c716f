"""Absorption of a sample by its formula: what the absorber's edge adds, and all the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

_BESIDE = 10.0
_BELOW = (0.85, 0.99)
# Families of lines that an edge emits, strongest first.
_LINES = {"K": "Ka", "L3": "La", "L2": "Lb1", "L1": "Lb3"}


@dataclass(frozen=True)
class Absorption:
    """Linear absorption coefficients in 1/cm, at unit density if none is given.

    Parameters
    ----------
    edge, line : float
        Energies of the edge and of its fluorescence, eV.
    step : float
        What the edge adds, by the absorber alone.
    below : float
        All absorption just below the edge.
    at_line : float
        All absorption at the energy of the fluorescence.
    """

    edge: float
    line: float
    step: float
    below: float
    at_line: float


def absorption_of(
    formula: str, element: str, edge: str, line: str, density: float, name: str
) -> Absorption:
    """Absorption of a sample at an edge, 10 eV below and above it (xraydb, Elam tables).

    Parameters
    ----------
    formula : str
        Such as ``V2O5``.
    element, edge, line : str
        The absorber, its edge, and the family of fluorescence lines; an empty line takes the
        strongest of the edge.
    density : float
        g/cm³.
    name : str
        Who asks, for messages.

    Raises
    ------
    SettingError
        If the formula, element, edge or line is not known, or the formula lacks the element.
    """
    import xraydb

    try:
        parts = xraydb.chemparse(formula)
    except ValueError:
        raise SettingError(f"{name}: formula = {formula!r}; expected such as V2O5") from None
    if element not in parts:
        raise SettingError(
            f"{name}: formula {formula!r} holds {', '.join(parts)} and no {element}; "
            "the absorber must be part of it"
        )
    at_edge = xraydb.xray_edges(element)[edge].energy
    family = line or _LINES.get(edge, "")
    lines = xraydb.xray_lines(element, edge)
    if not family or not any(known.startswith(family) for known in lines):
        known = ", ".join(lines) or "none"
        raise SettingError(f"{name}: {element} {edge} has no line {family!r}; it has {known}")
    at_line = float(xraydb.xray_line(element, family).energy)
    mu = xraydb.material_mu(formula, np.array([at_line, at_edge - _BESIDE]), density=density)
    # The absorber alone: between the two energies the other elements absorb a little less.
    own = _density_of(formula, element, density) * xraydb.mu_elam(
        element, np.array([at_edge - _BESIDE, at_edge + _BESIDE])
    )
    return Absorption(float(at_edge), at_line, float(own[1] - own[0]), float(mu[1]), float(mu[0]))


def _density_of(formula: str, element: str, density: float) -> float:
    """Mass of the element per volume, g/cm³."""
    import xraydb

    parts = xraydb.chemparse(formula)
    mass = {symbol: n * xraydb.atomic_mass(symbol) for symbol, n in parts.items()}
    return float(density * mass[element] / sum(mass.values()))


def absorption_at(
    formula: str, element: str, energies: FloatArray, at: Absorption, density: float
) -> tuple[FloatArray, FloatArray]:
    """What the edge adds and all the rest (points,) in 1/cm, at energies above and below it.

    The rest is the absorption of the other elements and that of the absorber continued from
    below its edge by a power of the energy (Victoreen's law to first order).
    """
    import xraydb

    share = _density_of(formula, element, density)
    low = np.linspace(_BELOW[0] * at.edge, _BELOW[1] * at.edge, 20)
    power = np.polyfit(np.log(low / at.edge), np.log(xraydb.mu_elam(element, low)), 1)
    before = np.exp(np.polyval(power, np.log(energies / at.edge))) * share
    above = np.maximum(energies, at.edge + _BESIDE)
    absorber = xraydb.mu_elam(element, above) * share
    total = xraydb.material_mu(formula, above, density=density)
    # Below the edge and on it the step of the edge itself stands for what it adds.
    late = energies >= at.edge + _BESIDE
    own_step = np.where(late, absorber - before, 0.0)
    first = absorber[late][0] - before[late][0] if late.any() else at.step
    return np.where(late, own_step, first), total - absorber + before
