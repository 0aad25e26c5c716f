"""Principal values: exact against rotation, calibrated apart, honest together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spectra.xrd.principal import VOIGT, principal_values

ROW, COLUMN = np.array(VOIGT).T
SIGMA = 1e-5


def turned(values, seed=5):
    """Components (6,) of a tensor with these eigenvalues and some orientation."""
    q = Rotation.random(random_state=seed).as_matrix()
    return (q @ np.diag(values) @ q.T)[ROW, COLUMN]


def some_covariance(seed=2):
    root = np.random.default_rng(seed).standard_normal((6, 6))
    return SIGMA**2 * (root @ root.T / 6 + 0.3 * np.eye(6))


def pulls_of(values, cov, n=20_000):
    """Deviations of the eigenvalues over their uncertainties (n, 3)."""
    noise = np.random.default_rng(7).standard_normal((n, 6)) @ np.linalg.cholesky(cov).T
    got, error = principal_values(turned(values) + noise, np.tile(cov, (n, 1, 1)))
    return (got - values) / error


def test_uncertainty_is_that_of_the_derivative():
    values, cov = np.array([3e-3, 1e-3, -2e-3]), some_covariance()
    tensor = turned(values)
    got, error = principal_values(tensor[None], 1e-6 * cov[None])
    np.testing.assert_allclose(got[0], values, atol=1e-15)
    step = 1e-8
    shifted = tensor + step * np.concatenate([np.eye(6), -np.eye(6)])
    up, down = np.split(principal_values(shifted, np.zeros((12, 6, 6)))[0], 2)
    slope = (up - down).T / (2 * step)
    np.testing.assert_allclose(error[0] ** 2, np.diag(slope @ (1e-6 * cov) @ slope.T), rtol=1e-5)


def test_pulls_are_calibrated_where_values_are_apart():
    pulls = pulls_of(np.array([1e-3, 0.0, -5e-4]), some_covariance())
    assert (np.abs(pulls.mean(axis=0)) < 0.05).all()
    assert (np.abs(pulls.std(axis=0) - 1) < 0.02).all()


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_deviations_are_as_large_as_said_where_values_meet(distance):
    # Isotropic noise: the same for tensors turned in any way.
    cov = SIGMA**2 * np.diag([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
    for values in ([1e-3, distance * SIGMA, 0.0], [distance * SIGMA, 0.0, -1e-3]):
        pulls = pulls_of(np.array(values), cov)
        # Biased apart there, but by no more than the uncertainty covers.
        assert (np.sqrt((pulls**2).mean(axis=0)) < 1.15).all()
        assert (np.sqrt((pulls**2).mean(axis=0)) > 0.85).all()


def test_what_symmetry_makes_equal_is_as_sure_as_its_one_strain():
    cubic = np.zeros((1, 6, 6))
    cubic[:, :3, :3] = SIGMA**2
    got, error = principal_values(np.array([[1e-3, 1e-3, 1e-3, 0, 0, 0]]), cubic)
    np.testing.assert_allclose(got, 1e-3)
    np.testing.assert_allclose(error, SIGMA, rtol=1e-12)
