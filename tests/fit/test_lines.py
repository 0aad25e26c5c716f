"""Components of several lines and the backgrounds that they throw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectra.fit.batch import fit_stack
from spectra.fit.free_losses import FreelyScattered
from spectra.fit.lines import Component, Lines, doublet
from spectra.fit.model import Points, Sum
from spectra.fit.own import model_of_terms
from spectra.fit.photolines import get_photoline
from spectra.fit.scattered import Scattered, ShirleySums, TougaardLosses, WindowPolynomial

X = np.linspace(508, 538, 301)
AT = Points(X[None], X[None])
NAMES = (
    *("v_center", "v_area", "fwhm", "mixing", "splitting", "broadening", "k"),
    *("o_center", "o_area", "b", "c0", "c1"),
)
TRUTH = np.array([[517.2, 100.0, 1.3, 0.3, 7.4, 1.7, 0.05, 530.0, 200.0, 30.0, 3.0, 0.4]])


def analytic(columns):
    profile = get_photoline("gl_sum")
    v = Component(columns[0], columns[1], tuple(columns[2:4]), (), columns[6])
    v = replace(v, lines=doublet(0.5, int(columns[4]), int(columns[5])))
    o = Component(columns[7], columns[8], tuple(columns[2:4]), loss=columns[6])
    return [Lines(profile, (v, o)), WindowPolynomial(np.array(columns[10:]), 508, 538)]


def summed(columns):
    lines, polynomial = analytic(columns)
    bare = replace(lines, components=[replace(c, loss=None) for c in lines.components])
    losses = TougaardLosses(551.0, -1.0, 436.0, 2.0)
    strengths = np.array([columns[6], columns[9]])
    apart = [replace(bare, components=[c]) for c in bare.components]
    thrown = Scattered(apart, (ShirleySums(), losses), strengths)
    return [thrown, polynomial]


def freely(columns):
    """As `summed`, with a cross section that has parameters of its own."""
    lines, polynomial = analytic(columns)
    bare = replace(lines, components=[replace(c, loss=None) for c in lines.components])
    losses = np.array([columns[i] for i in (9, 12, 13, 14)])
    thrown = FreelyScattered([bare], [ShirleySums()], np.array([columns[6]]), losses, 2.0)
    return [thrown, replace(polynomial, columns=np.array(columns[10:12]))]


FREE_NAMES = (*NAMES, "c", "curvature", "d")
FREE_TRUTH = np.hstack([TRUTH, [[551.0, -1.0, 436.0]]])


def test_free_losses_are_the_fixed_ones_and_have_exact_derivatives():
    count = len(FREE_NAMES)
    model = Sum(freely(list(range(count))), count)
    fixed = Sum(summed(list(range(len(NAMES)))), len(NAMES))
    value, jacobian = model.value_and_jacobian(FREE_TRUTH, AT)
    np.testing.assert_allclose(value, fixed.value(TRUTH, AT), rtol=1e-12)
    np.testing.assert_allclose(value, model.value(FREE_TRUTH, AT), rtol=1e-13)
    same = fixed.value_and_jacobian(TRUTH, AT)[1]
    np.testing.assert_allclose(jacobian[:, : len(NAMES)], same, rtol=1e-9, atol=1e-12)
    for i in range(len(NAMES), count):
        h = 1e-4 * abs(FREE_TRUTH[0, i])

        def at(step, i=i):
            theta = FREE_TRUTH.copy()
            theta[0, i] += step
            return model.value(theta, AT)[0]

        numeric = (-at(2 * h) + 8 * at(h) - 8 * at(-h) + at(-2 * h)) / (12 * h)
        close = 1e-7 * np.abs(numeric).max()
        np.testing.assert_allclose(jacobian[0, i], numeric, atol=close, err_msg=FREE_NAMES[i])


def test_free_losses_of_many_spectra_are_those_of_each():
    count = len(FREE_NAMES)
    model = Sum(freely(list(range(count))), count)
    theta = np.repeat(FREE_TRUTH, 50, axis=0)
    theta[:, 12] *= np.linspace(0.5, 2.0, 50)
    together = model.value_and_jacobian(theta, AT)
    for i in (0, 17, 49):
        alone = model.value_and_jacobian(theta[i : i + 1], AT)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one[i], other[0])


@pytest.mark.parametrize("terms", [analytic, summed])
def test_derivatives(terms):
    model = Sum(terms(list(range(len(NAMES)))), len(NAMES))
    value, jacobian = model.value_and_jacobian(TRUTH, AT)
    np.testing.assert_allclose(value, model.value(TRUTH, AT), rtol=1e-13)
    for i in range(len(NAMES)):
        h = 1e-4 * max(1.0, 0.1 * abs(TRUTH[0, i]))

        def at(step, i=i):
            theta = TRUTH.copy()
            theta[0, i] += step
            return model.value(theta, AT)[0]

        numeric = (-at(2 * h) + 8 * at(h) - 8 * at(-h) + at(-2 * h)) / (12 * h)
        np.testing.assert_allclose(
            jacobian[0, i], numeric, atol=1e-7 * np.abs(numeric).max() + 1e-9, err_msg=NAMES[i]
        )


def test_sums_over_points_are_close_to_the_formula():
    fine = np.linspace(408, 538, 1301)
    at = Points(fine[None], fine[None])
    theta = TRUTH.copy()
    theta[0, 9] = 0.0
    curves = [
        Sum(terms(list(range(len(NAMES)))), len(NAMES)).value(theta, at)
        for terms in (analytic, summed)
    ]
    # What the Lorentzian tails hold below the first point is missing from the sums.
    np.testing.assert_allclose(*curves, atol=0.05 * 300 * 5e-3)


def test_a_doublet_keeps_its_areas():
    shares = {"p": 0.5, "d": 2 / 3, "f": 0.75}
    for ratio in shares.values():
        lines = doublet(ratio, 5.0, 1.8)
        assert sum(line.share for line in lines) == pytest.approx(1)
        assert lines[1].share / lines[0].share == pytest.approx(ratio)


def test_losses_vanish_below_the_gap_and_have_the_published_maximum():
    losses = TougaardLosses()
    loss = np.linspace(0, 100, 100001)
    # T/(C + T²)² is highest at √(C/3).
    assert loss[losses.cross_section(loss).argmax()] == pytest.approx(np.sqrt(1643 / 3), abs=1e-2)
    assert (TougaardLosses(gap=5.0).cross_section(loss[loss <= 5.0]) == 0).all()
    x = np.linspace(0, 400, 4001)
    spike = np.zeros((1, x.size))
    spike[0, 100] = 1.0 / 0.1
    thrown = losses.apply(x, spike)[0]
    np.testing.assert_allclose(thrown, losses.cross_section(x - x[100]), atol=1e-12)


def test_fit_stack_reaches_lmfit():
    model = model_of_terms(NAMES, analytic, "region")
    params = model.make_params(**dict(zip(NAMES, TRUTH[0], strict=True)))
    params["b"].set(vary=False)
    params["mixing"].set(min=0, max=1)
    rng = np.random.default_rng(3)
    truth = model.eval(params, x=X)
    sigma = 0.3 * np.sqrt(truth)
    y = truth + sigma * rng.normal(size=(3, X.size))
    for name, start in (("v_center", 517.5), ("fwhm", 1.5), ("k", 0.03), ("v_area", 80)):
        params[name].set(value=start)
    fits = fit_stack(model, params, X, y, weights=1 / sigma, errors="given", tolerance=1e-14)
    for i in range(len(y)):
        found = model.fit(
            *(y[i], params), x=X, weights=1 / sigma, scale_covar=False, fit_kws={"ftol": 1e-14}
        )
        assert fits.chi2[i] <= found.chisqr * (1 + 1e-8)
        for name in found.var_names:
            error = found.params[name].stderr
            assert abs(fits[name][i] - found.params[name].value) < 0.02 * error, name
            assert fits.uncertainty(name)[i] == pytest.approx(error, rel=0.01), name


def test_derivatives_that_nobody_needs_are_left_out():
    whole, polynomial = analytic(list(range(len(NAMES))))
    less = whole.without(frozenset({3, 4}))
    assert set(whole.columns) - set(less.columns) == {3, 4}
    one, other = (Sum([lines, polynomial], len(NAMES)) for lines in (whole, less))
    (value, slopes), (same, fewer) = (m.value_and_jacobian(TRUTH, AT) for m in (one, other))
    np.testing.assert_array_equal(value, same)
    np.testing.assert_array_equal(slopes[:, [0, 1, 2, 5, 6, 7, 8]], fewer[:, [0, 1, 2, 5, 6, 7, 8]])
    assert (fewer[:, [3, 4]] == 0).all()


def test_a_column_of_two_kinds_is_refused():
    with pytest.raises(ValueError, match="two kinds"):
        Lines(get_photoline("gl_sum"), [Component(0, 1, (1, 2))])


def test_single_precision_is_close_to_double():
    model = Sum(analytic(list(range(len(NAMES)))), len(NAMES))
    exact, slopes, _ = model.value_and_slopes(TRUTH, AT)
    rough, other, _ = model.value_and_slopes(TRUTH, AT, np.float32)
    np.testing.assert_allclose(rough, exact, rtol=3e-6)
    scale = np.abs(slopes).max(axis=2, keepdims=True)
    np.testing.assert_allclose(other / scale, slopes / scale, atol=1e-5)
