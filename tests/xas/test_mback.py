"""MBACK: exact on f″ itself, and near the polynomial's step on real spectra."""

from __future__ import annotations

import numpy as np
import pytest
import xraydb
from measured_edges import as_stack, vanadium
from vanadium_edges import operando_series

from conformance import MethodConformance
from spectra.errors import SettingError
from spectra.xas import Mback, Normalize


class TestMbackConforms(MethodConformance):
    def make_method(self):
        return Mback()

    def make_source(self):
        return operando_series(20).stack


def test_scaled_f2_on_a_parabola_is_recovered_exactly():
    x = np.arange(5300.0, 6200.0, 2.0)
    f2 = np.asarray(xraydb.f2_chantler("V", x))
    mu = 0.37 * f2 + 0.4 - 3e-4 * (x - 5465.0) + 2e-7 * (x - 5465.0) ** 2
    found = Mback(before=-30.0)(as_stack(x, mu))
    assert found["scale"][0] == pytest.approx(0.37, rel=1e-9)


def test_the_scatter_of_the_step_is_its_uncertainty():
    series = operando_series(600, jitter=0.0, drift=0.0)
    found, true = Mback()(series.stack), Mback()(series.true)
    pulls = (found["edge_step"] - true["edge_step"]) / found["edge_step_stderr"]
    assert abs(pulls.mean()) < 0.15
    assert 0.9 < pulls.std() < 1.1


def test_unknown_edges_are_refused():
    with pytest.raises(SettingError, match="M7"):
        Mback(edge="M7")(operando_series(2).stack)
    with pytest.raises(SettingError, match="order"):
        Mback(order=9)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["V2O5", "VO2", "V2O3"])
def test_steps_of_vanadium_oxides_are_near_the_polynomials(data, name):
    stack = vanadium(data, name)
    step = Mback(order=3)(stack)["edge_step"][0]
    assert step == pytest.approx(Normalize()(stack)["edge_step"][0], rel=0.1)
