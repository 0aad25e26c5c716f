"""The pseudo-Voigt of Thompson, Cox and Hastings, fast over many lines and points.

g(δ) = η·L(δ) + (1 − η)·G(δ), of unit area, G and L of the one width Γ(Γ_G, Γ_L) and with
η(Γ_L/Γ) such that g is near the Voigt of the two widths: P. Thompson, D. E. Cox and
J. B. Hastings, J. Appl. Cryst. 20 (1987) 79, doi:10.1107/S0021889887087090.

With t = 2δ/Γ, the value and all derivatives are combinations of six functions of t, whose
coefficients belong to the line. So a point costs one exponential and a dozen operations, and
who needs derivatives by other parameters may combine the coefficients first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.fit.lineshapes import tch_parts

FloatArray = NDArray[np.float64]

_LN2 = float(np.log(2.0))
_GAUSS = float(2.0 * np.sqrt(_LN2 / np.pi))
_LORENTZ = float(2.0 / np.pi)
_FAR = -300.0
# Width (deg) in place of none at all: a line must have an area.
_LEAST = 1e-9
# Points worked on at once, so that what they need stays in the processor's cache.
_CHUNK = 16384

BASIS = 6
OUTPUTS = 4


@dataclass(frozen=True, eq=False)
class TchLines:
    """Lines of given widths.

    Attributes
    ----------
    fwhm, eta : array (...)
        Γ (deg) and η.
    mixing : array (..., 4, 6)
        Coefficients of the functions of `fill_basis` in g, ∂g/∂δ, ∂g/∂Γ_G and ∂g/∂Γ_L.

    Examples
    --------
    >>> lines = TchLines.of(0.1, 0.0)
    >>> float(lines.evaluate(np.array([0.0]))[0, 0].round(4))
    9.3944
    """

    fwhm: FloatArray
    eta: FloatArray
    mixing: FloatArray

    @classmethod
    def of(cls, gamma_g: ArrayLike, gamma_l: ArrayLike) -> TchLines:
        """Lines of Gaussian and Lorentzian fwhm (...) in deg; either may be 0."""
        gauss, lorentz = np.broadcast_arrays(
            np.asarray(gamma_g, dtype=float), np.asarray(gamma_l, dtype=float)
        )
        gauss = np.maximum(gauss, np.where(lorentz > _LEAST, 0.0, _LEAST))
        (width, width_slopes), (eta, eta_slopes) = tch_parts(gauss, lorentz)
        inverse = 1.0 / width
        a, b = _GAUSS * inverse * (1.0 - eta), _LORENTZ * inverse * eta
        mixing = np.zeros((*width.shape, OUTPUTS, BASIS))
        mixing[..., 0, 0], mixing[..., 0, 1] = a, b
        mixing[..., 1, 4], mixing[..., 1, 5] = -4.0 * _LN2 * a * inverse, -4.0 * b * inverse
        for i in range(2):
            by_width = width_slopes[i] * inverse
            by_eta = eta_slopes[i] * inverse
            mixing[..., 2 + i, 0] = -a * by_width - _GAUSS * by_eta
            mixing[..., 2 + i, 1] = b * by_width + _LORENTZ * by_eta
            mixing[..., 2 + i, 2] = -2.0 * b * by_width
            mixing[..., 2 + i, 3] = 2.0 * _LN2 * a * by_width
        return cls(width, eta, mixing)

    def fill_basis(self, delta: FloatArray, out: FloatArray) -> None:
        """Write G, L, L², t²·G, t·G and t·L², with G = exp(−t² ln 2) and L = 1/(1 + t²).

        Parameters
        ----------
        delta : array (..., n)
            Position less that of the line (deg).
        out : array (6, ..., n)
        """
        gauss, lorentz, lorentz2, t2_gauss, t_gauss, t_lorentz2 = out
        t, t2 = t_lorentz2, t2_gauss
        np.multiply(delta, (2.0 / self.fwhm)[..., None], out=t)
        np.multiply(t, t, out=t2)
        np.multiply(t2, -_LN2, out=gauss)
        # Far out the exponential would underflow, which takes four times as long.
        np.maximum(gauss, _FAR, out=gauss)
        np.exp(gauss, out=gauss)
        np.add(t2, 1.0, out=lorentz)
        np.divide(1.0, lorentz, out=lorentz)
        np.multiply(lorentz, lorentz, out=lorentz2)
        np.multiply(t2, gauss, out=t2_gauss)
        np.multiply(t, gauss, out=t_gauss)
        np.multiply(t, lorentz2, out=t_lorentz2)

    def evaluate(self, delta: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Value and derivatives.

        Parameters
        ----------
        delta : array (..., n)
            Position less that of the line (deg).
        out : array (..., 4, n), optional
            Where to write.

        Returns
        -------
        array (..., 4, n)
            g (1/deg), ∂g/∂δ, ∂g/∂Γ_G and ∂g/∂Γ_L.
        """
        shifts = np.asarray(delta, dtype=float)
        n = shifts.shape[-1]
        shape = np.broadcast_shapes(shifts.shape[:-1], self.fwhm.shape)
        if out is None:
            out = np.empty((*shape, OUTPUTS, n))
        shifts = np.broadcast_to(shifts, (*shape, n)).reshape(-1, n)
        flat = TchLines(
            np.broadcast_to(self.fwhm, shape).reshape(-1),
            np.broadcast_to(self.eta, shape).reshape(-1),
            np.broadcast_to(self.mixing, (*shape, OUTPUTS, BASIS)).reshape(-1, OUTPUTS, BASIS),
        )
        target = out.reshape(-1, OUTPUTS, n)
        step = max(1, _CHUNK // max(n, 1))
        basis = np.empty((BASIS, min(step, len(shifts)), n))
        for start in range(0, len(shifts), step):
            part = slice(start, start + step)
            lines = TchLines(flat.fwhm[part], flat.eta[part], flat.mixing[part])
            used = basis[:, : len(lines.fwhm)]
            lines.fill_basis(shifts[part], used)
            np.matmul(lines.mixing, np.moveaxis(used, 0, 1), out=target[part])
        if not np.may_share_memory(out, target):
            out[...] = target.reshape(out.shape)
        return out


def tch(
    delta: ArrayLike, gamma_g: ArrayLike, gamma_l: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Pseudo-Voigt of unit area.

    Parameters
    ----------
    delta : array (..., n)
        Position less that of the line (deg).
    gamma_g, gamma_l : array (...)
        Gaussian and Lorentzian fwhm (deg), 0 or more.

    Returns
    -------
    value, by_delta, by_gamma_g, by_gamma_l : array (..., n)
        1/deg and 1/deg².
    """
    all_four = TchLines.of(gamma_g, gamma_l).evaluate(delta)
    return all_four[..., 0, :], all_four[..., 1, :], all_four[..., 2, :], all_four[..., 3, :]
