"""What is learnt of second derivatives, against matrices that are known."""

import numpy as np

from spectra.fit.secant import learn, upwards


def drawn(rows=6, size=5, seed=3):
    """Hessians of Gauss and Newton, what they lack, and steps."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(rows, size, size))
    half = 0.1 * rng.normal(size=(rows, size, size))
    return root @ root.transpose(0, 2, 1), half + half.transpose(0, 2, 1), rng.normal(size=(6, 5))


def test_a_step_teaches_the_curvature_along_it():
    hessian, lacking, step = drawn()
    change = np.einsum("rij,rj->ri", hessian + lacking, step)
    assert (np.einsum("ri,ri->r", step, change) > 0).all()
    rest = learn(np.zeros_like(hessian), hessian, step, change)
    assert np.allclose(np.einsum("rij,rj->ri", hessian + rest, step), change)
    assert np.allclose(rest, rest.transpose(0, 2, 1))


def test_a_step_downhill_teaches_nothing():
    hessian, lacking, step = drawn()
    assert np.array_equal(learn(lacking, hessian, step, -step), lacking)


def test_no_direction_bends_downwards():
    hessian, lacking, _ = drawn()
    whole = upwards(hessian, -2.0 * hessian + 0.01 * lacking)
    assert (np.linalg.eigvalsh(whole) > 0).all()
