"""Wavelet maps: Larch's numbers, exact answers for a sine, lobes with calibrated uncertainties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize
from waves import SHELLS, STEP, K, as_stack, chi_of_shells, noisy

from spectra import Status
from spectra.errors import SettingError, StackError
from spectra.xas import Wavelet, wavelet_map
from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.lobes import find_lobes
from spectra.xas.exafs.maps import map_whole
from spectra.xas.exafs.morlet import Morlet

LONG = STEP * np.arange(1601)
MOTHERS = [Cauchy(60.0), Cauchy(200.0), Morlet(7.0, 1.0), Morlet(6.0, 1.8)]


def test_cauchy_map_is_that_of_larch(larch):
    from larch import Group

    group = Group(k=K, chi=np.random.default_rng(4).normal(size=len(K)) + chi_of_shells())
    larch.cauchy_wavelet(group, kweight=2, rmax_out=8)
    mother = Cauchy(float(len(group.wcauchy_r)))
    ours = map_whole(group.chi * K**2, STEP, np.array(group.wcauchy_r), mother)
    ours *= mother.published_factor
    largest = group.wcauchy_mag.max()
    np.testing.assert_allclose(ours, group.wcauchy, rtol=0, atol=1e-10 * largest)


@pytest.mark.parametrize("mother", MOTHERS)
def test_a_sine_has_the_transform_that_theory_gives(mother):
    # A·sin(ωk + φ) is A/(2i) exp(iωk + iφ) at positive frequencies, times the wavelet's transform.
    omega, amplitude, phase = 2 * 2.6, 0.7, 0.4
    r = np.array([2.2, 2.4, 2.6, 2.9])
    ours = map_whole(amplitude * np.sin(omega * LONG + phase), STEP, r, mother)
    x = omega / (2 * r)
    if isinstance(mother, Cauchy):
        transform = 2 * x**mother.order * np.exp(mother.order * (1 - x))
    else:
        exponent = 0.5 * (mother.kappa * mother.sigma) ** 2
        transform = np.exp(-exponent * (x - 1) ** 2) - np.exp(-exponent * (1 + x**2))
        transform *= 2 / (1 - np.exp(-2 * exponent))
    expected = amplitude / 2j * np.exp(1j * (omega * LONG + phase)) * transform[:, None]
    middle = (LONG > 35) & (LONG < 45)
    limit = 1e-9 if isinstance(mother, Morlet) else 1e-7
    np.testing.assert_allclose(ours[:, middle], expected[:, middle], rtol=0, atol=limit)
    assert np.abs(ours[2, middle]) == pytest.approx(amplitude, rel=1e-6)


@pytest.mark.parametrize("kind", ["cauchy", "morlet"])
def test_the_modulus_does_not_hang_on_the_grids(kind):
    stack = as_stack(chi_of_shells())
    coarse = Wavelet(mother=kind, points=(60, 45), r_range=(1.0, 5.4))
    fine = Wavelet(mother=kind, points=(180, 111), r_range=(1.0, 6.5))
    one, other = (wavelet_map(stack, m) for m in (coarse, fine))
    common = np.isin(np.round(other.k, 6), np.round(one.k, 6))
    assert common.sum() > 30
    same = [(i, int(np.abs(other.r - r).argmin())) for i, r in enumerate(one.r)]
    shared = [(i, j) for i, j in same if abs(one.r[i] - other.r[j]) < 1e-9]
    assert len(shared) > 5
    k = np.isin(np.round(one.k, 6), np.round(other.k, 6))
    for i, j in shared:
        np.testing.assert_allclose(one.values[i, k], other.values[j, common], atol=1e-13)


@pytest.mark.parametrize("kind", ["cauchy", "morlet"])
def test_the_product_gives_what_the_transform_gives(kind):
    method = Wavelet(mother=kind, taper=0.0, k_range=(3.0, 12.0))
    found = wavelet_map(as_stack(chi_of_shells()), method)
    inside = (K > 2.99) & (K < 12.01)
    weighted = np.where(inside, chi_of_shells() * K**2, 0.0)
    whole = map_whole(weighted, STEP, found.r, method.mother_wavelet())
    at = np.round(found.k / STEP).astype(int)
    np.testing.assert_allclose(found.values, whole[:, at], atol=1e-12)
    assert found.modulus == pytest.approx(np.abs(found.values))
    assert np.abs(np.exp(1j * found.phase) * found.modulus - found.values).max() < 1e-12


def highest(method, chi, start):
    """The maximum of |W| by the definition itself, at any k and R."""
    plan = method.prepare(as_stack(chi))
    mother, used = plan.mother, plan.used
    weighted = (chi * plan.weight)[used]
    # Wavelets at any k: the sum over frequencies that the maps are made of.
    omega = 2 * np.pi / (STEP * 4096) * np.arange(2048)
    spectrum = np.exp(-1j * np.outer(omega, K[used])) @ weighted

    def negative(place):
        k, r = place
        response = mother.response(omega, np.array([r]))[0]
        return -abs((response * spectrum * np.exp(1j * omega * k)).sum() / 4096)

    options = {"xatol": 1e-7, "fatol": 1e-13}
    return minimize(negative, start, method="Nelder-Mead", options=options)


@pytest.mark.parametrize("kind", ["cauchy", "morlet"])
def test_lobes_are_found_between_the_points(kind):
    chi = chi_of_shells()
    method = Wavelet(mother=kind)
    results = method(as_stack(chi))
    assert results["lobe_r"].shape == (1, 2)
    for i in range(2):
        k, r, height = (results[n][0, i] for n in ("lobe_k", "lobe_r", "height"))
        exact = highest(method, chi, (k + 0.02, r - 0.01))
        assert k == pytest.approx(exact.x[0], abs=2e-4)
        assert r == pytest.approx(exact.x[1], abs=3e-5)
        assert height == pytest.approx(-exact.fun, rel=1e-5)


@pytest.mark.parametrize("growing", [False, True])
@pytest.mark.parametrize("kind", ["cauchy", "morlet"])
def test_uncertainties_of_lobes_are_right(kind, growing):
    method = Wavelet(mother=kind, points=(50, 60), k_range=(2.5, 13.0))
    stack = noisy(1500, growing=growing, level=5e-4)
    true = method(as_stack(chi_of_shells()))
    results = method(stack)
    assert results.table.size("lobe") == true.table.size("lobe") == 2
    for name in ("lobe_r", "lobe_k", "height"):
        pull = (results[name] - true[name]) / results[f"{name}_stderr"]
        assert np.isfinite(pull).all()
        assert np.abs(pull.mean(axis=0)).max() < 0.1
        assert np.abs(pull.std(axis=0) - 1).max() < 0.1
    low, high = (results.table.coords["lobe"][n] for n in ("r_low", "r_high"))
    assert ((true["lobe_r"][0] > low) & (true["lobe_r"][0] < high)).all()
    ratio = results["integral"].std(axis=0) / results["integral_stderr"].mean(axis=0)
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_uncertainties_from_high_r_are_right_for_white_noise():
    method = Wavelet(points=(40, 50))
    true = method(as_stack(chi_of_shells()))
    results = method(noisy(300, given=False))
    assert results.attrs["errors"] == "residual"
    pull = (results["lobe_r"] - true["lobe_r"]) / results["lobe_r_stderr"]
    assert np.abs(pull.std(axis=0) - 1).max() < 0.15


def test_lobes_are_followed_through_a_sequence():
    shifts = np.linspace(0.0, 0.06, 40)
    chi = [chi_of_shells(((1.9 - s, 0.5, 0.004, 0.3), (2.9 + s, 0.6, 0.006, 1.1))) for s in shifts]
    results = Wavelet()(as_stack(np.array(chi)))
    for frame in (0, 17, 39):
        for i in range(2):
            k, r = results["lobe_k"][frame, i], results["lobe_r"][frame, i]
            exact = highest(Wavelet(), chi[frame], (k + 0.02, r - 0.01))
            assert (k, r) == pytest.approx(exact.x, abs=5e-4)
    assert (np.diff(results["lobe_r"], axis=0) * [-1, 1] > 0).all()
    assert (results.status == Status.OK).all()


def test_a_lobe_that_is_not_there_is_said_not_invented():
    both, one = chi_of_shells(), chi_of_shells(SHELLS[:1])
    stack = as_stack(np.array([both, both, one]), np.full((3, len(K)), 1e-4))
    lobes = {"V-O": [[4, 11], [1.5, 2.3]], "V-V": [[4, 11], [2.5, 3.3]]}
    results = Wavelet(lobes=lobes)(stack)
    assert list(results.table.coords["lobe"]["label"]) == ["V-O", "V-V"]
    assert np.isfinite(results["lobe_r"][:2]).all()
    assert np.isfinite(results["lobe_r"][2, 0])
    assert np.isnan(results["lobe_r"][2, 1])
    assert np.isnan(results["height_stderr"][2, 1])
    assert "lobe V-V: " in results.messages[2]
    assert results.status[2] == Status.OK


@pytest.mark.parametrize("seed", range(5))
def test_windows_of_lobes_that_are_found_do_not_overlap(seed):
    modulus = gaussian_filter(np.random.default_rng(seed).random((60, 70)), (4, 6))
    lobes = find_lobes(modulus - modulus.min(), 0.1, 8)
    assert len(lobes) > 2
    taken = np.zeros(modulus.shape, dtype=int)
    for lobe in lobes:
        taken[lobe.window] += 1
        rows, columns = lobe.window
        assert rows.start <= lobe.r < rows.stop
        assert columns.start <= lobe.k < columns.stop
    assert taken.max() == 1


def test_the_ridge_is_that_of_one_shell():
    results = Wavelet(order=150)(as_stack(chi_of_shells(((2.4, 0.5, 0.004, 0.0),))))
    k = results.table.coords["k"]["k"]
    middle = (k > 5) & (k < 10)
    assert results["ridge_r"][0, middle] == pytest.approx(2.4, abs=0.03)


def test_maps_are_kept_if_asked_for():
    stack = noisy(3)
    method = Wavelet(keep_maps=True, points=(30, 20))
    results = method(stack)
    assert results["modulus"].dtype == np.float32
    np.testing.assert_allclose(
        results["modulus"][2], wavelet_map(stack, method, 2).modulus, rtol=1e-5
    )
    assert "modulus" not in Wavelet()(stack).columns


def test_what_cannot_be_is_refused():
    stack = noisy(3)
    with pytest.raises(SettingError, match="cauchy or morlet"):
        Wavelet(mother="paul")
    with pytest.raises(SettingError, match=r"lobe 'V-V' goes from 5 to 7 in R, .* 0\.5 to 6"):
        Wavelet(lobes={"V-V": [[4, 8], [5, 7]]})(stack)
    with pytest.raises(StackError, match=r"k_range = \[3, 15\]"):
        Wavelet(k_range=(3, 17))(stack)
    broken = as_stack(np.where(K > 9, np.nan, chi_of_shells()))
    with pytest.raises(StackError, match="ends at 9"):
        wavelet_map(broken, Wavelet())
