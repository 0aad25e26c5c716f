"""Starts and bounds of bands, and how those that are not there are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.fit.gaps import filled
from spectra.raman.series import Series

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]

# Of the highest area, what a band that starts without any gets: at none it has no slope.
_SEED = 1e-3
# Bands of one spectrum differ much in width, and what finds them goes by their typical one.
_WIDER = 8.0


def bounded_params(
    model: BandModel, start: FloatArray, ranges: Mapping[str, tuple[float, float]]
) -> lmfit.Parameters:
    """Parameters of a model with their bounds.

    Parameters
    ----------
    model : BandModel
    start : array (parameters,)
    ranges : mapping of str to (low, high)
        Of centres and widths. Areas are not negative, other shape parameters keep to the
        profile's own bounds.
    """
    params = model.model().make_params(**dict(zip(model.names, start.tolist(), strict=True)))
    for k, (label, _) in enumerate(model.bands):
        params[f"{label}_area"].set(min=0.0)
        for name, (low, high) in model.profile(k).bounds.items():
            params[f"{label}_{name}"].set(min=low, max=high)
    for name, (low, high) in ranges.items():
        params[name].set(min=low, max=high)
    return params


def starts_of(series: Series, model: BandModel, start: FloatArray) -> dict[str, FloatArray]:
    """Starts of every frame (rows,): common positions and shapes, own areas and background.

    Parameters
    ----------
    series : Series
    model : BandModel
    start : array (parameters,)
    """
    linear = model.linear_start(series.x, filled(series.x, series.y), start)
    n = len(model.bands)
    areas = np.maximum(linear[:, :n], 0.0)
    areas = np.maximum(areas, _SEED * np.maximum(areas.max(axis=1, keepdims=True), 1e-12))
    starts = {
        name: np.full(len(linear), value) for name, value in zip(model.names, start, strict=True)
    }
    for k, (label, _) in enumerate(model.bands):
        starts[f"{label}_area"] = areas[:, k]
    for i in range(model.degree + 1):
        starts[f"bkg_c{i}"] = linear[:, n + i]
    return starts


def initial(model: BandModel, centers: FloatArray, widths: FloatArray) -> FloatArray:
    """Where all frames start (parameters,): positions, widths, and what profiles begin with."""
    start = np.ones(len(model.names))
    for k in range(len(model.bands)):
        profile, first = model.profile(k), model.first(k)
        names = profile.shape_names
        single = sum(n.startswith("fwhm") for n in names) == 1
        start[first] = centers[k]
        for j, name in enumerate(names):
            width = widths[k] if single else 0.6 * widths[k]
            start[first + 2 + j] = width if name.startswith("fwhm") else profile.defaults[name]
    return start


def center_and_width_ranges(
    model: BandModel, centers: FloatArray, widths: FloatArray, reach: float, step: float
) -> dict[str, tuple[float, float]]:
    """Ranges of found bands: positions within `reach` widths, widths within a factor of eight.

    No band is wider than the window: beyond that it is not told from the background.
    """
    span = model.high - model.low
    ranges: dict[str, tuple[float, float]] = {}
    for k, (label, _) in enumerate(model.bands):
        away = reach * widths[k]
        ranges[f"{label}_center"] = float(centers[k] - away), float(centers[k] + away)
        names = [n for n in model.profile(k).shape_names if n.startswith("fwhm")]
        for name in names:
            low = max(widths[k] / _WIDER, 0.5 * step) if len(names) == 1 else 1e-3 * widths[k]
            ranges[f"{label}_{name}"] = float(low), float(max(min(_WIDER * widths[k], span), low))
    return ranges
