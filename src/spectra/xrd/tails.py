"""Fit the windows of frames again with the tails of the peaks that stand in other windows.

The tails of a Lorentzian fall with the square of the distance: those of a strong peak bend
through the windows of others, where a straight background takes them for a part of the peak. So
the tails of a frame's own fitted peaks are added to the model of the windows beside them as a
known curve, and these are fitted again, until no window sees a change that matters to it. What
the tails owe to the noise is of the second order: their part in a window grows as √n in units of
its uncertainties, their relative uncertainty falls as 1/√n.
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

# Of two strong peaks that just have windows of their own, a round leaves a fifth of the error.
_ROUNDS = 6


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
        Parameters of the peaks whose tails the fit knew; area 0 for none.
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
    size = 2 + len(fitter.profile.shape_names)
    others = [np.zeros((len(members), n_peaks, size)) for members, _, _ in fits]
    for _ in range(_ROUNDS):
        before, others = others, _others(fits, len(y), n_peaks, size)
        # A frame whose peaks stay as they are keeps its bits, however long others take.
        if all(np.array_equal(a, b) for a, b in zip(before, others, strict=True)):
            break
        fits = [
            (members, windows, fitter.refit(x, y, sigma, windows, fit, now, then))
            for (members, windows, fit), now, then in zip(fits, others, before, strict=True)
        ]
    return [
        Finished(members, windows, fit, fitter.tell(x, y, sigma, windows, fit, beside), beside)
        for (members, windows, fit), beside in zip(fits, others, strict=True)
    ]


def _others(fits: list[Fit], n_frames: int, n_peaks: int, size: int) -> list[FloatArray]:
    """Give the peaks of its frame to each window (rows, N, 2 + shape), its own without area.

    Those that are there come first, by their places, so that their curves are always summed in
    the same order.
    """
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
    frames = np.arange(n_frames)[:, None]
    peaks, window = peaks[frames, order], window[frames, order]
    others = []
    for members, windows, _ in fits:
        beside = peaks[windows.frame]
        beside[window[windows.frame] == members[:, :1], 1] = 0.0
        others.append(beside)
    return others
