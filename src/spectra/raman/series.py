"""Frames of Raman spectra as they are fitted, and what a fit of them leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.fit.bands import BandModel
from spectra.fit.batch import Errors, StackFit, fit_stack
from spectra.fit.misfit import Misfit
from spectra.fit.quality import judge_counts, judge_finite
from spectra.fit.uncertainty import point_sigma, propagate
from spectra.raman.frames import within
from spectra.status import Status

if TYPE_CHECKING:
    import lmfit

    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

FEWEST_POINTS = 20

FURTHER = 2
"""Degrees beyond a background's that residuals are searched for: an even one and an odd one."""


def fitted_points(source: Stack, window: tuple[float, ...], name: str) -> BoolArray:
    """Points of the axis that are fitted.

    Raises
    ------
    StackError
        If the axis is not one of Raman shifts, or too few points lie in the window.
    """
    axis = source.axis
    if (axis.name, axis.unit) != ("raman_shift", "1/cm"):
        raise StackError(
            f"{name} needs spectra over raman_shift in 1/cm; the axis is {axis.name} "
            f'({axis.unit}); read them with axis="raman_shift"'
        )
    inside = within(source.x, window)
    if np.count_nonzero(inside) < FEWEST_POINTS:
        raise StackError(
            f"{name}: {np.count_nonzero(inside)} points in the window; the axis runs from "
            f"{source.x[0]:g} to {source.x[-1]:g} 1/cm; at least {FEWEST_POINTS} are needed"
        )
    return inside


def further_terms(model: BandModel, x: FloatArray) -> FloatArray:
    """Polynomials of the next degrees of a model's background (FURTHER, points)."""
    more = replace(model, degree=model.degree + FURTHER)
    return np.ascontiguousarray(more.background(x).T[-FURTHER:])


@dataclass(frozen=True)
class Series:
    """Good frames of a block with their weights.

    Attributes
    ----------
    x : array (points,)
    y : array (good frames, points)
        NaN where not measured.
    weights : array (good frames, points) or None
        1/σ; None for counts, whose likelihood needs none, and for unknown noise, taken as alike
        at all points and found from the residuals.
    errors : {"counts", "given", "residual"}
    rows : int array (good frames,)
        Which frames of the block they are.
    status, messages
        Of all frames of the block.
    """

    x: FloatArray
    y: FloatArray
    weights: FloatArray | None
    errors: Errors
    rows: IntArray
    status: NDArray[np.int8]
    messages: tuple[str, ...]

    @classmethod
    def of(cls, block: Stack, inside: BoolArray) -> Series:
        """The frames of a block at the points that are fitted."""
        y = np.asarray(block.signal, dtype=float)[:, inside]
        judged, said = judge_counts(y) if block.noise == "counts" else judge_finite(y)
        status = np.where(block.status == Status.OK, judged, block.status).astype(np.int8)
        messages = [a or b for a, b in zip(block.messages, said, strict=True)]
        finite = np.isfinite(y).sum(axis=1)
        for row in np.flatnonzero((finite < FEWEST_POINTS) & (status == Status.OK)).tolist():
            status[row] = Status.BAD_INPUT
            messages[row] = f"{finite[row]} finite points; at least {FEWEST_POINTS} are needed"
        rows = np.flatnonzero(status == Status.OK)
        y = y[rows]
        errors: Errors = "residual"
        weights: FloatArray | None = None
        if block.noise == "counts":
            errors = "counts"
        elif block.noise == "given" and block.errors is not None:
            sigma = np.asarray(block.errors, dtype=float)[:, inside][rows]
            errors, weights = "given", 1.0 / point_sigma(y, sigma, "given")
        return cls(block.x[inside], y, weights, errors, rows, status, tuple(messages))

    def take(self, rows: IntArray) -> Series:
        """Some of the good frames."""
        weights = None if self.weights is None else self.weights[rows]
        frames = self.rows[rows]
        return Series(
            self.x, self.y[rows], weights, self.errors, frames, self.status, self.messages
        )

    def fit(
        self,
        model: BandModel,
        params: lmfit.Parameters,
        starts: Mapping[str, FloatArray] | Sequence[Mapping[str, FloatArray]],
    ) -> Fitted:
        """Fit bands to the frames, from the best of several starts."""
        fits = fit_stack(
            model.model(),
            params,
            self.x,
            self.y,
            weights=self.weights,
            errors=self.errors,
            starts=starts,
        )
        return Fitted.of(model, params, fits, self)


