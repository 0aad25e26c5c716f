"""The Fermi edge of a metal as a model: a Fermi function seen with an instrument's resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.functions import FunctionTerm
from spectra.fit.model import Term
from spectra.fit.own import model_of_terms

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_SIGMA = float(1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0))))
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(48)
_WEIGHTS = _WEIGHTS / np.sqrt(2.0 * np.pi)


def fermi_edge(
    x: FloatArray, y: FloatArray, thermal: float
) -> tuple[lmfit.Model, lmfit.Parameters]:
    """Make a model of the Fermi edge with starts from a spectrum.

    f(E) = c + [(h + s·t)/(1 + exp(−t/kT))] ⊗ Gaussian, t = E − `center`: the occupied states
    lie at higher binding energy, and their density is a line. The convolution is a Gauss–Hermite
    sum of 48 terms, good to 1e-6 of the edge while the Gaussian's fwhm is below 15 kT (0.4 eV at
    room temperature), and to 1e-2 of it for any.

    Parameters
    ----------
    x, y : array (points,)
        Binding energies (eV), rising, and intensities.
    thermal : float
        kT (eV).
    """

    def evaluate(
        x: FloatArray,
        center: FloatArray,
        fwhm: FloatArray,
        floor: FloatArray,
        height: FloatArray,
        slope: FloatArray,
    ) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        t = (x - center)[..., None] - (fwhm * _SIGMA)[..., None] * _NODES
        half = np.tanh(0.5 * t / thermal)
        filled, steep = 0.5 * (1.0 + half), 0.25 * (1.0 - half**2) / thermal
        states = height[..., None] + slope[..., None] * t
        by_t = states * steep + slope[..., None] * filled
        occupied, sloping = filled @ _WEIGHTS, (t * filled) @ _WEIGHTS
        by_fwhm = -_SIGMA * (by_t @ (_WEIGHTS * _NODES))
        value = floor + height * occupied + slope * sloping
        return value, (-(by_t @ _WEIGHTS), by_fwhm, np.ones_like(occupied), occupied, sloping)

    def terms(columns: IntArray) -> Sequence[Term]:
        return [FunctionTerm(evaluate, columns)]

    names = ("center", "fwhm", "floor", "height", "slope")
    model = model_of_terms(names, terms, "fermi_edge")
    tenth = max(2, len(y) // 10)
    low, high = float(np.nanmean(y[:tenth])), float(np.nanmean(y[-tenth:]))
    above = np.flatnonzero(y > 0.5 * (low + high))
    center = float(x[above[0]]) if above.size else float(x.mean())
    params = model.make_params(floor=low, height=high - low, slope=0.0)
    params["center"].set(value=center, min=float(x[0]), max=float(x[-1]))
    params["fwhm"].set(value=0.3, min=1e-3, max=float(np.ptp(x)))
    return model, params
