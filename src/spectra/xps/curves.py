"""Fitted curves again from the table of a region, for plots and residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lines import Lines
from spectra.fit.model import Points, Sum
from spectra.fit.photolines import get_photoline
from spectra.results import Results
from spectra.xps.build import Background, build
from spectra.xps.model import load_model

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """What a fitted region is made of.

    Attributes
    ----------
    x : array (points,)
        Binding energies of the window (eV).
    points : slice
        Where they stand on the axis asked for.
    total : array (frames, points)
        NaN for frames without a fit.
    background : array (frames, points)
        The polynomial and what all peaks throw.
    species : array (frames, species, points)
        The lines of each species, without what they throw.
    """

    x: FloatArray
    points: slice
    total: FloatArray
    background: FloatArray
    species: FloatArray


def plain_background(background: Background) -> dict[str, Any]:
    """Plain data of a background, as results keep it."""
    return {**asdict(background), "losses": list(background.losses)}


def evaluate(x: FloatArray, results: Results) -> Curves:
    """Evaluate the fits of `xps.Region` on an axis.

    Parameters
    ----------
    x : array (points,)
        The axis of the stack that was fitted (eV).
    results : Results
        Those frames whose curves are wanted.
    """
    told: Mapping[str, Any] = results.attrs["region"]
    model = load_model(told["model"])
    plain = dict(told["background"])
    background = Background(**{**plain, "losses": tuple(plain["losses"])})
    inside = np.flatnonzero((x >= background.low) & (x <= background.high))
    points = slice(int(inside[0]), int(inside[-1]) + 1)
    built = build(model, background)
    labels = [str(v) for v in results.table.coords["parameter"]["label"].tolist()]
    columns = [labels.index(n) for n in built.names]
    at = x[points]
    values: FloatArray = results["parameter"][:, columns]
    known = np.isfinite(values).all(axis=1)
    theta = np.ascontiguousarray(values[known])
    axis = Points(at[None], at[None])
    shape = (len(results), len(model.species), at.size)
    total, species = np.full((shape[0], shape[2]), np.nan), np.full(shape, np.nan)
    whole = built.model.func.terms(np.arange(len(columns)))
    total[known] = Sum(whole, len(columns)).value(theta, axis)
    for k, (one, component) in enumerate(zip(model.species, built.components, strict=True)):
        lines = Lines(get_photoline(one.profile), [replace(component, loss=None)])
        species[known, k] = Sum([lines], len(columns)).value(theta, axis)
    return Curves(at, points, total, total - species.sum(axis=1), species)
