"""Paths made by hand, for tests that need no FEFF."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from spectra.xas.paths.path import PathAtom, ScatteringPath

NUMBERS = {"V": 23, "O": 8, "Cu": 29}


def made_path(
    scatterer: str = "O",
    distance: float = 2.0,
    *,
    degeneracy: float = 6.0,
    strength: float = 1.0,
    **changes: object,
) -> ScatteringPath:
    """A single-scattering path of vanadium with smooth curves."""
    k = np.linspace(0.0, 20.0, 61)
    atoms = (
        PathAtom("V", 23, 0, (0.0, 0.0, 0.0)),
        PathAtom(scatterer, NUMBERS[scatterer], 1, (0.0, 0.0, distance)),
    )
    values: dict[str, object] = {
        "k": k,
        "central_phase": 2.0 - 0.3 * k,
        "feff_amplitude": strength * np.exp(-k / 8.0),
        "feff_phase": -3.0 - 0.5 * k,
        "reduction": np.full(61, 0.9),
        "mean_free_path": 5.0 + k,
        "real_p": np.sqrt(k**2 + 3.0),
        "degeneracy": degeneracy,
        "reff": distance,
        "atoms": atoms,
    }
    return ScatteringPath(**(values | changes))  # type: ignore[arg-type]


def triangle(far: tuple[float, float, float] = (0.0, 2.0, 0.0), **changes: object):
    """A path of three legs from V over O to O."""
    atoms = (
        PathAtom("V", 23, 0, (0.0, 0.0, 0.0)),
        PathAtom("O", 8, 1, (0.0, 0.0, 2.0)),
        PathAtom("O", 8, 1, far),
    )
    legs = [2.0, np.linalg.norm(np.subtract(far, (0, 0, 2.0))), np.linalg.norm(far)]
    return made_path(distance=float(sum(legs) / 2), atoms=atoms, **changes)


def chi(path: ScatteringPath, k: np.ndarray) -> np.ndarray:
    """χ(k) of a path without disorder."""
    amplitude, phase, free = (
        np.interp(k, path.k, getattr(path, n)) for n in ("amplitude", "phase", "mean_free_path")
    )
    size = path.degeneracy * amplitude * np.exp(-2 * path.reff / free) / (k * path.reff**2)
    return size * np.sin(2 * k * path.reff + phase)


def curves_at(path, k):
    """Amplitude, phase, Re p and λ of a path at wavenumbers (1/angstrom), by cubic splines."""
    names = ("amplitude", "phase", "real_p", "mean_free_path")
    return [CubicSpline(path.k, getattr(path, name))(k) for name in names]
