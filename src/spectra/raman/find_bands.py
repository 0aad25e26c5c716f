"""Find bands: what is significant in a spectrum, and again in what its fit leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.bands import BandModel
from spectra.fit.find import find_peaks
from spectra.fit.uncertainty import point_sigma
from spectra.raman.model import bounded_params, center_and_width_ranges, initial, starts_of
from spectra.raman.series import Series

FloatArray = NDArray[np.float64]

# Looks at what a fit leaves; a broad band beneath a narrow one shows only there.
_LOOKS_AGAIN = 4
# Bands nearer than this part of their mean width are the same, unless one is so many times wider.
_SAME, _OTHER_WIDTH = 0.5, 2.5


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
        x, y = spectrum.x, spectrum.y[0]
        assert spectrum.weights is not None
        sigma = 1.0 / spectrum.weights[0]
        options = {"threshold": self.threshold, "fwhm_max": self.fwhm_max}
        found = find_peaks(x, y, sigma, **options)  # type: ignore[arg-type]
        told = found.significance, found.position, found.fwhm
        for _ in range(_LOOKS_AGAIN):
            if not len(told[0]):
                break
            told, rest = self._fit(spectrum, told[1], told[2], told)
            more = find_peaks(x, rest, sigma, **options)  # type: ignore[arg-type]
            new = self._new(more.position, more.fwhm, told)
            if not new.any():
                break
            # One at a time: while one lacks, what is left has false maxima beside it.
            new = np.array([int(np.where(new, more.significance, -np.inf).argmax())])
            told = (
                np.concatenate([told[0], more.significance[new]]),
                np.concatenate([told[1], more.position[new]]),
                np.concatenate([told[2], more.fwhm[new]]),
            )
        else:
            told, _ = self._fit(spectrum, told[1], told[2], told)
        return told

    def _fit(
        self,
        spectrum: Series,
        centers: FloatArray,
        widths: FloatArray,
        before: tuple[FloatArray, FloatArray, FloatArray],
    ) -> tuple[tuple[FloatArray, FloatArray, FloatArray], FloatArray]:
        """Significance, position and width by a fit, and what it leaves (points,)."""
        x, y = spectrum.x, spectrum.y
        labels = tuple((f"b{k + 1}", self.profile) for k in range(len(centers)))
        model = BandModel(labels, self.degree, float(x[0]), float(x[-1]))
        start = initial(model, centers, widths)
        step = float(np.median(np.diff(x)))
        ranges = center_and_width_ranges(model, centers, widths, self.reach, step)
        fits = spectrum.fit(
            model, bounded_params(model, start, ranges), starts_of(spectrum, model, start)
        )
        if not fits.converged[0]:
            return before, np.zeros(len(x))
        values, errors = fits.told(model)
        with np.errstate(invalid="ignore", divide="ignore"):
            significance = np.nan_to_num(values["area"] / errors["area"])[0]
        held = fits.held[0, [model.first(k) for k in range(len(centers))]]
        good = (significance >= self.keep) & ~held
        rest = np.asarray(y[0] - model.value(x, fits.values)[0])
        return (significance[good], values["center"][0, good], values["fwhm"][0, good]), rest

    def _new(
        self,
        position: FloatArray,
        fwhm: FloatArray,
        known: tuple[FloatArray, FloatArray, FloatArray],
    ) -> NDArray[np.bool_]:
        """Which of some bands are not among the known ones."""
        pairs = zip(position.tolist(), fwhm.tolist(), strict=True)
        return np.array([not same_as_any(at, wide, known[1], known[2]) for at, wide in pairs], bool)


def same_as_any(position: float, fwhm: float, centers: FloatArray, widths: FloatArray) -> bool:
    """Whether a band is one of others: near them, and not much wider or narrower."""
    near = np.abs(centers - position) < _SAME * 0.5 * (widths + fwhm)
    alike = np.maximum(widths / fwhm, fwhm / widths) < _OTHER_WIDTH
    return bool((near & alike).any())


def mean_spectrum(frames: list[Series]) -> Series:
    """Mean of single frames as a spectrum with weights."""
    x, n = frames[0].x, len(frames)
    mean = np.concatenate([s.filled() for s in frames]).mean(axis=0)
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
