"""The table that `xps.Region` fills."""

from __future__ import annotations

import numpy as np

from spectra.results import Column, Table
from spectra.xps.model import Model


def region_table(model: Model, parameters: tuple[str, ...]) -> Table:
    """Declare the columns: one entry per species, and per parameter of the fit."""
    per, each = ("species",), ("parameter",)
    columns: tuple[Column, ...] = (
        Column("area", "eV", "area of all lines of a species, in counts eV", per, stderr=True),
        Column(
            "position",
            "eV",
            "binding energy of its first line",
            per,
            stderr=True,
            headline="position",
        ),
        Column("fwhm", "eV", "full width at half maximum of that line", per, stderr=True),
        Column("height", "", "height of that line above the background", per, stderr=True),
        Column("fraction", "", "part of its level's area", per, stderr=True, headline="fraction"),
        Column("area_correlation", "", "correlations of the areas", ("species", "other_species")),
        Column("transmission", "", "of the analyser at its lines, by the file", per),
        Column(
            "valence",
            "",
            f"mean valence by {model.name}",
            stderr=True,
            headline="valence",
        ),
        Column("parameter", "", "all parameters of the fit, tied ones included", each, stderr=True),
        Column("chi2_reduced", "", "sum of squared residuals per degree of freedom"),
        Column("residual_sd", "", "standard deviation of the residuals in their uncertainties"),
        Column("abbe", "", "Abbe criterion of the residuals: 1 for noise, less for structure"),
        Column("bic", "", "Bayesian information criterion"),
        Column("scaled", "", "factor by which what the fit leaves behind widened uncertainties"),
        Column("other_minima", "", "starts that ended in another plausible minimum").as_int(),
    )
    labels = np.array([s.name for s in model.species])
    levels = np.array([s.level for s in model.species])
    coords = {
        "species": {"label": labels, "level": levels},
        "other_species": {"label": labels},
        "parameter": {"label": np.array(parameters)},
    }
    return Table("region", columns, coords, default="fraction", depth="surface")
