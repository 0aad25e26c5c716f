"""The map of patterns over the axis that all panels of a sample share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.report.labels import axis_label
from spectra.report.picture import picture
from spectra.report.select import PatternMap, pattern_map
from spectra.results import Record

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_FRAMES, _MOST_POINTS, _COLUMNS = 600, 500, 900
# Fewer patterns are no map.
_FEWEST = 4
_MOST_RUNS = 2
# How far a pattern's colours reach on either side, in median distances between patterns.
_REACH = 0.75
# Axes over which a measurement is a pattern; over others it is a spectrum.
_PATTERNS = ("two_theta", "q", "d")


@dataclass(frozen=True)
class LaneMap:
    """Patterns side by side where they stand on the common axis.

    Attributes
    ----------
    frames : array of int (n,)
    at : array (n,)
        Places of the frames, rising.
    image : str
        The intensities, grey where no pattern is near; even from ``ends[0]`` to ``ends[1]``.
    top : float
        Intensity of the brightest colour.
    ends : tuple of float
        Left, right, lowest and highest value of the pattern's axis.
    reduced : bool
        Whether neighbouring patterns are averaged.
    label : str
        Of the pattern's axis.
    kind : str
        What stands side by side: patterns or spectra.
    run : str
        Which part of the sequence this is, if the axis runs back and forth.
    """

    frames: IntArray
    at: FloatArray
    image: str
    top: float
    ends: tuple[float, float, float, float]
    reduced: bool
    label: str
    kind: str
    run: str = ""


def lane_maps(record: Record, at: FloatArray) -> Iterator[LaneMap]:
    """Maps of the patterns of a record, one for each direction in which the axis runs.

    Parameters
    ----------
    record : Record
    at : array (frames,)
        Place of each frame; those without one are left out.
    """
    stack = record.stack
    if stack is None or np.isfinite(at).sum() < _FEWEST or stack.n_frames != len(at):
        return
    reduced = pattern_map(record, _MOST_FRAMES, _MOST_POINTS)
    if reduced is None:
        return
    placed = np.interp(reduced.frames, np.arange(len(at)), at)
    placed[~np.isfinite(at[np.round(reduced.frames).astype(int)])] = np.nan
    kind = "Patterns" if stack.axis.name in _PATTERNS else "Spectra"
    parts = [p for p in runs(placed) if len(p) >= _FEWEST][:_MOST_RUNS]
    for part in parts:
        first, last = (round(float(reduced.frames[i])) for i in (part[0], part[-1]))
        run = f"frames {first} to {last}" if len(parts) > 1 else ""
        told = (axis_label(stack.axis), kind, run)
        yield _spread(reduced, part, placed[part], told)


def runs(at: FloatArray) -> list[IntArray]:
    """Indices of the parts of a sequence over which its places rise or fall."""
    known = np.flatnonzero(np.isfinite(at))
    if known.size < 2:
        return [known]
    steps = np.sign(np.diff(at[known]))
    # A place that is held belongs to the run before it.
    for i in range(1, len(steps)):
        steps[i] = steps[i] or steps[i - 1]
    turns = np.flatnonzero(steps[1:] * steps[:-1] < 0) + 1
    return np.split(known, turns + 1) if turns.size else [known]


def _spread(
    reduced: PatternMap, part: IntArray, at: FloatArray, told: tuple[str, str, str]
) -> LaneMap:
    """Give every pattern the columns that are nearest to it, as far as it reaches."""
    order = np.argsort(at, kind="stable")
    part, at = part[order], at[order]
    gaps = np.diff(at)
    reach = _REACH * float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 0.5
    left, right = float(at[0]) - reach, float(at[-1]) + reach
    columns = left + (np.arange(_COLUMNS) + 0.5) * (right - left) / _COLUMNS
    middles = 0.5 * (at[1:] + at[:-1])
    nearest = np.searchsorted(middles, columns)
    values = reduced.rows[part[nearest]].T.copy()
    values[:, np.abs(columns - at[nearest]) > reach] = np.nan
    low, high = reduced.edges[:2]
    frames = np.round(reduced.frames[part]).astype(np.intp)
    mean = reduced.frames.size > 1 and float(reduced.frames[1] - reduced.frames[0]) > 1.0
    image, top = picture(values)
    return LaneMap(frames, at, image, top**2, (left, right, low, high), mean, *told)
