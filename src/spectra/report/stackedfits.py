"""Fits of several spectra above one another, components filled, and their residuals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Mark, Panel
from spectra.report.labels import without_common_words
from spectra.report.plotdata import GREY, RED, SERIES
from spectra.results import Results
from spectra.stack import Stack

FloatArray = NDArray[np.float64]

MOST_FITS = 5
"""Most spectra that are drawn above one another."""

# Distances between stacked curves, in parts of the highest, and of stacked residuals.
_APART, _RESIDUALS_APART = 1.08, 8.0
_BLACK = "#000000"
# Light enough for the curve through them to be seen.
_DATA = "#9A9A9A"
# Letters of a title that leave room for the names of the curves beside it.
_LONGEST_TITLE = 28


@dataclass(frozen=True)
class StackedFits:
    """Spectra with what was fitted to them.

    Parameters
    ----------
    x : array (points,)
    y, total, background, sigma : array (frames, points)
        The last are the standard uncertainties of the points; NaN where not measured.
    components : array (frames, components, points)
        On the background; NaN for those that a frame does not have.
    names : sequence of str
        Of the components.
    colours : sequence of str
        Of the components; none for those of series.
    """

    x: FloatArray
    y: FloatArray
    total: FloatArray
    background: FloatArray
    sigma: FloatArray
    components: FloatArray
    names: Sequence[str]
    colours: Sequence[str] = ()

    def panels(self, x_label: str, title: str, x_range: tuple[float, float]) -> tuple[Panel, Panel]:
        """The fits, and their residuals in standard uncertainties."""
        residuals = tuple(self._residuals())
        return (
            Panel(x_label, "intensity, scaled and stacked", tuple(self._fits()), title, x_range),
            Panel(x_label, "residual (σ), stacked", residuals, "Residuals", x_range),
        )

    def _fits(self) -> Iterator[Mark]:
        seen = np.asarray(np.isfinite(self.components).any(axis=(0, 2)))
        for i in range(len(self.y)):
            low = float(np.nanmin(self.y[i]))
            span = float(np.nanmax(self.y[i])) - low or 1.0
            y, total, below, parts = (
                (curve - low) / span + _APART * i
                for curve in (
                    self.y[i],
                    self.total[i],
                    self.background[i],
                    self.background[i] + self.components[i],
                )
            )
            for k, high in enumerate(parts):
                # The first spectrum names them all, in their order.
                if not seen[k] or (i > 0 and not np.isfinite(high).any()):
                    continue
                colour = (self.colours or SERIES)[k % len(self.colours or SERIES)]
                name = "" if i > 0 else self.names[k]
                yield Mark("band", self.x, below, high, name=name, colour=colour)
                yield Mark("line", self.x, high, colour=colour)
            yield Mark("line", self.x, below, colour=GREY, dash="dash")
            yield Mark("points", self.x, y, colour=_DATA)
            yield Mark("line", self.x, total, colour=_BLACK)

    def _residuals(self) -> Iterator[Mark]:
        for i, row in enumerate((self.y - self.total) / self.sigma):
            yield Mark("line", self.x, row + _RESIDUALS_APART * i, colour=GREY)
        ends = self.x[[0, -1]]
        for i in range(len(self.y)):
            yield Mark("line", ends, np.full(2, _RESIDUALS_APART * i), colour=RED, dash="dot")


def point_uncertainties(
    part: Stack, inside: slice | NDArray[np.bool_], total: FloatArray, alike: FloatArray
) -> FloatArray:
    """Standard uncertainties of the points of loaded frames (frames, points).

    Parameters
    ----------
    part : Stack
    inside : slice or bool array
        The points that were fitted.
    total : array (frames, points)
        The fitted curves.
    alike : array (frames, points)
        Where the noise is not known: what it is proportional to.
    """
    if part.noise == "given" and part.errors is not None:
        return np.asarray(np.asarray(part.errors, dtype=float)[:, inside])
    y = np.asarray(part.signal, dtype=float)[:, inside]
    if part.noise == "counts":
        return np.asarray(np.sqrt(np.maximum(total, 1e-3 * np.nanmax(y, axis=1, keepdims=True))))
    scatter = np.nanstd((y - total) / alike, axis=1, keepdims=True)
    return np.asarray(alike * np.where(scatter > 0, scatter, 1.0))


def stacked_title(results: Results, chosen: NDArray[np.intp]) -> str:
    """Which frames are drawn: their names, or how many where these are long."""
    names = ", ".join(without_common_words([results.names[i] for i in chosen.tolist()]))
    if len(names) <= _LONGEST_TITLE:
        return names
    if len(chosen) == 1:
        return f"{names[: _LONGEST_TITLE - 1]}…"
    return f"{len(chosen)} of {len(results)} spectra"
