"""Spectra that a background is taken off, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.status import Status
from spectra.xas.exafs.autobk import Extent
from spectra.xas.exafs.spread import Spread
from spectra.xas.noise import Noise
from spectra.xas.polynomials import TOGETHER, alike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Frames of common matrices at a time: what is done with them stays in the processor's cache.
_COMMON = 2 * TOGETHER


@dataclass(frozen=True)
class Spectra:
    """Spectra that share their points, all of them finite, and what is known of each.

    Attributes
    ----------
    x : array (points,)
    y : array (frames, points)
    e0, edge_step : array (frames,)
    noise : Noise
    """

    x: FloatArray
    y: FloatArray
    e0: FloatArray
    edge_step: FloatArray
    noise: Noise

    def take(self, rows: IntArray) -> Spectra:
        """Some of the frames."""
        own = span_of(rows)
        return Spectra(self.x, self.y[own], self.e0[own], self.edge_step[own], self.noise.take(own))

    def variances(self, first: int, last: int) -> FloatArray | None:
        """Variances of the points `first` to `last` after the edge; None where all are alike."""
        return None if self.noise.points is None else self.noise.points[:, first : last + 1]

    def alike(
        self, good: IntArray, extent: Extent, *sizes: IntArray, common: bool
    ) -> Iterator[tuple[IntArray, Spectra]]:
        """Spectra whose matrices are of one size, as many at a time as is quick.

        Parameters
        ----------
        good : int array
            Frames that are wanted.
        extent : Extent
        sizes : int arrays (frames,)
            What else makes sizes differ.
        common : bool
            Whether they share the matrices themselves.
        """
        keys = (extent.first, extent.last, extent.points, extent.splines, extent.r_points, *sizes)
        for (first, last, points, *_), rows in alike(*(key[good] for key in keys)):
            own = good[rows]
            together = _COMMON if common else _rows_together(points, last - first + 1)
            for start in range(0, len(own), together):
                some = own[start : start + together]
                yield some, self.take(some)

    def spread(self, by_points: Spread, shares: FloatArray, first: int, last: int) -> FloatArray:
        """Variances of χ (frames, points), from those of the points `first` to `last`."""
        variances = self.variances(first, last)
        if variances is None:
            variance = by_points.of_white(shares)
            variance *= self.noise.after[:, None]
            return variance
        return by_points.of_points(shares, np.ascontiguousarray(variances))


@dataclass(frozen=True)
class Removed:
    """What became of some of the spectra.

    Attributes
    ----------
    rows : int array (n,)
        Which they are.
    chi, variance : array (n, points)
        Of χ in the unit of the absorption.
    reference : array (n, points)
        The same with a background that leaves all shells alone.
    coefficients : array (n, splines)
    knots : array (n, splines + 4)
    further : mapping of str to array (n, …)
        Other columns.
    """

    rows: IntArray
    chi: FloatArray
    variance: FloatArray
    reference: FloatArray
    coefficients: FloatArray
    knots: FloatArray
    further: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Refused:
    """Spectra that get no background, each with the reason."""

    rows: IntArray
    status: Status
    reasons: tuple[str, ...]


def span_of(rows: IntArray) -> IntArray | slice:
    """Rows that follow one another as a slice, which is faster."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _rows_together(points: int, n: int) -> int:
    """Frames whose own matrices are in memory at once."""
    return max(1, (1 << 20) // max(1, points * n))
