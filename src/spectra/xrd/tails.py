"""Fit the windows of frames again with the tails of the peaks that stand in other windows.

The tails of a Lorentzian fall with the square of the distance: those of a strong peak bend
through the windows of others, where a straight background takes them for a part of the peak. At
10⁶ counts in the maximum areas came out a fifth of an uncertainty too small. So the tails of a
frame's own fitted peaks are added to the model of the windows beside them as a known curve, and
these are fitted once more. What the tails owe to the noise is of the second order: their part in
a window grows as √n in units of its uncertainties, their relative uncertainty falls as 1/√n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.cutting import Windows
from spectra.fit.quantities import Quantities
from spectra.fit.windows import WindowFit, WindowFitter
from spectra.status import Status
from spectra.xrd.settle import Fit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Finished:
    """The final fits of all windows with K peaks, one row each.

    Attributes
    ----------
    members : int array (rows, K)
        Numbers of the tracked peaks.
    windows : Windows
    fit : WindowFit
    told : Quantities
    others : array (rows, N, 2 + shape parameters)
        Parameters of the peaks whose tails were known to the fit; area 0 for none.
    """

    members: IntArray
    windows: Windows
    fit: WindowFit
    told: Quantities
    others: FloatArray


def fit_with_tails(
    fitter: WindowFitter,
    x: FloatArray,
    y: FloatArray,
    sigma: FloatArray,
    fits: list[Fit],
    n_peaks: int,
) -> list[Finished]:
    """Fit windows again beside the tails of the other windows' peaks.

    Parameters
    ----------
    fitter : WindowFitter
    x : array (points,)
    y, sigma : array (frames, points)
    fits : list of (members (rows, K), Windows, WindowFit)
        The frames' own settled fits.
    n_peaks : int
        Number of tracked peaks.

    Returns
    -------
    list of Finished
        One for each number of peaks K in a window.
    """
    peaks, window = _peaks(fitter, fits, len(y), n_peaks)
    finished = []
    for members, windows, fit in fits:
        others = _beside(peaks, window, members, windows.frame)
        again, told = fitter.refit(x, y, sigma, windows, fit, others)
        finished.append(Finished(members, windows, again, told, others))
    return finished


def _peaks(
    fitter: WindowFitter, fits: list[Fit], n_frames: int, n_peaks: int
) -> tuple[FloatArray, IntArray]:
    """Collect parameters (frames, peaks, 2 + shape) and first member of each peak's window.

    Peaks that are not there have area 0; those that are come first, by their places, so that
    their curves are always summed in the same order.
    """
    size = 2 + len(fitter.profile.shape_names)
    peaks = np.zeros((n_frames, n_peaks, size))
    window = np.full((n_frames, n_peaks), -1)
    for members, windows, fit in fits:
        there = fit.present & (fit.status != Status.NOT_CONVERGED)[:, None]
        rows, k = np.nonzero(there)
        at = windows.frame[rows], members[rows, k]
        peaks[at] = fit.theta[rows[:, None], k[:, None] * size + np.arange(size)]
        window[at] = members[rows, 0]
    center = np.where(window >= 0, peaks[:, :, 0], np.inf)
    order = np.argsort(center, axis=1, kind="stable")
    most = int((window >= 0).sum(axis=1).max(initial=0))
    rows = np.arange(n_frames)[:, None]
    return peaks[rows, order[:, :most]], window[rows, order[:, :most]]


def _beside(peaks: FloatArray, window: IntArray, members: IntArray, frame: IntArray) -> FloatArray:
    """Peaks of the frame of each window (rows, N, 2 + shape); those in it without area."""
    others = peaks[frame].copy()
    others[window[frame] == members[:, :1], 1] = 0.0
    return others
