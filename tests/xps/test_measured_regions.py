"""Measured core levels: the minimum and the uncertainties are lmfit's; a shift is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectra import Stack, Status
from spectra.fit.misfit import correlation_scale
from spectra.xps import Calibrate, Model, Region, Species, load_model
from spectra.xps.build import Background, build

pytestmark = pytest.mark.realdata

# File, delimiter, window (eV), first guesses of the lines' positions.
REGIONS = {
    "0-150W_NiWC1s_C1s.txt": (None, (278.0, 292.0), (282.3,)),
    "0-150W_NiWO1s_O1s.txt": (None, (522.0, 536.0), (528.4, 530.2)),
    "C1s_sample.csv": (",", None, (None,)),
}


def measured(data, name):
    delimiter, window, guesses = REGIONS[name]
    table = np.loadtxt(data / "xps" / "columns" / name, delimiter=delimiter, skiprows=1)
    stack = Stack.from_arrays(table[:, 0], table[:, 1], axis_name="binding_energy")
    top = float(stack.x[np.asarray(stack.signal)[0].argmax()])
    window = window or (top - 7.0, top + 7.0)
    stack = stack.crop(*window)
    y = np.asarray(stack.signal)
    stack = replace(stack, errors=np.sqrt(np.maximum(y, 1.0)), noise="given")
    return stack, [top if g is None else g for g in guesses]


@pytest.mark.parametrize("name", REGIONS)
def test_the_minimum_is_that_of_lmfit(data, name):
    stack, at = measured(data, name)
    species = tuple(
        Species(name=f"p{i}", level="1s", position=p, spread=2.0, width=1.6, widths=(0.3, 6))
        for i, p in enumerate(at)
    )
    ties = {f"p{i}_fwhm": {"expr": "p0_fwhm"} for i in range(1, len(at))}
    model = Model(name="lines", species=species, parameters=ties)
    results = Region(model=model, degree=1)(stack)
    assert results.status[0] == Status.OK, results.messages[0]
    labels = results.table.coords["parameter"]["label"].tolist()
    losses = (1643.0, 1.0, 0.0, 0.0)
    background = Background("shirley", False, 1, losses, float(stack.x[0]), float(stack.x[-1]))
    made = build(model, background)
    params = made.params.copy()
    for label, value in zip(labels, results["parameter"][0], strict=True):
        params[label].set(value=value)
    y, sigma = np.asarray(stack.signal)[0], np.asarray(stack.errors)[0]
    found = made.model.fit(y, params, x=stack.x, weights=1 / sigma, scale_covar=True)
    ours = results["chi2_reduced"][0]
    free = sum(p.vary and not p.expr for p in made.params.values())
    assert ours * (y.size - free) <= found.chisqr * (1 + 1e-8)
    # Widened by the misfit where it is improbable, else the weights are as given; and where
    # residuals hang together, as those of the oxygen line do.
    scale = 1.0 if ours < 1.3 else ours
    scale *= correlation_scale(results["abbe"], np.array([y.size]))[0]
    for variable in found.var_names:
        error = found.params[variable].stderr / np.sqrt(found.redchi) * np.sqrt(scale)
        own = results["parameter_stderr"][0, labels.index(variable)]
        assert own == pytest.approx(error, rel=0.02), variable


def test_charging_of_a_film_is_corrected_by_its_carbon(data):
    free = {"C_C_mixing": {"vary": True, "min": 0.0, "max": 1.0}}
    free |= {n: {"expr": "C_C_mixing"} for n in ("C_O_mixing", "C__O_mixing")}
    carbon = load_model("C1s_adventitious")
    carbon = replace(carbon, parameters={**carbon.parameters, **free})
    stack, _ = measured(data, "0-150W_NiWC1s_C1s.txt")
    moved = Calibrate(model=carbon, search=(-6.0, 5.0))(stack)
    record = moved.metadata["corrections"][-1]
    assert record["shift"] == pytest.approx(2.53, abs=0.1)
    assert 0.0 < record["stderr"] < 0.1
    top = moved.x[np.asarray(moved.signal)[0].argmax()]
    assert top == pytest.approx(284.8, abs=0.4)


def test_fermi_edge(data):
    table = np.loadtxt(data / "xps" / "columns" / "170109_1712_Ef.csv", delimiter=",", skiprows=1)
    stack = Stack.from_arrays(table[:, 0], table[:, 1], axis_name="binding_energy", noise="unknown")
    calibrate = Calibrate(reference="fermi_edge", target=0.0, search=(1.2, 2.9))
    found, stderr = calibrate.measure(stack)
    y = np.asarray(stack.signal)[0]
    half = float(stack.x[np.argmax(y > 0.5 * (2.6 + 13.8))])
    assert found == pytest.approx(half, abs=0.15)
    assert 0 < stderr < 0.05


def test_a_width_that_leans_on_its_bound_is_at_bound_and_not_lost(data):
    stack, _ = measured(data, "0-150W_NiWC1s_C1s.txt")
    species = tuple(
        Species(name=n, level="C 1s", position=p, spread=2.0, width=1.6, widths=(0.3, 6))
        for n, p in (("a", 282.3), ("b", 286.3))
    )
    results = Region(model=Model(name="lines", species=species), degree=1)(stack)
    assert results.status[0] == Status.AT_BOUND
    assert "b_fwhm at its bound 0.3" in results.messages[0]
    assert results["fwhm"][0, 1] == 0.3
