"""Hand single fits back as genuine `lmfit` results."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.model import Model, Points
from spectra.status import Status

if TYPE_CHECKING:
    import lmfit
    from lmfit.model import ModelResult

    from spectra.fit.batch import StackFit

FloatArray = NDArray[np.float64]


def as_lmfit(
    model: Model,
    x: FloatArray,
    y: FloatArray,
    sigma: FloatArray,
    theta: FloatArray,
    window: tuple[float, float],
) -> ModelResult:
    """Fit one spectrum with `lmfit`, from the batched solver's answer as start.

    Parameters
    ----------
    model : Model
    x, y, sigma : array (points,)
        Points without a finite y or a positive sigma are left out.
    theta : array (P,)
        Parameters in the order of ``model.names``.
    window : (float, float)
        Ends of the window that the background's polynomial is counted in.

    Returns
    -------
    lmfit.model.ModelResult
        Uncertainties are those of the weights (``scale_covar=False``). A parameter that
        starts on a natural bound of its shape is held there.
    """
    import lmfit

    low, high = (np.array([end]) for end in window)

    def spectrum(x: FloatArray, **parameters: float) -> FloatArray:
        values = np.array([[parameters[name] for name in model.names]])
        curve: FloatArray = model.value(values, Points.scaled(x[None], low, high))[0]
        return curve

    # lmfit reads the names of the parameters from the signature.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [inspect.Parameter(n, kind) for n in ("x", *model.names)]
    spectrum.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    made = lmfit.Model(spectrum, independent_vars=["x"], param_names=list(model.names))
    parameters = lmfit.Parameters()
    for i, (prefix, profile) in enumerate(model.peaks):
        first = model.first_parameter(i)
        parameters.add(f"{prefix}center", theta[first])
        parameters.add(f"{prefix}area", theta[first + 1], min=0.0)
        for j, name in enumerate(profile.shape_names):
            value = float(theta[first + 2 + j])
            lower, upper = profile.bounds[name]
            parameters.add(prefix + name, value, vary=lower < value < upper, min=lower, max=upper)
    for i, name in enumerate(model.names[model.background_slice]):
        parameters.add(name, theta[model.background_slice][i])
    use = np.isfinite(y) & np.isfinite(sigma) & (sigma > 0)
    return made.fit(y[use], parameters, x=x[use], weights=1.0 / sigma[use], scale_covar=False)


def as_model_result(
    model: lmfit.Model,
    params: lmfit.Parameters,
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    fits: StackFit,
    index: int,
    errors: str,
) -> ModelResult:
    """Make an `lmfit` result of one fit of a batch, without fitting again.

    Parameters
    ----------
    model, params
        As they were fitted.
    x, y, weights : array (points,)
        Points without a finite y or with weight zero are left out.
    fits : StackFit
    index : int
    errors : {"residual", "given", "counts"}

    Returns
    -------
    lmfit.model.ModelResult
        With our values, uncertainties and covariance; ``conf_interval``, ``plot``,
        ``eval_uncertainty`` and ``fit`` work on it.
    """
    from lmfit.model import ModelResult

    from spectra.fit.translate import independent_variable

    use = np.isfinite(y) & np.isfinite(weights) & (weights != 0)
    variable = independent_variable(model)
    start, found = params.copy(), params.copy()
    for q, name in enumerate(fits.names):
        if not found[name].expr:
            found[name].value = fits.values[index, q]
    found.update_constraints()
    result = ModelResult(
        *(model, start, y[use], weights[use]),
        fcn_kws={variable: x[use]},
        scale_covar=errors == "residual",
    )
    status = Status(int(fits.status[index]))
    cov = fits.covar[index]
    _fill(result, found, fits.var_names, cov)
    for q, name in enumerate(fits.names):
        error = fits.stderr[index, q]
        found[name].stderr = float(error) if np.isfinite(error) else None
    result.userargs = (result.data, result.weights)
    result.params = found
    result.nfev = int(fits.iterations[index])
    result.success = status in (Status.OK, Status.AT_BOUND)
    result.message = f"batched Levenberg–Marquardt: {status.name.lower()}"
    result.init_values = model._make_all_args(start)
    result.best_values = model._make_all_args(found)
    result.init_fit = model.eval(start, **result.userkws)
    result.best_fit = model.eval(found, **result.userkws)
    result.residual = (result.best_fit - result.data) * result.weights
    result.ndata, result.nvarys = int(use.sum()), len(fits.var_names)
    result.nfree = max(result.ndata - result.nvarys, 1)
    _statistics(result)
    scatter = float(((result.data - result.data.mean()) ** 2).sum())
    off = float(((result.data - result.best_fit) ** 2).sum())
    result.rsquared = 1.0 - off / max(scatter, np.finfo(float).tiny)
    return result


def _statistics(result: ModelResult) -> None:
    """χ² and the information criteria, as `lmfit` defines them."""
    n = result.ndata
    result.chisqr = float((result.residual**2).sum())
    result.redchi = result.chisqr / result.nfree
    likelihood = n * np.log(max(1e-250 * n, result.chisqr) / n)
    result.aic = float(likelihood + 2 * result.nvarys)
    result.bic = float(likelihood + np.log(n) * result.nvarys)


def _fill(
    result: ModelResult, found: lmfit.Parameters, varied: tuple[str, ...], cov: FloatArray
) -> None:
    """Put covariance, uncertainties and correlations where `lmfit` keeps them."""
    complete = bool(np.isfinite(cov).all()) and len(varied) > 0
    result.method, result.var_names = "leastsq", list(varied)
    result.errorbars, result.aborted, result.ier, result.lmdif_message = complete, False, 1, ""
    result.init_vals = [float(result.init_params[name].value) for name in varied]
    if not complete:
        result.covar = None
        return
    result.covar = cov.copy()
    error = np.sqrt(np.diag(cov))
    for i, name in enumerate(varied):
        found[name].stderr = float(error[i])
        found[name].correl = {
            other: float(cov[i, j] / (error[i] * error[j]))
            for j, other in enumerate(varied)
            if j != i
        }
    found.create_uvars(covar=result.covar)
    result.uvars = None
