"""Curve resolution: recovered species, constraints, convergence, and what stays open."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from mixtures import ENERGY, mixed, normalised, reaction, standards

from spectra import Status
from spectra.errors import ResultsError, SettingError, StackError
from spectra.xas import (
    CurveResolution,
    PrincipalComponents,
    component_spectra,
    rotational_bands,
)
from spectra.xas.mixture.alternating import Constraints, one_maximum, resolve
from spectra.xas.mixture.starting import evolving_factors, purest_frames


def titration(frames, seed=0, sigma=0.005):
    """Two species, one giving way to the other, with pure frames at both ends."""
    second = np.clip(np.linspace(-0.3, 1.3, frames), 0, 1)
    shares = np.stack([1 - second, second], axis=1)
    noise = np.random.default_rng(seed).normal(0, sigma, (frames, len(ENERGY)))
    return normalised(shares @ standards()[:2] + noise), shares


def selective(shares):
    """The absences that pure frames stand for."""
    second = shares[:, 1]
    first, last = int((second == 0).sum()) - 1, int((second < 1).sum())
    return ((2, 0, first), (1, last, len(second) - 1))


@pytest.mark.parametrize("start", ["simplisma", "efa", ("frame 0", "frame 79")])
def test_species_with_pure_frames_come_back(start):
    stack, shares = titration(80)
    results = CurveResolution(components=2, start=start)(stack)
    order = np.argsort(-results["concentration"][0])
    assert results["concentration"][:, order] == pytest.approx(shares, abs=0.04)
    found = component_spectra(results)
    assert found.quantity == "norm"
    assert np.abs(found.signal[order] - standards()[:2]).max() < 0.05
    assert results.attrs["converged"]
    assert results.attrs["lack_of_fit"] < 1.02 * results.attrs["lack_of_fit_pca"]


def test_errors_with_selectivity_are_calibrated():
    pulls, of_spectra = [], []
    for seed in range(8):
        stack, shares = titration(120, seed)
        method = CurveResolution(
            components=2,
            absent=selective(shares),
            nonnegative=("concentrations",),
            bootstrap=20,
            seed=seed,
        )
        results = method(stack)
        mixed_ones = (shares[:, 0] > 0.15) & (shares[:, 0] < 0.85)
        pull = results["concentration"] - shares
        pulls.append((pull[mixed_ones] / results["concentration_stderr"][mixed_ones])[:, 0])
        found = component_spectra(results)
        of_spectra.append((found.signal - standards()[:2]) / found.errors)
    # The frames of a series share the errors of its spectra: the mean is over eight series.
    assert abs(np.mean(pulls)) < 0.3
    assert np.std(pulls, axis=1).mean() == pytest.approx(1.0, abs=0.1)
    assert np.std(of_spectra) == pytest.approx(1.0, abs=0.12)


def test_constraints_hold():
    results = CurveResolution(components=3, start="efa")(mixed(reaction(60), 0.004)[3:])
    assert (results["concentration"] >= 0).all()
    assert results["concentration"].sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (component_spectra(results).signal >= 0).all()
    open_ones = CurveResolution(components=3, closure=False)(mixed(reaction(60), 0.004)[3:])
    assert np.abs(open_ones["concentration"].sum(axis=1) - 1).max() > 1e-3
    fitted = open_ones["concentration"] @ component_spectra(open_ones).signal
    assert np.abs(fitted - reaction(60) @ standards()).max() < 0.01


def test_the_lack_of_fit_never_grows():
    stack = mixed(reaction(60), 0.004)[3:]
    lack = CurveResolution(components=3)(stack).attrs["convergence"]
    assert len(lack) > 3
    assert (np.diff(lack) <= 1e-9).all()


def test_too_few_rounds_are_told():
    results = CurveResolution(components=3, rounds=3)(mixed(reaction(30), 0.004)[3:])
    assert (results.status == Status.NOT_CONVERGED).all()
    assert "after 3 rounds" in results.messages[0]


def test_absent_species_stay_absent():
    stack, shares = titration(80)
    results = CurveResolution(components=2, start="efa", absent=selective(shares))(stack)
    assert (results["concentration"][shares[:, 1] == 0, 1] == 0).all()
    assert (results["concentration"][shares[:, 1] == 1, 0] == 0).all()


def test_one_maximum():
    rough = np.array([[0.0, 0.2, 0.1, 0.6, 0.5, 0.55, 0.1]]).T
    shaped = one_maximum(rough, closed=False)[:, 0]
    assert shaped == pytest.approx([0.0, 0.15, 0.15, 0.6, 0.525, 0.525, 0.1])
    # A second species that comes twice is not let through.
    twice = np.stack([1 - np.sin(np.linspace(0, 2 * np.pi, 60)) ** 2] * 2, axis=1)
    twice[:, 1] = 1 - twice[:, 0]
    rule = Constraints(concentrations=True, spectra=True, closed=False, unimodal=True)
    found = resolve(
        twice @ standards()[:2],
        standards()[:2],
        np.ones((60, 2), bool),
        rule,
        rounds=50,
        tolerance=1e-6,
    )
    for column in found.concentration.T:
        top = np.argmax(column)
        assert (np.diff(column[: top + 1]) >= 0).all()
        assert (np.diff(column[top:]) <= 0).all()
    assert found.lack[-1] > 0.02


def test_purest_frames_and_evolving_factors():
    clean = reaction(50) @ standards()
    chosen = purest_frames(clean, 3)
    assert chosen[0] <= 1
    assert chosen[2] == 49
    assert 8 < chosen[1] < 42
    factors = evolving_factors(titration(80, sigma=0.0)[0].signal, 2)
    assert np.argmax(factors[:, 0]) < np.argmax(factors[:, 1])


def test_bands_are_those_of_a_search_over_everything():
    stack, _ = titration(40, sigma=0.0)
    middle = stack[12:28]
    results = CurveResolution(components=2, start=("frame 12", "frame 27"))(middle)
    bands = rotational_bands(results, tolerance=0.0)
    c, s = results["concentration"], component_spectra(results).signal
    total = np.linalg.norm(c @ s)
    found = []
    for a, b in product(np.linspace(-1, 1, 161), repeat=2):
        if a + b > 0.999:
            continue
        turn = np.array([[1 - a, a], [b, 1 - b]])
        back = np.linalg.inv(turn)
        if (c @ turn).min() > -1e-9 and (back @ s).min() > -1e-9:
            parts = np.linalg.norm(c @ turn, axis=0) * np.linalg.norm(back @ s, axis=1)
            found.append(parts / total)
    low, high = np.min(found, axis=0), np.max(found, axis=0)
    assert bands.share_low == pytest.approx(low, abs=0.02)
    assert bands.share_high == pytest.approx(high, abs=0.02)
    assert (bands.share_low <= bands.share).all()
    assert (bands.share <= bands.share_high).all()
    # What the bands show fits as well as the answer itself.
    assert bands.spectra_low.shape == s.shape
    assert (bands.concentration_high >= -1e-6).all()


def test_pure_frames_leave_little_open():
    stack, _ = titration(80, sigma=0.0)
    results = CurveResolution(components=2, start=("frame 0", "frame 79"))(stack)
    bands = rotational_bands(results, tolerance=0.0)
    pure = bands.concentration_high[0, 0], bands.concentration_low[0, 0]
    assert pure[0] == pytest.approx(1.0, abs=1e-6)
    # Spectra may still turn outwards: absences, not pure frames alone, would forbid it.
    assert pure[1] <= 1.0 + 1e-9


def test_what_cannot_be_is_refused():
    stack, _ = titration(20)
    with pytest.raises(SettingError, match="give the number of components"):
        CurveResolution()
    with pytest.raises(SettingError, match="3 components, but 2 frames"):
        CurveResolution(components=3, start=("frame 0", "frame 5"))
    with pytest.raises(SettingError, match="'nobody', of which the sequence has 0"):
        CurveResolution(start=("nobody", "frame 5"))(stack)
    with pytest.raises(SettingError, match=r"absent = \(3, 0, 1\)"):
        CurveResolution(components=2, absent=((3, 0, 1),))(stack)
    with pytest.raises(SettingError, match="leaves nothing in frame 0"):
        CurveResolution(components=2, absent=((1, 0, 1), (2, 0, 3)))(stack)
    with pytest.raises(StackError, match="2 frames with all 200"):
        CurveResolution(components=2)(stack[:2])
    with pytest.raises(ResultsError, match="'components'"):
        rotational_bands(PrincipalComponents(components=2)(stack))
    for wrong in ({"start": "x"}, {"nonnegative": ("x",)}, {"bootstrap": 2}, {"rounds": 0}):
        with pytest.raises(SettingError):
            CurveResolution(**{"components": 2} | wrong)
