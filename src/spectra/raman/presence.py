"""Which bands a frame has: those that are doubtful are left out one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.fit.residuals import STRONG_EVIDENCE
from spectra.raman.series import Fitted

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Presence:
    """What is known of the bands of some frames, changed in place while they are fitted.

    A band that runs to the end of where it may be is left out. One of doubtful area is gone where
    the frame is fitted about as well without it; where it is not, by ΔBIC above 6, the band comes
    back and stays. What a fit gains is divided by what its uncertainties
    are widened by, as in quasi-likelihoods (K. P. Burnham and D. R. Anderson, Model Selection and
    Multimodel Inference, 2nd ed. (2002), sect. 2.5).

    Attributes
    ----------
    present, needed : bool array (frames, bands)
        Bands that are fitted, and those that have been found to be asked for.
    asked : int array (frames,)
        The band that was left out of a frame's last fit; −1 for none.
    bic, widening : array (frames,)
        Of the fit with that band; NaN where it failed.
    """

    present: BoolArray
    needed: BoolArray
    asked: IntArray
    bic: FloatArray
    widening: FloatArray

    @classmethod
    def of_all(cls, frames: int, bands: int) -> Presence:
        """All bands in all frames."""
        shape = (frames, bands)
        return cls(
            np.ones(shape, bool),
            np.zeros(shape, bool),
            np.full(frames, -1),
            np.full(frames, np.nan),
            np.ones(frames),
        )

    def decide(
        self,
        rows: IntArray,
        which: IntArray,
        fits: Fitted,
        doubt: FloatArray,
        astray: BoolArray,
        paid: FloatArray,
    ) -> IntArray:
        """Settle what the last fits asked, and put the next question.

        Parameters
        ----------
        rows : int array (rows,)
            Frames that were fitted with the bands `which`.
        fits : Fitted
        doubt : array (rows, bands of `which`)
            The lower, the more doubtful; infinite where a band is beyond doubt.
        astray : bool array (rows, bands of `which`)
            Whether a band has run to the end of where it may be.
        paid : array (rows,)
            What the BIC asks for the parameters of a band.

        Returns
        -------
        int array
            Those of the rows, by number, that are to be fitted again.
        """
        needed = self._missed(rows, fits, paid)
        back = np.flatnonzero(needed)
        band = self.asked[rows[back]]
        self.present[rows[back], band] = self.needed[rows[back], band] = True
        worst = np.where(self.needed[np.ix_(rows, which)], np.inf, doubt)
        weak = np.flatnonzero(np.isfinite(worst.min(axis=1)) & ~needed)
        self.asked[rows] = -1
        out = which[worst[weak].argmin(axis=1)]
        self.present[rows[weak], out] = False
        self.asked[rows[weak]] = out
        # One that has run to the end of where it may be describes something else: it is gone.
        stayed = fits.converged[weak] & ~astray[weak, worst[weak].argmin(axis=1)]
        self.bic[rows[weak]] = np.where(stayed, fits.bic[weak], np.nan)
        self.widening[rows[weak]] = fits.widening[weak]
        return np.union1d(back, weak)

    def _missed(self, rows: IntArray, fits: Fitted, paid: FloatArray) -> BoolArray:
        """Whether the band that was left out is asked for (rows,)."""
        with np.errstate(invalid="ignore"):
            gain = (fits.bic - self.bic[rows] + paid) / self.widening[rows] - paid
        with_it = (self.asked[rows] >= 0) & np.isfinite(self.bic[rows])
        return np.asarray(with_it & ~(fits.converged & (gain <= STRONG_EVIDENCE)))


def doubtful(
    model: BandModel, fits: Fitted, keep: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Significances, doubt, and who is astray (rows, bands), for `Presence.decide`."""
    values, errors = fits.told(model)
    with np.errstate(invalid="ignore", divide="ignore"):
        significance = values["area"] / errors["area"]
    astray = fits.held[:, [model.first(k) for k in range(len(model.bands))]]
    weak = ~(significance >= keep) | astray
    # Where a fit fails nothing is known of significances: the lowest of the doubtful goes.
    worth = np.where(fits.converged[:, None], np.nan_to_num(significance), values["height"])
    return significance, np.where(weak, np.nan_to_num(worth), np.inf), astray
