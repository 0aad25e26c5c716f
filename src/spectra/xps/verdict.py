"""What a user must be told of a region's fit before quoting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.xps.build import Built
from spectra.xps.model import Model

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Correlation of two areas, and uncertainty of a fraction, from which on species are not told apart.
_CORRELATED, _VAGUE = -0.9, 0.1
# Correlation from which on linear uncertainties were found up to 1.7 times too small in simulations
# (docs/xps.md), however small they are.
_ENTANGLED = -0.95


def warnings_of(
    model: Model, correlation: FloatArray, fraction_stderr: FloatArray, others: IntArray
) -> list[str]:
    """One text per frame, empty where all is determined.

    Parameters
    ----------
    correlation : array (frames, species, species)
        Of the areas.
    fraction_stderr : array (frames, species)
    others : int array (frames,)
        Other minima found.
    """
    species = model.species
    pairs = [
        (i, j)
        for i in range(len(species))
        for j in range(i)
        if species[i].level == species[j].level
    ]
    vague = ~(fraction_stderr < _VAGUE)
    said: list[list[str]] = [[] for _ in correlation]
    for i, j in pairs:
        found, unsure = correlation[:, i, j], vague[:, i] | vague[:, j]
        for row in np.flatnonzero((found < _ENTANGLED) | ((found < _CORRELATED) & unsure)).tolist():
            names = species[j].name, species[i].name
            said[row].append(_entangled(*names, float(found[row]), bool(unsure[row])))
    unknown = np.isnan(fraction_stderr)
    for row in np.flatnonzero(unknown.any(axis=1)).tolist():
        lacking = ", ".join(species[k].name for k in np.flatnonzero(unknown[row]).tolist())
        said[row].append(f"fractions not determined: {lacking}")
    for row in np.flatnonzero(others > 0).tolist():
        said[row].append(f"{others[row]} other starts ended in another minimum")
    return ["; ".join(texts) for texts in said]


def _entangled(first: str, second: str, correlation: float, vague: bool) -> str:
    pair = f"{first} and {second} are"
    if vague:
        return f"{pair} not told apart (correlation {correlation:.2f})"
    return (
        f"{pair} hardly told apart (correlation {correlation:.2f}): their uncertainties may be too "
        "small; tie positions or widths"
    )


def misfit_told(
    wrong: NDArray[np.bool_], chi2_reduced: FloatArray, abbe: FloatArray, errors: str
) -> list[str]:
    """One text per frame whose residuals are not noise.

    Parameters
    ----------
    wrong : bool array (frames,)
    chi2_reduced, abbe : array (frames,)
    errors : str
        Where the uncertainties come from; a χ² of unknown scale says nothing.
    """
    chi2 = "reduced chi2 {:.3g}, " if errors != "residual" else ""
    text = "the residual is not noise ({}Abbe {:.2f}): lines or background are of the wrong kind"
    return [
        text.format(chi2.format(a), b) if bad else ""
        for bad, a, b in zip(wrong.tolist(), chi2_reduced.tolist(), abbe.tolist(), strict=True)
    ]


def calm_told(calm: NDArray[np.bool_], chi2_reduced: FloatArray) -> list[str]:
    """One text per frame whose residuals are less than noise.

    Parameters
    ----------
    calm : bool array (frames,)
    chi2_reduced : array (frames,)
    """
    text = (
        "the residual is less than noise (reduced chi2 {:.2g}): averages or rates are no counts, "
        "and the uncertainties are too large; read them with noise='unknown'"
    )
    values = zip(calm.tolist(), chi2_reduced.tolist(), strict=True)
    return [text.format(value) if still else "" for still, value in values]


def valence_told(model: Model) -> str:
    """Say why there is no mean valence, of species that have one."""
    elements = model.elements_of_valences
    if len(elements) < 2:
        return ""
    return (
        f"no mean valence of {' and '.join(elements)} together: leave valence out of the species "
        "of all but one"
    )


def outside_told(model: Model, built: Built, x: FloatArray) -> str:
    """Name the species with areas of their own whose lines all lie outside the window.

    Parameters
    ----------
    x : array (points,)
        The window.
    """
    said = []
    for species in model.species:
        offsets = [line[0] for line in species.multiplet] or [0.0, species.splitting]
        lines = np.array([species.position + offset for offset in offsets])
        inside = (lines + species.spread >= x[0]) & (lines - species.spread <= x[-1])
        area = built.params[f"{species.key}_area"]
        if not inside.any() and area.vary and not area.expr:
            said.append(f"{species.name} ({species.position:g} eV)")
    if not said:
        return ""
    ends = f"{x[0]:g} to {x[-1]:g} eV"
    return f"{', '.join(said)} outside the window, {ends}: widen it or leave the species out"


def on_bounds(built: Built, shared: Mapping[str, float]) -> list[str]:
    """Name the parameters that all frames share and that stand on a bound."""
    return [n for n, at in shared.items() if not built.params[n].min < at < built.params[n].max]


def held_by_bounds(built: Built, names: Sequence[str], values: FloatArray) -> list[str]:
    """One text per frame that names the free parameters which stand on a bound.

    Parameters
    ----------
    names : sequence of str
    values : array (frames, n)
    """
    said: list[list[str]] = [[] for _ in values]
    for i, name in enumerate(names):
        p = built.params[name]
        if p.expr or not p.vary:
            continue
        for row in np.flatnonzero((values[:, i] <= p.min) | (values[:, i] >= p.max)).tolist():
            said[row].append(f"{name} at its bound {values[row, i]:g}")
    return [", ".join(texts) for texts in said]
