"""Fits of some bands of carbon over backgrounds of several degrees, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.raman.carbon_background import Degrees, padded
from spectra.raman.carbon_models import (
    GREEN,
    LABELS,
    LINES,
    MODELS,
    VISIBLE,
    ratio_and_variance,
    size_cancado,
    size_tuinstra_koenig,
    starting_bands,
)
from spectra.raman.model import bounded_params, initial, starts_of
from spectra.raman.series import Fitted, Series

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Told = tuple[dict[str, FloatArray], dict[str, FloatArray]]

RATIOS = ("ratio_height", "ratio_area")

# Uncertainty of a ratio, relative, beyond which it is not determined.
_VAGUE = 0.5


@dataclass(frozen=True)
class Tried:
    """Fits of a number of bands, what they say, and whether that is determined.

    Attributes
    ----------
    bands : int
    fits, widest : Fitted
        On the background that is told, with zeros for the coefficients it lacks, and on that of
        the highest degree.
    degree : int array (rows,)
        Of the background that is told.
    evidence : array (rows,)
        Least Bayesian information criterion of all degrees, infinite where none converged.
    values, errors : dict of arrays
        Quantities of the bands and their ratios, and standard uncertainties of them.
    background : dict of arrays
        The part of the ratios' that the choice of the background is worth.
    determined : bool array (rows,)
    reasons : list of str
        Why not.
    """

    bands: int
    fits: Fitted
    widest: Fitted
    degree: IntArray
    evidence: FloatArray
    values: dict[str, FloatArray]
    errors: dict[str, FloatArray]
    background: dict[str, FloatArray]
    determined: BoolArray
    reasons: list[str]

    @classmethod
    def of(cls, models: Sequence[BandModel], series: Series, keep: float, laser: float) -> Tried:
        """Fit bands on backgrounds of rising degrees, and judge whether they are determined.

        Parameters
        ----------
        models : sequence of BandModel
            Alike but for their degree.
        series : Series
        keep : float
            Area over uncertainty that every band needs.
        laser : float
            Wavelength (nm), or NaN.
        """
        fits: list[Fitted] = []
        for model in models:
            fits.append(_fit(model, series, laser, fits[-1] if fits else None))
        widest, top = fits[-1], models[-1]
        every = [padded(fit, len(top.names)) for fit in fits]
        told = [_quantities(top, fit) for fit in every]
        count = np.isfinite(series.y).sum(axis=1)
        degrees = np.array([model.degree for model in models])
        choice = Degrees.of(fits, degrees.tolist(), count)
        bic = np.stack([np.where(fit.converged, fit.bic, np.inf) for fit in fits])
        values, errors, background = _chosen(choice, told)
        with np.errstate(all="ignore"):
            _add_sizes(values, errors, laser)
        chosen = _merged(choice, every)
        names = MODELS[len(top.bands)]
        fine, reasons = _judged(top, chosen, values, errors, names, keep)
        return cls(
            *(len(top.bands), chosen, widest, degrees[choice.which], bic.min(axis=0)),
            *(values, errors, background, fine, reasons),
        )

    def write(
        self,
        columns: dict[str, NDArray[Any]],
        frames: IntArray,
        rows: IntArray,
        model: BandModel,
        names: tuple[str, ...],
    ) -> None:
        """Write what was found of some rows, parameters of `model` in the order of `names`."""
        at = frames[rows]
        self.fits.take(rows).write_parameters(columns, at, model, names)
        for degree in range(model.degree + 1):
            # What the background does not have is no coefficient of zero.
            lacks = at[self.degree[rows] < degree]
            columns["parameter"][lacks, names.index(f"bkg_c{degree}")] = np.nan
        which = np.array([LABELS.index(n) for n in MODELS[self.bands]])
        for name, value in self.values.items():
            error = self.errors[name]
            place = (at[:, None], which) if value.ndim == 2 else (at,)
            columns[name][place] = value[rows]
            columns[f"{name}_stderr"][place] = error[rows]
        for name, worth in self.background.items():
            columns[f"{name}_background"][at] = worth[rows]
        columns["n_bands"][at] = self.bands
        columns["background_degree"][at] = self.degree[rows]
        for name in ("chi2_reduced", "abbe", "scaled"):
            columns[name][at] = getattr(self.fits, name)[rows]


def ranges_of(model: BandModel) -> dict[str, tuple[float, float]]:
    """Where centres and widths (1/cm) of a model's bands may lie, by parameter."""
    ranges = {}
    for k, (label, _) in enumerate(model.bands):
        line = LINES[label]
        ranges[f"{label}_center"] = line.centers
        for name in model.profile(k).shape_names:
            if name.startswith("fwhm"):
                ranges[f"{label}_{name}"] = line.widths
    return ranges


