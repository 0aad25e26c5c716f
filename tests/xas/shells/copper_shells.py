"""Paths and sequences of χ(k) whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectra import Stack
from spectra.stack import Variable
from spectra.xas.paths.path import PathAtom, ScatteringPath
from spectra.xas.shells.equation import chi_of_path

K = 0.05 * np.arange(341)
S02 = 0.9


def simulated_path(reff: float = 2.55, degeneracy: float = 12.0, number: int = 29, **parts):
    """A path with curves as smooth as FEFF's, but written down."""
    k = np.concatenate([np.arange(0.0, 2.0, 0.1), np.arange(2.0, 20.1, 0.2)])
    symbol = {29: "Cu", 8: "O"}[number]
    atoms = (
        PathAtom("Cu", 29, 0, (0.0, 0.0, 0.0)),
        PathAtom(symbol, number, 1, (0.0, 0.0, reff)),
    )
    return ScatteringPath(
        k=k,
        central_phase=4.0 - 1.1 * k + 0.012 * k**2,
        feff_amplitude=0.2 + 0.9 * np.exp(-(((k - 6.0) / 5.0) ** 2)),
        feff_phase=-2.0 - 0.3 * k,
        reduction=np.full(len(k), 0.95),
        mean_free_path=5.0 + 0.04 * (k - 3.0) ** 2 + 10.0 * np.exp(-k),
        real_p=np.sqrt(k**2 + 3.0),
        degeneracy=degeneracy,
        reff=reff,
        atoms=atoms,
        norman_radius=2.6,
        **parts,
    )


@dataclass(frozen=True)
class Truth:
    """What a sequence was made of, (frames,) each."""

    x: np.ndarray
    n: np.ndarray
    r: np.ndarray
    sigma2: np.ndarray
    e0: np.ndarray


def truth_of(n_frames: int, path: ScatteringPath) -> Truth:
    """Numbers fall, bonds stretch linearly and soften along x = 0…1; E0 stays."""
    x = np.linspace(0.0, 1.0, n_frames)
    return Truth(x, 12.0 - x, path.reff + 0.02 * x, 0.006 + 0.002 * x, np.full(n_frames, 3.0))


def noise_of(kind: str, k: np.ndarray = K) -> np.ndarray:
    """Standard deviation of the points of χ(k)."""
    if kind == "white":
        return np.full(len(k), 1e-3)
    return 3e-6 * np.maximum(k, 1.0) ** 2.5


def sequence(
    truth: Truth, path: ScatteringPath, kind: str = "white", *, seed: int = 5, given: bool = True
) -> Stack:
    """χ(k) of a sequence with its noise."""
    exact = np.zeros((len(truth.x), len(K)))
    for i in range(len(truth.x)):
        exact[i, 1:] = chi_of_path(
            path,
            K[1:],
            amplitude=S02 * truth.n[i],
            e0=truth.e0[i],
            delta_r=truth.r[i] - path.reff,
            sigma2=truth.sigma2[i],
        )
    sigma = noise_of(kind)
    rng = np.random.default_rng(seed)
    return chi_stack(
        exact + rng.normal(size=exact.shape) * sigma,
        np.tile(sigma, (len(exact), 1)) if given else None,
        x=Variable(truth.x),
        temperature=Variable(np.linspace(10.0, 300.0, len(truth.x)), "K"),
    )


def chi_stack(chi, errors=None, k=K, **variables) -> Stack:
    """χ(k) as a stack."""
    return Stack.from_arrays(
        k,
        chi,
        errors,
        axis_name="k",
        axis_unit="1/angstrom",
        quantity="chi",
        variables=variables,
    )
