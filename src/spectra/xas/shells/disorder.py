"""Mean square relative displacements of paths: the correlated Einstein and Debye models."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.constants import atomic_mass, hbar, physical_constants
from scipy.constants import k as boltzmann

from spectra.errors import SettingError
from spectra.fit.expressions import Dual
from spectra.xas.paths.path import ScatteringPath

FloatArray = NDArray[np.float64]

_BOHR = physical_constants["Bohr radius"][0] * 1e10
# ħ²/(k_B·u), angstrom² K.
_QUANTUM = hbar**2 / (boltzmann * atomic_mass) * 1e20
# Below these (K) nothing changes any more.
_COLDEST = 1e-3
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_FREQUENCIES = 0.5 * (_NODES + 1.0)
_SHARES = 0.5 * _WEIGHTS
# Above this argument a hyperbolic cotangent is one.
_LARGE = 300.0


@dataclass(frozen=True)
class Disorder:
    """σ²(T) of one path by models with one characteristic temperature.

    Attributes
    ----------
    reduced_mass : float
        1/Σ(1/mᵢ) of the atoms of the path (g/mol).
    spectrum : array (nodes,)
        Weights of the frequencies ω/ω_D at which the Debye model is summed; NaN where the path
        does not tell its Norman radius.
    label : str
    """

    reduced_mass: float
    spectrum: FloatArray
    label: str

    @classmethod
    def of(cls, path: ScatteringPath) -> Disorder:
        """The models of a path."""
        return cls(path.reduced_mass, debye_spectrum(path), path.label)

    def sigma2(self, model: str, theta: float, temperature: float) -> float:
        """σ² (angstrom²) by ``einstein`` or ``debye`` at a characteristic temperature (K)."""
        function = {"einstein": self.einstein, "debye": self.debye}[model]
        numbers = (Dual(np.asarray(float(v)), {}) for v in (theta, temperature))
        return float(function(*numbers).value)

    def einstein(self, theta: Dual, temperature: Dual) -> Dual:
        """σ² (angstrom²) of one oscillator: ħ²/(2·k_B·μ·θ)·coth(θ/2T).

        A. I. Frenkel and J. J. Rehr, Phys. Rev. B 48 (1993) 585, eq. 7; μ as Larch's
        ``sigma2_eins`` takes it from all legs.
        """
        hot = np.maximum(theta.value, _COLDEST)
        t = np.maximum(temperature.value, _COLDEST)
        front = _QUANTUM / (2.0 * self.reduced_mass * hot)
        coth, square = _coth(hot / (2.0 * t))
        value = front * coth
        return _of_both(
            *(theta, temperature, value),
            -value / hot - front * square / (2.0 * t),
            front * square * hot / (2.0 * t**2),
        )

    def debye(self, theta: Dual, temperature: Dual) -> Dual:
        """σ² (angstrom²) by the correlated Debye model.

        E. Sevillano, H. Meuth and J. J. Rehr, Phys. Rev. B 20 (1979) 4908, eq. 10 to 12, summed
        over the legs of a path as in J. J. Rehr and R. C. Albers, Rev. Mod. Phys. 72 (2000) 621.

        Raises
        ------
        SettingError
            If the Norman radius of the path is not known.
        """
        if not np.isfinite(self.spectrum).all():
            raise SettingError(
                f"debye(θ, T) of the path {self.label!r} needs its Norman radius, which it lacks; "
                "take paths of FEFF, or einstein(θ, T)"
            )
        hot = np.maximum(theta.value, _COLDEST)
        t = np.maximum(temperature.value, _COLDEST)
        ratio = np.reshape(hot / t, (-1, 1))
        coth, square = _coth(0.5 * ratio * _FREQUENCIES)
        # Row by row: the order of the sums must not hang on how many there are.
        whole = (coth * self.spectrum).sum(axis=1)
        change = -(0.5 * _FREQUENCIES * square * self.spectrum).sum(axis=1)
        shape = np.broadcast(hot, t).shape
        whole, change = whole.reshape(shape), change.reshape(shape)
        value = whole / hot
        return _of_both(
            *(theta, temperature, value),
            -value / hot + change / (hot * t),
            -change / t**2,
        )


def debye_spectrum(path: ScatteringPath) -> FloatArray:
    """Weights (nodes,) of a path in the correlated Debye model.

    With ⟨u_i·u_j⟩ = (3ħ²/2k_B·θ·√(m_i·m_j)) ∫₀¹ sin(w·x)/x·coth(wθ/2T) dw, x = k_D·r_ij and the
    Debye wavenumber k_D = (9π/2)^⅓/r_Norman, σ² is one integral over w of a weight that only the
    path knows, times coth(wθ/2T)/θ.
    """
    positions = np.array([atom.position for atom in path.atoms])
    masses = np.array(_masses(path))
    k_debye = (4.5 * np.pi) ** (1.0 / 3.0) / (path.norman_radius * _BOHR)
    following = np.roll(np.arange(path.nleg), -1)
    total = np.zeros_like(_FREQUENCIES)
    for i, j in combinations_with_replacement(range(path.nleg), 2):
        k, m = following[i], following[j]
        a, b = positions[i] - positions[k], positions[j] - positions[m]
        cosine = float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
        pairs = ((i, j, 1.0), (k, m, 1.0), (i, m, -1.0), (k, j, -1.0))
        for first, second, sign in pairs:
            x = k_debye * float(np.linalg.norm(positions[first] - positions[second]))
            share = sign * cosine * (0.5 if i == j else 1.0)
            # sinc is sin(πx)/(πx).
            wave = _FREQUENCIES * np.sinc(_FREQUENCIES * x / np.pi)
            total += share / np.sqrt(masses[first] * masses[second]) * wave
    return np.asarray(0.5 * 1.5 * _QUANTUM * _SHARES * total)


def _masses(path: ScatteringPath) -> list[float]:
    import xraydb

    return [float(xraydb.atomic_mass(atom.atomic_number)) for atom in path.atoms]


def _coth(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coth x, and 1/sinh² x, for x > 0."""
    inverse = 1.0 / np.expm1(np.minimum(2.0 * x, _LARGE))
    return 1.0 + 2.0 * inverse, 4.0 * inverse * (1.0 + inverse)


def _of_both(a: Dual, b: Dual, value: FloatArray, by_a: FloatArray, by_b: FloatArray) -> Dual:
    slopes = {k: by_a * s for k, s in a.slopes.items()}
    for k, s in b.slopes.items():
        slopes[k] = slopes[k] + by_b * s if k in slopes else by_b * s
    return Dual(value, slopes)
