"""`lmfit` models of terms that are ours: `fit_stack` takes the terms, `lmfit` the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.model import Points, Sum, Term

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def model_of_terms(
    names: Sequence[str], terms: Callable[[IntArray], Sequence[Term]], title: str
) -> lmfit.Model:
    """Make a genuine `lmfit.Model` of terms.

    Parameters
    ----------
    names : sequence of str
        Its parameters.
    terms : callable
        Columns of the parameters, in the order of `names`, to the model's terms.
    title : str
        Name of the function.

    Returns
    -------
    lmfit.Model
        Fitted by its own ``fit`` it is evaluated as any function is; `fit_stack` uses the
        terms' exact derivatives.
    """
    import lmfit

    whole = Sum(terms(np.arange(len(names))), len(names))

    def spectrum(x: FloatArray, **parameters: float) -> FloatArray:
        theta = np.array([[parameters[name] for name in names]], dtype=float)
        axis = np.asarray(x, dtype=float)[None]
        curve: FloatArray = whole.value(theta, Points(axis, axis))[0]
        return curve

    # lmfit reads the names of the parameters from the signature.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [inspect.Parameter(n, kind) for n in ("x", *names)]
    spectrum.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    spectrum.__name__ = title
    spectrum.terms = terms  # type: ignore[attr-defined]
    return lmfit.Model(spectrum, independent_vars=["x"], param_names=list(names))
