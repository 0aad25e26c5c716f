"""Fit one `lmfit` model to many spectra at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.fit.coarse import bin_objective, bin_size
from spectra.fit.expressions import parse_expression
from spectra.fit.losses import SQUARES, Counts, Loss, Robust, RobustName
from spectra.fit.model import Points
from spectra.fit.objective import SpectraObjective
from spectra.fit.polish import needs_polish, polish
from spectra.fit.solver import Solution, covariance, inflation, minimize
from spectra.fit.ties import TiedObjective, Ties
from spectra.fit.translate import Translation, translate
from spectra.fit.uncertainty import point_sigma
from spectra.status import Status

if TYPE_CHECKING:
    import lmfit
    import pandas as pd
    from lmfit.model import ModelResult

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

Errors = Literal["residual", "given", "counts"]

# Spectra worked on together, so that memory stays flat; no answer depends on it.
_TOGETHER = 512
# What may be left of χ² when a start is near enough.
_ROUGH = 0.1
# Inflation of a variance up to which steps in single precision are good to about a hundredth.
_SINGLE = 1e5


@dataclass(frozen=True)
class StackFit:
    """Fits of many spectra, one row each.

    Attributes
    ----------
    names : tuple of str
        All parameters, those tied by expressions included.
    values, stderr : array (spectra, parameters)
        In the order of `names`. `stderr` is NaN for what is fixed, held by a bound or not
        determined by the data; `values` are NaN where nothing could be fitted.
    var_names : tuple of str
        The varied parameters.
    covar : array (spectra, varied, varied)
    status : int8 array (spectra,)
        Values of `spectra.Status`.
    chi2 : array (spectra,)
        Weighted sum of squares; the robust cost or the deviance with another loss.
    dof : int array (spectra,)
        Measured points less varied parameters.
    iterations : int array (spectra,)

    Examples
    --------
    ``fits["p1_center"]`` gives the values of a parameter over all spectra, and ``fits[7]`` the
    eighth fit as an `lmfit.model.ModelResult`.
    """

    names: tuple[str, ...]
    values: FloatArray
    stderr: FloatArray
    var_names: tuple[str, ...]
    covar: FloatArray
    status: NDArray[np.int8]
    chi2: FloatArray
    dof: NDArray[np.intp]
    iterations: NDArray[np.int32]
    _problem: _Problem

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[ModelResult]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, which: int | str) -> ModelResult | FloatArray:
        if isinstance(which, str):
            return self.values[:, self._column(which)]
        index = range(len(self))[which]
        return self._problem.as_lmfit(self, index)

    def uncertainty(self, name: str) -> FloatArray:
        """Standard uncertainties of a parameter (spectra,)."""
        return self.stderr[:, self._column(name)]

    @property
    def redchi(self) -> FloatArray:
        """χ² per degree of freedom (spectra,)."""
        return np.where(self.dof > 0, self.chi2 / np.maximum(self.dof, 1), np.nan)

    def best_fit(self) -> FloatArray:
        """Fitted curves (spectra, points); NaN where nothing could be fitted."""
        return self._problem.curves(self)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per spectrum: each parameter, its uncertainty, status, χ², iterations."""
        import pandas as pd

        table: dict[str, object] = {}
        for i, name in enumerate(self.names):
            table[name] = self.values[:, i]
            table[f"{name}_stderr"] = self.stderr[:, i]
        table["status"] = [Status(int(s)).name.lower() for s in self.status]
        table |= {"chi2": self.chi2, "redchi": self.redchi, "iterations": self.iterations}
        return pd.DataFrame(table)

    def _column(self, name: str) -> int:
        if name not in self.names:
            raise SettingError(f"no parameter {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)


def fit_stack(
    model: lmfit.Model,
    params: lmfit.Parameters,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    errors: Errors = "residual",
    loss: Literal["linear"] | RobustName = "linear",
    loss_scale: float = 1.0,
    starts: Mapping[str, ArrayLike] | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> StackFit:
    """Fit an `lmfit` model to many spectra at once.

    The answer for each spectrum is that of ``model.fit`` on it alone: the same minimum of χ²,
    the same standard errors.

    Parameters
    ----------
    model : lmfit.Model
        Single or composite, of one independent variable.
    params : lmfit.Parameters
        Starts, bounds, what is fixed, and ties (``expr``).
    x : array (points,)
    y : array (spectra, points) or (points,)
        NaN where not measured.
    weights : array (spectra, points) or (points,), optional
        What the residuals are multiplied by, 1/σ. Points of weight zero do not count.
    errors : {"residual", "given", "counts"}
        Where the uncertainties come from. ``residual``: from the scatter about the fit, the
        weights being relative (``scale_covar=True`` of `lmfit`). ``given``: from the weights
        as they are. ``counts``: y are counts, fitted by their Poisson likelihood.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"}
        How residuals count; all but ``linear`` make outliers count less (the functions of
        `scipy.optimize.least_squares`).
    loss_scale : float
        Residual, in standard uncertainties, where a robust loss begins to bend.
    starts : mapping of str to array (spectra,), optional
        Starts of parameters that differ from spectrum to spectrum. A fixed parameter keeps
        its value.
    tolerance : float
        Part of χ² that is not worth another evaluation. With the default, what is left is far
        below the uncertainties; with 1e-16 about ten digits of the minimum are right.
    max_iterations : int

    Returns
    -------
    StackFit

    Raises
    ------
    SettingError
        For shapes that do not match, parameters that the model lacks, expressions outside the
        language, or a function that cannot be evaluated for many spectra at once.

    Examples
    --------
    >>> import numpy as np
    >>> from lmfit.models import GaussianModel, LinearModel
    >>> x = np.linspace(-5, 5, 101)
    >>> model = GaussianModel() + LinearModel()
    >>> params = model.make_params(amplitude=5, center=0, sigma=1, slope=0, intercept=0)
    >>> centers = np.array([-0.5, 0.0, 0.7])
    >>> y = 3 * np.exp(-0.5 * (x - centers[:, None]) ** 2) + 0.1 * x + 1
    >>> fit_stack(model, params, x, y)["center"].round(6).tolist()
    [-0.5, 0.0, 0.7]
    """
    problem = _Problem.of(model, params, x, y, weights, errors, _loss(loss, loss_scale, errors))
    start = problem.starts(starts)
    parts = [
        problem.fit(start, slice(i, i + _TOGETHER), tolerance, max_iterations)
        for i in range(0, len(problem.y), _TOGETHER)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    ties = problem.ties
    varied = tuple(n for n, free in zip(ties.variables, ties.free, strict=True) if free)
    values, stderr, covar, status, chi2, dof, iterations = columns
    return StackFit(
        *(ties.names, values, stderr, varied, covar, status, chi2, dof, iterations, problem)
    )


def _loss(name: str, scale: float, errors: str) -> Loss:
    if errors not in ("residual", "given", "counts"):
        raise SettingError(f"errors={errors!r}: give 'residual', 'given' or 'counts'")
    if name == "linear":
        return Counts() if errors == "counts" else SQUARES
    if name not in ("soft_l1", "huber", "cauchy", "arctan"):
        raise SettingError(
            f"loss={name!r}: give 'linear', 'soft_l1', 'huber', 'cauchy' or 'arctan'"
        )
    if errors == "counts":
        raise SettingError("counts are fitted by their likelihood: leave loss='linear'")
    if not scale > 0:
        raise SettingError(f"loss_scale={scale}: give a positive number")
    return Robust(name, scale)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Problem:
    """A checked model with its data."""

    model: lmfit.Model
    params: lmfit.Parameters
    x: FloatArray
    y: FloatArray
    weights: FloatArray | None
    errors: str
    loss: Loss
    ties: Ties
    translation: Translation

    @classmethod
    def of(
        cls,
        model: lmfit.Model,
        params: lmfit.Parameters,
        x: ArrayLike,
        y: ArrayLike,
        weights: ArrayLike | None,
        errors: str,
        loss: Loss,
    ) -> _Problem:
        axis = np.asarray(x, dtype=float)
        data = np.atleast_2d(np.asarray(y))
        if axis.ndim != 1 or data.ndim != 2 or data.shape[1] != axis.size:
            raise SettingError(
                f"x has the shape {axis.shape} and y {data.shape}: give (points,) and "
                "(spectra, points)"
            )
        if not np.isfinite(axis).all():
            raise SettingError("x holds NaN or infinities: leave those points out")
        given = None if weights is None else np.atleast_2d(np.asarray(weights, dtype=float))
        if given is not None and given.shape not in (data.shape, (1, axis.size)):
            raise SettingError(f"weights have the shape {given.shape}, y {data.shape}")
        if errors == "given" and given is None:
            raise SettingError("errors='given' needs weights (1/σ)")
        if errors == "counts" and given is not None:
            raise SettingError("errors='counts' takes no weights: they follow from the counts")
        missing = [name for name in model.param_names if name not in params]
        if missing:
            raise SettingError(
                f"the parameters lack {', '.join(missing)}: start from model.make_params()"
            )
        ties = Ties.of(params)
        example = {name: float(params[name].value) for name in params}
        return cls(
            *(model, params, axis, data, given, errors, loss, ties),
            translate(model, example, axis),
        )

    def starts(self, given: Mapping[str, ArrayLike] | None) -> FloatArray:
        """Start of every variable for every spectrum (spectra, variables)."""
        start = np.tile(self.ties.start, (len(self.y), 1))
        for name, values in (given or {}).items():
            if name not in self.ties.variables:
                raise SettingError(
                    f"starts: {name!r} is not a parameter to be varied or fixed; there are "
                    f"{', '.join(self.ties.variables)}"
                )
            column = np.asarray(values, dtype=float)
            if column.shape not in ((), (len(self.y),)):
                raise SettingError(
                    f"starts of {name!r} have the shape {column.shape} for {len(self.y)} spectra"
                )
            start[:, self.ties.variables.index(name)] = column
        return start

    def objective(self, part: slice, loss: Loss) -> tuple[TiedObjective, NDArray[np.intp]]:
        """Data of some spectra as the solver wants them, and their numbers of points."""
        y = np.asarray(self.y[part], dtype=float)
        weights = self._weights(y, part)
        use = np.isfinite(y) & np.isfinite(weights) & (weights != 0)
        weight = np.where(use, weights, 0.0) ** 2
        inner = SpectraObjective.of(
            self.translation.model,
            Points(self.x[None], self.x[None]),
            np.where(use, y, 0.0),
            weight,
            loss,
        )
        sources = tuple(
            (parse_expression(text, frozenset(names)), names)
            for text, names in self.translation.sources
        )
        return TiedObjective(inner, self.ties, sources), use.sum(axis=1)

    def _weights(self, y: FloatArray, part: slice) -> FloatArray:
        if self.errors == "counts":
            return 1.0 / point_sigma(y, None, "counts")
        if self.weights is None:
            return np.ones_like(y)
        rows = self.weights if len(self.weights) == 1 else self.weights[part]
        return np.broadcast_to(rows, y.shape)

    def fit(
        self, start: FloatArray, part: slice, tolerance: float, max_iterations: int
    ) -> tuple[NDArray, ...]:  # type: ignore[type-arg]
        """Fit some spectra: values, stderr, covar, status, χ², dof, iterations."""
        ties = self.ties
        rows = start[part]
        lower, upper = (np.broadcast_to(b, rows.shape) for b in (ties.lower, ties.upper))
        free = np.tile(ties.free, (len(rows), 1))
        with np.errstate(all="ignore"):
            rough, n_points = self.objective(part, SQUARES)
            rows, promised = self._nearer(rough, rows, lower, upper, free)
            objective = rough
            if self.loss is not SQUARES:
                objective, _ = self.objective(part, self.loss)
            solution = minimize(
                objective,
                rows,
                lower,
                upper,
                free,
                max_iterations=max_iterations,
                tolerance=tolerance,
                promised=promised,
            )
            cov = self._covariance(objective, solution, start[part], lower, upper, tolerance)
        dof = n_points - free.sum(axis=1)
        bad = dof < 0
        solution.status[bad] = Status.BAD_INPUT
        cov *= self._scale(solution, dof)[:, None, None]
        values, stderr = self._report(solution, cov, bad)
        varied = np.flatnonzero(ties.free)
        covar = cov[:, varied[:, None], varied]
        covar[bad] = np.nan
        return values, stderr, covar, solution.status, solution.chi2, dof, solution.iterations

    def _nearer(
        self,
        objective: TiedObjective,
        start: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        free: BoolArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Starts nearer to the minimum, and what the steps that led to them were to gain.

        From binned spectra and a step in single precision, or a rough fit of least squares.
        """
        own, _ = objective.expand(self.ties.start[None])
        curve = self.translation.model.value(own, objective.inner.at)[0]
        size = bin_size(self.x, curve, int(self.ties.free.sum()))
        promised = np.zeros(len(start))
        if size == 1 and self.loss is SQUARES:
            return start, promised
        # Twice, the second time on finer bins: what binning bends goes with their square.
        sizes = [size, max(2, size // 4)] if size > 2 else [size]
        single = self._bears_single_precision(objective)
        if single and self.loss is SQUARES:
            sizes.append(1)
        for bins in sizes:
            inner = bin_objective(objective.inner, bins) if bins > 1 else objective.inner
            inner = inner.in_single_precision() if single else inner
            binned = replace(objective, inner=inner)
            rough = minimize(binned, start, lower, upper, free, tolerance=_ROUGH)
            # What went astray on fewer points starts from where it was told to.
            good = np.isin(rough.status, (Status.OK, Status.AT_BOUND))
            start = np.where(good[:, None], rough.theta, start)
            promised = np.where(good & (bins == 1), rough.decrement, 0.0)
        return start, promised

    def _bears_single_precision(self, objective: TiedObjective) -> bool:
        """Whether the normal equations at the common start are solved well in seven digits."""
        start, every = self.ties.start[None], np.ones((1, self.x.size))
        worst = inflation(objective.information(start, every), self.ties.free[None])
        return bool(worst[0] < _SINGLE)

    def _covariance(
        self,
        objective: TiedObjective,
        solution: Solution,
        start: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        tolerance: float,
    ) -> FloatArray:
        """Covariances, not scaled (rows, F, F), after the last digits have been seen to."""
        if self.loss is SQUARES:
            cov = solution.covariance()
            doubtful = needs_polish(solution, tolerance) | (solution.status == Status.NOT_CONVERGED)
            usable = np.isfinite(solution.chi2) & (objective.inner.weight > 0).any(axis=1)
            rows = np.flatnonzero(doubtful & usable)
            if rows.size:
                cov[rows] = polish(objective, solution, start, lower, upper, rows)
            return cov
        if not isinstance(self.loss, Robust):
            return solution.covariance()
        inner = objective.inner
        bend, square = self.loss.sandwich(objective.value(solution.theta), inner.y, inner.weight)
        vary = solution.free & ~solution.at_bound
        bread = covariance(objective.information(solution.theta, bend), vary)
        filling = objective.information(solution.theta, square)
        known = np.nan_to_num(bread)
        cov = np.matmul(np.matmul(known, filling), known)
        return np.where(np.isfinite(bread), cov, np.nan)

    def _scale(self, solution: Solution, dof: NDArray[np.intp]) -> FloatArray:
        """What covariances are multiplied by (rows,)."""
        # The sandwich of a robust fit holds the scatter of the residuals already.
        if self.errors != "residual" or isinstance(self.loss, Robust):
            return np.ones(len(dof))
        return np.where(dof > 0, solution.chi2 / np.maximum(dof, 1), np.nan)

    def _report(
        self, solution: Solution, cov: FloatArray, bad: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        """Values and uncertainties of all parameters, ties included (rows, Q)."""
        found = self.ties.values(solution.theta)
        variance = np.einsum("rii->ri", cov)
        values = np.empty((len(cov), len(self.ties.names)))
        stderr = np.zeros_like(values)
        vary = solution.free & ~solution.at_bound
        for q, name in enumerate(self.ties.names):
            dual = found[name]
            values[:, q] = dual.value
            if name in self.ties.variables:
                stderr[:, q] = np.sqrt(variance[:, self.ties.variables.index(name)])
                continue
            if not dual.slopes:
                continue
            # What is fixed or held by a bound adds nothing; what is not determined, NaN.
            index = np.array(list(dual.slopes), dtype=np.intp)
            gradient = np.stack([np.broadcast_to(s, len(cov)) for s in dual.slopes.values()], 1)
            gradient = np.where(vary[:, index], gradient, 0.0)
            square = gradient[:, :, None] * gradient[:, None, :]
            parts = np.where(square != 0, square * cov[:, index[:, None], index], 0.0)
            stderr[:, q] = np.sqrt(parts.sum(axis=(1, 2)))
        failed = bad | ~np.isfinite(solution.chi2)
        values[failed], stderr[failed] = np.nan, np.nan
        return values, stderr

    def curves(self, fits: StackFit) -> FloatArray:
        """Fitted curves (spectra, points)."""
        columns = [fits.names.index(name) for name in self.ties.variables]
        parts = []
        for i in range(0, len(self.y), _TOGETHER):
            part = slice(i, i + _TOGETHER)
            objective, _ = self.objective(part, SQUARES)
            parts.append(objective.value(fits.values[part][:, columns]))
        return np.concatenate(parts)

    def as_lmfit(self, fits: StackFit, index: int) -> ModelResult:
        """Return one fit as a genuine `lmfit` result."""
        from spectra.fit.bridge import as_model_result

        part = slice(index, index + 1)
        y = np.asarray(self.y[index], dtype=float)
        with np.errstate(all="ignore"):
            weights = self._weights(y[None], part)[0]
        if self.errors == "counts":
            curve = self.curves_of(fits, index)
            weights = 1.0 / np.sqrt(np.maximum(curve, Counts().floor))
        return as_model_result(
            self.model, self.params, self.x, y, weights, fits, index, self.errors
        )

    def curves_of(self, fits: StackFit, index: int) -> FloatArray:
        """Fitted curve of one spectrum (points,)."""
        columns = [fits.names.index(name) for name in self.ties.variables]
        objective, _ = self.objective(slice(index, index + 1), SQUARES)
        return np.asarray(objective.value(fits.values[index : index + 1][:, columns])[0])
