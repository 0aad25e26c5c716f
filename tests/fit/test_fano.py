"""The Breit–Wigner–Fano line."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.lineshapes import get_profile


@pytest.mark.parametrize("coupling", [-0.3, 0.0, 0.15])
def test_it_is_fano_less_a_constant(coupling):
    x = np.linspace(1400.0, 1700.0, 301)
    t = (x - 1580.0) / 20.0
    whole = (1.0 + coupling * t) ** 2 / (1.0 + t**2)
    area = np.pi / 2 * 40.0 * (1.0 - coupling**2)
    line = area * get_profile("breit_wigner_fano").value(x, 1580.0, 40.0, coupling)
    np.testing.assert_allclose(line + coupling**2, whole, rtol=1e-12, atol=1e-14)


def test_its_principal_value_is_one():
    t = np.linspace(-3e5, 3e5, 600_001)
    g = get_profile("breit_wigner_fano").value(t, 0.0, 30.0, -0.25)
    assert np.trapezoid(g, t) == pytest.approx(1.0, abs=1e-4)


def test_without_coupling_it_is_lorentzian():
    x = np.linspace(-5, 5, 101)
    line = get_profile("breit_wigner_fano").value(x, 0.3, 1.2, 0.0)
    np.testing.assert_allclose(line, get_profile("lorentzian").value(x, 0.3, 1.2), rtol=1e-14)


@pytest.mark.parametrize("coupling", [-0.3, 0.0, 0.15])
def test_its_maximum_is_where_and_as_high_as_it_is_told(coupling):
    x = np.linspace(1500.0, 1660.0, 160_001)
    profile = get_profile("breit_wigner_fano")
    g = profile.value(x, 1580.0, 40.0, coupling)
    away, _ = profile.summit(np.array(40.0), np.array(coupling))
    assert 1580.0 + away == pytest.approx(x[g.argmax()], abs=2e-3)
    height, slopes = profile.peak_height_and_gradient(40.0, coupling)
    assert height == pytest.approx(g.max(), rel=1e-9)
    above, _ = profile.peak_height_and_gradient(40.0, coupling + 1e-6)
    assert slopes[1] == pytest.approx((above - height) / 1e-6, rel=1e-4, abs=1e-7)
