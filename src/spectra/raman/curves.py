"""Fitted curves again from the tables of bands and of carbon, for plots and residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.results import Column, Results

FloatArray = NDArray[np.float64]

PARAMETERS = Column(
    "parameter",
    "",
    "all parameters of the fit, positions and widths in 1/cm",
    ("parameter",),
    stderr=True,
)
"""The column from which `evaluate` computes curves."""


@dataclass(frozen=True)
class Curves:
    """What fitted spectra are made of.

    Attributes
    ----------
    x : array (points,)
        Raman shifts that were fitted (1/cm).
    inside : bool array
        Which points of the axis asked for they are.
    total, background : array (frames, points)
        NaN for frames without a fit.
    bands : array (frames, bands, points)
        NaN for bands that a frame does not have.
    """

    x: FloatArray
    inside: NDArray[np.bool_]
    total: FloatArray
    background: FloatArray
    bands: FloatArray


def plain_model(model: BandModel) -> dict[str, Any]:
    """Plain data of a model, as results keep it."""
    bands = [list(band) for band in model.bands]
    return {"bands": bands, "degree": model.degree, "low": model.low, "high": model.high}


def evaluate(x: FloatArray, results: Results) -> Curves:
    """Evaluate the fits of `raman.Bands` or `raman.Carbon` on an axis.

    Parameters
    ----------
    x : array
        The axis of the stack that was fitted (1/cm).
    results : Results
        Those frames whose curves are wanted.
    """
    plain = results.attrs["model"]
    low, high, degree = float(plain["low"]), float(plain["high"]), int(plain["degree"])
    pairs = [(str(label), str(profile)) for label, profile in plain["bands"]]
    model = BandModel(tuple(pairs), degree, low, high)
    inside = (x >= low) & (x <= high)
    at = x[inside]
    labels = [str(v) for v in results.table.coords["parameter"]["label"].tolist()]
    values: FloatArray = results["parameter"][:, [labels.index(n) for n in model.names]]
    n_terms = degree + 1
    shapes = values[:, : values.shape[1] - n_terms]
    fitted = np.asarray(np.isfinite(values).any(axis=1))
    background = np.where(
        fitted[:, None],
        # Coefficients that a frame's background does not have are NaN.
        np.einsum(
            "pt,ft->fp",
            *(model.background(at), np.nan_to_num(values[:, values.shape[1] - n_terms :])),
        ),
        np.nan,
    )
    bands = np.full((len(results), len(pairs), at.size), np.nan)
    for k, pair in enumerate(pairs):
        one = BandModel((pair,), -1, low, high)
        own = shapes[:, model.first(k) : model.first(k) + len(one.names)]
        there = np.isfinite(own).all(axis=1)
        if there.any():
            bands[there, k] = one.value(at, np.ascontiguousarray(own[there]))
    return Curves(at, inside, background + np.nansum(bands, axis=1), background, bands)
