"""Numbers that would be wrong in silence: averages as counts, mixed elements, single lines."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack, Status
from spectra.xps import Model, Quantify, Region, Species, join

RNG = np.random.default_rng


def line(x, center, fwhm=1.3):
    """A Gaussian of area 1."""
    return np.exp(-4 * np.log(2) * ((x - center) / fwhm) ** 2) / (fwhm * 1.0644670194312262)


def stack_of(x, y, noise="counts"):
    return Stack.from_arrays(x, y, noise=noise, axis_name="binding_energy", axis_unit="eV")


def plain(name, level, position, **more):
    return Species(name=name, level=level, position=position, shape={"mixing": 0.0}, **more)


def test_averages_of_counts_are_told():
    x = np.arange(278.0, 295.0, 0.1)
    sweeps = RNG(1).poisson(100 + 2000 * line(x, 284.8), (60, 10, x.size))
    method = Region(model=Model(name="c", species=(plain("C", "C 1s", 284.8),)))
    averaged = method(stack_of(x, sweeps.mean(axis=1)))
    assert all("less than noise (reduced chi2 0." in m for m in averaged.messages)
    # What they are given as lies: they scatter by a third of it.
    scatter = averaged["area"].std() / averaged["area_stderr"].mean()
    assert scatter == pytest.approx(1 / np.sqrt(10), rel=0.3)
    added = method(stack_of(x, sweeps.sum(axis=1)))
    assert set(added.messages) == {""}
    few = method(stack_of(x, RNG(2).poisson(0.2 + 40 * line(x, 284.8), (60, x.size))))
    assert not any("less than noise" in m for m in few.messages)


def test_valences_of_several_elements_have_no_mean():
    x = np.arange(500.0, 530.0, 0.1)
    vanadium = plain("V5+", "V 2p", 517.2, splitting=7.4, valence=5)
    curve = 100 + 3000 * (2 / 3 * line(x, 517.2) + 1 / 3 * line(x, 524.6)) + 3000 * line(x, 505)
    y = RNG(3).poisson(curve, (2, x.size))
    mixed = Model(name="m", species=(vanadium, plain("Mn2+", "Mn 3p", 505.0, valence=2)))
    results = Region(model=mixed)(stack_of(x, y))
    assert (results.status == Status.OK).all()
    assert np.isnan(results["valence"]).all()
    assert all("no mean valence of V and Mn together" in m for m in results.messages)
    assert np.isfinite(results["fraction"]).all()
    lone = Model(name="m", species=(vanadium, plain("Mn2+", "Mn 3p", 505.0)))
    results = Region(model=lone)(stack_of(x, y))
    assert results["valence"].tolist() == [5.0, 5.0]
    assert results.messages == ("", "")


def composition(level, **more):
    """Of V and O, from V 2p3/2 alone: the true one is 50 to 50."""
    x = np.arange(510.0, 521.0, 0.1)
    y = RNG(4).poisson(100 + 6370 * line(x, 517.2), (1, x.size))
    vanadium = Region(model=Model(name="v", species=(plain("V5+", level, 517.2, **more),)))
    vanadium = vanadium(stack_of(x, y))
    x = np.arange(523.0, 537.0, 0.1)
    y = RNG(5).poisson(100 + 2930 * line(x, 530.0), (1, x.size))
    oxygen = Region(model=Model(name="o", species=(plain("O", "O 1s", 530.0),)))(stack_of(x, y))
    return Quantify(photon_energy=1486.6, path=0.0)(join(vanadium, oxygen))


def test_a_single_line_that_counts_as_both_is_told():
    wrong = composition("V 2p")
    assert wrong["atomic_percent"][0, 0] < 45
    assert "single lines of V 2p count as both lines" in wrong.messages[0]
    assert "set level = 'V 2p3/2'" in wrong.messages[0]
    right = composition("V 2p3/2")
    assert right["atomic_percent"][0, 0] == pytest.approx(50.0, abs=1.5)
    assert "single lines" not in right.messages[0]


def test_positions_that_may_lie_far_off_are_found_there():
    x = np.arange(276.0, 298.0, 0.1)
    shifts = np.linspace(-2.0, 2.0, 17)
    curves = [100 + 1500 * line(x, 286 + s) + 400 * line(x, 287.3 + s) for s in shifts]
    low = plain("low", "C 1s", 286.0, spread=2.2)
    ties = {"high_center": {"expr": "low_center + 1.3"}, "high_fwhm": {"expr": "low_fwhm"}}
    model = Model(name="c", species=(low, plain("high", "C 1s", 287.3)), parameters=ties)
    results = Region(model=model)(stack_of(x, RNG(6).poisson(curves)))
    assert (results.status == Status.OK).all()
    pull = (results["position"][:, 0] - 286.0 - shifts) / results["position_stderr"][:, 0]
    assert np.abs(pull).max() < 4
    assert np.abs(results["fraction"][:, 1] - 400 / 1900).max() < 0.05
