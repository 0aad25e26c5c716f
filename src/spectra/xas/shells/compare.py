"""Which of two models the spectra call for."""

from __future__ import annotations

import numpy as np

from spectra.errors import ResultsError
from spectra.results import Column, Results, Table
from spectra.xas.shells.information import hamilton_probability

_SAME = ("k_range", "r_range", "k_weight", "window", "taper", "space", "n_idp", "noise")
_COLUMNS = (
    Column("probability", "", "that the further parameters gain so much by chance"),
    Column("r_factor", "", "of the model with fewer parameters"),
    Column("r_factor_more", "", "of the model with more parameters"),
    Column("n_varied", "", "parameters of the model with fewer"),
    Column("n_varied_more", "", "parameters of the model with more"),
    Column("reduced_chi_square_change", "", "χ²_ν with more parameters less that with fewer"),
)


def compare(one: Results, other: Results) -> Results:
    """Test in each frame whether the model with more parameters is needed.

    The F-test of Hamilton, see `hamilton_probability`: a probability below 0.05 speaks for the
    further parameters.

    Parameters
    ----------
    one, other : Results
        Of `Shells`, of the same frames in the same ranges, in any order.

    Returns
    -------
    Results
        Table ``comparison``; NaN where one of both has no result.

    Raises
    ------
    ResultsError
        If they are not of the same data.
    """
    if one.table.name != "shells" or other.table.name != "shells":
        raise ResultsError("compare takes two results of xas.Shells")
    if one.names != other.names:
        raise ResultsError(f"compare: {len(one)} and {len(other)} frames that are not the same")
    for name in _SAME:
        if one.attrs[name] != other.attrs[name]:
            raise ResultsError(
                f"compare: {name} is {one.attrs[name]} and {other.attrs[name]}; fit both models to "
                "the same"
            )
    few, many = one, other
    if np.nanmean(one["n_varied"]) > np.nanmean(other["n_varied"]):
        few, many = other, one
    good = few.ok() & many.ok()
    values = {
        "probability": hamilton_probability(
            many["r_factor"], few["r_factor"], few["n_idp"], few["n_varied"], many["n_varied"]
        ),
        "r_factor": few["r_factor"],
        "r_factor_more": many["r_factor"],
        "n_varied": few["n_varied"],
        "n_varied_more": many["n_varied"],
        "reduced_chi_square_change": many["reduced_chi_square"] - few["reduced_chi_square"],
    }
    return Results(
        table=Table("comparison", _COLUMNS, {}, "probability"),
        columns={name: np.where(good, v, np.nan) for name, v in values.items()},
        status=np.maximum(few.status, many.status),
        names=few.names,
        variables=few.variables,
        attrs={"title": few.attrs.get("title", "")},
    )
