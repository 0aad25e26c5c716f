"""Lobes of wavelet maps: where they are, and their maxima between the points of a map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Points on either side of a maximum that tell where it is.
REACH = 2
_SLOPE, _BEND = ((1, 0), (0, 1)), ((2, 0), (1, 1), (0, 2))
_NEWTON = 5
# Shares of a lobe's height down to which its window goes, the lowest that it has for itself.
_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Lobe:
    """A lobe and the window that it is looked for in, as points of the map.

    Attributes
    ----------
    name : str
    r, k : int
        Where it is expected.
    r_ends, k_ends : (first, last)
        The last point does not belong to the window.
    """

    name: str
    r: int
    k: int
    r_ends: tuple[int, int]
    k_ends: tuple[int, int]

    @property
    def window(self) -> tuple[slice, slice]:
        """Points of R and of k."""
        return slice(*self.r_ends), slice(*self.k_ends)


def inner_maxima(modulus: FloatArray) -> BoolArray:
    """Points higher than their eight neighbours, and not near an end: (…, R, k)."""
    highest = np.zeros(modulus.shape, dtype=bool)
    down = np.maximum(modulus[..., 2:, :], modulus[..., :-2, :])
    np.maximum(down, modulus[..., 1:-1, :], out=down)
    across = np.maximum(down[..., 2:], down[..., :-2])
    np.maximum(across, down[..., 1:-1], out=across)
    own = modulus[..., 1:-1, 1:-1]
    highest[..., 1:-1, 1:-1] = (own == across) & (own > 0)
    highest[..., :REACH, :] = highest[..., -REACH:, :] = False
    highest[..., :REACH] = highest[..., -REACH:] = False
    return highest


def find_lobes(modulus: FloatArray, share: float, most: int) -> list[Lobe]:
    """The lobes of one map that reach a share of the highest, from low to high R.

    The window of each is the box about what is connected to it above half its height, or above
    as little more as keeps it from the others; boxes that overlap are cut half way between their
    lobes, so that no maximum is taken for two.
    """
    places = np.argwhere(inner_maxima(modulus))
    heights = modulus[tuple(places.T)]
    keep = heights >= share * heights.max(initial=0.0)
    places, heights = places[keep], heights[keep]
    order = np.argsort(-heights, kind="stable")[:most]
    chosen = [(r, k) for r, k in sorted(places[order].tolist())]
    lobes: list[Lobe] = []
    for place in chosen:
        region = _own_region(modulus, place, [other for other in chosen if other != place])
        ends = [_ends(np.asarray(region.any(axis=1 - axis)), place[axis]) for axis in (0, 1)]
        lobe = Lobe("", *place, ends[0], ends[1])
        for i, other in enumerate(lobes):
            lobes[i], lobe = _apart(other, lobe)
        lobes.append(lobe)
    return lobes


def _ends(inside: BoolArray, own: int) -> tuple[int, int]:
    """First and last point of a region along one axis, away from the ends of the map."""
    some = np.flatnonzero(inside)
    first, last = max(int(some[0]), REACH), min(int(some[-1]) + 1, len(inside) - REACH)
    return min(first, own), max(last, own + 1)


def _apart(one: Lobe, other: Lobe) -> tuple[Lobe, Lobe]:
    """Two lobes whose windows do not overlap: cut along the axis that parts them better."""
    boxes = [(one.r_ends, one.k_ends), (other.r_ends, other.k_ends)]
    if any(a[0] >= b[1] or b[0] >= a[1] for a, b in zip(*boxes, strict=True)):
        return one, other
    sizes = [max(a[1], b[1]) - min(a[0], b[0]) for a, b in zip(*boxes, strict=True)]
    along = "r" if abs(one.r - other.r) * sizes[1] >= abs(one.k - other.k) * sizes[0] else "k"
    low, high = sorted((one, other), key=lambda lobe: getattr(lobe, along))
    cut = (getattr(low, along) + getattr(high, along) + 1) // 2
    if along == "r":
        low_part = replace(low, r_ends=(low.r_ends[0], min(low.r_ends[1], cut)))
        high_part = replace(high, r_ends=(max(high.r_ends[0], cut), high.r_ends[1]))
    else:
        low_part = replace(low, k_ends=(low.k_ends[0], min(low.k_ends[1], cut)))
        high_part = replace(high, k_ends=(max(high.k_ends[0], cut), high.k_ends[1]))
    return (low_part, high_part) if low is one else (high_part, low_part)


def _own_region(
    modulus: FloatArray, place: tuple[int, int], others: list[tuple[int, ...]]
) -> BoolArray:
    """What is connected to a maximum above some share of its height."""
    region = np.zeros(modulus.shape, dtype=bool)
    for level in _LEVELS:
        parts, _ = label(modulus >= level * modulus[place])
        region = parts == parts[place]
        if not any(region[other] for other in others):
            break
    return region


def nearest_maxima(highest: BoolArray, lobe: Lobe) -> tuple[IntArray, IntArray, BoolArray]:
    """The maximum of each frame in a lobe's window that is nearest to where it is expected.

    Distances are shares of the window's sides.

    Parameters
    ----------
    highest : bool array (frames, R, k)
        Of `inner_maxima`.

    Returns
    -------
    r, k : int array (frames,)
    found : bool array (frames,)
    """
    part = highest[:, *lobe.window]
    far = [
        (np.arange(*ends) - at) / (ends[1] - ends[0])
        for ends, at in ((lobe.r_ends, lobe.r), (lobe.k_ends, lobe.k))
    ]
    distance = far[0][:, None] ** 2 + far[1] ** 2
    nearest = np.where(part, distance, np.inf).reshape(len(part), -1).argmin(axis=1)
    r, k = np.divmod(nearest, part.shape[2])
    found = np.asarray(part.any(axis=(1, 2)))
    return lobe.r_ends[0] + r, lobe.k_ends[0] + k, found


@dataclass(frozen=True)
class Summit:
    """Maxima of log |W| between the points of a map.

    Attributes
    ----------
    found : bool array (frames,)
    r, k : array (frames,)
        From the highest point, in steps of the map.
    logarithm : array (frames,)
        log |W| there.
    derivatives : array (frames, 3, points)
        Of `r`, `k` and `logarithm` by log |W| at the (2·REACH + 1)² points about the highest.
    """

    found: BoolArray
    r: FloatArray
    k: FloatArray
    logarithm: FloatArray
    derivatives: FloatArray


def fit_summit(logarithm: FloatArray) -> Summit:
    """Maximum of the polynomial, of fourth degree in R and in k, about highest points.

    Parameters
    ----------
    logarithm : array (frames, points)
        log |W|, R going slower than k.
    """
    projection, powers = _local_fit()
    c = np.matmul(logarithm[:, None, :], projection.T)[:, 0]
    at = np.zeros((2, len(c)))
    for _ in range(_NEWTON):
        slope, bend = _derivatives(c, at, powers, _SLOPE), _derivatives(c, at, powers, _BEND)
        at = np.clip(at - _solved(bend, slope), -1.5, 1.5)
    bend = _derivatives(c, at, powers, _BEND)
    curved = (bend[0] < 0) & (bend[0] * bend[2] > bend[1] ** 2)
    found = curved & (np.abs(at) < 1.0).all(axis=0)
    # By values on the map: of the slopes, of the place, and of the height.
    slopes = np.array([np.matmul(_terms(at, powers, o)[:, None], projection) for o in _SLOPE])
    moves = -_solved(bend[:, :, None], slopes[:, :, 0])
    terms = _terms(at, powers, (0, 0))
    height = np.matmul(terms[:, None], projection)
    derivatives = np.concatenate([np.moveaxis(moves, 0, 1), height], axis=1)
    return Summit(found, at[0], at[1], (terms * c).sum(axis=1), derivatives)


@lru_cache(maxsize=1)
def _local_fit() -> tuple[FloatArray, IntArray]:
    """Coefficients of a polynomial by values (terms, points), and its powers (terms, 2)."""
    side = np.arange(-REACH, REACH + 1)
    r, k = (v.ravel() for v in np.meshgrid(side, side, indexing="ij"))
    degrees = np.arange(2 * REACH + 1)
    powers = np.array(np.meshgrid(degrees, degrees, indexing="ij")).reshape(2, -1).T
    design = r[:, None] ** powers[:, 0] * k[:, None] ** powers[:, 1]
    return np.linalg.inv(design.astype(float)), powers


def _terms(at: FloatArray, powers: IntArray, order: tuple[int, int]) -> FloatArray:
    """Derivatives of r^i·k^j, `order` times by r and by k, at places (2, frames).

    (frames, terms), each frame in one piece of memory: sums then have the same bits whatever
    other frames there are.
    """
    out = np.ones((at.shape[1], len(powers)))
    for x, power, times in zip(at, powers.T, order, strict=True):
        factor = np.ones(len(power))
        for step in range(times):
            factor = factor * (power - step)
        out *= factor * x[:, None] ** np.maximum(power - times, 0)
    return out


def _derivatives(
    c: FloatArray, at: FloatArray, powers: IntArray, orders: tuple[tuple[int, int], ...]
) -> FloatArray:
    """Derivatives of polynomials (frames, terms), (orders, frames)."""
    return np.array([(_terms(at, powers, order) * c).sum(axis=1) for order in orders])


def _solved(bend: FloatArray, right: FloatArray) -> FloatArray:
    """Solve the symmetric 2 × 2 equations of each frame; (2, frames, …)."""
    rr, rk, kk = bend
    determinant = rr * kk - rk**2
    safe = np.where(np.abs(determinant) > 0, determinant, np.inf)
    first = (kk * right[0] - rk * right[1]) / safe
    return np.array([first, (rr * right[1] - rk * right[0]) / safe])
