"""From fitted parameters to what is reported of each species, with full covariances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from spectra.fit.lines import Line, doublet
from spectra.fit.photolines import WIDTHS, get_photoline, height_and_gradient
from spectra.xps.build import multiplet_lines
from spectra.xps.model import Model, Species

FloatArray = NDArray[np.float64]

NAMES = ("area", "position", "fwhm", "height")


@dataclass(frozen=True)
class Quantities:
    """Values (frames, species) of each quantity, and the areas' covariances.

    Attributes
    ----------
    values, variance : mapping of str to array (frames, species)
    area_covariance : array (frames, species, species)
    """

    values: dict[str, FloatArray]
    variance: dict[str, FloatArray]
    area_covariance: FloatArray


def _names_of(species: Species) -> list[str]:
    shape = get_photoline(species.profile).shape_names
    doublet = ("splitting", "broadening") if species.splitting else ()
    return [f"{species.key}_{n}" for n in ("area", "center", *shape, *doublet)]


def species_quantities(
    model: Model, x: FloatArray, names: Sequence[str], values: FloatArray, cov: FloatArray
) -> Quantities:
    """Areas, positions, widths and heights of all species.

    Areas are those of all lines of a species; width and height belong to its first line. The
    area of Doniach–Šunjić lines, which have none, is that of all of them within the window.

    Parameters
    ----------
    x : array (points,)
        The window.
    values, cov : array (frames, n), (frames, n, n)
        Of the parameters `names`.
    """
    n_frames, n_species = len(values), len(model.species)
    found = np.empty((n_frames, len(NAMES), n_species))
    gradient = np.zeros((n_frames, len(NAMES), n_species, len(names)))
    for k, species in enumerate(model.species):
        columns = [names.index(n) for n in _names_of(species)]
        own = values[:, columns]
        found[:, :, k], gradient[:, :, k, columns] = _of_one(species, x, own)
    flat = gradient.reshape(n_frames, -1, len(names))
    # Where something is not determined, only what hangs on it is not either.
    unknown = np.isnan(np.einsum("rii->ri", cov))
    lost = ((flat != 0) & unknown[:, None]).any(axis=2)
    spread = np.matmul(flat, np.nan_to_num(cov))
    variance = (spread * flat).sum(axis=2)
    variance = np.where(lost, np.nan, variance).reshape(n_frames, len(NAMES), n_species)
    whole = np.matmul(spread[:, :n_species], flat[:, :n_species].transpose(0, 2, 1))
    missing = lost[:, :n_species]
    whole = np.where(missing[:, :, None] | missing[:, None], np.nan, whole)
    return Quantities(
        {name: found[:, i] for i, name in enumerate(NAMES)},
        {name: variance[:, i] for i, name in enumerate(NAMES)},
        whole,
    )


def _of_one(species: Species, x: FloatArray, own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values (frames, 4) of one species and derivatives (frames, 4, n) by its own (frames, n)."""
    profile = get_photoline(species.profile)
    shapes = slice(2, 2 + len(profile.shape_names))
    area, center, shape = own[:, 0], own[:, 1], list(own[:, shapes].T)
    out = np.empty((len(own), len(NAMES)))
    slopes = np.zeros((len(own), len(NAMES), own.shape[1]))
    out[:, 0], slopes[:, 0, 0] = area, 1.0
    if profile.name == "doniach_sunjic":
        inside, by = _within_window(species, x, own[:, 1:])
        out[:, 0], slopes[:, 0, 0] = area * inside, inside
        slopes[:, 0, 1:] = area[:, None] * by
    out[:, 1], slopes[:, 1, 1] = center, 1.0
    out[:, 2], by_shape = profile.width(*shape)
    slopes[:, 2, shapes] = np.stack([np.broadcast_to(s, area.shape) for s in by_shape], axis=1)
    share = _first_share(species)
    height, by_shape = height_and_gradient(profile, *shape)
    out[:, 3], slopes[:, 3, 0] = area * share * height, share * height
    slopes[:, 3, shapes] = np.stack([area * share * s for s in by_shape], axis=1)
    return out, slopes


