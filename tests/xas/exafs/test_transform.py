"""χ(R) and back: Larch's numbers, exact answers, and calibrated uncertainties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from waves import SHELLS, STEP, K, as_stack, chi_of_shells, noisy

from spectra import Status
from spectra.errors import ResultsError, SettingError, StackError
from spectra.xas import BackTransform, FourierTransform
from spectra.xas.exafs.windows import WINDOWS, make_window


def highest(chi, method, low, high):
    """Where |χ(R)| is highest and how high, by the sum itself at any R."""
    window = make_window(K, *method.k_range, method.taper, method.window)
    weighted = chi * K ** method.k_weight[0] * window * STEP / np.sqrt(np.pi)

    def negative(r):
        return -abs((np.exp(-2j * r * K) * weighted).sum())

    start = min(np.arange(low, high, 0.01), key=negative)
    bounds = (start - 0.02, start + 0.02)
    found = minimize_scalar(negative, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return found.x, -found.fun


@pytest.mark.parametrize("window", [*WINDOWS])
def test_transforms_are_those_of_larch(larch, window):
    from larch import Group

    chi = np.random.default_rng(2).normal(size=(2, len(K)))
    method = FourierTransform(k_weight=(0, 1, 2, 3), window=window, taper=2.0, k_range=(2.5, 13))
    results = method(as_stack(chi))
    back = BackTransform(r_range=(1.2, 2.8), taper=0.4, window=window)(results)
    for frame in range(2):
        for i, weight in enumerate(method.k_weight):
            group = Group(k=K, chi=chi[frame])
            larch.xftf(group, kmin=2.5, kmax=13, dk=2, kweight=weight, window=window)
            ours = results["real"][frame, i] + 1j * results["imag"][frame, i]
            np.testing.assert_allclose(results.table.coords["r"]["r"], group.r)
            scale = np.abs(group.chir).max()
            np.testing.assert_allclose(ours, group.chir, rtol=0, atol=1e-12 * scale)
            larch.xftr(group, rmin=1.2, rmax=2.8, dr=0.4, window=window, qmax_out=15)
            ours = back["real"][frame, i] + 1j * back["imag"][frame, i]
            scale = np.abs(group.chiq).max()
            np.testing.assert_allclose(ours, group.chiq, rtol=0, atol=1e-12 * scale)


def test_the_peak_is_where_the_modulus_is_highest():
    chi = chi_of_shells()
    method = FourierTransform(k_weight=(3,), r_range=(1.4, 2.4))
    results = method(as_stack(chi))
    place, height = highest(chi, method, 1.4, 2.4)
    assert results["peak_r"][0, 0] == pytest.approx(place, abs=1e-6)
    assert results["peak_height"][0, 0] == pytest.approx(height, rel=1e-9)


def test_the_peak_does_not_hang_on_the_grid():
    spread = []
    for shift in np.linspace(0.0, 0.03, 7):
        chi = chi_of_shells(((1.9 + shift, 0.5, 0.004, 0.3),))
        method = FourierTransform()
        found = method(as_stack(chi))["peak_r"][0, 0]
        spread.append(found - highest(chi, method, 1.5, 2.3)[0])
    assert np.abs(spread).max() < 1e-6


@pytest.mark.parametrize("growing", [False, True])
def test_uncertainties_of_the_peak_are_right(growing):
    method = FourierTransform(k_weight=(1, 3), r_range=(1.2, 2.5))
    true = method(as_stack(chi_of_shells()))
    results = method(noisy(1500, growing=growing))
    for name in ("peak_r", "peak_height"):
        pull = (results[name] - true[name]) / results[f"{name}_stderr"]
        assert np.abs(pull.mean(axis=0)).max() < 0.1
        assert np.abs(pull.std(axis=0) - 1).max() < 0.1


def test_noise_is_read_off_high_r_and_agrees_with_what_is_given():
    results = FourierTransform(k_weight=(1, 2, 3))(noisy(400, level=2e-3))
    assert np.median(results["noise_k"], axis=0) == pytest.approx([2e-3] * 3, rel=0.03)
    ratio = results["noise_r"] / results["given_noise_r"]
    assert np.median(ratio, axis=0) == pytest.approx([1.0] * 3, rel=0.03)


def test_noise_relation_is_that_of_newville_for_a_sharp_window():
    method = FourierTransform(k_weight=(2,), taper=0.0, window="hanning")
    results = method(noisy(20))
    weight, low, high = 2, *method.k_range
    root_mean_square = np.sqrt(2.0) * results["noise_r"]
    span = high ** (2 * weight + 1) - low ** (2 * weight + 1)
    expected = root_mean_square * np.sqrt(np.pi * (2 * weight + 1) / (STEP * span))
    np.testing.assert_allclose(results["noise_k"], expected, rtol=0.02)


def test_back_transform_gives_one_shell_and_its_uncertainty():
    method = FourierTransform(k_weight=(2,), k_range=(2.0, 13.0))
    back = BackTransform(r_range=(1.2, 2.45), taper=0.3)
    stack = noisy(600, growing=False)
    results = back(method(stack))
    q = results.table.coords["q"]["q"]
    middle = (q > 5) & (q < 10)
    one = chi_of_shells(SHELLS[:1])[: len(q)] * q**2
    mean = results["real"][:, 0].mean(axis=0)
    assert np.abs(mean - one)[middle].max() < 0.03 * np.abs(one[middle]).max()
    assert np.corrcoef(mean[middle], one[middle])[0, 1] > 0.998
    for part in ("real", "imag"):
        ratio = results[part].std(axis=0) / results[f"{part}_stderr"].mean(axis=0)
        assert ratio[0, middle] == pytest.approx(1.0, abs=0.1)


@pytest.mark.realdata
def test_a_phase_moves_the_peak_to_the_distance(data):
    path = data / "xas" / "copper" / "feffcu01.dat"
    from spectra.xas.paths.feffdat import read_feffdat

    copper = read_feffdat(path)
    k = np.clip(K, copper.k[0], None)
    phase = np.interp(k, copper.k, copper.phase)
    chi = np.exp(-0.01 * K**2) * np.sin(2 * K * copper.reff + phase)
    plain = FourierTransform()(as_stack(chi))["peak_r"][0, 0]
    corrected = FourierTransform(phase=str(path))(as_stack(chi))["peak_r"][0, 0]
    absorber = FourierTransform(phase=str(path), phase_of="absorber")(as_stack(chi))["peak_r"][0, 0]
    assert corrected == pytest.approx(copper.reff, abs=2e-3)
    assert plain < copper.reff - 0.2
    assert plain < absorber != pytest.approx(corrected, abs=1e-3)


def test_frames_that_lack_points_are_told_with_a_remedy():
    chi = np.repeat(chi_of_shells()[None], 5, axis=0)
    chi[0, K > 11.0] = np.nan
    chi[1, 180] = np.nan
    chi[2, K < 4.0] = np.nan
    chi[3, K > 12.6] = np.nan
    results = FourierTransform()(as_stack(chi))
    assert results.status.tolist() == [Status.BAD_INPUT] * 3 + [Status.OK] * 2
    assert "ends at 11" in results.messages[0]
    assert "k_range = [3, 11]" in results.messages[0]
    assert "the first at 9 1/angstrom" in results.messages[1]
    assert "begins at 4" in results.messages[2]
    assert np.isnan(results["real"][:3]).all()
    assert (results["real"][3] == results["real"][4]).all()


def test_what_cannot_be_is_refused():
    stack = noisy(3)
    with pytest.raises(StackError, match=r"goes to 15 .*k_range = \[3, 15\]"):
        FourierTransform(k_range=(3, 16))(stack)
    with pytest.raises(SettingError, match="0, 1, 2, 3"):
        FourierTransform(k_weight=(4,))
    with pytest.raises(SettingError, match=r"ends at 31\.39"):
        FourierTransform(noise_range=(40, 50))(stack)
    with pytest.raises(SettingError, match="raise r_max"):
        BackTransform(r_range=(4, 6))(FourierTransform(r_max=5)(stack))
    with pytest.raises(ResultsError, match=r"xas\.FourierTransform"):
        BackTransform()(stack)


def test_no_peak_is_said():
    results = FourierTransform(r_range=(2.15, 2.35))(as_stack(chi_of_shells(SHELLS[:1])))
    assert results.status[0] == Status.OK
    assert np.isnan(results["peak_r"]).all()
    assert "no peak between 2.15 and 2.35" in results.messages[0]


def test_independent_points_are_counted():
    results = FourierTransform(k_range=(3, 13), r_range=(1, 3))(noisy(1))
    assert results.attrs["n_idp"] == pytest.approx(2 * 10 * 2 / np.pi)


@pytest.mark.realdata
def test_what_has_its_phase_taken_off_does_not_come_back(data):
    file = str(data / "xas" / "copper" / "feffcu01.dat")
    results = FourierTransform(phase=file)(noisy(1))
    with pytest.raises(SettingError, match=r"has the phase of .*feffcu01"):
        BackTransform()(results)


def test_ranges_name_themselves():
    with pytest.raises(SettingError, match=r"k_range = \(3, 4, 5\); expected two numbers"):
        FourierTransform(k_range=(3, 4, 5))
    with pytest.raises(SettingError, match="r_range ends at 60 angstrom"):
        FourierTransform(r_range=(1.0, 60.0), r_max=80.0)(noisy(1))


def test_noise_of_high_r_is_taken_where_it_is_asked_for():
    stack = noisy(40)
    plain = replace(stack, errors=None, noise="unknown")
    boasting = replace(stack, errors=0.1 * np.asarray(stack.errors))
    expected = FourierTransform()(plain)["peak_r_stderr"]
    asked = FourierTransform(noise="high_r")(boasting)
    np.testing.assert_array_equal(asked["peak_r_stderr"], expected)
    assert asked.attrs["errors"] == "residual"
    assert (FourierTransform()(boasting)["peak_r_stderr"] < 0.3 * expected).all()
    with pytest.raises(SettingError, match="noise = 'low'; expected auto or high_r"):
        FourierTransform(noise="low")
