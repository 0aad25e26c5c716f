"""Quick first shells against FEFF on the true structures."""

from __future__ import annotations

import numpy as np
import pytest
from made_paths import curves_at
from scipy.optimize import least_squares

from spectra.errors import SettingError
from spectra.xas import quick_path

# eV·angstrom² of a free electron: k² = E/3.81.
FREE_ELECTRON = 3.809982


def chi_k2(path, k, n, delta_r, e0, sigma2):
    """k²χ(k) of the EXAFS equation, the damping by λ at the path's own length."""
    q = np.sqrt(k**2 - e0 / FREE_ELECTRON)
    amplitude, phase, _, free = curves_at(path, q)
    distance = path.reff + delta_r
    size = n * amplitude * np.exp(-2 * path.reff / free - 2 * q**2 * sigma2) / (q * distance**2)
    return k**2 * size * np.sin(2 * q * distance + phase)


def apart(true, quick):
    """N, ΔR and σ² that a fit with the quick path makes of the true one."""
    k = np.arange(3.0, 14.0, 0.05)
    wanted = chi_k2(true, k, 1.0, 0.0, 0.0, 0.004)
    fit = least_squares(
        lambda x: chi_k2(quick, k, *x) - wanted,
        [1.0, true.reff - quick.reff, 0.0, 0.004],
        x_scale=[0.1, 0.01, 1.0, 1e-3],
    )
    n, delta_r, _, sigma2 = fit.x
    return n, delta_r + quick.reff - true.reff, sigma2 - 0.004


@pytest.mark.parametrize("label", ["V-O 1.576", "V-O 1.778", "V-O 1.877"])
def test_bonds_of_v2o5(v2o5, label):
    true = v2o5[label]
    n, delta_r, sigma2 = apart(true, quick_path("V", "O", true.reff))
    assert n == pytest.approx(1.0, abs=0.05)
    assert abs(delta_r) < 0.003
    assert abs(sigma2) < 3e-4


def test_it_is_one_path_of_the_distance_asked(v2o3):
    path = quick_path("V", "O", 1.9708, degeneracy=6)
    assert (path.label, path.degeneracy, path.nleg) == ("V-O 1.971", 6.0, 2)
    assert path.reff == pytest.approx(1.9708, abs=1e-4)
    assert path.title == "quick V-O 1.971"
    n, delta_r, _ = apart(v2o3["V-O 1.971"], path)
    assert n == pytest.approx(1.0, abs=0.05)
    assert abs(delta_r) < 0.003


def test_equal_elements_and_the_l3_edge():
    path = quick_path("Au", "Au", 2.88, edge="L3")
    assert (path.label, path.edge) == ("Au-Au 2.880", "L3")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("Vv", "O", 2.0), "'Vv' is no element"),
        (("V", "o", 2.0), "'o' is no element"),
        (("V", "O", 0.5), "distance 0.5"),
        (("V", "O", float("nan")), "distance nan"),
    ],
)
def test_what_cannot_be_is_refused(given, told):
    with pytest.raises(SettingError, match=told):
        quick_path(*given)
    with pytest.raises(SettingError, match="degeneracy"):
        quick_path("V", "O", 2.0, degeneracy=0.0)
