"""Peaks with the losses that they throw, where the cross section of the losses is fitted too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lines import Lines
from spectra.fit.model import Points
from spectra.fit.scattered import Scattering, fill_lines, lines_alone

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Entries of kernels that are held at once.
_ENTRIES = 4_000_000


@dataclass(frozen=True)
class FreelyScattered:
    """Peaks S on f = S + Σ aₘ·Kₘ(S) + B·∫S(E − T)·T/((C + C′T²)² + D·T²)dT: a term of a model.

    The cross section of S. Tougaard (`spectra.fit.scattered.TougaardLosses`) with parameters of
    its own in every spectrum: two with C′ = 1 and D = 0; three with C′ = −1, the published
    (C − T²)² + D·T², where D must start above 0; four with C′ free, whose sign is a matter of
    notation, as −C′ with D + 4·C·C′ is the same cross section.

    Parameters
    ----------
    peaks : sequence of Lines
        They may share columns.
    scatterings : sequence of Scattering
        Further backgrounds, of fixed form.
    strengths : int array (scatterings,)
        Where theirs stand among the parameters.
    losses : int array (4,)
        Where B, C, C′ and D stand.
    gap : float
        Energy (eV) below which nothing can be lost.
    """

    peaks: Sequence[Lines]
    scatterings: Sequence[Scattering]
    strengths: IntArray
    losses: IntArray
    gap: float
    columns: IntArray = field(init=False)

    def __post_init__(self) -> None:
        columns = np.unique(np.concatenate([lines.columns for lines in self.peaks]))
        whole = np.concatenate([columns, self.strengths, self.losses])
        object.__setattr__(self, "columns", whole)

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add peaks and backgrounds to `total`."""
        curve = lines_alone(self.peaks, theta, at, total)
        total += curve
        for scattering, column in zip(self.scatterings, self.strengths, strict=True):
            total += theta[:, column, None] * scattering.apply(at.x[0], curve)
        strength = theta[:, self.losses[0], None]
        for rows, kernels in self._kernels(theta, at.x[0], slopes=False):
            total[rows] += strength[rows] * np.matmul(curve[rows, None], kernels[0])[:, 0]

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add them to `total` and write the derivatives."""
        n = self.columns.size - self.strengths.size - 4
        curve, inner = np.zeros_like(total), slopes[:, :n]
        fill_lines(self.peaks, self.columns[:n], theta, at, curve, inner)
        total += curve
        thrown = np.zeros_like(inner)
        for i, (scattering, column) in enumerate(
            zip(self.scatterings, self.strengths, strict=True)
        ):
            strength = theta[:, column, None].astype(slopes.dtype, copy=False)
            slopes[:, n + i] = scattering.apply(at.x[0], curve)
            total += strength * slopes[:, n + i]
            thrown += strength[:, None] * scattering.apply(at.x[0], inner)
        strength = theta[:, self.losses[0], None]
        last = n + self.strengths.size
        for rows, kernels in self._kernels(theta, at.x[0], slopes=True):
            seen = [np.matmul(curve[rows, None], kernel)[:, 0] for kernel in kernels]
            total[rows] += strength[rows] * seen[0]
            slopes[rows, last] = seen[0]
            for j, by in enumerate(seen[1:]):
                slopes[rows, last + 1 + j] = strength[rows] * by
            weak = strength[rows, None].astype(slopes.dtype, copy=False)
            thrown[rows] += weak * np.matmul(inner[rows], kernels[0].astype(slopes.dtype))
        inner += thrown
        return None

    def _kernels(
        self, theta: FloatArray, x: FloatArray, *, slopes: bool
    ) -> Iterator[tuple[slice, list[FloatArray]]]:
        """Matrices (rows, points, points) of the losses, and of their derivatives by C, C′, D."""
        weight = np.gradient(x)
        weight[0], weight[-1] = 0.5 * weight[0], 0.5 * weight[-1]
        loss = x[None, :] - x[:, None]
        above = loss > max(self.gap, 0.0)
        t2 = np.where(above, loss, 0.0) ** 2
        numerator = np.where(above, loss, 0.0) * weight[:, None]
        step = max(1, _ENTRIES // loss.size)
        for start in range(0, len(theta), step):
            rows = slice(start, min(start + step, len(theta)))
            c, curvature, d = (theta[rows, k, None, None] for k in self.losses[1:])
            root = c + curvature * t2
            inverse = 1.0 / np.maximum(root**2 + d * t2, 1e-12)
            kernel = numerator * inverse
            if not slopes:
                yield rows, [kernel]
                continue
            steep = kernel * inverse
            by_c = -2.0 * root * steep
            yield rows, [kernel, by_c, by_c * t2, -t2 * steep]
