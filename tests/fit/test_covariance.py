"""Covariances from information matrices."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.covariance import covariance, inflation


def test_an_undetermined_parameter_has_no_uncertainty():
    hessian = np.array([[[4.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 9.0]]])
    cov = covariance(hessian, np.ones((1, 3), bool))
    assert np.isnan(cov[0, 0, 0])
    assert np.isnan(cov[0, 1, 1])
    assert cov[0, 2, 2] == pytest.approx(1 / 9)


def test_inflation_tells_how_well_others_imitate_a_parameter():
    hessian = np.array(
        [[[4.0, 0.0], [0.0, 9.0]], [[1.0, 0.8], [0.8, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]
    )
    free = np.ones((3, 2), bool)
    np.testing.assert_allclose(inflation(hessian, free)[:2], [1.0, 1.0 / (1.0 - 0.8**2)])
    assert not inflation(hessian, free)[2] < 1e12
