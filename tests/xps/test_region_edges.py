"""Models that hold nearly everything."""

from __future__ import annotations

import numpy as np
from carbon_regions import REGION, counted, curve_of

from spectra import Status
from spectra.xps import Model, Region


def test_a_fraction_that_is_tied_has_no_uncertainty():
    model = REGION.species_model
    ties = {**model.parameters, "C_O_area": {"expr": "0.3*C_C_area"}}
    tied = Model(name="tied", species=model.species, parameters=ties)
    results = Region(model=tied)(counted(curve_of(C_O_area=450.0), 20))
    assert (results.status == Status.OK).all()
    np.testing.assert_allclose(results["fraction"][:, 1], 0.3 / 1.3)
    assert results["fraction_stderr"].max() < 1e-6
    assert results["area_stderr"].min() > 1


def test_areas_may_all_be_held():
    model = REGION.species_model
    held = {k: {"value": v, "vary": False} for k, v in (("C_C_area", 1500.0), ("C_O_area", 500.0))}
    fixed = Model(name="held", species=model.species, parameters={**model.parameters, **held})
    results = Region(model=fixed)(counted(curve_of(), 5))
    assert (results.status == Status.OK).all()
    assert results["area"].tolist() == [[1500.0, 500.0]] * 5
    assert np.isfinite(results["position_stderr"]).all()
