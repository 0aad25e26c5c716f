"""Where a window ends: what it does to areas is exact, stated apart, and reaches compositions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_regions import CARBON, VANADIUM, counts, fitted, measured

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.engine import find_method
from spectra.errors import SettingError
from spectra.fit.misfit import correlation_scale
from spectra.xps import (
    Endpoints,
    Evidence,
    Model,
    MonteCarlo,
    Quantify,
    Region,
    Species,
    join,
)
from spectra.xps.endpoints import _over_ends, _places

WINDOW = (280.5, 291.5)


class TestEndpoints(MethodConformance):
    blocks = (5, 64)
    without_uncertainty = frozenset(
        {
            *(
                "area_correlation",
                "transmission",
                "chi2_reduced",
                "residual_sd",
                "abbe",
                "bic",
                "scaled",
            ),
            *("area_mean", "area_endpoint", "endpoint_covariance", "fraction_endpoint"),
            *("valence_endpoint", "best_low", "best_high", "area_best"),
        }
    )

    def make_method(self):
        return Endpoints(model=VANADIUM, window=(509.5, 529.5))

    def make_source(self):
        return measured(VANADIUM, 12, 3, step=0.8)


def test_it_is_found_by_name():
    assert find_method("xps.Endpoints") is Endpoints


def test_ends_that_act_linearly_or_by_squares_are_exact():
    # Of an even distribution between a and b: mean (a + b)/2, variance (b − a)²/12; of the square
    # of a variable even in ±1: mean 1/3, variance 4/45.
    axis = np.linspace(0.0, 100.0, 1001)
    low = _places(10.0, 3.0, axis)
    weights = np.array([5.0, 8.0, 5.0]) / 18.0
    mean, cov = _over_ends(np.stack([4.0 * low, low], axis=1)[:, None], weights)
    assert np.allclose(mean, [[40.0, 10.0]])
    assert np.allclose(cov, np.array([[[16.0, 4.0], [4.0, 1.0]]]) * 36.0 / 12.0)
    square = ((low - 10.0) / 3.0) ** 2
    mean, cov = _over_ends(square[:, None, None], weights)
    assert mean[0, 0] == pytest.approx(1 / 3)
    assert cov[0, 0, 0] == pytest.approx(4 / 45)
    # Ends stay on the axis.
    assert _places(1.0, 3.0, axis).min() >= 0.0
    assert _places(99.0, 3.0, axis).max() <= 100.0
    assert _places(1.0, 3.0, axis)[1] == pytest.approx(2.0)


def test_the_window_asked_for_is_fitted_as_a_region():
    stack = measured(CARBON, 5, 9, step=0.2)
    plain = Region(model=CARBON, window=WINDOW)(stack)
    found = Endpoints(model=CARBON, window=WINDOW)(stack)
    for name in plain.columns:
        assert np.array_equal(plain[name], found[name], equal_nan=True), name
    told = found.attrs["endpoints"]
    reach = np.sqrt(0.6)
    assert np.allclose(told["low"], [WINDOW[0] - reach, WINDOW[0] + reach], atol=0.3)
    assert np.allclose(told["high"], [WINDOW[1] - reach, WINDOW[1] + reach], atol=0.3)


def test_a_background_that_describes_the_spectrum_leaves_little_to_the_ends():
    stack = measured(CARBON, 30, 4, step=0.2, scale=2000.0)
    found = Endpoints(model=CARBON, window=WINDOW)(stack)
    assert (found.status == Status.OK).all()
    assert (found["area_endpoint"] < found["area_stderr"]).all()
    off = (found["area_mean"] - found["area"]) / found["area_stderr"]
    assert np.abs(off).max() < 1.5
    assert np.allclose(
        np.einsum("fii->fi", found["endpoint_covariance"]), found["area_endpoint"] ** 2
    )


def test_a_background_of_the_wrong_kind_is_told_by_the_ends():
    # A slope under a fit that knows none: the areas are wrong, and move with the ends.
    how = {"step": 0.1, "scale": 400.0, "slope": 40.0}
    stack = measured(CARBON, 10, 6, **how)
    wrong = Endpoints(model=CARBON, window=WINDOW)(stack)
    right = Endpoints(model=CARBON, window=WINDOW, degree=1)(stack)
    total = {k: r["area"].sum(axis=1).mean() for k, r in (("wrong", wrong), ("right", right))}
    off = abs(total["wrong"] - total["right"])
    sigma = np.sqrt(wrong["endpoint_covariance"].sum(axis=(1, 2))).mean()
    # What counts say is widened by the misfit, and falls short but for the correlation of what the
    # model leaves behind, by which it is widened too.
    together = correlation_scale(
        wrong["abbe"],
        np.full(len(wrong), np.count_nonzero((stack.x >= WINDOW[0]) & (stack.x <= WINDOW[1]))),
    )
    counted = wrong["area_stderr"].sum(axis=1)
    assert off > 1.2 * (counted / np.sqrt(together)).mean()
    assert off < 2.0 * counted.mean()
    assert off < 4 * sigma
    quiet = np.sqrt(right["endpoint_covariance"].sum(axis=(1, 2))).mean()
    assert quiet < 0.15 * sigma


def test_the_best_window_is_the_one_of_least_misfit():
    # Another line at the upper end, which the model does not know: windows that leave it out win.
    energy, expected = counts(CARBON, scale=400.0)
    extra = 4000.0 * np.exp(-(((energy - 292.2) / 0.5) ** 2))
    y = np.random.default_rng(2).poisson(expected + extra, (5, energy.size)).astype(float)
    stack = Stack.from_arrays(energy, y, noise="counts", axis_name="binding_energy")
    found = Endpoints(model=CARBON, window=(280.0, 291.6), reach=1.2)(stack)
    assert np.allclose(found["best_high"], 291.6 - 1.2 * np.sqrt(0.6), atol=0.2)
    assert (found["best_low"] >= 279.0).all()
    assert np.isfinite(found["area_best"]).all()


def test_the_ends_reach_the_composition():
    stack = measured(CARBON, 12, 6, step=0.2, scale=400.0, slope=40.0)
    carbon = Endpoints(model=CARBON, window=WINDOW)(stack)
    vanadium = fitted(VANADIUM, 12, 7, step=0.2, scale=400.0)
    plain = Quantify()(join(Region(model=CARBON, window=WINDOW)(stack), vanadium))
    found = Quantify()(join(carbon, vanadium))
    for name in plain.columns:
        if name != "endpoint_component":
            assert np.array_equal(plain[name], found[name], equal_nan=True), name
    assert np.isnan(plain["endpoint_component"]).all()
    # x = C/(C + V): σ_x = x·(1 − x)·σ_C/C with V as it is.
    part = found["atomic_percent"][:, 0] / 100.0
    area = carbon["area"].sum(axis=1)
    relative = np.sqrt(carbon["endpoint_covariance"].sum(axis=(1, 2))) / area
    expected = 100.0 * part * (1 - part) * relative
    assert np.allclose(found["endpoint_component"][:, 0], expected, rtol=5e-3)
    # Whose ends are in it is told, if not all are.
    said = "endpoint_component is of carbon alone: vanadium not fitted by xps.Endpoints"
    assert all(said in text for text in found.messages)
    assert not any("endpoint_component" in text for text in plain.messages)
    single = Quantify(levels=("V 2p",))(join(carbon, vanadium))
    assert np.isnan(single["endpoint_component"]).all()
    assert not any("endpoint_component" in text for text in single.messages)


def test_valences_move_with_the_ends_too():
    found = Endpoints(model=VANADIUM, window=(509.5, 529.5))(measured(VANADIUM, 6, 3, step=0.2))
    slope = np.abs(np.array([5.0, 4.0]) - found["valence"][:, None])
    # Of two fractions with the sum 1 the valence is 4 + f.
    assert np.allclose(found["valence_endpoint"], found["fraction_endpoint"][:, 0], rtol=1e-6)
    assert (slope <= 1).all()


def test_frames_that_one_window_loses_are_told():
    one = Model(name="far", species=(Species(name="C", level="C 1s", position=284.8),))
    stack = measured(CARBON, 3, 3, step=0.2)
    dark = np.array(stack.signal)
    dark[1] = 0.0
    found = Endpoints(model=one, window=WINDOW)(replace(stack, signal=dark))
    assert found.status[1] != Status.OK
    assert np.isnan(found["area_mean"][1]).all()
    assert np.isfinite(found["area_mean"][[0, 2]]).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reach": 0.0}, "reach = 0.0 eV; expected above 0"),
        ({"reach": 6.0, "window": WINDOW}, "but the window is 10.8 eV; expected less than half"),
    ],
)
def test_impossible_ranges_are_refused(settings, said):
    with pytest.raises(SettingError, match=said):
        Endpoints(model=CARBON, **settings)(measured(CARBON, 2, 1, step=0.2))


@pytest.mark.parametrize("kind", [Evidence, MonteCarlo])
def test_others_take_a_plain_region(kind):
    with pytest.raises(SettingError, match=rf"{kind.name}: region: .* is xps.Endpoints; expected"):
        kind(region=Endpoints(model="O1s_lattice"))
