"""What unresolved neighbours do to the position of a peak, smoothly in everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.find import FWHM_PER_SIGMA

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Up to the first distance (fwhm) neighbours pull fully, beyond the second not at all.
_TAPER = (1.0, 1.5)
# The same for how strong a partner must be to count as one line with the indexed reflection.
_PARTNER = (0.2, 0.4)


@dataclass(frozen=True)
class Pulls:
    """Pulls on the tracks of some frames, and what lines being seen unsplit says.

    Attributes
    ----------
    shift, spread : array (frames, tracks)
        Pull, and variance of the positions of what a peak stands for.
    claimed : array (frames, tracks)
        Mean square of the distances to neighbours that another peak has as well: which of the
        two they belong to is not known.
    slope : array (frames, tracks, P)
        Derivative of the shift by the parameters.
    information : array (frames, P, P)
    pulled : array (frames, P)
        Minus half of the derivative of `penalty`.
    penalty : array (frames,)
        Sum of squares of the weak observations.
    """

    shift: FloatArray
    spread: FloatArray
    claimed: FloatArray
    slope: FloatArray
    information: FloatArray
    pulled: FloatArray
    penalty: FloatArray


def find_pulls(
    position: FloatArray,
    slopes: FloatArray,
    own: IntArray,
    strength: FloatArray,
    fwhm: FloatArray,
    used: BoolArray,
    free: BoolArray,
) -> Pulls:
    """Give the pulls of all neighbours on every track.

    Parameters
    ----------
    position : array (frames, R)
    slopes : array (frames, R, P)
    own : int array (tracks,)
        The reflection that each track was indexed as.
    strength : array (frames, R)
        Intensities of all reflections on one scale.
    fwhm : array (frames, tracks)
    used : bool array (frames, tracks)
    free : bool array (frames, R)
        Reflections without a peak of their own; the others pull nobody.
    """
    n_frames, n_tracks = used.shape
    n = slopes.shape[2]
    width = np.where(used, fwhm, 1.0)
    track, other = _candidates(position, own, np.where(used, fwhm, 0.0))
    distance = position[:, other] - position[:, own[track]]
    there = np.abs(distance) < _TAPER[1] * width[:, track]
    there &= used[:, track] & free[:, other]
    near = there.any(axis=0)
    track, other, there, distance = track[near], other[near], there[:, near], distance[:, near]
    out = Pulls(
        shift=np.zeros((n_frames, n_tracks)),
        spread=np.zeros((n_frames, n_tracks)),
        claimed=np.zeros((n_frames, n_tracks)),
        slope=np.zeros((n_frames, n_tracks, n)),
        information=np.zeros((n_frames, n, n)),
        pulled=np.zeros((n_frames, n)),
        penalty=np.zeros(n_frames),
    )
    if track.size == 0:
        return out
    delta = np.where(there, distance, 0.0)
    split = np.where(there[:, :, None], slopes[:, other] - slopes[:, own[track]], 0.0)
    wide = width[:, track]
    first, second = strength[:, own[track]], strength[:, other]
    ratio = np.minimum(first, second) / np.maximum(np.maximum(first, second), 1e-300)
    taper, taper_slope = _fade(np.abs(delta) / wide, *_TAPER)
    taper_slope = taper_slope * np.sign(delta) / wide
    decay = (1.0 - ratio) / (4.0 * (wide / FWHM_PER_SIGMA) ** 2)
    weaker = ratio * np.exp(-decay * delta**2)
    # A stronger neighbour is what the indexed reflection pulls, the other way round.
    strong = second > first
    side = np.where(strong, -1.0, 1.0)
    bare = np.where(strong, 1.0 / np.maximum(weaker, 1e-12), weaker)
    weight = np.where(there, bare * taper, 0.0)
    weight_slope = np.where(there, bare * (taper_slope - 2.0 * side * decay * delta * taper), 0.0)
    total = np.ones((n_frames, n_tracks))
    # Sums neighbour by neighbour: no bit hangs on how many frames or pairs there are.
    turns = _turns(track)
    for m in turns:
        total[:, track[m]] += weight[:, m]
    share = weight / total[:, track]
    for m in turns:
        out.shift[:, track[m]] += share[:, m] * delta[:, m]
    by_delta = share + (delta - out.shift[:, track]) * weight_slope / total[:, track]
    square = share * delta**2
    claims = _claims(other, np.where(there, taper, 0.0)) * square
    for m in turns:
        out.slope[:, track[m]] += by_delta[:, m, None] * split[:, m]
        out.spread[:, track[m]] += square[:, m]
        out.claimed[:, track[m]] += claims[:, m]
    np.maximum(out.spread - out.shift**2, 0.0, out=out.spread)
    partner = np.where(there, (1.0 - _fade(weaker, *_PARTNER)[0]) * taper, 0.0)
    count = np.zeros(n_frames)
    for k in range(track.size):
        count += partner[:, k]
    power = partner / ((0.5 * wide) ** 2 * np.maximum(count, 1.0)[:, None])
    # Most neighbours are too far away or too weak to be partners, and would add zeros.
    for k in np.flatnonzero(power.any(axis=0)).tolist():
        along = split[:, k]
        out.information[...] += power[:, k, None, None] * along[:, :, None] * along[:, None, :]
        out.pulled[...] -= (power[:, k] * delta[:, k])[:, None] * along
        out.penalty[...] += power[:, k] * delta[:, k] ** 2
    return out


def _candidates(
    position: FloatArray, own: IntArray, width: FloatArray
) -> tuple[IntArray, IntArray]:
    """Tracks and the neighbours that may be near in some frame, by the ranges of positions."""
    low = np.fmin.reduce(position, axis=0, initial=np.inf)
    high = np.fmax.reduce(position, axis=0, initial=-np.inf)
    widest = np.fmax.reduce(width, axis=0, initial=0.0)
    gap = np.maximum(low - high[own][:, None], low[own][:, None] - high)
    track, other = np.nonzero(gap < _TAPER[1] * widest[:, None])
    others = other != own[track]
    return track[others], other[others]


def _turns(group: IntArray) -> list[IntArray]:
    """Indices of the first member of every group, of the second, and so on."""
    order = np.argsort(group, kind="stable")
    rank = np.empty(group.size, np.intp)
    begin = np.searchsorted(group[order], group[order])
    rank[order] = np.arange(group.size) - begin
    return [np.flatnonzero(rank == r) for r in range(int(rank.max()) + 1)]


def _claims(other: IntArray, taper: FloatArray) -> FloatArray:
    """Sum of the tapers that each neighbour has seen from the other tracks (frames, pairs)."""
    total = np.zeros((len(taper), int(other.max()) + 1))
    for m in _turns(other):
        total[:, other[m]] += taper[:, m]
    return np.asarray(np.maximum(total[:, other] - taper, 0.0))


def _fade(x: FloatArray, begin: float, end: float) -> tuple[FloatArray, FloatArray]:
    """One below `begin`, zero beyond `end`, between them 1 − 10u³ + 15u⁴ − 6u⁵; and its slope."""
    u = np.clip((x - begin) / (end - begin), 0.0, 1.0)
    value = 1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    return value, -30.0 * u**2 * (1.0 - u) ** 2 / (end - begin)


def fade(x: FloatArray, begin: float, end: float) -> FloatArray:
    """One below `begin`, zero beyond `end`, twice continuously differentiable between them."""
    return _fade(x, begin, end)[0]
