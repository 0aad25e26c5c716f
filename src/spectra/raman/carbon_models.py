"""Models of the first-order Raman spectrum of disordered carbon, and sizes from I_D/I_G."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.constants import c, e, h

from spectra.fit.bands import BandModel

FloatArray = NDArray[np.float64]

LABELS = ("D", "G", "D3", "D4", "D2")


@dataclass(frozen=True)
class Line:
    """Where a band of carbon lies, and how wide it is (1/cm)."""

    center: float
    centers: tuple[float, float]
    fwhm: float
    widths: tuple[float, float]
    profile: str = "lorentzian"


# A. Sadezky, H. Muckenhuber, H. Grothe, R. Niessner, U. Poschl, Carbon 43 (2005) 1731,
# doi:10.1016/j.carbon.2005.02.018: G 1580, D1 1350, D2 1620 and D4 1200 Lorentzian, D3 1500
# Gaussian. Ranges are ours, wide enough for disordered carbons and all visible lasers.
LINES = {
    "D": Line(1350.0, (1280.0, 1420.0), 130.0, (10.0, 400.0)),
    "G": Line(1582.0, (1530.0, 1625.0), 60.0, (5.0, 250.0)),
    "D3": Line(1500.0, (1440.0, 1550.0), 130.0, (20.0, 400.0), "gaussian"),
    "D4": Line(1200.0, (1120.0, 1290.0), 130.0, (20.0, 400.0)),
    "D2": Line(1618.0, (1600.0, 1650.0), 25.0, (5.0, 80.0)),
}
MODELS = {
    2: ("D", "G"),
    3: ("D", "G", "D3"),
    4: ("D", "G", "D3", "D4"),
    5: ("D", "G", "D3", "D4", "D2"),
}
_NARROW = {n: (line.center, max(0.6 * line.fwhm, line.widths[0])) for n, line in LINES.items()}
_BROAD = {n: (line.center, min(1.5 * line.fwhm, line.widths[1])) for n, line in LINES.items()}
# Positions and widths that differ from the usual ones, start by start.
_STARTS: Mapping[int, Sequence[Mapping[str, tuple[float, float]]]] = {
    2: ({},),
    3: ({}, _NARROW, _BROAD),
    4: ({}, _NARROW, _BROAD),
    5: (
        {"G": (1587.0, 64.0), "D2": (1617.0, 8.0)},
        {"D3": (1530.0, 200.0), "G": (1580.0, 42.0), "D4": (1200.0, 180.0)},
        {"G": (1575.0, 40.0), "D2": (1605.0, 45.0)},
    ),
}
# R. P. Vidano, D. B. Fischbach, L. J. Willis and T. M. Loehr, Solid State Commun. 39 (1981) 341:
# the D band moves by about 50 1/cm per eV of the laser; 1350 holds for 514.5 nm. Only a start:
# C. Thomsen and S. Reich, Phys. Rev. Lett. 85 (2000) 5214, calculate 60 (abstract).
DISPERSION, _REFERENCE_LASER = 50.0, 514.5
# L. G. Cancado et al., Appl. Phys. Lett. 88 (2006) 163106; λ and L_a in nm.
_CANCADO = 2.4e-10
# F. Tuinstra and J. L. Koenig, J. Chem. Phys. 53 (1970) 1126, in the form of D. S. Knight and
# W. B. White, J. Mater. Res. 4 (1989) 385: 4.4 nm for lasers near 514.5 nm.
_TUINSTRA = 4.4
GREEN = (480.0, 540.0)
# Wavelengths (nm) that count as visible, for which Cancado's relation is stated.
VISIBLE = (400.0, 700.0)


def carbon_model(
    bands: int, shapes: tuple[str, str], degree: int, low: float, high: float
) -> BandModel:
    """Model of 2, 3, 4 or 5 bands; `shapes` are the profiles of D and G."""
    own = dict(zip(("D", "G"), shapes, strict=True))
    named = tuple((name, own.get(name, LINES[name].profile)) for name in MODELS[bands])
    return BandModel(named, degree, low, high)


def expected_d(laser: float) -> float:
    """Expected position of the D band (1/cm) for a laser (nm); NaN takes the green one.

    Examples
    --------
    >>> round(expected_d(633.0))
    1327
    """
    if not laser > 0:
        return LINES["D"].center
    energy = h * c / e * 1e9
    return LINES["D"].center + DISPERSION * energy * (1.0 / laser - 1.0 / _REFERENCE_LASER)


def starting_bands(bands: int, laser: float) -> list[tuple[FloatArray, FloatArray]]:
    """Positions and widths (1/cm) of all bands of a model, for each start of its fits.

    Models of several bands have several minima: D3 narrow beside G or broad below it, D2 a line
    of its own or the greater part of G.

    Parameters
    ----------
    bands : int
        2, 3, 4 or 5.
    laser : float
        Wavelength (nm), or NaN.
    """
    names = MODELS[bands]
    out = []
    for elsewhere in _STARTS[bands]:
        at = [elsewhere.get(n, (LINES[n].center, LINES[n].fwhm)) for n in names]
        centers, widths = np.array(at).T.copy()
        centers[0] = np.clip(expected_d(laser), *LINES["D"].centers)
        out.append((centers, widths))
    return out


def ratio_and_variance(
    numerator: FloatArray,
    denominator: FloatArray,
    slopes: Sequence[FloatArray],
    cov: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """A ratio and its variance (rows,), by the covariances of all parameters.

    Parameters
    ----------
    numerator, denominator : array (rows,)
    slopes : two arrays (rows, parameters)
        Their gradients.
    cov : array (rows, parameters, parameters)
    """
    from spectra.fit.uncertainty import propagate

    ratio = numerator / denominator
    gradient = (slopes[0] - ratio[:, None] * slopes[1]) / denominator[:, None]
    return ratio, propagate(gradient, cov)


def size_tuinstra_koenig(ratio: FloatArray) -> FloatArray:
    """Crystallite size L_a (nm) from I_D/I_G: 4.4 nm/(I_D/I_G), for green and blue lasers.

    The relation was measured from 488 to 514.5 nm; `raman.Carbon` gives it from 480 to 540 nm.

    F. Tuinstra and J. L. Koenig, J. Chem. Phys. 53 (1970) 1126, doi:10.1063/1.1674108.

    Examples
    --------
    >>> float(size_tuinstra_koenig(np.array(1.1)).round(3))
    4.0
    """
    return _TUINSTRA / np.asarray(ratio, dtype=float)


def size_cancado(ratio: FloatArray, laser: float) -> FloatArray:
    """Crystallite size L_a (nm) from I_D/I_G of areas: 2.4e-10·λ⁴/(I_D/I_G), λ in nm.

    It is stated for visible lasers; `raman.Carbon` gives it from 400 to 700 nm.

    L. G. Cançado et al., Appl. Phys. Lett. 88 (2006) 163106, doi:10.1063/1.2196057.

    Examples
    --------
    >>> float(size_cancado(np.array(1.0), 514.5).round(2))
    16.82
    """
    return _CANCADO * laser**4 / np.asarray(ratio, dtype=float)