def _fit(model: BandModel, series: Series, laser: float, lower: Fitted | None) -> Fitted:
    """Fit a model from its usual starts, and from where that of a lower degree has led."""
    usual = [initial(model, *at) for at in starting_bands(len(model.bands), laser)]
    params = bounded_params(model, usual[0], ranges_of(model))
    starts = [starts_of(series, model, start) for start in usual]
    if lower is not None:
        from_there = padded(lower, len(model.names)).values
        led = {
            name: np.where(lower.converged, from_there[:, i], starts[0][name])
            for i, name in enumerate(model.names)
        }
        starts = [led, *starts[1:]]
    return series.fit(model, params, starts)


def _quantities(model: BandModel, fits: Fitted) -> Told:
    """Quantities of the bands, ratios of D to G, and the standard uncertainties of all."""
    values, slopes = model.quantities(fits.values)
    _, errors = fits.told(model)
    known = np.nan_to_num(fits.cov)
    for name in RATIOS:
        value, slope = (of[name.removeprefix("ratio_")] for of in (values, slopes))
        with np.errstate(all="ignore"):
            values[name], variance = ratio_and_variance(
                *(value[:, 0], value[:, 1], (slope[:, 0], slope[:, 1]), known)
            )
            errors[name] = np.sqrt(variance)
    return values, errors


def _chosen(choice: Degrees, told: Sequence[Told]) -> tuple[*Told, dict[str, FloatArray]]:
    """Values and uncertainties of the backgrounds that are told, and what their choice is worth."""
    values = {name: choice.told([v[name] for v, _ in told]) for name in told[0][0]}
    errors = {name: choice.told([e[name] for _, e in told]) for name in values}
    background = {name: np.zeros(len(values[name])) for name in RATIOS}
    if len(told) > 1:
        for name in values:
            doubt = choice.doubt([v[name] for v, _ in told])
            errors[name] = np.hypot(errors[name], doubt)
            if name in RATIOS:
                background[name] = doubt
    return values, errors, background


def _merged(choice: Degrees, fits: Sequence[Fitted]) -> Fitted:
    """The fits on the backgrounds that are told."""
    merged = fits[0].take(np.arange(len(choice.which)))
    for i, fit in enumerate(fits[1:], start=1):
        rows = np.flatnonzero(choice.which == i)
        merged.put(rows, fit.take(rows))
    return merged


def _judged(
    model: BandModel,
    fits: Fitted,
    values: dict[str, FloatArray],
    errors: dict[str, FloatArray],
    names: Sequence[str],
    keep: float,
) -> tuple[BoolArray, list[str]]:
    """Whether fits determine what they say (rows,), and why not."""
    with np.errstate(all="ignore"):
        weak = ~(values["area"] >= keep * errors["area"])
        vague = ~(errors["ratio_area"] < _VAGUE * values["ratio_area"])
    unknown = np.isnan(np.einsum("rii->ri", fits.cov)).any(axis=1)
    converged = fits.converged
    fine = fits.sound & ~(vague | weak.any(axis=1))
    reasons = [""] * len(fine)
    for row in np.flatnonzero(~fine).tolist():
        held = [model.names[p] for p in np.flatnonzero(fits.held[row])]
        texts = [] if converged[row] else ["not converged"]
        texts += ["parameters imitate one another"] if unknown[row] else []
        texts += [f"{', '.join(held)} at a bound"] if held else []
        faint = [names[k] for k in np.flatnonzero(weak[row]).tolist()]
        texts += [f"{', '.join(faint)} not significant"] if faint else []
        texts += ["the ratio is vague"] if vague[row] and not faint else []
        reasons[row] = ", ".join(texts)
    return fine, reasons


def _add_sizes(values: dict[str, FloatArray], errors: dict[str, FloatArray], laser: float) -> None:
    """Crystallite sizes where the laser line allows them."""
    by_height, by_area = values["ratio_height"], values["ratio_area"]
    green = GREEN[0] <= laser <= GREEN[1]
    visible = VISIBLE[0] <= laser <= VISIBLE[1]
    sizes = {
        "size_tuinstra_koenig": (size_tuinstra_koenig(by_height), "ratio_height", green),
        "size_cancado": (size_cancado(by_area, laser), "ratio_area", visible),
    }
    for name, (size, ratio, holds) in sizes.items():
        values[name] = np.where(holds, size, np.nan)
        errors[name] = values[name] * errors[ratio] / values[ratio]
