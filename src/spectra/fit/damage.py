"""Notice damaged frames of a sequence by what its other frames look like.

A detector's hot pixel, a hole in the data, a scan cut short or a lost beam leave patterns that
can be fitted, with wrong answers. None of them can be told from the frame alone: a narrow line,
a module gap and a weak sample look the same. What tells them apart is that the rest of the
sequence does not have them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# A spike or a dip stands out of both neighbours by so many σ …
_OUTSTANDING = 10.0
# … and by so much of the higher neighbour (of its own height, for a dip), for one to three
# points: more than the sharpest line does that has 2.5 points in its fwhm.
_SHARPEST = (0.6, 1.5, 3.0)
_MARGIN = 1.5
# A spike seen in most of so many frames in a row, nearly in place, is a line of the sample.
_IN_A_ROW, _NEARLY = 5, 3
# So many σ of intensity must be missing in a run of zeros for it to be damage.
_MISSED = 6.0
# Points that are zero in so many frames never measured anything.
_ALWAYS = 0.9
# A frame with less than this share of its neighbours' intensity has lost the beam, …
_FAINT = 0.25
# … if the intensity of the sequence does not leap as far by itself.
_LEAP = 0.5
_FEWEST_GONE = 3
_SMOOTH = 9
# Frames worked on together: small enough to stay in the cache.
_ROWS = 16


@dataclass(frozen=True)
class Normal:
    """What undamaged frames of a sequence look like.

    Attributes
    ----------
    places : array (samples,)
        Frame numbers of the frames it was learnt from, ascending.
    level : array (samples,)
        Mean intensity of the sequence at those places, undamaged.
    leap : float
        Lowest share of its neighbours' intensity that a frame usually has.
    pattern, floor : array (points,)
        Median and lowest usual intensity, in units of the level.
    sigma : array (points,)
        Median uncertainty of a point.
    measured : bool array (points,)
        Points that most frames have.
    dead : bool array (points,)
        Points that are zero in all frames but few, and would not be by chance: channels that do
        not count, a padded end.
    gone, spikes : float
        Points that a frame usually lacks of those, and sharp features it usually has.
    sharpest : tuple of float
        How far a feature of one, two, three points may stand out, see `_SHARPEST`.
    lines : bool array (points,)
        Where the sequence has lines as sharp as a spike.
    """

    places: FloatArray
    level: FloatArray
    leap: float
    pattern: FloatArray
    floor: FloatArray
    sigma: FloatArray
    measured: BoolArray
    dead: BoolArray
    gone: float
    spikes: float
    sharpest: tuple[float, ...]
    lines: BoolArray

    @classmethod
    def learn(cls, places: FloatArray, y: FloatArray, sigma: FloatArray) -> Normal:
        """Learn from frames spread over a sequence; some of them may be damaged themselves.

        Parameters
        ----------
        places : array (samples,)
            Frame numbers, ascending.
        y, sigma : array (samples, points)
            Intensities and their standard uncertainties; NaN: not measured.
        """
        usable = np.isfinite(y) & np.isfinite(sigma)
        measured = usable.mean(axis=0) >= 0.5
        features = _features(y, sigma)
        sharpest = tuple(
            max(least, _MARGIN * float(np.median(f.steepest(len(y)))))
            for least, f in zip(_SHARPEST, features, strict=True)
        )
        sharp = _too_sharp(features, sharpest, y)
        lines = _lines(sharp)
        spiked = sharp & ~lines
        clean = np.where(usable & measured & ~spiked, y, np.nan)
        total = _mean(clean)
        level = _running_median(total)
        scale = np.where(level > 0, level, np.nan)[:, None]
        smooth = _smooth(clean) / scale
        normal = cls(
            places=places,
            level=level,
            leap=_usual_leap(total),
            pattern=_quantile(clean / scale, 0.5),
            floor=np.maximum(_quantile(smooth, 0.2), 0.0),
            sigma=_quantile(sigma, 0.5),
            measured=measured,
            dead=np.zeros(y.shape[1], bool),
            gone=float(np.median(np.count_nonzero(measured & ~usable, axis=1))),
            spikes=float(np.median(np.count_nonzero(spiked, axis=1))),
            sharpest=sharpest,
            lines=lines,
        )
        always = (y == 0.0).mean(axis=0) >= _ALWAYS
        typical = np.nanmedian(level) if np.isfinite(level).any() else 0.0
        dead = normal._empty(always[None], np.array([typical * np.sqrt(len(y))]))[0]
        return replace(normal, dead=dead)

    def level_at(self, frames: FloatArray) -> FloatArray:
        """Mean intensity expected of some frames (frames,)."""
        return np.interp(frames, self.places, self.level)

    def inspect(
        self, x: FloatArray, unit: str, y: FloatArray, sigma: FloatArray, level: FloatArray
    ) -> tuple[FloatArray, tuple[str, ...]]:
        """Look for damage, frame by frame.

        Parameters
        ----------
        x : array (points,)
        unit : str
            Of `x`, for the messages.
        y, sigma : array (frames, points)
            Intensities and their standard uncertainties; NaN: not measured.
        level : array (frames,)
            What `level_at` gives for the frames.

        Returns
        -------
        clean : array (frames, points)
            The intensities with NaN at damaged points.
        messages : tuple of str
            What is wrong with each frame; empty where nothing is. Zeros that all frames have are
            left out without a word.
        """
        usable = np.isfinite(y) & np.isfinite(sigma)
        spiked = _too_sharp(_features(y, sigma), self.sharpest, y) & ~self.lines & usable
        zero = (y == 0.0) & ~self.dead
        empty = self._empty(zero, level) & usable
        gone = self.measured & ~usable
        lost = spiked | (self.dead & (y == 0.0))
        clean = np.where(lost | empty, np.nan, y)
        share = self._share(np.where(usable, clean, np.nan), level)
        dark = share < min(_FAINT, _LEAP * self.leap)
        # Where the beam was lost, zeros are what is left of it.
        if dark.any():
            empty[dark] = self._empty(zero[dark], (level * share)[dark]) & usable[dark]
            clean[dark] = np.where(lost[dark] | empty[dark], np.nan, y[dark])
        n_gone = np.count_nonzero(gone, axis=1)
        holed = n_gone > max(3 * self.gone, _FEWEST_GONE - 1)
        dirty = np.count_nonzero(spiked, axis=1) > 3 * self.spikes
        messages = [""] * len(y)
        for i in np.flatnonzero(dark | holed | dirty | empty.any(axis=1)).tolist():
            found = []
            if holed[i]:
                lost = np.isfinite(y[i]) & gone[i]
                what = "without uncertainty" if lost.sum() > 0.5 * n_gone[i] else "not measured"
                found.append(f"{_where(x, gone[i], unit)} {what}, unlike in other frames")
            if empty[i].any():
                found.append(f"{_where(x, empty[i], unit)} zero, unlike in other frames (cut off?)")
            if dirty[i]:
                found.append(f"{_where(x, spiked[i], unit)} out of line (hot or dead pixels?)")
            if dark[i]:
                found.append(f"{100 * share[i]:.2g} % of the intensity around it (beam lost?)")
            messages[i] = "; ".join(found)
        return clean, tuple(messages)

    def _empty(self, zero: BoolArray, level: FloatArray) -> BoolArray:
        """Points of runs of zeros where the sequence would have left counts."""
        runs = np.zeros(zero.shape, bool)
        if not zero.any():
            return runs
        edge = np.diff(zero.astype(np.int8), axis=1, prepend=0, append=0)
        row, first = np.nonzero(edge == 1)
        stop = np.nonzero(edge == -1)[1]
        expected = _cumulated(np.where(self.measured, self.floor, 0.0))
        variance = _cumulated(np.where(self.measured, self.sigma, 0.0) ** 2)
        missed = np.maximum(level[row], 0.0) * (expected[stop] - expected[first])
        spread = np.sqrt(variance[stop] - variance[first])
        for k in np.flatnonzero(missed > _MISSED * spread).tolist():
            runs[row[k], first[k] : stop[k]] = True
        return runs

    def _share(self, clean: FloatArray, level: FloatArray) -> FloatArray:
        """Intensity of each frame relative to what is expected of the same points (frames,)."""
        inside = np.isfinite(clean) & self.measured & np.isfinite(self.pattern)
        got = np.where(inside, clean, 0.0).sum(axis=1)
        expected = level * np.where(inside, self.pattern, 0.0).sum(axis=1)
        variance = np.where(inside, np.nan_to_num(self.sigma), 0.0) ** 2
        noise = np.sqrt(variance.sum(axis=1))
        sure = expected > _OUTSTANDING * noise
        return np.asarray(np.where(sure, got / np.where(sure, expected, 1.0), np.inf))


@dataclass(frozen=True)
class _Features:
    """What stands out of both neighbours by `_OUTSTANDING` σ, on `width` points each.

    ``row`` and ``first`` (features,) say where, ``steepness`` how far relative to the lower
    side.
    """

    width: int
    row: IntArray
    first: IntArray
    steepness: FloatArray

    def steepest(self, n_rows: int) -> FloatArray:
        """Return the steepness of the steepest feature of each frame; 0 without any."""
        steepest = np.zeros(n_rows)
        np.maximum.at(steepest, self.row, self.steepness)
        return steepest


def _features(y: FloatArray, sigma: FloatArray) -> list[_Features]:
    """Find features of one, two, three points."""
    features = []
    for width in range(1, len(_SHARPEST) + 1):
        parts = [
            _features_of(y[i : i + _ROWS], sigma[i : i + _ROWS], width, i)
            for i in range(0, max(len(y), 1), _ROWS)
        ]
        row, first, steepness = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        features.append(_Features(width, row, first, steepness))
    return features


def _features_of(
    y: FloatArray, sigma: FloatArray, n: int, first_row: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Row, first point and steepness of features of `n` points; `first_row` is added to rows."""
    # At an end, or beside a gap, a spike has one neighbour; a dip needs both, or a spike
    # would make one.
    padded = np.pad(y, ((0, 0), (1, 1)), constant_values=np.nan)
    count = y.shape[1] - n + 1
    left, right = padded[:, :count], padded[:, n + 1 : n + 1 + count]
    low = high = y[:, :count]
    for i in range(1, n):
        shifted = y[:, i : i + count]
        low, high = np.minimum(low, shifted), np.maximum(high, shifted)
    outer = np.fmax(left, right)
    limit = _OUTSTANDING * sigma[:, :count]
    found = []
    with np.errstate(invalid="ignore"):
        for stands, side in ((low - outer, outer), (np.minimum(left, right) - high, high)):
            row, first = np.nonzero(stands > limit)
            noise = np.maximum(sigma[row, first], np.finfo(float).tiny)
            steepness = stands[row, first] / np.maximum(side[row, first], noise)
            found.append((row + first_row, first, steepness))
    row, first, steepness = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return row, first, steepness


