"""Principal components: exact figures, numbers of species, scores with calibrated errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import ENERGY, edge, mixed, normalised, reaction, standards

import spectra
from spectra import Status
from spectra.errors import SettingError, StackError
from spectra.xas import PrincipalComponents, component_spectra
from spectra.xas.mixture.decompose import decompose
from spectra.xas.mixture.indicators import indicators


def series(frames, sigma, seed=0, given=False):
    return mixed(reaction(frames), sigma, seed, given=given)[3:]


def test_figures_by_hand():
    # c = 3, r = 4, with λ = 10, 2, 1: RE(1) = √(3/8), IE(1) = RE/√3, IND(1) = RE/4.
    found = indicators(np.array([10.0, 2.0, 1.0]), (4, 3))
    assert found.real_error[0] == pytest.approx(np.sqrt(3 / 8))
    assert found.imbedded_error[0] == pytest.approx(np.sqrt(1 / 8))
    assert found.indicator[0] == pytest.approx(np.sqrt(3 / 8) / 4)
    assert found.reduced_eigenvalue == pytest.approx([10 / 12, 2 / 6, 1 / 2])
    assert found.variance == pytest.approx([10 / 13, 12 / 13, 1.0])
    # F(1, 2) of the first: (6 + 2)/12·10/3 = 20/9; its tail is 1 − √(F/(F + 2)).
    assert found.significance[0] == pytest.approx(1 - np.sqrt((20 / 9) / (20 / 9 + 2)))
    assert np.isnan(found.real_error[2])


def test_the_real_error_is_the_noise():
    found = PrincipalComponents(components=3)(series(200, 0.004))
    assert found.attrs["noise"] == pytest.approx(0.004, rel=0.02)
    assert found["residual"].mean() == pytest.approx(0.004, rel=0.02)


@pytest.mark.parametrize("criterion", ["ind", "f_test", "growth", "noise"])
def test_three_species_are_found(criterion):
    method = PrincipalComponents(criterion=criterion)
    right = [method(series(60, 0.003, s, given=True)).attrs["components"] == 3 for s in range(10)]
    assert np.mean(right) >= 0.9


def test_the_growth_ratio_stands_noise_that_points_and_frames_share():
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.003, (80, 200))
    for axis in (0, 1):
        noise = sum(np.roll(noise, k, axis) for k in range(6)) / np.sqrt(6)
    stack = normalised(reaction(80) @ standards() + noise)
    found = PrincipalComponents(criterion="growth")(stack)
    assert found.attrs["components"] == 3
    assert min(found.attrs["suggestions"][k] for k in ("ind", "f_test")) > 3


def test_growth_by_hand():
    # V = 16, 6, 2, 1, 0: ln(16/6)/ln(6/2) and ln(6/2)/ln(2/1).
    found = indicators(np.array([10.0, 4.0, 1.0, 1.0]), (9, 4))
    expected = [np.log(16 / 6) / np.log(3), np.log(3) / np.log(2), np.nan, np.nan]
    assert found.growth == pytest.approx(expected, nan_ok=True)


def test_many_frames_and_few_are_decomposed_alike():
    stack = series(300, 0.003)
    points = np.arange(0, 200, 2)
    many = decompose(stack, points, "test")
    _, singular, spectra_ = np.linalg.svd(stack.signal[:, points], full_matrices=False)
    assert many.shape == (300, 100)
    assert many.singular[:5] == pytest.approx(singular[:5], rel=1e-7)
    assert np.abs((many.spectra[:3] * spectra_[:3]).sum(axis=1)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("given", [True, False])
def test_scores_have_calibrated_errors(given):
    clean = reaction(600) @ standards()
    found = PrincipalComponents(components=3)(series(600, 0.01, 4, given=given))
    true = clean @ np.array(found.attrs["spectra"]).T
    pull = (found["score"] - true) / found["score_stderr"]
    # The third component is itself built from the noise it meets, which takes a few per cent.
    assert np.abs(pull.mean(axis=0)).max() < 0.15
    assert pull.std(axis=0) == pytest.approx([1, 1, 1], abs=0.1)


def test_targets_are_told_from_strangers(tmp_path):
    targets = np.stack([standards()[1], edge(ENERGY, 8342.0, 1.2, 0.3)])
    targets += np.random.default_rng(9).normal(0, 0.0005, targets.shape)
    path = tmp_path / "targets.h5"
    spectra.write(path, normalised(targets, names=("oxide", "stranger")))
    found = PrincipalComponents(components=3, targets=(str(path),))(series(100, 0.002))
    species, stranger = found.attrs["targets"]
    assert [species["label"], species["verdict"]] == ["oxide", "acceptable"]
    assert [stranger["label"], stranger["verdict"]] == ["stranger", "unacceptable"]
    assert stranger["spoil"] > 20
    assert species["aet"] ** 2 == pytest.approx(species["rep"] ** 2 + species["ret"] ** 2)


def test_spectra_come_back_as_a_stack():
    found = PrincipalComponents(components=2, window=(8330.0, 8400.0))(series(20, 0.01))
    stack = component_spectra(found)
    assert stack.names == ("c1", "c2")
    assert stack.quantity == "component"
    assert stack.x[0] >= 8330
    assert stack.x[-1] <= 8400
    assert (stack.signal**2).sum(axis=1) == pytest.approx([1, 1])


def test_frames_that_cannot_be_used_stay_out():
    stack = series(40, 0.003)
    spoilt = stack.signal.copy()
    spoilt[5], spoilt[7, 10] = 100.0 * np.arange(200), np.nan
    status = stack.status.copy()
    status[5] = Status.BAD_INPUT
    found = PrincipalComponents(components=3)(replace(stack, signal=spoilt, status=status))
    keep = np.setdiff1d(np.arange(40), [5, 7])
    assert found.attrs["frames"] == 38
    assert found.status[[5, 7]].tolist() == [Status.BAD_INPUT] * 2
    assert "narrow the window" in found.messages[7]
    assert (found["score"][keep] == PrincipalComponents(components=3)(stack[keep])["score"]).all()


def test_a_frame_that_is_there_twice_is_no_species():
    stack = series(40, 0.003)
    first = PrincipalComponents(window=(8330.0, 8400.0))(stack)
    again = PrincipalComponents(window=(8330.0, 8400.0))(stack[[*range(40), 3, 3, 20]])
    assert again.attrs["suggestions"] == first.attrs["suggestions"]
    assert again.attrs["frames"] == 40
    np.testing.assert_array_equal(again["score"][:40], first["score"])
    np.testing.assert_array_equal(again["score"][40:], first["score"][[3, 3, 20]])
    with pytest.raises(StackError, match="2 different frames"):
        PrincipalComponents()(stack[[0, 1, 0, 1]])


def test_what_cannot_be_is_refused():
    stack = series(5, 0.01)
    with pytest.raises(SettingError, match="5 components of 5 frames"):
        PrincipalComponents(components=5)(stack)
    with pytest.raises(SettingError, match="needs uncertainties"):
        PrincipalComponents(criterion="noise")(stack)
    with pytest.raises(StackError, match="2 frames"):
        PrincipalComponents()(stack[:2])
    with pytest.raises(SettingError, match="expected ind"):
        PrincipalComponents(criterion="scree")
