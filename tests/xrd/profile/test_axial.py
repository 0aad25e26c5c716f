"""Axial divergence against its integral."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fcj import TCH, smeared
from slopes import assert_slope

from spectra.errors import SettingError
from spectra.fit.lineshapes import tch_parts
from spectra.xrd.profile.axial import NODES, axial_nodes, nodes_needed

# 2θ, S/L, H/L, Γ_G, Γ_L: synchrotron, laboratory, low and high angles, S = H and S ≠ H
CASES = [
    (5.0, 0.0011, 0.0011, 0.006, 0.002),
    (20.0, 0.02, 0.02, 0.08, 0.03),
    (20.0, 0.03, 0.01, 0.08, 0.03),
    (20.0, 0.01, 0.03, 0.08, 0.03),
    (8.0, 0.02, 0.02, 0.1, 0.05),
    (8.0, 0.03, 0.0005, 0.05, 0.01),
    (89.0, 0.03, 0.02, 0.05, 0.01),
    (150.0, 0.02, 0.01, 0.1, 0.05),
    (172.0, 0.02, 0.02, 0.2, 0.1),
]


def _at(two_theta, s_l, h_l, count):
    return axial_nodes(np.array([[two_theta]]), np.array([s_l]), np.array([h_l]), count)


def _profile(two_theta, s_l, h_l, gamma_g, gamma_l, offsets, count):
    nodes = _at(two_theta, s_l, h_l, count)
    delta = offsets[None, :] - nodes.shift[0, 0][:, None]
    lines = TCH.value(delta, 0.0, gamma_g, gamma_l)
    return (nodes.weight[0, 0][:, None] * lines).sum(axis=0)


@pytest.mark.parametrize("case", CASES)
def test_against_brute_force(case):
    two_theta, s_l, h_l, gamma_g, gamma_l = case
    width = float(tch_parts(np.asarray(gamma_g), np.asarray(gamma_l))[0][0])
    count = int(nodes_needed([[two_theta]], [s_l], [h_l], [[width]])[0, 0])
    offsets = np.linspace(-3.0, 3.0, 13) * width
    expected = smeared(*case, offsets)
    got = _profile(*case, offsets, count)
    assert np.abs(got - expected).max() < 1e-6 * expected.max()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6])
def test_rule_for_many_lines(tolerance):
    """What the rule gives is enough, measured with twice and more nodes."""
    rng = np.random.default_rng(5)
    chosen = []
    for _ in range(150):
        two_theta = rng.choice([rng.uniform(3, 40), rng.uniform(40, 140), rng.uniform(140, 176)])
        s_l = 10 ** rng.uniform(-3.3, -1.5)
        h_l = min(s_l * 10 ** rng.uniform(-1, 1), 0.04)
        total, mix = 10 ** rng.uniform(-2.0, -0.5), rng.uniform(0, 1)
        gammas = (total * (1 - mix), total * mix)
        width = float(tch_parts(*(np.asarray(g) for g in gammas))[0][0])
        count = int(nodes_needed([[two_theta]], [s_l], [h_l], [[width]], tolerance)[0, 0])
        if count == NODES[-1]:
            continue
        chosen.append(count)
        offsets = np.linspace(-3.0, 3.0, 61) * width
        best = _profile(two_theta, s_l, h_l, *gammas, offsets, 64)
        got = _profile(two_theta, s_l, h_l, *gammas, offsets, count)
        assert np.abs(got - best).max() < tolerance * best.max()
    assert len(set(chosen)) > 3


@pytest.mark.parametrize("count", NODES)
def test_weights_have_the_sum_one(count):
    rng = np.random.default_rng(0)
    nodes = axial_nodes(
        rng.uniform(2, 178, (4, 50)), [0.0, 0.01, 0.02, 0.03], [0.0, 0.01, 0.04, 0.0], count
    )
    np.testing.assert_allclose(nodes.weight.sum(axis=-1), 1.0, rtol=0, atol=1e-14)
    assert (nodes.weight >= 0).all()
    for name in ("s_l", "h_l", "two_theta"):
        slopes = _slope(nodes, "weight", name)
        assert np.abs(slopes.sum(axis=-1)).max() <= 1e-12 * max(np.abs(slopes).max(), 1.0)


def _slope(nodes, what, name):
    """Derivative of shifts or weights by a height or 2θ."""
    if name == "two_theta":
        return getattr(nodes, f"{what}_by_two_theta")
    return getattr(nodes, f"{what}_by_values")[..., ("s_l", "h_l").index(name)]


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("case", [c for c in CASES if c[1] != c[2]])
def test_derivatives(case, count):
    two_theta, s_l, h_l, *_ = case
    nodes = _at(two_theta, s_l, h_l, count)
    moves = {
        "s_l": (lambda e: _at(two_theta, s_l + e, h_l, count), 2e-3 * min(s_l, h_l)),
        "h_l": (lambda e: _at(two_theta, s_l, h_l + e, count), 2e-3 * min(s_l, h_l)),
        "two_theta": (lambda e: _at(two_theta + e, s_l, h_l, count), 1e-2),
    }
    for what in ("shift", "weight"):
        for name, (move, step) in moves.items():
            exact = _slope(nodes, what, name)
            scale = np.abs(exact).max()
            if what == "weight" and scale * step < 1e-9:
                # Below the rounding of the weights themselves.
                continue
            assert_slope(exact, lambda e, m=move, w=what: getattr(m(e), w), step, 1e-7)


def test_equal_heights_have_one_derivative_from_both_sides():
    """At S = H the trapezoid is a triangle; nothing may jump there."""
    two_theta, height, count = 15.0, 0.02, 4
    nodes = _at(two_theta, height, height, count)
    for name in ("s_l", "h_l"):

        def moved(e, name=name):
            heights = {"s_l": height, "h_l": height}
            heights[name] += e
            return _at(two_theta, heights["s_l"], heights["h_l"], count)

        assert_slope(_slope(nodes, "shift", name), lambda e: moved(e).shift, 1e-4)
        assert_slope(_slope(nodes, "weight", name), lambda e: moved(e).weight, 1e-4, 1e-6)
    np.testing.assert_allclose(*np.moveaxis(nodes.shift_by_values, -1, 0), rtol=1e-12)


def test_derivative_of_the_profile():
    """Through the nodes to the line, at S = H, all in one."""
    case, offsets, count = (12.0, 0.015, 0.015, 0.06, 0.03), np.linspace(-0.3, 0.2, 31), 8
    nodes = _at(*case[:3], count)
    delta = offsets[None, :] - nodes.shift[0, 0][:, None]
    value, (by_center, *_) = TCH.value_and_gradient(delta, 0.0, *case[3:])
    by_delta = -by_center
    for i, name in enumerate(("two_theta", "s_l", "h_l")):
        weight_slope = _slope(nodes, "weight", name)[0, 0][:, None]
        shift_slope = _slope(nodes, "shift", name)[0, 0][:, None]
        exact = (weight_slope * value - nodes.weight[0, 0][:, None] * by_delta * shift_slope).sum(
            axis=0
        )

        def moved(e, i=i):
            point = list(case)
            point[i] += e
            return _profile(*point, offsets, count)

        assert_slope(exact, moved, (1e-2, 1e-4, 1e-4)[i])


def test_no_divergence_leaves_the_line():
    nodes = _at(30.0, 0.0, 0.0, 4)
    for field in dataclasses.fields(nodes):
        assert np.isfinite(getattr(nodes, field.name)).all()
    assert (nodes.shift == 0).all()
    assert nodes_needed([[30.0]], [0.0], [0.0], [[0.05]])[0, 0] == 1


def test_mirrored_at_ninety_degrees():
    low, high = _at(35.0, 0.02, 0.01, 8), _at(145.0, 0.02, 0.01, 8)
    np.testing.assert_allclose(low.shift, -high.shift, rtol=1e-12)
    np.testing.assert_allclose(low.weight, high.weight, rtol=1e-12)
    assert (low.shift < 0).all()


def test_heights_may_change_places():
    one, two = _at(35.0, 0.02, 0.01, 8), _at(35.0, 0.01, 0.02, 8)
    np.testing.assert_allclose(one.shift, two.shift, rtol=1e-13)


def test_mean_shift_of_one_node():
    """⟨u²⟩/2·cot 2θ with ⟨u²⟩ = (S² + H²)/3L²; the weight adds terms of fourth order."""
    s_l, h_l, two_theta = 0.003, 0.001, 40.0
    expected = -np.degrees((s_l**2 + h_l**2) / 6.0 / np.tan(np.radians(two_theta)))
    assert _at(two_theta, s_l, h_l, 1).shift[0, 0, 0] == pytest.approx(expected, rel=1e-5)


def test_below_the_cone_gives_numbers():
    nodes = _at(1.0, 0.03, 0.03, 8)
    for field in dataclasses.fields(nodes):
        assert np.isfinite(getattr(nodes, field.name)).all()
    assert nodes.weight.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("count", NODES)
@pytest.mark.parametrize("lines", [1, 3, 30])
def test_rows_do_not_hang_on_their_neighbours(count, lines):
    rng = np.random.default_rng(1)
    angles, s_l = rng.uniform(5, 150, (20, lines)), rng.uniform(0, 0.02, 20)
    h_l = np.full(20, 0.01)
    whole = axial_nodes(angles, s_l, h_l, count)
    for some in (slice(3, 4), slice(3, 5)):
        part = axial_nodes(angles[some], s_l[some], h_l[some], count)
        for field in dataclasses.fields(part):
            assert (getattr(whole, field.name)[some] == getattr(part, field.name)).all()


def test_another_number_of_nodes_is_refused():
    with pytest.raises(SettingError, match="3 nodes"):
        _at(20.0, 0.01, 0.01, 3)
