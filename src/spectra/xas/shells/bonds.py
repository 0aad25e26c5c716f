"""Bonds over a sequence: numbers, distances and disorder, and how they change from one frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.results import Column, Results, Table
from spectra.sharing import covariance_with
from spectra.xas.shells.table import HEADLINES, PATH_UNITS, SHARED

FloatArray = NDArray[np.float64]

ERRORS: Mapping[str, tuple[str, str, str]] = {
    "scaled": ("stderr", "common_covariance", "with_common"),
    "noise": ("stderr_unscaled", "common_covariance_unscaled", "with_common_unscaled"),
}
"""Uncertainties with the misfit counted in, as the field quotes them, or of the noise alone."""


def bond_table(
    results: Results, *, against: str = "", reference: int = 0, errors: str = "noise"
) -> Results:
    """Coordination numbers, distances and σ² with their changes from a reference frame.

    What frames share (a common E₀, or an S₀² from a standard) moves them together and mostly drops
    out of changes (`spectra.sharing`), though the noise of each frame moves it too, and that the
    others. What a model lacks is much alike in all frames as well, so that changes are judged by
    the noise, if `errors` does not say otherwise.

    Parameters
    ----------
    results : Results
        Of `Shells`.
    against : str
        Variable of the frames (state of charge, temperature) by which they are put in order; by
        default they stay as they are.
    reference : int
        Frame that changes are counted from.
    errors : {"noise", "scaled"}

    Returns
    -------
    Results
        Table ``bonds``: ``n``, ``r``, ``sigma2``, for each ``…_change`` with its standard
        uncertainty and ``…_significance``, the change over it.

    Raises
    ------
    ResultsError
        If the results are of another method, or the reference frame has no result.
    SettingError
        For a variable that is none, or an unknown choice.
    """
    if results.table.name != "shells":
        raise ResultsError(f"bond_table takes results of xas.Shells, not {results.table.name!r}")
    if errors not in ERRORS:
        raise SettingError(f"errors = {errors!r}; expected {', '.join(ERRORS)}")
    if against and against not in results.variables:
        known = ", ".join(results.variables) or "none"
        raise SettingError(f"the frames have no variable {against!r}; they have {known}")
    if not -len(results) <= reference < len(results):
        raise SettingError(f"reference = {reference}; there are {len(results)} frames")
    if not results.ok()[reference]:
        name, why = results.names[reference], results.messages[reference]
        raise ResultsError(f"the reference frame {name} has no result ({why}); choose another")
    columns: dict[str, NDArray[Any]] = {}
    for name in SHARED:
        columns |= _changes(results, name, reference, errors)
    table = Table(
        "bonds",
        tuple(c for name in SHARED for c in _declared(name)),
        {"path": results.table.coords["path"]},
        "r",
    )
    bonds = Results(
        table=table,
        columns=columns,
        status=results.status,
        messages=results.messages,
        names=results.names,
        variables=results.variables,
        attrs={
            "reference": results.names[reference],
            "errors": errors,
            "against": against,
            "title": results.attrs.get("title", ""),
        },
    )
    if not against:
        return bonds
    ordered: Results = bonds[np.argsort(results.variables[against].values, kind="stable")]
    return ordered


def _declared(name: str) -> tuple[Column, ...]:
    unit, meaning = PATH_UNITS[name]
    return (
        Column(name, unit, meaning, ("path",), stderr=True),
        Column(
            *(f"{name}_change", unit, f"change of {name} from the reference", ("path",)),
            stderr=True,
            headline=f"Δ{HEADLINES[name]}",
        ),
        Column(f"{name}_significance", "", "change over its standard uncertainty", ("path",)),
    )


def _changes(results: Results, name: str, reference: int, errors: str) -> dict[str, FloatArray]:
    """The columns of one quantity."""
    kind, covariance, with_common = ERRORS[errors]
    value = np.where(results.ok()[:, None], results[name], np.nan)
    stderr = np.where(results.ok()[:, None], results[f"{name}_{kind}"], np.nan)
    change = value - value[reference]
    joint = covariance_with(
        results, name, reference, covariance=covariance, with_common=with_common
    )
    variance = stderr**2 + stderr[reference] ** 2 - 2.0 * joint
    error = np.sqrt(np.maximum(variance, 0.0))
    error[reference] = np.where(np.isfinite(change[reference]), 0.0, np.nan)
    significance = np.divide(change, error, out=np.zeros_like(change), where=error > 0)
    return {
        name: value,
        f"{name}_stderr": stderr,
        f"{name}_change": change,
        f"{name}_change_stderr": error,
        f"{name}_significance": np.where(np.isnan(error), np.nan, significance),
    }
