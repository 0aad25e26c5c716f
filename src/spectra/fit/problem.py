"""A checked `lmfit` model with the spectra it is to be fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.fit.coarse import approach
from spectra.fit.covariance import covariance
from spectra.fit.expressions import parse_expression
from spectra.fit.losses import SQUARES, Counts, Loss, Robust
from spectra.fit.model import Points
from spectra.fit.objective import SpectraObjective
from spectra.fit.polish import needs_polish, polish
from spectra.fit.solver import Evaluation, Solution, minimize
from spectra.fit.ties import TiedObjective, Ties
from spectra.fit.translate import Translation, translate
from spectra.fit.uncertainty import point_sigma
from spectra.status import Status

if TYPE_CHECKING:
    import lmfit
    from lmfit.model import ModelResult

    from spectra.fit.batch import StackFit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Spectra worked on together, so that memory stays flat; no answer depends on it.
_TOGETHER = 512


@dataclass(frozen=True)
class Problem:
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
    ) -> Problem:
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
        return self._tied(np.where(use, y, 0.0), weight, loss), use.sum(axis=1)

    def _tied(self, y: FloatArray, weight: FloatArray, loss: Loss) -> TiedObjective:
        at = Points(self.x[None], self.x[None])
        inner = SpectraObjective.of(self.translation.model, at, y, weight, loss)
        sources = tuple(
            (parse_expression(text, frozenset(names)), names)
            for text, names in self.translation.sources
        )
        return TiedObjective(inner, self.ties, sources)

    def _weights(self, y: FloatArray, part: slice) -> FloatArray:
        if self.errors == "counts":
            return 1.0 / point_sigma(y, None, "counts")
        if self.weights is None:
            return np.ones_like(y)
        rows = self.weights if len(self.weights) == 1 else self.weights[part]
        return np.broadcast_to(rows, y.shape)

    def fit(
        self, starts: Sequence[FloatArray], part: slice, tolerance: float, max_iterations: int
    ) -> tuple[NDArray, ...]:  # type: ignore[type-arg]
        """Fit some spectra: values, stderr, covar, status, χ², dof, iterations.

        Of several starts the one whose rough fit is the best is followed to the end.
        """
        varied = self.ties.free
        given = [start[part][:, varied] for start in starts]
        shape = given[0].shape
        ends = self.ties.lower[varied], self.ties.upper[varied]
        lower, upper = (np.broadcast_to(b, shape) for b in ends)
        free = np.ones(shape, bool)
        with np.errstate(all="ignore"):
            rough, n_points = self.objective(part, SQUARES)
            rough = rough.of_varied(starts[0][part])
            objective = replace(rough, inner=replace(rough.inner, loss=self.loss))
            last: TiedObjective | None = None if isinstance(self.loss, Robust) else objective
            if self.loss is SQUARES:
                last = objective = rough
            near = approach(rough, last, given, lower, upper, free)
            solution = minimize(
                objective,
                near.theta,
                lower,
                upper,
                free,
                max_iterations=max_iterations,
                tolerance=tolerance,
                promised=near.promised,
            )
            cov = self._covariance(objective, solution, near.begin, lower, upper, tolerance)
        dof = n_points - shape[1]
        bad = dof < 0
        solution.status[bad] = Status.BAD_INPUT
        cov *= self._scale(solution, dof)[:, None, None]
        values, stderr = self._report(objective.complete(solution.theta), solution, cov, bad)
        cov[bad] = np.nan
        return values, stderr, cov, solution.status, solution.chi2, dof, solution.iterations

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
        self, variables: FloatArray, solution: Solution, cov: FloatArray, bad: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        """Values and uncertainties of all parameters, ties included (rows, Q)."""
        found = self.ties.values(variables)
        variance = np.einsum("rii->ri", cov)
        values = np.empty((len(cov), len(self.ties.names)))
        stderr = np.zeros_like(values)
        vary = solution.free & ~solution.at_bound
        place = {variable: i for i, variable in enumerate(np.flatnonzero(self.ties.free).tolist())}
        for q, name in enumerate(self.ties.names):
            dual = found[name]
            values[:, q] = dual.value
            if name in self.ties.variables:
                own = place.get(self.ties.variables.index(name))
                stderr[:, q] = np.nan if own is None else np.sqrt(variance[:, own])
                continue
            moving = [variable for variable in dual.slopes if variable in place]
            if not moving:
                continue
            # What is fixed or held by a bound adds nothing; what is not determined, NaN.
            index = np.array([place[variable] for variable in moving], dtype=np.intp)
            slopes = [np.broadcast_to(dual.slopes[variable], len(cov)) for variable in moving]
            gradient = np.where(vary[:, index], np.stack(slopes, axis=1), 0.0)
            square = gradient[:, :, None] * gradient[:, None, :]
            parts = np.where(square != 0, square * cov[:, index[:, None], index], 0.0)
            stderr[:, q] = np.sqrt(parts.sum(axis=(1, 2)))
        failed = bad | ~np.isfinite(solution.chi2)
        values[failed], stderr[failed] = np.nan, np.nan
        return values, stderr

    def variables_of(self, values: FloatArray) -> FloatArray:
        """What is no expression (rows, V) of all parameters (rows, Q)."""
        names = self.ties.names
        return values[:, [names.index(name) for name in self.ties.variables]]

    def evaluate(self, values: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian by all variables, of all spectra."""
        objective, _ = self.objective(slice(0, len(values)), self.loss)
        with np.errstate(all="ignore"):
            return objective.evaluate(self.variables_of(values))

    def _held(self, values: FloatArray, beyond: Sequence[str]) -> BoolArray:
        """Variables (rows, V) that a bound holds, but for those named."""
        ties = self.ties
        theta = self.variables_of(values)
        counted = ties.free & ~np.isin(ties.variables, list(beyond))
        return np.asarray(((theta <= ties.lower) | (theta >= ties.upper)) & counted)

    def beyond_bounds(self, fits: StackFit, names: Sequence[str]) -> FloatArray:
        """Covariances of the varied parameters as if no bound held those named."""
        covar = fits.covar.copy()
        theta = self.variables_of(fits.values)
        at_bound = (theta <= self.ties.lower) | (theta >= self.ties.upper)
        at_bound &= np.isin(self.ties.variables, list(names)) & self.ties.free
        rows = np.flatnonzero(at_bound.any(axis=1) & np.isfinite(theta).all(axis=1))
        if not rows.size:
            return covar
        hessian = self.evaluate(fits.values).hessian[rows]
        vary = self.ties.free & ~self._held(fits.values[rows], names)
        found = covariance(hessian, vary)
        if self.errors == "residual":
            found *= fits.redchi[rows, None, None]
        varied = np.flatnonzero(self.ties.free)
        covar[rows] = found[:, varied[:, None], varied]
        return covar

    def all_variables(
        self,
        values: FloatArray,
        covar: FloatArray,
        shared: Sequence[str],
        covariance: FloatArray | None,
        beyond: Sequence[str],
    ) -> FloatArray:
        """Covariances (rows, V, V) of all variables, zero for what is fixed or held.

        By what the shared ones' uncertainty adds: the rest of a fit follows them with the
        slopes −H⁻¹·Hₛ, so that the blocks are those of the inverse of the joint Hessian.
        """
        ties = self.ties
        held = self._held(values, beyond)
        theta = self.variables_of(values)
        full = np.zeros((len(theta), len(ties.free), len(ties.free)))
        free = np.flatnonzero(ties.free)
        both = held[:, :, None] | held[:, None]
        full[:, free[:, None], free] = covar
        full = np.where(both, 0.0, full)
        if covariance is None or not shared:
            return full
        index = [ties.variables.index(name) for name in shared]
        hessian = self.evaluate(values).hessian
        follow = -np.matmul(np.nan_to_num(full), hessian[:, :, index])
        follow[:, index] = np.eye(len(index))
        added = np.matmul(np.matmul(follow, covariance), follow.transpose(0, 2, 1))
        return np.asarray(full + added)

    def propagate(
        self, values: FloatArray, cov: FloatArray, names: Sequence[str]
    ) -> tuple[FloatArray, FloatArray]:
        """Values (rows, n) of some parameters and their covariances (rows, n, n).

        Parameters
        ----------
        values : array (rows, Q)
        cov : array (rows, V, V)
            Of all variables; NaN where not determined.
        """
        found = self.ties.values(self.variables_of(values), names)
        out = np.stack([np.broadcast_to(found[n].value, len(values)) for n in names], axis=1)
        slopes = np.zeros((len(values), len(names), len(self.ties.variables)))
        for i, name in enumerate(names):
            for variable, slope in found[name].slopes.items():
                slopes[:, i, variable] = slope
        lost = np.isnan(np.einsum("rii->ri", cov))
        spread = np.matmul(slopes, np.nan_to_num(cov))
        square = np.matmul(spread, slopes.transpose(0, 2, 1))
        if lost.any():
            unknown = ((slopes != 0) & lost[:, None]).any(axis=2)
            square = np.where(unknown[:, :, None] | unknown[:, None], np.nan, square)
        return out, square

    def parts(self) -> list[slice]:
        """Spectra that are worked on together."""
        return [slice(i, i + _TOGETHER) for i in range(0, len(self.y), _TOGETHER)]

    def curves(self, fits: StackFit) -> FloatArray:
        """Fitted curves (spectra, points)."""
        columns = [fits.names.index(name) for name in self.ties.variables]
        parts = []
        for part in self.parts():
            # A curve needs neither data nor weights.
            blank = np.zeros((len(fits.values[part]), self.x.size))
            curves = self._tied(blank, blank, SQUARES)
            parts.append(curves.value(fits.values[part][:, columns]))
        return np.concatenate(parts)

    def jacobian(self, fits: StackFit) -> FloatArray:
        """Derivatives of the fitted curves (spectra, varied, points), of few spectra."""
        blank = np.zeros((len(fits.values), self.x.size))
        curves = self._tied(blank, np.ones_like(blank), SQUARES)
        slopes = curves.residual_and_jacobian(self.variables_of(fits.values))[1]
        return slopes[:, self.ties.free]

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
