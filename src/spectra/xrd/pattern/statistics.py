"""How well a calculated pattern agrees with the measured one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Σ over runs of one sign of (Σ|δ|)², relative to Σδ²: what white noise gives.
_WHITE = 1.0 + 4.0 / np.pi


@dataclass(frozen=True)
class Agreement:
    """Figures of merit, each (rows,).

    Attributes
    ----------
    rwp, rp, rexp : array
        Per cent; with the background, as GSAS and TOPAS give them by default.
    gof : array
        Rwp/Rexp, the root of the reduced χ².
    durbin_watson : array
        Weighted; 2 for residuals that know nothing of their neighbours.
    berar_lelann : array
        Factor by which runs of residuals of one sign widen standard uncertainties.
    """

    rwp: FloatArray
    rp: FloatArray
    rexp: FloatArray
    gof: FloatArray
    durbin_watson: FloatArray
    berar_lelann: FloatArray


def agreement(
    observed: FloatArray, calculated: FloatArray, weight: FloatArray, n_free: IntArray
) -> Agreement:
    """Compare patterns.

    R factors after R. A. Young, The Rietveld Method (1993), table 1.3; d after R. J. Hill and
    H. D. Flack, J. Appl. Cryst. 20 (1987) 356, eq. 4; the factor from sums over runs of
    residuals of one sign after J.-F. Bérar and P. Lelann, J. Appl. Cryst. 24 (1991) 1, here
    divided by what white noise gives for them (1 + 4/π), so that it is 1 for a perfect model.

    Parameters
    ----------
    observed, calculated, weight : array (rows, points)
        Weight 1/σ², 0 where a point does not count.
    n_free : int array (rows,)
        Parameters refined.
    """
    use = weight > 0
    residual = np.where(use, observed - calculated, 0.0)
    y = np.where(use, observed, 0.0)
    chi2 = (weight * residual**2).sum(axis=1)
    power = (weight * y**2).sum(axis=1)
    dof = np.maximum(use.sum(axis=1) - n_free, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rwp = 100.0 * np.sqrt(chi2 / power)
        rexp = 100.0 * np.sqrt(dof / power)
        rp = 100.0 * np.abs(residual).sum(axis=1) / np.abs(y).sum(axis=1)
        normal = np.sqrt(weight) * residual
        steps = np.where(use[:, 1:] & use[:, :-1], np.diff(normal, axis=1), 0.0)
        return Agreement(
            rwp,
            rp,
            rexp,
            np.sqrt(chi2 / dof),
            (steps**2).sum(axis=1) / (normal**2).sum(axis=1),
            np.array([_widening(row[mask]) for row, mask in zip(normal, use, strict=True)]),
        )


def _widening(normal: FloatArray) -> float:
    """Factor on standard uncertainties for residuals (points,) in units of σ."""
    square = float(normal @ normal)
    if square == 0.0:
        return 1.0
    starts = np.flatnonzero(np.diff(np.signbit(normal), prepend=~np.signbit(normal[:1])))
    runs = np.add.reduceat(np.abs(normal), starts)
    return float(np.sqrt(max(1.0, float(runs @ runs) / square / _WHITE)))
