"""Line shapes: area, width, derivatives, limits, agreement with lmfit."""

from __future__ import annotations

import lmfit.lineshapes as peer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from spectra.errors import SettingError
from spectra.fit.breadths import fwhm_and_gradient, fwhm_of
from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import PROFILES, Profile, get_profile

SHAPES = {
    "gaussian": (0.3,),
    "lorentzian": (0.3,),
    "pseudo_voigt": (0.3, 0.37),
    "split_pseudo_voigt": (0.3, 0.25, 0.37),
    "pearson7": (0.3, 1.7),
    "voigt": (0.2, 0.15),
    "tch": (0.2, 0.15),
    "breit_wigner_fano": (0.3, -0.2),
}
EVERY = [pytest.param(PROFILES[n], s, id=n) for n, s in SHAPES.items()]
# The odd part of a Fano line has an area only as a principal value, and no half height.
EVEN = EVERY[:-1]
X = np.linspace(28, 32, 401)


def test_every_profile_is_tested():
    assert set(SHAPES) == set(PROFILES)


@pytest.mark.parametrize(("profile", "shape"), EVEN)
def test_area_is_one(profile: Profile, shape):
    def g(t):
        return float(profile.value(np.array([t]), 0.0, *shape)[0])

    area = sum(quad(g, a, b, limit=200)[0] for a, b in ((-np.inf, 0), (0, np.inf)))
    assert area == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(("profile", "shape"), EVEN)
def test_half_height_at_half_width(profile: Profile, shape):
    width = float(fwhm_of(profile, *shape))
    asymmetry = shape[1] if profile.name == "split_pseudo_voigt" else 0.0
    at = np.array([-0.5 * width * (1 - asymmetry), 0.0, 0.5 * width * (1 + asymmetry)])
    left, top, right = profile.value(at, 0.0, *shape)
    rough = 1e-3 if profile.name == "voigt" else 1e-9
    assert left == pytest.approx(top / 2, rel=rough)
    assert right == pytest.approx(top / 2, rel=rough)


def five_point(function, at, h):
    return (
        -function(at + 2 * h) + 8 * function(at + h) - 8 * function(at - h) + function(at - 2 * h)
    ) / (12 * h)


@pytest.mark.parametrize("doublet", [False, True])
@pytest.mark.parametrize(("profile", "shape"), EVERY)
def test_derivatives(profile: Profile, shape, doublet):
    line = Doublet(profile, 1.0025, 0.5) if doublet else profile
    parameters = [30.003, *shape]
    value, gradient = line.value_and_gradient(X, *parameters)
    np.testing.assert_allclose(value, line.value(X, *parameters), rtol=1e-14)
    assert len(gradient) == len(parameters) == 1 + len(line.shape_names)
    for i, analytic in enumerate(gradient):

        def along(p, i=i):
            return line.value(X, *parameters[:i], p, *parameters[i + 1 :])

        numeric = five_point(along, parameters[i], 1e-4)
        np.testing.assert_allclose(analytic, numeric, atol=2e-8 * np.abs(numeric).max() + 1e-9)


@pytest.mark.parametrize(("profile", "shape"), EVERY)
def test_height_and_width_with_gradients(profile: Profile, shape):
    height, slopes = profile.peak_height_and_gradient(*shape)
    away = 0.0 if profile.summit is None else float(profile.summit(*map(np.asarray, shape))[0])
    around = profile.value(away + np.array([-1e-3, 0.0, 1e-3]), 0.0, *shape)
    assert height == pytest.approx(around[1])
    assert around.argmax() == 1
    width, width_slopes = fwhm_and_gradient(profile, *shape)
    for i in range(len(shape)):

        def moved(p, i=i):
            return [*shape[:i], p, *shape[i + 1 :]]

        numeric = five_point(
            lambda p: float(profile.peak_height_and_gradient(*moved(p))[0]), shape[i], 1e-4
        )
        assert slopes[i] == pytest.approx(numeric, rel=1e-6, abs=1e-9)
        numeric = five_point(lambda p: float(fwhm_of(profile, *moved(p))), shape[i], 1e-4)
        assert width_slopes[i] == pytest.approx(numeric, rel=1e-6, abs=1e-9)
    assert width > 0


def test_against_lmfit():
    w = 0.3
    sigma = w / (2 * np.sqrt(2 * np.log(2)))
    pairs = {
        "gaussian": (peer.gaussian(X, 1, 30, sigma), (w,)),
        "lorentzian": (peer.lorentzian(X, 1, 30, w / 2), (w,)),
        "pseudo_voigt": (peer.pvoigt(X, 1, 30, w / 2, 0.4), (w, 0.4)),
        "voigt": (peer.voigt(X, 1, 30, sigma, 0.07), (w, 0.14)),
    }
    for name, (expected, shape) in pairs.items():
        np.testing.assert_allclose(
            PROFILES[name].value(X, 30.0, *shape), expected, rtol=1e-10, atol=1e-13, err_msg=name
        )


