"""The frames of a block as they are fitted: with weights, and where each starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.gaps import filled
from spectra.fit.misfit import Misfit
from spectra.fit.uncertainty import point_sigma
from spectra.xps.build import Built

if TYPE_CHECKING:
    from spectra.fit.batch import Errors, StackFit
    from spectra.xps.start import Starts

FloatArray = NDArray[np.float64]

_MANY_COUNTS = 1e6


@dataclass(frozen=True)
class Frames:
    """Good frames of a block.

    Attributes
    ----------
    y : array (good frames, points)
    weights : array (good frames, points) or None
        1/σ; None for counts, whose likelihood needs none.
    errors : {"counts", "given", "residual"}
        Where uncertainties come from.
    starts : mapping of str to array (good frames,)
    status, messages
        Of all frames of the block.
    """

    y: FloatArray
    weights: FloatArray | None
    errors: Errors
    starts: Mapping[str, FloatArray]
    status: NDArray[np.int8]
    messages: tuple[str, ...]

    @classmethod
    def of(
        cls,
        y: FloatArray,
        sigma: FloatArray | None,
        noise: str,
        starts: Starts,
        status: NDArray[np.int8],
        messages: tuple[str, ...],
    ) -> Frames:
        """Frames (good, points) with what their stack says of the noise.

        Rates of unknown counting time scatter as the root of the rate does: their weights are
        relative, and the uncertainties come from the residuals.
        """
        errors: Errors = "residual"
        weights: FloatArray | None = None
        if noise == "counts":
            errors = "counts"
        elif noise == "given":
            errors, weights = "given", 1.0 / point_sigma(y, sigma, "given")
        elif len(y):
            top = np.maximum(np.nanmax(y, axis=1, keepdims=True, initial=0.0), 1e-300)
            # Of many counts, whose least of one is far below what the weights end at.
            unit = top / _MANY_COUNTS
            rough = point_sigma(y / unit, None, "counts") ** 2 * unit
            weights = 1.0 / np.sqrt(np.maximum(rough, 1e-3 * top))
        begin = starts.of(filled(np.arange(float(y.shape[1])), y)) if len(y) else {}
        return cls(y, weights, errors, begin, status, messages)

    def take(self, rows: NDArray[np.intp]) -> Frames:
        """Some of the good frames."""
        weights = None if self.weights is None else self.weights[rows]
        starts = {name: value[rows] for name, value in self.starts.items()}
        return replace(self, y=self.y[rows], weights=weights, starts=starts)

    def fixed(self, built: Built, shared: Mapping[str, float]) -> Built:
        """The model with what all frames share held fixed."""
        if not shared:
            return built
        params = built.params.copy()
        for name, value in shared.items():
            params[name].set(value=value, vary=False)
        return replace(built, params=params)

    def misfit(self, fits: StackFit) -> Misfit:
        """What fits of the good frames leave behind."""
        return Misfit.of(fits, self.y, self.weights, self.errors)