def _too_sharp(features: list[_Features], sharpest: tuple[float, ...], y: FloatArray) -> BoolArray:
    """Points that belong to a feature that is too sharp (frames, points)."""
    sharp = np.zeros(y.shape, dtype=bool)
    for f in features:
        use = f.steepness > sharpest[f.width - 1]
        for i in range(f.width):
            sharp[f.row[use], f.first[use] + i] = True
    return sharp


def _lines(sharp: BoolArray) -> BoolArray:
    """Where most of a few frames in a row have a sharp feature (points,)."""
    if len(sharp) < 2 or not sharp.any():
        return np.asarray(sharp.all(axis=0) if len(sharp) else np.zeros(sharp.shape[1], bool))
    near = uniform_filter1d(sharp.astype(float), 2 * _NEARLY + 1, axis=1, mode="constant") > 1e-9
    n = min(_IN_A_ROW, len(sharp))
    sums = np.cumsum(np.pad(near, ((1, 0), (0, 0))), axis=0)
    often: BoolArray = np.greater(sums[n:] - sums[:-n], n / 2)
    return np.asarray(often.any(axis=0))


def _smooth(y: FloatArray) -> FloatArray:
    """Running mean of the points that were measured, NaN where none was."""
    finite = np.isfinite(y)
    total = uniform_filter1d(np.where(finite, y, 0.0), _SMOOTH, axis=1, mode="nearest")
    share = uniform_filter1d(finite.astype(float), _SMOOTH, axis=1, mode="nearest")
    return np.where(share > 1e-9, total / np.maximum(share, 1e-9), np.nan)


