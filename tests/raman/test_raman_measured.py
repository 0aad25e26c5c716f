"""Corrections of the measured spectra."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import spectra
from spectra.errors import DataWarning
from spectra.raman import Bands, Baseline, Calibrate, Despike, Scale

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def glasses(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return spectra.read(data / "raman" / "glass_batch" / "*.txt", axis="raman_shift")


def test_glasses_in_one_run(glasses):
    done = Scale()(Baseline(algorithm="arpls", parameters={"lam": 1e6})(Despike()(glasses)))
    assert (done.status == 0).all()
    known = np.isfinite(np.asarray(glasses.signal))
    np.testing.assert_array_equal(np.isfinite(np.asarray(done.signal)), known)
    assert [c["correction"] for c in done.metadata["corrections"]] == [
        "raman.Despike",
        "raman.Baseline",
        "raman.Scale",
    ]
    assert done.metadata["corrections"][1]["frames"] == 101


def test_silicon_is_calibrated_by_itself(data):
    stack = spectra.read(data / "raman" / "Si_spectrum01.txt", axis="raman_shift")
    done = Calibrate()(stack)
    record = done.metadata["corrections"][0]
    assert abs(record["shift"]) < 1.5
    (line,) = Calibrate.of(done).found
    assert line == pytest.approx(520.45, abs=0.02)


def test_sharp_lines_are_no_cosmic_rays(data):
    for name in ("Si_spectrum01.txt", "LS4.txt", "tannic_acid.jdx", "rod_file_1000679.rod"):
        stack = spectra.read(data / "raman" / name, axis="raman_shift").crop(100.0)
        changed = Despike()(stack).metadata["corrections"][0]["changed"]
        assert [c for c in changed if 500 < c["raman_shift"] < 540] == []


def test_bands_of_all_glasses_are_found_and_fitted(glasses):
    results = Bands(window=(800.0, 1280.0), degree=1, profile="gaussian", fwhm_max=250.0)(glasses)
    assert (results.status == 0).all()
    # The stretching of Si-O lies between 850 and 1050 in every silicate glass.
    strongest = np.nanargmax(results["area"], axis=1)
    center = results["center"][np.arange(len(glasses)), strongest]
    assert ((center > 850) & (center < 1050)).all()
