"""Conversions and their inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra import units


@given(st.floats(0.01, 179.9), st.floats(0.1, 5.0))
def test_there_and_back(two_theta, wavelength):
    d = units.d_from_two_theta(two_theta, wavelength)
    assert units.two_theta_from_d(d, wavelength) == pytest.approx(two_theta, rel=1e-9)
    q = units.q_from_two_theta(two_theta, wavelength)
    assert q == pytest.approx(2 * np.pi / d, rel=1e-12)
    assert units.two_theta_from_q(q, wavelength) == pytest.approx(two_theta, rel=1e-9)
    assert units.d_from_q(units.q_from_d(d)) == pytest.approx(d, rel=1e-14)


def test_temperatures_become_kelvin_or_are_refused():
    assert [float(units.kelvin_from(20.0, u)) for u in ("K", "kelvin")] == [20.0, 20.0]
    assert [float(units.kelvin_from(20.0, u)) for u in ("degC", "°C", "C")] == [293.15] * 3
    with pytest.raises(ValueError, match="'degF'; expected one of K"):
        units.kelvin_from(20.0, "degF")


def test_known_values_and_the_domain():
    assert units.energy_from_wavelength(1.5405929) == pytest.approx(8047.8, abs=0.1)
    assert units.wavelength_from_energy(8047.8) == pytest.approx(1.54059, abs=1e-4)
    assert np.isnan(units.two_theta_from_d(0.5, 1.54))
    assert np.isnan(units.d_from_two_theta(0.0, 1.54))


def test_values_of_a_kind_in_another_unit():
    assert units.convert([1.0, 2.0], "d", "h").tolist() == [24.0, 48.0]
    assert float(units.convert(300.0, "K", "°C")) == pytest.approx(26.85)
    assert float(units.convert(3850.0, "mV", "V")) == pytest.approx(3.85)
    assert float(units.convert(1.0, "bar", "kPa")) == 100.0
    assert units.is_convertible("min", "hours")
    assert not units.is_convertible("s", "K")
    assert float(units.convert(50.0, "%", "")) == 0.5
    assert float(units.convert(0.0013, "g", "mg")) == 1.3
    assert not units.is_convertible("", "")
    with pytest.raises(ValueError, match="'s' cannot be told in 'V'; state them in one unit"):
        units.convert(1.0, "s", "V")