def _mean(y: FloatArray) -> FloatArray:
    """Mean of the finite points of each row; NaN without any."""
    finite = np.isfinite(y)
    count = np.count_nonzero(finite, axis=1)
    return np.where(count > 0, np.where(finite, y, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _quantile(y: FloatArray, q: float) -> FloatArray:
    """Quantile of each column's finite values; NaN without any.

    `numpy.nanquantile` takes the columns one by one.
    """
    ordered = np.sort(np.where(np.isfinite(y), y, np.nan), axis=0)
    count = np.count_nonzero(np.isfinite(ordered), axis=0)
    place = q * np.maximum(count - 1, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    columns = np.arange(y.shape[1])
    share = place - below
    return np.asarray((1.0 - share) * ordered[below, columns] + share * ordered[above, columns])


def _running_median(total: FloatArray) -> FloatArray:
    """Median of five samples in a row, of those there are near the ends (samples,)."""
    padded = np.pad(total, 2, constant_values=np.nan)
    five = np.stack([padded[i : i + len(total)] for i in range(5)])
    known = np.isfinite(five).any(axis=0)
    level = np.full(len(total), np.nan)
    level[known] = np.nanmedian(five[:, known], axis=0)
    places = np.flatnonzero(known)
    return np.interp(np.arange(len(total)), places, level[known]) if len(places) else level


def _usual_leap(total: FloatArray) -> float:
    """Share of its neighbours' mean intensity that all but the lowest fifth of samples have."""
    if len(total) < 5:
        return 1.0
    around = 0.5 * (total[2:] + total[:-2])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(around > 0, total[1:-1] / around, np.nan)
    share = share[np.isfinite(share)]
    return float(min(1.0, np.quantile(share, 0.2))) if len(share) else 1.0


def _cumulated(values: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])


def _where(x: FloatArray, points: BoolArray, unit: str) -> str:
    """Say how many points these are and where."""
    at = np.flatnonzero(points)
    if len(at) == 1:
        return f"the point at {x[at[0]]:g} {unit} is"
    return f"{len(at)} points between {x[at[0]]:g} and {x[at[-1]]:g} {unit} are"