def test_limits():
    value = {n: p.value for n, p in PROFILES.items()}
    gauss, lorentz = value["gaussian"](X, 30, 0.3), value["lorentzian"](X, 30, 0.3)
    np.testing.assert_allclose(
        value["pseudo_voigt"](X, 30, 0.3, 0.0), gauss, rtol=1e-13, atol=1e-17
    )
    np.testing.assert_allclose(value["pseudo_voigt"](X, 30, 0.3, 1.0), lorentz, rtol=1e-13)
    np.testing.assert_allclose(value["pearson7"](X, 30, 0.3, 1.0), lorentz, rtol=1e-12)
    np.testing.assert_allclose(value["voigt"](X, 30, 0.3, 0.0), gauss, atol=1e-12)
    np.testing.assert_allclose(value["tch"](X, 30, 0.3, 0.0), gauss, atol=1e-12)
    np.testing.assert_allclose(value["tch"](X, 30, 1e-9, 0.3), lorentz, rtol=1e-4)
    split = value["split_pseudo_voigt"](X, 30, 0.3, 0.0, 0.4)
    np.testing.assert_allclose(split, value["pseudo_voigt"](X, 30, 0.3, 0.4), rtol=1e-13)
    top = float(gauss.max())
    np.testing.assert_allclose(value["pearson7"](X, 30, 0.3, 100.0), gauss, atol=0.01 * top)


def test_tch_is_close_to_the_voigt_it_stands_for():
    true, close = PROFILES["voigt"].value(X, 30, 0.2, 0.15), PROFILES["tch"].value(X, 30, 0.2, 0.15)
    assert np.abs(true - close).max() < 0.015 * true.max()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SHAPES)),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
    st.floats(0, 1),
)
def test_finite_and_positive_everywhere(name, offset, width, mixing):
    shape = {"pearson7": (width, 0.6 + 99 * mixing), "voigt": (width, mixing * width)}
    shape["tch"] = shape["voigt"]
    shape["split_pseudo_voigt"] = (width, 0.9 * mixing, mixing)
    shape["pseudo_voigt"] = (width, mixing)
    shape["breit_wigner_fano"] = (width, 0.9 * mixing)
    x = offset + np.linspace(-50, 50, 77) * width
    value, gradient = PROFILES[name].value_and_gradient(x, offset, *shape.get(name, (width,)))
    # Less its constant a Fano line is negative on one side.
    assert (value >= 0).all() or name == "breit_wigner_fano"
    assert all(np.isfinite(g).all() for g in gradient)


@pytest.mark.parametrize(("profile", "shape"), EVERY)
def test_a_row_does_not_depend_on_its_batch(profile: Profile, shape):
    rng = np.random.default_rng(0)
    centers = rng.uniform(29, 31, (7, 1))
    columns = [np.full((7, 1), s) for s in shape]
    x = np.tile(np.linspace(28, 32, 37), (7, 1))
    together, slopes = profile.value_and_gradient(x, centers, *columns)
    for i in range(7):
        alone, alone_slopes = profile.value_and_gradient(
            x[i : i + 1], centers[i : i + 1], *(c[i : i + 1] for c in columns)
        )
        assert (alone[0] == together[i]).all()
        assert all((a[0] == b[i]).all() for a, b in zip(alone_slopes, slopes, strict=True))


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="did you mean 'pseudo_voigt'"):
        get_profile("pseudovoigt")


@pytest.mark.parametrize("name", ["gaussian", "lorentzian"])
def test_values_alone_and_mixed_basis_are_the_same_profile(name):
    profile = PROFILES[name]
    x, center, fwhm = np.linspace(-30, 30, 301)[None], np.array([[1.2]]), np.array([[2.5]])
    g, (by_center, by_width) = profile.evaluate(x, center, fwhm)
    np.testing.assert_allclose(profile.value(x, center, fwhm), g, rtol=1e-13, atol=1e-30)
    basis, area = profile.basis, 3.0
    out = [np.empty_like(g) for _ in range(basis.count)]
    basis.fill(x, center, fwhm, out)
    mixing = basis.mixing(np.array([area]), fwhm[:, 0])[0]
    mixed = np.einsum("fxn,fd->dxn", np.array(out), mixing)
    np.testing.assert_allclose(mixed[1], g, rtol=1e-12, atol=1e-30)
    np.testing.assert_allclose(mixed[0], area * by_center, atol=1e-12)
    np.testing.assert_allclose(mixed[2], area * by_width, atol=1e-12)
