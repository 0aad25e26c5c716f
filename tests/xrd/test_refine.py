"""The model of peaks that stand for several lines, against fits of real profiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit
from simulated_cells import WAVELENGTH

from spectra.fit.find import FWHM_PER_SIGMA
from spectra.xrd.aberrations import get_aberrations
from spectra.xrd.lattice import CellConstraint, inverse_d2
from spectra.xrd.model import Axis, CellModel
from spectra.xrd.refine import Observations, Refiner

FWHM = 0.15
# Lines of a tetragonal cell that stand alone, and the pair (2 0 0), (0 0 2).
HKL = np.array([[1, 0, 0], [1, 0, 1], [2, 1, 0], [2, 1, 1], [3, 0, 1], [2, 0, 0], [0, 0, 2]])


def gaussian(x, area, center, sigma):
    return area * np.exp(-0.5 * ((x - center) / sigma) ** 2)


def fitted_position(ratio, delta):
    """Where a fit of one Gaussian sees a line at 0 with another one beside it at `delta`."""
    sigma = FWHM / FWHM_PER_SIGMA
    x = np.linspace(-1.0, 1.0, 4001)
    y = gaussian(x, 1.0, 0.0, sigma) + gaussian(x, ratio, delta, sigma)
    start = (1 + ratio, delta * ratio / (1 + ratio), 1.05 * sigma)
    return float(curve_fit(gaussian, x, y, start)[0][1])


def model_of(intensity, delta, start_scale=1.0):
    """A tetragonal cell whose (0 0 2) lies `delta` (deg) from (2 0 0)."""
    a = 4.1
    axis = Axis(WAVELENGTH)
    target = axis.position(inverse_d2([[2, 0, 0]], [a, a, a, 90, 90, 90])[0])[0][0] + delta
    c = 2.0 * float(axis.spacing(np.array(target))[0])
    cell = np.array([a, a, c, 90.0, 90.0, 90.0])
    start = cell.copy()
    start[:3] *= start_scale
    model = CellModel(
        axis=axis,
        hkl=HKL.astype(np.int32),
        phase=np.zeros(len(HKL), np.intp),
        intensity=np.array(intensity, dtype=float),
        constraints=(CellConstraint.of("tetragonal"),),
        start=start[None],
        aberrations=get_aberrations((), "bragg_brentano"),
        radius=200.0,
    )
    return model, cell, axis.position(inverse_d2(HKL, cell)[0])[0]


def observations(center, area, sigma):
    n = len(center)
    return Observations(
        center=center[None],
        cov=np.diag(np.asarray(sigma, dtype=float) ** 2)[None],
        fwhm=np.full((1, n), FWHM),
        area=np.asarray(area, dtype=float)[None],
        found=np.ones((1, n), bool),
    )


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("width", [0.2, 0.4, 0.6])
def test_a_neighbour_pulls_as_a_fit_of_its_profile_does(ratio, width):
    delta = width * FWHM
    intensity = np.array([100.0] * 6 + [100.0 * ratio])
    model, _, position = model_of(intensity, delta)
    pull = fitted_position(ratio, delta)
    observed = position[:6].copy()
    observed[5] += pull
    # The lines that stand alone hold the cell; the pair only looks on.
    sigma = [1e-6] * 5 + [1.0]
    refiner = Refiner(model, np.arange(6), wrong_share=0.0, excess_share=0.0)
    result = refiner.refine(observations(observed, intensity[:6], sigma))
    residual = float(result.residual[0, 5])
    # What is left of the pull: second order, below a sixth of it and a hundredth of the width.
    assert abs(residual) < max(0.17 * abs(pull), 1e-6)
    assert abs(residual) < 0.01 * FWHM
    assert abs(pull) > 0.003 * FWHM


def test_an_unsplit_pair_limits_its_own_splitting():
    # c shows in one merged line only: it is known as far as the line is seen unsplit.
    model, cell, position = model_of([100.0] * 7, 0.0)
    keep = [0, 2, 5]
    sigma = [1e-6, 1e-6, 1e-3]
    refiner = Refiner(model, np.array(keep), wrong_share=0.0, excess_share=0.0)
    observed = observations(position[keep], [100.0] * 3, sigma)
    result = refiner.refine(observed)
    error = np.sqrt(result.cov[0, 1, 1])
    # Δ = 0 ± fwhm/2 between (2 0 0) and (0 0 2), as an uncertainty of c.
    slope = model.positions(result.theta)[1][0, 6, 1]
    centroid = 0.5 * slope / 1e-3
    expected = np.hypot(slope / (0.5 * FWHM), centroid) ** -1
    assert error == pytest.approx(abs(expected), rel=0.01)
    assert result.theta[0, 0] == pytest.approx(cell[0], rel=1e-9)


def test_a_start_half_a_percent_off_ends_at_the_same_cell():
    model, cell, position = model_of([100.0] * 7, 1.0, start_scale=1.005)
    observed = observations(position, [100.0] * 7, [1e-3] * 7)
    result = Refiner(model, np.arange(7)).refine(observed)
    np.testing.assert_allclose(model.cells(result.theta)[0, 0], cell, rtol=1e-12)
    assert result.dof[0] == 5
    assert result.chi2[0] < 1e-15


def test_part_of_a_pull_counts_as_its_uncertainty():
    intensity = np.array([100.0] * 6 + [20.0])
    model, _, position = model_of(intensity, 0.4 * FWHM)
    observed = observations(position[:6] + 0.01 * (np.arange(6) == 5), intensity[:6], [1e-7] * 6)
    chi2 = []
    for fraction in (0.2, 0.4):
        refiner = Refiner(
            model, np.arange(6), pull_uncertainty=fraction, wrong_share=0.0, excess_share=0.0
        )
        chi2.append(refiner.refine(observed).chi2[0])
    assert chi2[0] == pytest.approx(4 * chi2[1], rel=1e-3)
