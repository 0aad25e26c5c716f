"""Line shapes of photoemission: area, width, derivatives, limits, what they are convolved from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from spectra.errors import SettingError
from spectra.fit.cumulative import WITH_INTEGRAL
from spectra.fit.lineshapes import PROFILES
from spectra.fit.photolines import PHOTOLINES, get_photoline
from spectra.fit.summit import summit

SHAPES = {
    "gl_sum": (1.2, 0.3),
    "gl_product": (1.2, 0.3),
    "exponential_tail": (1.0, 0.7),
    "asymmetric_lorentzian": (0.9, 1.2, 2.2, 0.6),
    "doniach_sunjic": (0.5, 0.12, 0.6),
}
X = np.linspace(-12, 15, 301)
SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


def five_point(function, at, h=1e-3):
    return (
        -function(at + 2 * h) + 8 * function(at + h) - 8 * function(at - h) + function(at - 2 * h)
    ) / (12 * h)


def moved(values, i, value):
    return [*values[:i], value, *values[i + 1 :]]


def area_of(function):
    return sum(quad(function, a, b, limit=300)[0] for a, b in ((-np.inf, 0), (0, np.inf)))


def test_every_line_is_tested():
    assert set(SHAPES) == set(PHOTOLINES)


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"doniach_sunjic"}))
def test_area_is_one(name):
    profile, shape = PHOTOLINES[name], SHAPES[name]
    area = area_of(lambda t: float(profile.value(np.array([t]), 0.0, *shape)[0]))
    assert area == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("name", SHAPES)
def test_derivatives(name):
    profile, parameters = PHOTOLINES[name], [0.3, *SHAPES[name]]
    value, gradient = profile.value_and_gradient(X, *parameters)
    np.testing.assert_allclose(value, profile.value(X, *parameters), rtol=1e-14)
    assert len(gradient) == len(parameters) == 1 + len(profile.shape_names)
    for i, analytic in enumerate(gradient):
        numeric = five_point(
            lambda p, i=i: profile.value(X, *moved(parameters, i, p)), parameters[i]
        )
        # The second derivative of LA jumps at its centre, which differences see.
        rough = 1e-5 if name == "asymmetric_lorentzian" else 1e-8
        np.testing.assert_allclose(analytic, numeric, atol=rough * np.abs(numeric).max())


@pytest.mark.parametrize("name", SHAPES)
def test_width_at_half_maximum_and_its_derivatives(name):
    profile, shape = PHOTOLINES[name], [np.asarray(s) for s in SHAPES[name]]
    width, slopes = profile.width(*shape)
    fine = np.linspace(-3, 4, 70001)
    curve = profile.value(fine, 0.0, *shape)
    above = fine[curve >= 0.5 * curve.max()]
    assert float(width) == pytest.approx(above[-1] - above[0], abs=3e-4)
    for i, slope in enumerate(slopes):
        ends = [float(profile.width(*moved(shape, i, shape[i] + h))[0]) for h in (1e-4, -1e-4)]
        assert float(slope) == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=2e-5)


def test_summit():
    evaluate, shape = PHOTOLINES["exponential_tail"].evaluate, SHAPES["exponential_tail"]
    position, height, _ = summit(evaluate, *shape)
    fine = np.linspace(-1, 2, 30001)
    curve = evaluate(fine, np.zeros(1), *(np.array([s]) for s in shape))[0]
    assert float(height) == pytest.approx(curve.max(), rel=1e-8)
    assert float(position) == pytest.approx(fine[curve.argmax()], abs=1e-4)


@pytest.mark.parametrize("mixing", [0.0, 1e-5, 9e-4, 1.1e-3, 0.5, 0.999])
def test_area_of_the_product_close_to_its_limits(mixing):
    profile = PHOTOLINES["gl_product"]
    area = area_of(lambda t: float(profile.value(np.array([t]), 0.0, 1.2, mixing)[0]))
    assert area == pytest.approx(1, abs=1e-7)
    by_mixing = profile.value_and_gradient(X, 0.0, 1.2, mixing)[1][2]
    assert np.isfinite(by_mixing).all()
    if mixing > 0:
        step = min(0.01 * mixing, 0.01 * (1 - mixing))
        numeric = five_point(lambda p: profile.value(X, 0.0, 1.2, p), mixing, step)
        np.testing.assert_allclose(by_mixing, numeric, atol=2e-6)


def test_sums_are_mixed_by_heights():
    t = X / 1.2
    mixed = 0.7 * np.exp(-4 * np.log(2) * t**2) + 0.3 / (1 + 4 * t**2)
    value = PHOTOLINES["gl_sum"].value(X, 0.0, 1.2, 0.3)
    np.testing.assert_allclose(value / value.max(), mixed / mixed.max(), rtol=1e-12, atol=1e-16)


def test_products_are_of_the_two_with_their_widths():
    t = (X - 0.3) / 1.2
    product = np.exp(-4 * np.log(2) * 0.7 * t**2) / (1 + 4 * 0.3 * t**2)
    value = PHOTOLINES["gl_product"].value(X, 0.3, 1.2, 0.3)
    np.testing.assert_allclose(value, product * value.max() / product.max(), rtol=2e-4, atol=1e-16)
    ratio = value[X > -2] / product[X > -2]
    np.testing.assert_allclose(ratio[:60], ratio[0], rtol=1e-12)


@pytest.mark.parametrize(("fwhm", "tail"), [(1.0, 0.7), (0.5, 3.0), (2.0, 0.2)])
def test_exponential_tail_is_the_convolution(fwhm, tail):
    sigma = fwhm * SIGMA

    def inner(t, u):
        bell = np.exp(-0.5 * ((u - t) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        return bell * np.exp(-t / tail) / tail

    at = np.array([-1.5, -0.2, 0.0, 0.6, 2.0, 6.0])
    expected = [
        quad(inner, max(0, u - 9 * sigma), u + 9 * sigma, args=(u,), epsabs=1e-14)[0] for u in at
    ]
    found = PHOTOLINES["exponential_tail"].value(at, 0.0, fwhm, tail)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-13)


def convolved(core, sigma, u):
    def inner(y):
        return core(u - y) * np.exp(-0.5 * (y / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))

    kink = [u] if abs(u) < 8 * sigma else None
    return quad(inner, -9 * sigma, 9 * sigma, points=kink, limit=500, epsabs=1e-13)[0]


@pytest.mark.parametrize(
    ("lorentz", "alpha", "gauss"), [(0.5, 0.12, 0.6), (0.1, 0.05, 0.5), (0.2, 0.4, 0.3)]
)
def test_doniach_sunjic_is_the_convolution(lorentz, alpha, gauss):
    gamma, sigma = 0.5 * lorentz, gauss * SIGMA

    def core(u):
        angle = 0.5 * np.pi * alpha - (1 - alpha) * np.arctan(u / gamma)
        return np.cos(angle) / (np.pi * (u**2 + gamma**2) ** (0.5 * (1 - alpha)))

    at = np.array([-6.0, -1.0, 0.0, 0.3, 3.0, 12.0])
    expected = [convolved(core, sigma, u) for u in at]
    found = PHOTOLINES["doniach_sunjic"].value(at, 0.0, lorentz, alpha, gauss)
    np.testing.assert_allclose(found * sigma**alpha, expected, rtol=1e-9)


def test_doniach_sunjic_without_asymmetry_is_a_voigt():
    expected = PROFILES["voigt"].value(X, 0.1, 0.6, 0.5)
    found = PHOTOLINES["doniach_sunjic"].value(X, 0.1, 0.5, 0.0, 0.6)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_asymmetric_lorentzian_is_the_convolution():
    def core(u):
        return (1 + 4 * u**2) ** -(1.2 if u > 0 else 2.2)

    norm = area_of(core)
    at = np.array([-2.0, -0.3, 0.0, 0.4, 3.0])
    expected = [convolved(core, 0.6 * SIGMA, u) / norm for u in at]
    found = PHOTOLINES["asymmetric_lorentzian"].value(at, 0.0, 1.0, 1.2, 2.2, 0.6)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("name", sorted(WITH_INTEGRAL))
def test_integrals_from_below(name):
    shape = {"gaussian": (1.2,), "lorentzian": (1.2,), "pseudo_voigt": (1.2, 0.4)}
    parameters = [0.3, *shape.get(name, SHAPES.get(name, ()))]
    columns = [np.array([p]) for p in parameters]
    g, gradient, integral, by_shape = WITH_INTEGRAL[name](X, *columns)
    value, slopes = get_photoline(name).value_and_gradient(X, *parameters)
    np.testing.assert_allclose(g, value, atol=1e-13)
    for one, other in zip(gradient, slopes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert integral[-1] - integral[0] == pytest.approx(
        quad(lambda t: float(get_photoline(name).value(t, *parameters)), X[0], X[-1], points=[0.3])[
            0
        ],
        abs=1e-9,
    )
    for i in range(len(parameters)):

        def along(p, i=i):
            return WITH_INTEGRAL[name](X, *moved(columns, i, np.array([p])))[2]

        analytic = -g if i == 0 else by_shape[i - 1]
        numeric = five_point(along, parameters[i])
        np.testing.assert_allclose(analytic, numeric, atol=1e-8)


def test_an_unknown_line_is_named():
    with pytest.raises(SettingError, match="did you mean 'gl_sum'"):
        get_photoline("gl_summ")