@dataclass(frozen=True)
class Fitted:
    """Fits of a series, one row per frame.

    Attributes
    ----------
    values : array (rows, parameters)
    cov : array (rows, parameters, parameters)
        Of all parameters; zero for what a bound holds, NaN for what is not determined, widened
        where the misfit calls for it.
    held : bool array (rows, parameters)
        Parameters that stand on a bound.
    status : int8 array (rows,)
    chi2_reduced, abbe, bic : array (rows,)
        χ² per degree of freedom; Abbe's criterion of the residuals, 1 for noise and towards 0
        for what the model leaves behind; Bayesian information criterion.
    widening : array (rows,)
        What misfit and correlated residuals multiply variances by.
    further : array (rows, FURTHER)
        Half of what χ² falls by, at first, with the coefficients of the background's next degrees.
    """

    values: FloatArray
    cov: FloatArray
    held: BoolArray
    status: NDArray[np.int8]
    chi2_reduced: FloatArray
    abbe: FloatArray
    bic: FloatArray
    widening: FloatArray
    further: FloatArray

    @classmethod
    def of(
        cls, model: BandModel, params: lmfit.Parameters, fits: StackFit, series: Series
    ) -> Fitted:
        """Take what a fit of a series found."""
        order = [fits.names.index(name) for name in model.names]
        values = fits.values[:, order]
        varied = [fits.var_names.index(name) for name in model.names if name in fits.var_names]
        free = np.array([name in fits.var_names for name in model.names])
        low = np.array([params[name].min for name in model.names])
        high = np.array([params[name].max for name in model.names])
        held = ((values <= low) | (values >= high)) & free
        cov = np.zeros((len(values), len(order), len(order)))
        at = np.flatnonzero(free)
        cov[:, at[:, None], at] = fits.covar[:, np.array(varied)[:, None], varied]
        cov = np.where(held[:, :, None] | held[:, None], 0.0, cov)
        left = Misfit.of(fits, series.y, series.weights, series.errors)
        cov = cov * left.widening[:, None, None]
        unseen = (left.residuals * left.weights)[:, None]
        further = np.matmul(unseen, further_terms(model, series.x).T)[:, 0]
        return cls(
            *(values, cov, held, fits.status, left.reduced, left.abbe, left.bic, left.widening),
            further,
        )

    @property
    def scaled(self) -> FloatArray:
        """Factor by which what the fit leaves behind widened uncertainties (rows,)."""
        return np.asarray(np.sqrt(self.widening))

    @property
    def converged(self) -> BoolArray:
        """Which rows carry numbers."""
        return np.isin(self.status, (Status.OK, Status.AT_BOUND)) & np.isfinite(self.bic)

    @property
    def sound(self) -> BoolArray:
        """Which rows converged with every parameter determined and none on a bound."""
        unknown = np.isnan(np.einsum("rii->ri", self.cov)).any(axis=1)
        return np.asarray(self.converged & ~unknown & ~self.held.any(axis=1))

    def put(self, rows: IntArray | BoolArray, other: Fitted) -> None:
        """Replace the rows by those of `other`, which has just these."""
        for name in Fitted.__annotations__:
            getattr(self, name)[rows] = getattr(other, name)

    def take(self, rows: IntArray | BoolArray) -> Fitted:
        """Some of the rows."""
        return Fitted(**{name: getattr(self, name)[rows] for name in Fitted.__annotations__})

    def write_parameters(
        self,
        columns: dict[str, NDArray[Any]],
        frames: IntArray,
        model: BandModel,
        names: tuple[str, ...],
    ) -> None:
        """Write all parameters of the model into the column of those `names`, row by row.

        Parameters
        ----------
        columns : dict of arrays
            With ``parameter`` and ``parameter_stderr`` (frames, names).
        frames : int array (rows,)
        model : BandModel
        names : tuple of str
            Those of the model are among them.
        """
        at = np.array([names.index(name) for name in model.names])
        good = self.converged[:, None]
        variance = np.einsum("rii->ri", self.cov)
        errors = np.sqrt(np.where(variance > 0, variance, np.nan))
        columns["parameter"][frames[:, None], at] = np.where(good, self.values, np.nan)
        columns["parameter_stderr"][frames[:, None], at] = np.where(good, errors, np.nan)

    def told(self, model: BandModel) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """Quantities of the bands and their standard uncertainties (rows, bands)."""
        values, slopes = model.quantities(self.values)
        lost = np.isnan(np.einsum("rii->ri", self.cov))
        known = np.nan_to_num(self.cov)
        errors = {}
        for name, gradient in slopes.items():
            variance = propagate(gradient, known[:, None])
            unknown = ((gradient != 0) & lost[:, None]).any(axis=2)
            # What a bound holds has a value, but no uncertainty.
            errors[name] = np.where(unknown | (variance <= 0), np.nan, np.sqrt(variance))
        return values, errors
