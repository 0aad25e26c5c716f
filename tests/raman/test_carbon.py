"""`raman.Carbon`: I_D/I_G with calibrated uncertainties, and the model that data determine."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from simulated_carbon import RATIO_AREA, RATIO_HEIGHT, SHIFT, counted, five_bands, two_bands

import spectra
from conformance import MethodConformance
from spectra import Stack, Status
from spectra.errors import DataWarning, SettingError
from spectra.fit.batch import fit_stack
from spectra.raman import Carbon
from spectra.raman.carbon_models import size_cancado, size_tuinstra_koenig
from spectra.raman.model import bounded_params, initial


class TestCarbon(MethodConformance):
    without_uncertainty = frozenset(
        {"ratio_height_models", "ratio_area_models", "model_bic", "chi2_reduced", "abbe"}
    )

    def make_method(self):
        return Carbon(bands=(2, 3), laser=514.5)

    def make_source(self):
        return counted(two_bands(), 16)


def test_pulls_of_two_bands_with_their_background_free():
    results = Carbon(bands=(2,))(counted(two_bands(), 8000, seed=11))
    assert (results.status == Status.OK).all()
    d_area = np.pi / 2 * 120 * 900
    for value, error, true in (
        (results["ratio_height"], results["ratio_height_stderr"], RATIO_HEIGHT),
        (results["ratio_area"], results["ratio_area_stderr"], RATIO_AREA),
        (results["area"][:, 0], results["area_stderr"][:, 0], d_area),
    ):
        pull = (value - true) / error
        assert abs(pull.mean()) < 0.05
        assert abs(pull.std() - 1) < 0.07


def test_two_bands_are_told_where_there_are_two():
    results = Carbon()(counted(two_bands(), 20))
    assert np.mean(results["n_bands"] == 2) > 0.85


def test_five_bands_are_told_where_they_are_determined():
    results = Carbon()(counted(20 * five_bands(), 8))
    assert (results["n_bands"] == 5).all()
    pull = (results["ratio_height"] - 0.9) / results["ratio_height_stderr"]
    assert np.abs(pull).max() < 4


def test_what_is_not_determined_is_not_quoted():
    results = Carbon(bands=(5,))(counted(two_bands(), 6))
    assert (results.status == Status.LOST).all()
    assert np.isnan(results["ratio_area"]).all()
    assert all("5 bands: " in message for message in results.messages)


def test_a_better_model_that_is_not_determined_is_mentioned():
    results = Carbon(bands=(2, 5))(counted(five_bands() / 20, 6))
    said = np.array(["5 bands would fit better" in message for message in results.messages])
    assert said.any()
    assert (results["n_bands"] == 2)[said].all()
    assert (results["ratio_area_models"][said] > 0).all()


@pytest.mark.parametrize(("bands", "profile"), [(2, "lorentzian"), (2, "breit_wigner_fano")])
def test_fits_equal_those_of_lmfit(bands, profile):
    stack = counted(two_bands(), 4)
    method = Carbon(bands=(bands,), profile_g=profile)
    model = method.model(bands, SHIFT)
    start = initial(model, np.array([1350.0, 1582.0]), np.array([130.0, 60.0]))
    start[[1, 4]] = 1e5
    start[-2] = 300.0
    params = bounded_params(model, start, {})
    weights = 1 / np.sqrt(np.asarray(stack.signal) + 1)
    fits = fit_stack(model.model(), params, SHIFT, stack.signal, weights=weights, errors="given")
    for i in range(len(stack)):
        other = model.model().fit(
            np.asarray(stack.signal)[i], params, x=SHIFT, weights=weights[i], scale_covar=False
        )
        assert fits.chi2[i] <= other.chisqr * (1 + 1e-8)
        for name in ("D_center", "D_area", "G_fwhm"):
            assert fits.uncertainty(name)[i] == pytest.approx(other.params[name].stderr, rel=0.01)


def test_sizes():
    assert size_tuinstra_koenig(np.array(2.0)) == pytest.approx(2.2)
    assert size_cancado(np.array(2.0), 514.5) == pytest.approx(0.5 * 2.4e-10 * 514.5**4)
    results = Carbon(bands=(2,))(counted(two_bands(), 2))
    assert np.isnan(results["size_cancado"]).all()
    red = Carbon(bands=(2,), laser=633.0)(counted(two_bands(), 2))
    assert np.isnan(red["size_tuinstra_koenig"]).all()
    relative = red["ratio_area_stderr"] / red["ratio_area"]
    np.testing.assert_allclose(red["size_cancado_stderr"] / red["size_cancado"], relative)


def test_settings_are_checked():
    with pytest.raises(SettingError, match="bands"):
        Carbon(bands=(6,))
    with pytest.raises(SettingError, match="laser"):
        Carbon(laser=5.0)


def test_noise_alone_is_lost():
    flat = Stack.from_arrays(
        SHIFT,
        np.random.default_rng(0).poisson(300, (3, len(SHIFT))),
        noise="counts",
        axis_name="raman_shift",
        axis_unit="1/cm",
    )
    assert (Carbon(bands=(2,))(flat).status == Status.LOST).all()


@pytest.mark.realdata
def test_three_positions_of_one_carbon(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        stack = spectra.read(data / "raman" / "carbon" / "*.txt", axis="raman_shift")
    results = Carbon(bands=(2, 4, 5))(stack)
    assert np.isin(results.status, (Status.OK, Status.AT_BOUND)).all()
    for name in ("ratio_height", "ratio_area"):
        value = results[name]
        # Two bands do not describe them: the choice of a model is most of what is uncertain.
        whole = np.hypot(results[f"{name}_stderr"], results[f"{name}_models"])
        apart = np.abs(value[:, None] - value)
        assert (apart <= 2 * np.hypot(whole[:, None], whole)).all()
