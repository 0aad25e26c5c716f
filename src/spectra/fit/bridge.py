"""Hand a single fit back as a genuine `lmfit` result."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.model import Model, Points

if TYPE_CHECKING:
    from lmfit.model import ModelResult

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
