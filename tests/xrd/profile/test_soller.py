"""Axial divergence between Soller slits, against rays that are followed one by one."""

from __future__ import annotations

import numpy as np
import pytest
from slopes import assert_slope

from spectra.fit.lineshapes import get_profile
from spectra.xrd.profile.soller import SollerSlits

TCH = get_profile("tch")
# 2θ, aperture, fwhm of Gaussian and Lorentzian (deg)
CASES = [(21.4, 0.045, 0.06, 0.02), (67.5, 0.045, 0.06, 0.03), (140.0, 0.045, 0.1, 0.08)]


def followed(two_theta, minus, plus, gamma_g, gamma_l, offsets):
    """Profile of rays between slits, by the exact angle between two inclined directions."""
    # The sum and the difference of two rays through triangles, each a cubic spline.
    step = 1.0 / 400.0
    u = np.arange(-2.0 + 0.5 * step, 2.0, step)
    spline = np.where(
        np.abs(u) < 1.0,
        2.0 / 3.0 - u**2 + 0.5 * np.abs(u) ** 3,
        (2.0 - np.abs(u)) ** 3 / 6.0,
    )
    total, weight_of_total = (u, spline) if plus > 0.0 else (np.zeros(1), np.ones(1))
    difference = minus * u[:, None]
    alpha, beta = 0.5 * (plus * total + difference), 0.5 * (plus * total - difference)
    cosine = np.cos(np.radians(two_theta)) - np.sin(alpha) * np.sin(beta)
    angle = np.degrees(np.arccos(cosine / (np.cos(alpha) * np.cos(beta))))
    weight = spline[:, None] * weight_of_total
    counted, edges = np.histogram(
        angle - two_theta, bins=np.arange(-4.0, 4.0, 5e-4), weights=weight / weight.sum()
    )
    centres = 0.5 * (edges[1:] + edges[:-1])
    some = counted > 0.0
    lines = TCH.value(offsets[:, None] - centres[some], 0.0, gamma_g, gamma_l)
    return np.asarray(lines @ counted[some])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_against_rays(case, share):
    two_theta, aperture, gamma_g, gamma_l = case
    values = np.array([aperture, share * aperture])
    term = SollerSlits(with_sum=share > 0.0)
    count = term.needed([two_theta], values, [gamma_g], 1e-4)[0]
    nodes = term.nodes(np.array([[two_theta]]), values[None], count)
    offsets = np.linspace(-1.0, 0.6, 321)
    lines = TCH.value(offsets[:, None] - nodes.shift[0, 0], 0.0, gamma_g, gamma_l)
    got = lines @ nodes.weight[0, 0]
    expected = followed(two_theta, *values, gamma_g, gamma_l, offsets)
    assert np.abs(got - expected).max() < 3e-3 * expected.max()


def test_mean_of_independent_rays():
    """⟨α²⟩ = ⟨β²⟩ = Δ²/6 and ⟨αβ⟩ = 0 shift the centroid by −Δ²/6·cot 2θ."""
    aperture, two_theta = 0.04, np.array([[25.0, 90.0, 130.0]])
    nodes = SollerSlits().nodes(two_theta, np.array([[aperture, aperture]]), 64)
    mean = (nodes.weight * nodes.shift).sum(axis=-1)
    expected = -np.degrees(aperture**2 / 6.0 / np.tan(np.radians(two_theta)))
    np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(nodes.weight.sum(axis=-1), 1.0, rtol=1e-13)


@pytest.mark.parametrize("with_sum", [True, False])
def test_derivatives(with_sum):
    term, two_theta = SollerSlits(with_sum), np.array([[21.0, 80.0, 150.0], [30.0, 70.0, 120.0]])
    values = np.array([[0.04, 0.02], [0.03, 0.01]])
    nodes = term.nodes(two_theta, values, 32)
    for i in range(2):

        def moved(e, i=i):
            return term.nodes(two_theta, values + e * np.eye(2)[i], 32).shift

        assert_slope(nodes.shift_by_values[..., i], moved, 1e-3)
    assert_slope(
        nodes.shift_by_two_theta, lambda e: term.nodes(two_theta + e, values, 32).shift, 0.1
    )
    assert not nodes.weight_by_values.any()
    assert not nodes.weight_by_two_theta.any()


def test_no_divergence_needs_one_node():
    assert (SollerSlits().needed([20.0, 90.0], [0.0, 0.0], [0.05, 0.05], 1e-4) == 1).all()
