"""Single odd points of spectra taken out, the clearest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from spectra.fit.neighbours import expected_by_neighbours
from spectra.fit.patterns import Patterns, spike_patterns

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

POINTS = 11
_ROUNDS = 5
_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class SpikeFinder:
    """What makes neighbouring points odd, and how they are taken out.

    Points are odd that stand off the cubic through the eleven points around by more than
    `threshold` times the noise of the spectrum further around (a running median, as in Hampel's
    filter), and by more than `contrast` times what is left of those eleven when they are taken
    out. The second condition keeps peaks, which no cubic follows whatever point is left out. The
    two points at either end are left alone.

    Parameters
    ----------
    threshold, contrast : float
    width : int
        Largest number of neighbouring odd points.
    upward : bool
        Whether only points that stand out upwards are odd, as what a cosmic ray leaves behind.
    """

    threshold: float
    contrast: float
    width: int
    upward: bool = False

    def take_out(
        self, x: FloatArray, spectra: FloatArray, good: BoolArray, neighbours: int = 0
    ) -> tuple[FloatArray, FloatArray]:
        """Replace odd points by the cubic around them.

        Parameters
        ----------
        x : array (points,)
            At least eleven.
        spectra : array (frames, points)
        good : bool array (frames,)
            Frames that are looked at.
        neighbours : int
            Frames before and after whose median, brought to a frame's scale and offset, is
            subtracted first (`expected_by_neighbours`); 0 takes each frame by itself.

        Returns
        -------
        mended : array (frames, points)
        spread : array (frames, points)
            Standard uncertainty that each replaced point gains; 0 where nothing was replaced.
        """
        fewest = 1 if self.upward else 2
        # What is infinite is no neighbour's value: it counts as not measured.
        measured = np.where(np.isinf(spectra), np.nan, spectra)
        expected = expected_by_neighbours(measured, good, neighbours, fewest)
        patterns = [spike_patterns(x, w + 1, POINTS) for w in range(self.width)]
        mended, spread = measured - expected, np.zeros(spectra.shape)
        step = max(1, _AT_ONCE // len(x))
        for start in range(0, len(spectra), step):
            rows = np.arange(start, min(start + step, len(spectra)))
            rows = rows[good[rows]]
            mended[rows], spread[rows] = self._mended(mended[rows], patterns)
        return np.where(spread > 0, mended + expected, spectra), spread

    def _mended(
        self, spectra: FloatArray, patterns: list[Patterns]
    ) -> tuple[FloatArray, FloatArray]:
        """Spectra without odd points, and the uncertainty that each replaced point gains."""
        spectra, spread = spectra.copy(), np.zeros(spectra.shape)
        active = np.arange(len(spectra))
        for _ in range(_ROUNDS):
            changed = np.zeros(len(spectra), bool)
            for pattern in patterns:
                part, wider = spectra[active], spread[active]
                found = self._take_clearest(part, wider, pattern)
                spectra[active], spread[active] = part, wider
                changed[active[found]] = True
            active = np.flatnonzero(changed)
            if active.size == 0:
                break
        return spectra, spread

    def _take_clearest(
        self, spectra: FloatArray, spread: FloatArray, pattern: Patterns
    ) -> BoolArray:
        """Take the clearest spikes of one width out, in place; tell the frames that had some."""
        changed = np.zeros(len(spectra), bool)
        judged = pattern.judge(spectra)
        out = judged.stands_out(self.threshold, self.contrast)
        if self.upward:
            frames, places = np.nonzero(out)
            height, _ = pattern.coefficients(judged.forms[frames, places], places)
            out[frames, places] = (height > 0).all(axis=1)
        if not out.any():
            return changed
        clear = np.where(out, judged.strength, 0.0)
        # Of spikes that share points only the clearest is taken, the others are its echo.
        frames, places = np.nonzero(
            out & (clear == maximum_filter1d(clear, 2 * POINTS + 1, axis=1))
        )
        height, unit = pattern.coefficients(judged.forms[frames, places], places)
        noise = np.maximum(judged.noise, judged.typical)[frames, places]
        for i in range(height.shape[1]):
            spectra[frames, places + i] -= height[:, i]
            spread[frames, places + i] = unit[:, i] * noise
        changed[frames] = True
        return changed
