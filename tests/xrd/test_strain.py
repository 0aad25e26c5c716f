"""Strain and the zero-strain verdict."""

from __future__ import annotations

import numpy as np
import pytest
from test_cell import tracked

from spectra.errors import ResultsError, SettingError
from spectra.reference import load_phase
from spectra.xrd import Cell, Strain
from spectra.xrd.extent import find_extent


def cells(scale, noise=0.002, seed=0):
    phase = load_phase("TiO2_rutile")
    true = np.tile(phase.cell, (len(scale), 1))
    true[:, :3] *= np.asarray(scale)[:, None]
    peaks = tracked([phase], [true], sigma=0.002, noise=noise, seed=seed)
    return Cell(phases=("TiO2_rutile",))(peaks)


def test_isotropic_strain_and_its_uncertainty():
    strain = Strain()(cells([1.0, 1.002, 0.999], noise=0.0))
    np.testing.assert_allclose(
        strain["dv_over_v"][:, 0], [0, 1.002**3 - 1, 0.999**3 - 1], atol=2e-6
    )
    for component in ("e11", "e22", "e33"):
        np.testing.assert_allclose(strain[component][:, 0], [0, 0.002, -0.001], atol=1e-6)
    np.testing.assert_allclose(strain["e12"][:, 0], 0, atol=1e-12)
    eta = 0.5 * (1.002**2 - 1)
    assert strain["eta11"][1, 0] == pytest.approx(eta, abs=1e-6)
    np.testing.assert_allclose(strain["principal"][1, 0], 0.002, atol=1e-6)
    assert strain["dv_over_v_stderr"][0, 0] == 0
    assert (strain["dv_over_v_stderr"][1:, 0] > 0).all()


def test_strain_pulls_include_the_reference():
    pulls = []
    for seed in range(40):
        strain = Strain()(cells(np.ones(20), seed=seed))
        pulls.append(strain["dv_over_v"][1:, 0] / strain["dv_over_v_stderr"][1:, 0])
    # Forty references share half of the variance: the width is known to about 0.07.
    assert np.concatenate(pulls).std() == pytest.approx(1, abs=0.15)


def test_literature_and_numbered_references():
    cell = cells([1.0, 1.001])
    literature = Strain(reference="literature")(cell)
    assert abs(literature["dv_over_v"][0, 0]) < 5 * literature["dv_over_v_stderr"][0, 0]
    assert Strain(reference=1)(cell)["dv_over_v"][1, 0] == 0
    with pytest.raises(ResultsError, match="not determined in reference frame 7"):
        Strain(reference=7)(cell)
    with pytest.raises(SettingError, match="expected a frame number"):
        Strain(reference="last")
    with pytest.raises(ResultsError, match=r"works on the results of xrd\.Cell"):
        Strain()(Strain()(cell))


def test_verdict_reads_what_was_put_in():
    scale = (1 + 0.0011 * (0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, 200)))) ** (1 / 3)
    verdict = Strain()(cells(scale)).attrs["verdict"]["TiO2_rutile"]
    assert verdict["differs_from_zero"]
    assert abs(verdict["max_change"] - 0.0011) < 3 * verdict["max_change_stderr"]
    assert "changes by" in verdict["sentence"]


def test_constant_volume_is_called_constant():
    rng = np.random.default_rng(0)
    error = np.full(150, 3e-5)
    found = [find_extent(1 + error * rng.standard_normal(150), error) for _ in range(40)]
    assert sum(e.p_value < 1e-3 for e in found) <= 1
    sizes = np.array([e.value for e in found])
    # Picking the extremes of the raw values would give 1.6e-4.
    assert sizes.mean() < 2e-5


def test_extent_is_calibrated():
    rng = np.random.default_rng(1)
    course = 1 + 0.0011 * (0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, 200)))
    error = np.full(200, 5e-5)
    found = [find_extent(course + error * rng.standard_normal(200), error) for _ in range(40)]
    pulls = np.array([(e.value - 0.0011) / e.stderr for e in found])
    assert abs(pulls.mean()) < 1.0
    assert 0.6 < pulls.std() < 1.4
