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
_REMEDY = "their uncertainties may be too small; tie positions or widths"
_ROUNDING = 1e-12


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
    multiple = multiple_correlation(model, correlation)
    for row in np.flatnonzero((multiple > -_ENTANGLED).any(axis=1)).tolist():
        if not said[row]:
            said[row].append(_of_several(model, multiple[row], vague[row]))
    unknown = np.isnan(fraction_stderr)
    for row in np.flatnonzero(unknown.any(axis=1)).tolist():
        lacking = ", ".join(species[k].name for k in np.flatnonzero(unknown[row]).tolist())
        said[row].append(f"fractions not determined: {lacking}")
    for row in np.flatnonzero(others > 0).tolist():
        said[row].append(f"{others[row]} other starts ended in another minimum")
    return ["; ".join(texts) for texts in said]


def multiple_correlation(model: Model, correlation: FloatArray) -> FloatArray:
    """How well the areas of all others of its level imitate that of a species (frames, species).

    The multiple correlation R = √(1 − 1/(C⁻¹)ⱼⱼ) of a matrix C of correlations: of three lines
    no two need be correlated for one to be the sum of the others. 0 where it is not known.

    Parameters
    ----------
    correlation : array (frames, species, species)
        Of the areas.
    """
    out = np.zeros(correlation.shape[:2])
    levels = np.array([s.level for s in model.species])
    for level in dict.fromkeys(levels.tolist()):
        own = np.flatnonzero(levels == level)
        if own.size < 3:
            continue
        part = correlation[:, own[:, None], own]
        rows = np.flatnonzero(np.isfinite(part).all(axis=(1, 2)))
        # A determinant of 0 is a correlation of 1, and not to be divided by.
        inverse = np.linalg.inv(part[rows] + _ROUNDING * np.eye(own.size))
        left = 1.0 / np.maximum(np.einsum("rii->ri", inverse), 1.0)
        out[rows[:, None], own] = np.sqrt(1.0 - left)
    return out


def _of_several(model: Model, multiple: FloatArray, vague: NDArray[np.bool_]) -> str:
    """Name the species of one frame that others imitate together."""
    which = np.flatnonzero(multiple > -_ENTANGLED)
    *names, last = (model.species[k].name for k in which.tolist())
    text = f"{', '.join(names)} and {last} are" if names else f"{last} and the others are"
    found = f"told apart together (multiple correlation {multiple.max():.3f})"
    if vague[which].any():
        return f"{text} not {found}"
    return f"{text} hardly {found}: {_REMEDY}"


def _entangled(first: str, second: str, correlation: float, vague: bool) -> str:
    pair = f"{first} and {second} are"
    if vague:
        return f"{pair} not told apart (correlation {correlation:.2f})"
    return f"{pair} hardly told apart (correlation {correlation:.2f}): {_REMEDY}"


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


def far_told(far: IntArray, x: FloatArray) -> list[str]:
    """One text per frame with a point that no noise explains.

    Parameters
    ----------
    far : int array (frames,)
        Which point of the window; -1 for none.
    x : array (points,)
    """
    return [
        f"the point at {x[i]:.2f} eV alone lies where noise does not reach: set a spike to NaN"
        if i >= 0
        else ""
        for i in far.tolist()
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