def _within_window(
    species: Species, x: FloatArray, own: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What of a species of area 1 lies in the window (frames,), and its derivatives (frames, n).

    Parameters
    ----------
    own : array (frames, n)
        Centre, shape and, of a doublet, splitting and broadening.
    """
    profile = get_photoline(species.profile)
    center, shape = own[:, 0], own[:, 1 : 1 + len(profile.shape_names)]
    wide = np.array([name in WIDTHS for name in profile.shape_names])
    inside, slopes = np.zeros(len(own)), np.zeros_like(own)
    for i, line in enumerate(_lines_of(species)):
        moved = i > 0 and species.splitting > 0
        offset, broad = own[:, -2:].T if moved else (line.offset, line.broadening)
        factor = np.where(wide, np.reshape(broad, (-1, 1)), 1.0)
        columns = [v[:, None] for v in (center + offset, *(shape * factor).T)]
        curve, by = profile.value_and_gradient(x[None], *columns)
        inside += line.share * trapezoid(curve, x)
        steep = line.share * np.stack([trapezoid(slope, x) for slope in by], axis=1)
        slopes[:, 0] += steep[:, 0]
        slopes[:, 1 : 1 + wide.size] += steep[:, 1:] * factor
        if moved:
            slopes[:, -2] += steep[:, 0]
            slopes[:, -1] += (steep[:, 1:] * shape * wide).sum(axis=1)
    return inside, slopes


def _lines_of(species: Species) -> tuple[Line, ...]:
    """Lines of a species, with what the model says of their places."""
    if species.multiplet:
        return multiplet_lines(species)
    if species.splitting:
        return doublet(species.ratio, species.splitting, species.broadening)
    return (Line(1.0),)


def _first_share(species: Species) -> float:
    """The first line's part of the area."""
    return _lines_of(species)[0].share


def fractions(model: Model, area: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Part of each species in its level (frames, species), and the variance.

    Species whose area is not determined make those of their level undetermined.
    """
    levels = np.array([s.level for s in model.species])
    same = (levels[:, None] == levels).astype(float)
    whole = area @ same
    safe = np.where(whole > 0, whole, np.nan)
    part = area / safe
    # ∂fᵢ/∂Aⱼ = (δᵢⱼ − fᵢ)/Σ within a level.
    slopes = (np.eye(len(levels)) - part[:, :, None]) * same / safe[:, :, None]
    return part, _variance(slopes, cov)


def percentages(value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """100·vᵢ/Σv (frames, n) and its derivatives by v (frames, n, n); NaN if Σv is not above 0."""
    whole = value.sum(axis=1)[:, None]
    safe = np.where(whole > 0, whole, np.nan)
    part = 100.0 * value / safe
    return part, (100.0 * np.eye(value.shape[1]) - part[:, :, None]) / safe[:, :, None]


def standard_uncertainties(cov: FloatArray) -> FloatArray:
    """Roots (frames, n) of the variances in covariances (frames, n, n)."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("rii->ri", cov), 0.0)))


def mean_valence(model: Model, area: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean valence (frames,) of the species that have one, and its variance.

    NaN without any, and where they are of several elements, which have no mean.
    """
    valence = np.array([np.nan if s.valence is None else s.valence for s in model.species])
    counted = np.isfinite(valence)
    if len(model.elements_of_valences) != 1:
        blank = np.full(len(area), np.nan)
        return blank, blank
    whole = (area * counted).sum(axis=1)
    safe = np.where(whole > 0, whole, np.nan)
    mean = (area * np.where(counted, valence, 0.0)).sum(axis=1) / safe
    slopes = np.where(counted, valence - mean[:, None], 0.0) / safe[:, None]
    return mean, _variance(slopes[:, None], cov)[:, 0]


def _variance(slopes: FloatArray, cov: FloatArray) -> FloatArray:
    """Gᵀ·C·G for gradients (frames, n, species); NaN where C is not known."""
    spread = np.matmul(slopes, np.nan_to_num(cov))
    variance = (spread * slopes).sum(axis=2)
    unknown = np.isnan(np.einsum("rii->ri", cov))
    lost = ((slopes != 0) & unknown[:, None]).any(axis=2)
    return np.where(lost, np.nan, variance)
