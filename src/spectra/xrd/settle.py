"""Fit frames so that the answer hangs on the frame itself and not on others far away.

Starts and windows come from the tracks, and the tracks from a few frames of the sequence: by the
last bits of its start every fit would hang on frames that it has nothing to do with, damaged ones
among them. So a frame is fitted from where it is expected, and then in windows and from starts
that its own peaks give. Both stand on a grid much coarser than what a frame far away can change:
the same frame gives the same bits, and where the first windows were the right ones already
nothing is fitted twice. What remains of the sequence is which peaks are looked for, the place of
those that are not found, and the shape of weak ones; and an answer within rounding of the edge of
a cell of the grid can still tip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.cutting import Windows
from spectra.fit.windows import WindowFit
from spectra.status import Status
from spectra.xrd.groups import Expectation, Grouping
from spectra.xrd.plan import alpha2_distance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Fit = tuple[IntArray, Windows, WindowFit]

# Centres stand on a grid of so many fwhm; widths and shapes have mantissas of so many bits.
_GRID = 0.25
_WIDTH_BITS = 3
_SHAPE_BITS = 4
_ROUNDS = 5
# Uncertainties by which an answer may differ between windows of neighbouring cells.
_MARGIN = 1.0


def fit_settled(
    fit: Callable[[Windows], WindowFit],
    grouping: Grouping,
    expectation: Expectation,
    wavelength_ratio: float,
) -> list[Fit]:
    """Fit the peaks of some frames, in windows that fit what is found in them.

    Parameters
    ----------
    fit : callable
        Fits windows.
    grouping : Grouping
    expectation : Expectation
        Where the tracks let the peaks be expected.
    wavelength_ratio : float
        λ(Kα2)/λ(Kα1), or 1.

    Returns
    -------
    list of (members (rows, K), Windows, WindowFit)
        One for each number of peaks K in a window.
    """
    known = _Known(fit, grouping, expectation.center.shape[1])
    at = _on_grid(expectation, expectation.center, expectation.fwhm, wavelength_ratio)
    for _ in range(_ROUNDS):
        own = _own(at, known.fits(at), wavelength_ratio)
        moved = ~own.same_places(at)
        if not moved.any():
            break
        before, at = at, own
    else:
        # Two cells that name each other: the lower corner of both, whichever came last.
        at = at.replaced(moved, _lower_corner(before, at, wavelength_ratio))
    # Beside the edge of a cell both cells may confirm themselves; which one was met first must
    # not matter: the lower one is tried, and taken where it does.
    lower = _own(at, known.fits(at), wavelength_ratio, below=_MARGIN)
    lower = at.replaced(~moved, lower)
    confirmed = _own(lower, known.fits(lower), wavelength_ratio).same_places(lower)
    return known.fits(at.replaced(confirmed & ~moved, lower))


@dataclass
class _Known:
    """Windows that were fitted, so that none is fitted twice."""

    fit: Callable[[Windows], WindowFit]
    grouping: Grouping
    n_peaks: int
    done: list[Fit] = field(default_factory=list)

    def fits(self, e: Expectation) -> list[Fit]:
        """Return the fits of all windows of an expectation, fitting those that are new."""
        fits = []
        for members, windows in self.grouping.windows(e):
            parts = []
            left = np.arange(len(members))
            for old in self.done:
                if old[0].shape[1] != members.shape[1] or left.size == 0:
                    continue
                at = _same(old, members[left], windows.take(left), self.n_peaks)
                parts.append((left[at >= 0], old[2].take(at[at >= 0])))
                left = left[at < 0]
            if left.size:
                new = windows.take(left)
                parts.append((left, self.fit(new)))
                self.done.append((members[left], new, parts[-1][1]))
            order = np.argsort(np.concatenate([rows for rows, _ in parts]))
            whole = WindowFit.concatenate([fit for _, fit in parts]).take(order)
            fits.append((members, windows, whole))
        return fits


def _on_grid(
    e: Expectation, center: FloatArray, fwhm: FloatArray, wavelength_ratio: float
) -> Expectation:
    """Put an expectation round peaks at `center` with `fwhm` (frames, peaks)."""
    # Upwards: a window should rather be too wide, and touching peaks rather be fitted together.
    width = rounded(fwhm, _WIDTH_BITS, np.ceil)
    grid = _GRID * width
    place = np.rint(center / grid) * grid
    return replace(
        e,
        center=place,
        fwhm=width,
        shape=rounded(e.shape, _SHAPE_BITS),
        search=np.where(e.search > 0.5 * width, e.search, 0.0),
        tail=alpha2_distance(place, wavelength_ratio),
    )


def _lower_corner(one: Expectation, other: Expectation, wavelength_ratio: float) -> Expectation:
    """Put each peak at the lower, and as wide as the narrower, of two expectations."""
    center = np.minimum(one.center, other.center)
    fwhm = np.minimum(one.fwhm, other.fwhm)
    return replace(other, center=center, fwhm=fwhm, tail=alpha2_distance(center, wavelength_ratio))


def _own(
    e: Expectation, fits: list[Fit], wavelength_ratio: float, below: float = 0.0
) -> Expectation:
    """Expect each peak where it was found; one that was not, where it was looked for.

    With `below` so many uncertainties lower and narrower.
    """
    center, fwhm = e.center.copy(), e.fwhm.copy()
    for members, windows, done in fits:
        rows, k = np.nonzero(done.present & (done.status != Status.NOT_CONVERGED)[:, None])
        at = windows.frame[rows], members[rows, k]
        # A width is about twice as unsure as a place.
        less = below * np.nan_to_num(done.center_stderr[rows, k])
        less = np.minimum(less, 0.1 * done.fwhm[rows, k])
        center[at], fwhm[at] = done.center[rows, k] - less, done.fwhm[rows, k] - 2.0 * less
    own = _on_grid(e, center, fwhm, wavelength_ratio)
    return replace(own, reach=own.fwhm, search=np.zeros_like(own.search))


def _same(before: Fit, members: IntArray, windows: Windows, n_peaks: int) -> IntArray:
    """Row of `before` that was fitted in the same window from the same start (rows,), or -1."""
    old_members, old, _ = before
    # Within a frame no two windows have the same first peak.
    old_key = old.frame * n_peaks + old_members[:, 0]
    order = np.argsort(old_key)
    key = windows.frame * n_peaks + members[:, 0]
    at = order[np.minimum(np.searchsorted(old_key[order], key), len(order) - 1)]
    same = (old_key[at] == key) & (old_members[at] == members).all(axis=1)
    same &= old.search[at] == 0.0
    for name in ("center", "fwhm", "low", "high"):
        one, other = getattr(old, name)[at], getattr(windows, name)
        same &= (one == other).reshape(len(at), -1).all(axis=1)
    return np.asarray(np.where(same, at, -1))


def rounded(values: FloatArray, bits: int, to_grid: np.ufunc = np.rint) -> FloatArray:
    """Round to mantissas of so many bits.

    Examples
    --------
    >>> rounded(np.array([0.11, 0.12, 0.55, 0.0]), 2)
    array([0.125, 0.125, 0.5  , 0.   ])
    """
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(to_grid(np.ldexp(mantissa, bits)), exponent - bits))
