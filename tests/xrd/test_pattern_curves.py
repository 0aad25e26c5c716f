"""Calculated patterns from results: Le Bail and Pawley, whose strengths stand in the table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectra import Stack
from spectra.engine import method_from_provenance, run
from spectra.errors import SettingError
from spectra.nexus import open_file
from spectra.reference import load_phase
from spectra.xrd import LeBail, Pawley, Rietveld
from spectra.xrd.pattern.build import Measurement
from spectra.xrd.pattern.curves import parameters, pattern_curves
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.statistics import agreement
from spectra.xrd.pattern.tiles import Tiles
from spectra.xrd.profile.instrument import Instrument, emission_lines

X = np.arange(18.0, 80.0, 0.02)
SETTINGS = {
    "phases": ("LaB6", "Si"),
    "radiation": "Cu",
    "geometry": "bragg_brentano",
    "widths": ("strain",),
    "background_degree": 2,
    "coarse_frames": 2,
}
INSTRUMENT = Instrument(
    emission_lines("Cu"), geometry="bragg_brentano", w=0.006, s_l=0.01, h_l=0.02
)


@pytest.fixture(scope="module")
def stack():
    """Three patterns of LaB6 and Si, counted."""
    measurement = Measurement(INSTRUMENT, (X[0], X[-1]), 0.1)
    model = Rietveld(**SETTINGS)._model(measurement, [load_phase("LaB6"), load_phase("Si")])
    theta = np.tile(model.layout.start, (3, 1))
    theta[:, model.layout.index("w")] = 0.006
    objective = PatternObjective.of(
        model, Tiles.of(X, 128), np.zeros((3, X.size)), np.ones((3, X.size))
    )
    curve = objective.curve(theta)
    y = 60.0 + 5000.0 * np.maximum(curve, 0.0) / curve.max()
    return Stack.from_arrays(X, np.random.default_rng(4).poisson(y).astype(float), noise="counts")


@pytest.mark.parametrize("method", [LeBail, Pawley, Rietveld])
def test_the_file_gives_the_curves_of_the_refinement(stack, method, tmp_path):
    run(stack, method(**SETTINGS, exclude=((40.0, 42.0),)), tmp_path / "r.h5")
    results = open_file(tmp_path / "r.h5")
    again = method_from_provenance(dict(results.provenance))
    found = pattern_curves(results, stack, np.arange(3), again)
    weight = np.tile(found.used.astype(float), (3, 1))
    figures = agreement(found.observed, found.calculated, weight, np.full(3, 1))
    np.testing.assert_allclose(figures.rp, results["rp"], rtol=1e-10)
    assert (results["rp"] < 15).all()


def test_strengths_of_le_bail_are_those_of_pawley(stack):
    by_sharing, by_fit = LeBail(**SETTINGS)(stack), Pawley(**SETTINGS)(stack)
    own = by_fit.table.coords["reflection"]
    assert own["label"][0] == "LaB6 1 0 0"
    assert "intensity_stderr" not in by_sharing.columns
    known = (by_fit["intensity"] > 20 * by_fit["intensity_stderr"]).all(axis=0)
    ticks = pattern_curves(by_fit, stack, np.arange(3), Pawley(**SETTINGS)).ticks
    place = np.concatenate([t.two_theta[0] for t in ticks])
    # What overlaps is shared out as it was at the start.
    gap = np.abs(place[:, None] - place) + 9.0 * np.eye(place.size)
    known &= np.nan_to_num(gap, nan=9.0).min(axis=0) > 0.8
    assert known.sum() >= 8
    apart = (by_sharing["intensity"] - by_fit["intensity"]) / by_fit["intensity_stderr"]
    assert np.abs(apart[:, known]).max() < 5


def test_parameters_held_stand_where_they_were_put(stack):
    start = {"LaB6.B1.u_iso": 0.00419973, "w": 0.00612345678912345}
    method = Rietveld(**SETTINGS, start=start)
    results = method(stack)
    model = method.model_of(results)
    theta = parameters(results, model)
    for name, value in start.items():
        assert (theta[:, model.layout.index(name)] == value).all()


def test_a_start_of_no_parameter_is_refused(stack):
    with pytest.raises(
        SettingError, match=r"no parameter 'LaB6.B.uiso'; did you mean LaB6.B1.u_iso"
    ):
        Rietveld(**SETTINGS, start={"LaB6.B.uiso": 0.01})(stack)


def test_a_measurement_comes_back_from_plain_data():
    measurement = Measurement(INSTRUMENT, (5.0, 60.0), 0.08)
    plain = json.loads(json.dumps(measurement.to_plain()))
    assert Measurement.from_plain(plain) == measurement
