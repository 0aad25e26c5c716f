"""Preferred orientation and shape of crystallites, refined from patterns that have them."""

import numpy as np
import pytest

from spectra import Stack
from spectra.errors import SettingError
from spectra.reference import load_phase
from spectra.xrd import Rietveld

X = np.arange(15.0, 90.0, 0.03)
SETTINGS = {
    "phases": ("TiO2_rutile",),
    "radiation": "Cu Ka1",
    "geometry": "bragg_brentano",
    "corrections": (),
    "widths": ("size",),
    "background_degree": 1,
    "coarse_frames": 1,
}
TRUTH = {"w": 4e-3, "background0": 200.0, "TiO2_rutile.scale": 0.05, "TiO2_rutile.size": 0.05}


def simulated(settings, truth, seed=3):
    """One pattern of counts from the model itself, with these parameters."""
    start = TRUTH | truth
    if "uniaxial" in settings:
        del start["TiO2_rutile.size"]
    method = Rietveld(**SETTINGS | settings, start=start)
    empty = Stack.from_arrays(
        X, np.ones((1, X.size)), noise="counts", axis_name="two_theta", axis_unit="deg"
    )
    _, model = method.first_model(empty, [load_phase("TiO2_rutile")], X, 100.0 + X)
    objective = method.objective(model, X, np.ones((1, X.size)), np.ones((1, X.size)), "counts")
    curve = objective.curve(model.layout.start[None])
    counts = np.random.default_rng(seed).poisson(curve)
    return Stack.from_arrays(X, counts, noise="counts", axis_name="two_theta", axis_unit="deg")


@pytest.mark.parametrize(
    ("settings", "truth"),
    [
        ({"march_dollase": {"TiO2_rutile": (0, 0, 1)}}, {"TiO2_rutile.march": 0.8}),
        ({"harmonics": {"TiO2_rutile": 2}}, {"TiO2_rutile.c2_1": 0.3}),
        (
            {"uniaxial": {"TiO2_rutile": (0, 0, 1)}, "widths": ()},
            {"TiO2_rutile.size_axis": 0.05, "TiO2_rutile.size_equator": 0.2},
        ),
    ],
)
def test_directions_are_found(settings, truth):
    stack = simulated(settings, truth)
    start = {"w": TRUTH["w"]}
    results = Rietveld(**SETTINGS | settings, start=start)(stack)
    names = results.table.coords["refined"]["name"].tolist()
    for name, value in truth.items():
        at = names.index(name)
        found, error = results["value"][0, at], results["value_stderr"][0, at]
        assert abs(found - value) < 4 * error
        assert error < 0.05 * value
    without = Rietveld(**SETTINGS, start=start)(stack)
    assert without["gof"][0] > 1.1 * results["gof"][0]


def test_an_unknown_phase_is_refused():
    stack = simulated({}, {})
    method = Rietveld(**SETTINGS, harmonics={"anatase": 4})
    with pytest.raises(SettingError, match="harmonics names the phase 'anatase'; there are TiO2"):
        method(stack)
