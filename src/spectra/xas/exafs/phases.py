"""Phases of a scattering path, by which χ(R) is shifted to distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.errors import SettingError
from spectra.xas.paths.feffdat import read_feffdat

FloatArray = NDArray[np.float64]

PHASES = ("path", "absorber")


def phase_at(file: str, which: str, k: FloatArray, last: float) -> FloatArray:
    """Phase (rad) of a path at some k.

    A path contributes sin(2kR + Φ(k)) to χ(k); χ(k)·exp(−iΦ(k)) has its peak at R itself, and
    not some 0.4 Å below it (IFEFFIT's and Artemis' phase correction: M. Newville, J. Synchrotron
    Rad. 8 (2001) 322; B. Ravel and M. Newville, ibid. 12 (2005) 537).

    Parameters
    ----------
    file : str
        A feffNNNN.dat.
    which : {"path", "absorber"}
        The path's whole phase, which is right for it alone; or the absorber's part, the same for
        all of its paths.
    k : array (points,)
        (1/angstrom)
    last : float
        Up to where the phase matters.

    Returns
    -------
    array (points,)
        By cubic splines through FEFF's points; constant beyond them.

    Raises
    ------
    ReaderError
        If the file is no path.
    SettingError
        If its curves end before `last`.
    """
    path = read_feffdat(file)
    if path.k_max < last:
        raise SettingError(
            f"{file}: the phases of {path.label} go to k = {path.k_max:g} 1/angstrom, the window "
            f"to {last:g}; shorten k_range or let FEFF go farther"
        )
    phase = path.phase if which == "path" else path.central_phase
    spline = CubicSpline(path.k, np.unwrap(phase))
    return np.asarray(spline(np.clip(k, path.k[0], path.k_max)))
