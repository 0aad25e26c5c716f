"""What may be wrong with a background: an eaten first shell, E0 beside the edge, odd points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from spectra.units import EV_PER_K2, k_from_energy
from spectra.xas.exafs.banded import Banded
from spectra.xas.exafs.chi import k_grid
from spectra.xas.exafs.fourier import N_FFT
from spectra.xas.exafs.windows import make_window
from spectra.xas.noise import Noise, neighbour_differences
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# The shell is looked for in k²·χ from here to 1 1/angstrom before the end ...
_K_FROM, _K_TAPER = 2.0, 1.0
# ... between these R (angstrom, phases not corrected), and counts from this share of the highest.
_R_FROM, _R_TO, _R_STRIDE = 1.1, 4.0, 3
_COUNTS = 0.4
_AROUND = 0.25
# Of 30 measured spectra with rbkg = 1 none kept less than 0.80; with rbkg = 2 all oxides less
# than 0.47.
KEPT_LEAST = 0.7
SHELL_SHARE = 0.9
# Of the same spectra E0 lay at most 6.6 eV from the middle of the edge.
E0_FARTHEST = 12.0
# Odd points are looked for from here on: nearer to the edge a curve may be as sharp.
_ODD_FROM = 2.5
# A spike weighs as much in χ(R) as the noise of 300 points if it is 17 times as high, and differs
# by 0.7 of itself from its neighbours. Times the noise; differences around; times what is left.
_ODD, _ODD_AROUND, _ODD_CONTRAST = 12.0, 41, 5.0
_MEDIAN_OF_NORMAL = 0.6745
# Frames at a time: what is looked at stays in the processor's cache.
_ROWS = 192


@dataclass(frozen=True)
class Shell:
    """The first shell of each frame, and what the background has left of it.

    Attributes
    ----------
    position : array (frames,)
        R of its maximum in a transform of weight 2, phases not corrected (angstrom).
    kept : array (frames,)
        Its height over that with a background of lower R.
    """

    position: FloatArray
    kept: FloatArray


def first_shell(chi: NDArray[np.float32], reference: NDArray[np.float32], k_step: float) -> Shell:
    """Find the first shell with one background, and how much of it another one leaves.

    The first shell is the first maximum of the reference's χ(R) beyond 1.1 angstrom whose height
    is at least 0.4 of the highest up to 4 angstrom.

    Parameters
    ----------
    chi, reference : array (frames, points)
        On any scale.
    k_step : float

    Returns
    -------
    Shell
        NaN where the range of k is too short to tell.
    """
    points, frames = chi.shape[1], len(chi)
    if (points - 1) * k_step < _K_FROM + 3.0 * _K_TAPER:
        return Shell(np.full(frames, np.nan), np.full(frames, np.nan))
    r, waves = _waves(points, k_step)
    size, before = (_magnitude(c, waves) for c in (chi, reference))
    inner = before[:, 1:-1]
    peak = (inner > before[:, :-2]) & (inner >= before[:, 2:])
    peak &= inner >= _COUNTS * inner.max(axis=1, keepdims=True)
    found = peak.any(axis=1)
    place = peak.argmax(axis=1) + 1
    near = np.abs(r - r[place][:, None]) <= _AROUND
    highest, other = ((near * m).max(axis=1).astype(float) for m in (size, before))
    kept = highest / np.where(other > 0, other, 1.0)
    return Shell(np.where(found, r[place], np.nan), np.where(found & (other > 0), kept, np.nan))


@lru_cache(maxsize=64)
def _waves(points: int, k_step: float) -> tuple[FloatArray, NDArray[np.float32]]:
    """R, and the weighted cosines and sines that give χ(R) there: (last points, 2·R)."""
    k = k_grid(k_step, points)
    end = float(k[-1])
    window = make_window(k, _K_FROM, end - 0.5 * _K_TAPER, _K_TAPER, "hanning")
    r_step = np.pi / (k_step * N_FFT)
    index = np.arange(int(_R_FROM / r_step), int(_R_TO / r_step) + 1, _R_STRIDE)
    angle = 2.0 * np.pi / N_FFT * np.outer(np.arange(points), index)
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    waves *= (k**2 * window)[:, None]
    first = int(np.flatnonzero(window)[0])
    return np.asarray(r_step * index, dtype=float), waves[first:].astype(np.float32)


def _magnitude(chi: NDArray[np.float32], waves: NDArray[np.float32]) -> NDArray[np.float32]:
    parts = products(chi[:, -len(waves) :], waves)
    parts *= parts
    half = parts.shape[1] // 2
    return np.asarray(np.sqrt(parts[:, :half] + parts[:, half:]))


def odd_points(x: FloatArray, y: FloatArray, e0: FloatArray, noise: Noise) -> FloatArray:
    """Energy of the point that stands out most from the EXAFS of each spectrum (frames,).

    Each point is compared with the cubic through its four neighbours, which follows all shells
    up to far beyond 6 angstrom on the scans of EXAFS. Odd is what differs by more than twelve
    times the noise and the median of such differences around, if a spike at that point alone
    explains the differences of its neighbours, too.

    Parameters
    ----------
    x : array (points,)
    y : array (frames, points)
    e0 : array (frames,)
    noise : Noise

    Returns
    -------
    array (frames,)
        NaN where there is none.
    """
    energies = np.full(len(y), np.nan)
    begin = e0 + EV_PER_K2 * _ODD_FROM**2
    first = int(np.searchsorted(x, float(begin.min())))
    if len(x) - first < _ODD_AROUND:
        return energies
    weights, differences = _differences(x[first:].tobytes())
    for start in range(0, len(y), _ROWS):
        some = slice(start, start + _ROWS)
        off = differences(y[some, first:])
        places = x[first + 2 : first + 2 + weights.shape[1]]
        if (begin[some] != begin[start]).any():
            off[places < begin[some, None]] = 0.0
        sigma = np.sqrt(
            noise.after[some, None]
            if noise.points is None
            else noise.points[some, first + 2 : first + 2 + weights.shape[1]]
        )
        for i in np.flatnonzero((np.abs(off) > _ODD * sigma).any(axis=1)).tolist():
            outside = int(np.searchsorted(places, begin[start + i]))
            level = float(np.median(sigma[i]))
            place = _oddest(off[i, outside:], weights[:, outside:], level)
            if place >= 0:
                energies[start + i] = places[outside + place]
    return energies


@lru_cache(maxsize=64)
def _differences(points: bytes) -> tuple[FloatArray, Banded]:
    """Weights (5, n) of neighbours, and the matrix to differences from the cubics through them."""
    weights = neighbour_differences(np.frombuffer(points))
    count = weights.shape[1]
    matrix = np.zeros((count, count + 4))
    for j, own in enumerate(weights):
        matrix[np.arange(count), np.arange(count) + j] = own
    return weights, Banded.of(matrix)


def _oddest(off: FloatArray, weights: FloatArray, level: float) -> int:
    """The clearest spike in differences (n,) from neighbours by weights (5, n); -1 if none."""
    if len(off) < _ODD_AROUND:
        return -1
    typical = median_filter(np.abs(off), _ODD_AROUND, mode="nearest") / _MEDIAN_OF_NORMAL
    clear = np.abs(off) / np.maximum(np.maximum(typical, level), np.finfo(float).tiny)
    place = int(clear[4:-4].argmax()) + 4
    if clear[place] < _ODD:
        return -1
    around = np.arange(place - 2, place + 3)
    # The point is the fifth neighbour of the one two before it, and so on.
    pattern = weights[4 - np.arange(5), around]
    left = off[around] - pattern * (pattern @ off[around]) / (pattern @ pattern)
    return place if np.sqrt((left**2).sum() / 4.0) < np.abs(off[place]) / _ODD_CONTRAST else -1


def shell_remarks(shell: Shell, reach: float, remedy: str) -> list[str]:
    """What is to be said of each frame's first shell; empty where all is well.

    Parameters
    ----------
    shell : Shell
    reach : float
        R up to which the background follows χ(R) (angstrom); 0 where that is not said.
    remedy : str
        With ``{r}`` for six tenths of the shell's R.
    """
    eaten = (shell.kept < KEPT_LEAST) | (reach > SHELL_SHARE * shell.position)
    out = [""] * len(eaten)
    for i in np.flatnonzero(eaten).tolist():
        position = shell.position[i]
        out[i] = (
            f"the background reaches the first shell, of which {shell.kept[i]:.0%} are left at "
            f"R = {position:.2f} angstrom; {remedy.format(r=f'{0.6 * position:.1f}')}"
        )
    return out


def edge_remarks(e0: FloatArray, offset: FloatArray, odd: FloatArray) -> list[str]:
    """What is to be said of each frame's E0 and odd point (eV); empty where all is well."""
    out = [""] * len(e0)
    far, spoilt = np.abs(offset) > E0_FARTHEST, np.isfinite(odd)
    for i in np.flatnonzero(far | spoilt).tolist():
        said = []
        if far[i]:
            said.append(
                f"E0 = {e0[i]:.1f} eV is {offset[i]:+.1f} eV from the middle of the edge; k and "
                "background hang on it: correct e0 in normalize"
            )
        if spoilt[i]:
            said.append(
                f"an odd point at {odd[i]:.1f} eV (k = {k_from_energy(odd[i], e0[i]):.2f} "
                "1/angstrom) is in χ(k); take it out with xas.Deglitch first, or stay below it "
                "with k_max"
            )
        out[i] = "; ".join(said)
    return out
