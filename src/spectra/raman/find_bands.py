"""Find bands: what is significant in a spectrum, and where a fit of it says that it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.fit.find import find_peaks
from spectra.fit.gaps import filled
from spectra.fit.uncertainty import point_sigma
from spectra.raman.model import bounded_params, center_and_width_ranges, initial, starts_of
from spectra.raman.series import Series

FloatArray = NDArray[np.float64]

# Bands nearer than this part of their mean width are the same.
_SAME = 0.5


@dataclass(frozen=True)
class Search:
    """How bands are looked for.

    Parameters
    ----------
    profile : str
    degree : int
        Of the background.
    threshold, keep, reach : float
        As in `spectra.raman.bands.Bands`.
    fwhm_max : float or None
        In 1/cm.
    """

    profile: str
    degree: int
    threshold: float
    keep: float
    reach: float
    fwhm_max: float | None

    def run(self, spectrum: Series) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Significance, position and width of the bands of one spectrum, each (bands,).

        Parameters
        ----------
        spectrum : Series
            One frame with weights.
        """
        assert spectrum.weights is not None
        sigma = 1.0 / spectrum.weights[0]
        found = find_peaks(
            spectrum.x,
            spectrum.y[0],
            sigma,
            threshold=self.threshold,
            fwhm_max=self.fwhm_max,
        )
        told = found.significance, found.position, found.fwhm
        return self._fitted(spectrum, told) if len(found) else told

    def _fitted(
        self, spectrum: Series, found: tuple[FloatArray, FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The same by a fit; as they are where it fails."""
        _, centers, widths = found
        x = spectrum.x
        labels = tuple((f"b{k + 1}", self.profile) for k in range(len(centers)))
        model = BandModel(labels, self.degree, float(x[0]), float(x[-1]))
        start = initial(model, centers, widths)
        step = float(np.median(np.diff(x)))
        ranges = center_and_width_ranges(model, centers, widths, self.reach, step)
        fits = spectrum.fit(
            model, bounded_params(model, start, ranges), starts_of(spectrum, model, start)
        )
        if not fits.converged[0]:
            return found
        values, errors = fits.told(model)
        with np.errstate(invalid="ignore", divide="ignore"):
            significance = np.nan_to_num(values["area"] / errors["area"])[0]
        held = fits.held[0, [model.first(k) for k in range(len(centers))]]
        good = (significance >= self.keep) & ~held
        return significance[good], values["center"][0, good], values["fwhm"][0, good]


def same_as_any(position: float, fwhm: float, centers: FloatArray, widths: FloatArray) -> bool:
    """Whether a band stands so near others that it is one of them."""
    return bool((np.abs(centers - position) < _SAME * 0.5 * (widths + fwhm)).any())


def mean_spectrum(frames: list[Series]) -> Series:
    """Mean of single frames as a spectrum with weights."""
    x, n = frames[0].x, len(frames)
    mean = np.concatenate([filled(s.x, s.y) for s in frames]).mean(axis=0)
    if frames[0].errors == "counts":
        sigma = point_sigma(mean[None], None, "counts")[0] / np.sqrt(n)
    elif frames[0].weights is not None:
        given = [s.weights[0] for s in frames if s.weights is not None]
        sigma = np.sqrt(np.nanmean([1.0 / w**2 for w in given], axis=0) / n)
    else:
        sigma = point_sigma(mean[None], None, "unknown")[0]
    sigma = np.where(np.isfinite(sigma), sigma, np.nanmax(sigma))
    first = np.zeros(1, np.intp)
    return Series(x, mean[None], 1.0 / sigma[None], "given", first, np.zeros(1, np.int8), ("",))
