"""Fit one `lmfit` model to many spectra at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.fit.losses import SQUARES, Counts, Loss, Robust, RobustName
from spectra.fit.problem import Problem
from spectra.fit.solver import Evaluation
from spectra.status import Status

if TYPE_CHECKING:
    import lmfit
    import pandas as pd
    from lmfit.model import ModelResult

FloatArray = NDArray[np.float64]

Errors = Literal["residual", "given", "counts"]


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
    _problem: Problem

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
        """Fitted curves (spectra, points), not to be changed; NaN where nothing could be fitted."""
        return self._curves

    @cached_property
    def _curves(self) -> FloatArray:
        curves = self._problem.curves(self)
        curves.flags.writeable = False
        return curves

    def propagated(
        self,
        names: Sequence[str],
        shared: Sequence[str] = (),
        covariance: FloatArray | None = None,
        beyond: Sequence[str] = (),
    ) -> tuple[FloatArray, FloatArray]:
        """Values (spectra, n) and full covariances (spectra, n, n) of parameters, ties included.

        What is fixed or held by a bound has no variance; what is not determined has NaN.

        Parameters
        ----------
        names : sequence of str
        shared : sequence of str
            Parameters held fixed here that were found from all spectra together.
        covariance : array (shared, shared), optional
            Theirs; what it adds to the others' is added.
        beyond : sequence of str
            Parameters that stay uncertain although a bound holds them, such as the area of a
            line that is not there: what imitates them is no better known for the bound.
        """
        covar = self._problem.beyond_bounds(self, beyond) if beyond else self.covar
        full = self._problem.all_variables(self.values, covar, shared, covariance, beyond)
        return self._problem.propagate(self.values, full, names)

    def evaluation(self) -> tuple[tuple[str, ...], Evaluation]:
        """Variables V, all parameters without an expression, fixed ones too, and the fits by them.

        The gradient (spectra, V) and Hessian (spectra, V, V) are in the solver's convention:
        −½·∂cost and half the expected second derivatives.
        """
        return self._problem.ties.variables, self._problem.evaluate(self.values)

    def jacobian(self) -> FloatArray:
        """Derivatives of the curves (spectra, varied, points) by the parameters of `var_names`."""
        return self._problem.jacobian(self)

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
    starts: Mapping[str, ArrayLike] | Sequence[Mapping[str, ArrayLike]] | None = None,
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
    starts : mapping of str to array (spectra,), or sequence of them, optional
        Starts of parameters that differ from spectrum to spectrum. A fixed parameter keeps
        its value. From each of several a rough fit is made, and the best is finished.
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
    problem = Problem.of(model, params, x, y, weights, errors, _loss(loss, loss_scale, errors))
    several = [starts] if starts is None or isinstance(starts, Mapping) else list(starts)
    begin = [problem.starts(one) for one in several]
    fixed = ~problem.ties.free
    if any((one[:, fixed] != begin[0][:, fixed]).any() for one in begin[1:]):
        raise SettingError(
            "starts: what is fixed has other values in another of the starts; give all of them "
            "the same"
        )
    parts = [problem.fit(begin, part, tolerance, max_iterations) for part in problem.parts()]
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
