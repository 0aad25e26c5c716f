"""The table of `raman.Carbon`."""

from __future__ import annotations

import numpy as np

from spectra.raman.carbon_models import LABELS
from spectra.raman.curves import PARAMETERS
from spectra.results import Column, Table


def carbon_table(models: tuple[int, ...], parameters: tuple[str, ...]) -> Table:
    """Declare the table of D and G bands, with `parameters` of the largest model."""
    unit, per, each = "1/cm", ("band",), ("model",)
    columns = (
        Column("ratio_height", "", "I_D/I_G of heights", stderr=True, headline="I_D/I_G"),
        Column("ratio_area", "", "I_D/I_G of areas", stderr=True, headline="A_D/A_G"),
        Column(
            "ratio_height_models", "", "part of its uncertainty: change in models that fit better"
        ),
        Column(
            "ratio_area_models", "", "part of its uncertainty: change in models that fit better"
        ),
        Column("ratio_height_background", "", "part of its uncertainty: degree of the background"),
        Column("ratio_area_background", "", "part of its uncertainty: degree of the background"),
        Column(
            "size_tuinstra_koenig",
            "nm",
            "L_a by Tuinstra and Koenig from heights, for lasers of 480 to 540 nm",
            stderr=True,
            headline="L_a (Tuinstra–Koenig)",
        ),
        Column(
            "size_cancado",
            "nm",
            "L_a by Cancado et al. from areas, for lasers of 400 to 700 nm",
            stderr=True,
            headline="L_a (Cançado)",
        ),
        Column("n_bands", "", "bands of the model that was chosen").as_int(),
        Column("center", unit, "where a band is highest", per, stderr=True, headline="position"),
        Column("fwhm", unit, "its full width at half maximum", per, stderr=True),
        Column("height", "counts", "its profile there", per, stderr=True),
        Column("area", "counts/cm", "its integrated intensity", per, stderr=True),
        PARAMETERS,
        Column("background_degree", "", "degree of the background that was chosen").as_int(),
        Column("background_gain", "", "what degrees beyond the highest would lessen χ² by"),
        Column("model_bic", "", "least Bayesian information criterion of each model", each),
        Column("model_determined", "", "whether the data determine it", each, dtype="int8"),
        Column("chi2_reduced", "", "sum of squared residuals per degree of freedom"),
        Column("abbe", "", "Abbe criterion of the residuals: 1 for noise, less for structure"),
        Column("scaled", "", "factor by which what the fit leaves behind widened uncertainties"),
    )
    coords = {
        "band": {"label": np.array(LABELS)},
        "model": {"bands": np.array(models)},
        "parameter": {"label": np.array(parameters)},
    }
    return Table("carbon", columns, coords, default="ratio_area")
