"""Bands of unit-area profiles on a polynomial as one `lmfit` model with exact derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lineshapes import PROFILES, Profile
from spectra.fit.model import PeakFamily, Points, Sum, Term
from spectra.fit.own import model_of_terms
from spectra.fit.scattered import WindowChebyshev

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class BandModel:
    """Bands on a background of Chebyshev polynomials.

    Parameters
    ----------
    bands : tuple of (label, profile)
        Each brings ``<label>_center``, ``<label>_area`` and ``<label>_<shape name>``.
    degree : int
        Of the background, −1 for none; its coefficients ``bkg_c0`` … are those of Chebyshev
        polynomials of x shifted and scaled into [−1, 1].
    low, high : float
        Where these ends lie.
    """

    bands: tuple[tuple[str, str], ...]
    degree: int
    low: float
    high: float

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters, band by band, the background's last."""
        names = [
            f"{label}_{name}"
            for label, profile in self.bands
            for name in ("center", "area", *PROFILES[profile].shape_names)
        ]
        return (*names, *(f"bkg_c{i}" for i in range(self.degree + 1)))

    def profile(self, band: int) -> Profile:
        """Profile of a band."""
        return PROFILES[self.bands[band][1]]

    def first(self, band: int) -> int:
        """Index of a band's centre; area and shape follow it."""
        return sum(2 + len(PROFILES[p].shape_names) for _, p in self.bands[:band])

    def model(self) -> lmfit.Model:
        """A genuine `lmfit` model of it, for `fit_stack` and for `lmfit` alike."""
        return model_of_terms(self.names, self._terms, "bands")

    def value(self, x: FloatArray, values: FloatArray) -> FloatArray:
        """Curves (rows, points) for parameters (rows, parameters)."""
        whole = Sum(self._terms(np.arange(len(self.names))), len(self.names))
        return whole.value(values, Points(x[None], x[None]))

    def value_and_slopes(self, x: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Curves (rows, points), derivatives (rows, parameters, points), in single precision."""
        whole = Sum(self._terms(np.arange(len(self.names))), len(self.names))
        value, slopes, mixing = whole.value_and_slopes(values, Points(x[None], x[None]), np.float32)
        if mixing is not None:
            slopes = np.matmul(mixing.transpose(0, 2, 1).astype(slopes.dtype), slopes)
        out = np.empty_like(slopes)
        out[:, whole.columns] = slopes
        return value, out

    def background(self, x: FloatArray) -> FloatArray:
        """The background's polynomials at x (points, degree + 1)."""
        columns = np.arange(self.degree + 1)
        return WindowChebyshev(columns, self.low, self.high).powers(x).T

    def linear_start(self, x: FloatArray, y: FloatArray, theta: FloatArray) -> FloatArray:
        """Best areas and background (rows, bands + terms) of spectra for given shapes.

        Parameters
        ----------
        x : array (points,)
        y : array (rows, points)
            Finite.
        theta : array (parameters,)
        """
        columns = []
        for k in range(len(self.bands)):
            first = self.first(k)
            shape = theta[first + 2 : first + 2 + len(self.profile(k).shape_names)]
            columns.append(self.profile(k).value(x, theta[first], *shape))
        design = np.column_stack([*columns, self.background(x)])
        scale = np.linalg.norm(design, axis=0)
        inverse = np.linalg.pinv(design / scale, rcond=1e-4) / scale[:, None]
        # Row by row: how many there are must not change a bit.
        return np.asarray(np.matmul(inverse[None], y[:, :, None])[:, :, 0])

    def quantities(self, values: FloatArray) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """Centre, width, height and area of the bands, and their gradients.

        The centre of a band is where it is highest, and its height that of its maximum.

        Parameters
        ----------
        values : array (rows, parameters)

        Returns
        -------
        values : dict of arrays (rows, bands)
        gradients : dict of arrays (rows, bands, parameters)
        """
        n_rows, n_bands = len(values), len(self.bands)
        names = ("center", "fwhm", "height", "area")
        told = {name: np.empty((n_rows, n_bands)) for name in names}
        slopes = {name: np.zeros((n_rows, n_bands, values.shape[1])) for name in names}
        for k in range(n_bands):
            profile, first = self.profile(k), self.first(k)
            last = first + 2 + len(profile.shape_names)
            center, area, *shape = values[:, first:last].T
            width, by_width = profile.width(*shape)
            top, by_top = profile.peak_height_and_gradient(*shape)
            away, by_away = (0.0, ()) if profile.summit is None else profile.summit(*shape)
            found = (center + away, width, area * top, area)
            for name, value in zip(names, found, strict=True):
                told[name][:, k] = value
            slopes["center"][:, k, first] = 1.0
            for j, slope in enumerate(by_away):
                slopes["center"][:, k, first + 2 + j] = slope
            slopes["area"][:, k, first + 1] = 1.0
            slopes["height"][:, k, first + 1] = top
            for j in range(len(shape)):
                slopes["fwhm"][:, k, first + 2 + j] = by_width[j]
                slopes["height"][:, k, first + 2 + j] = area * by_top[j]
        return told, slopes

    def _terms(self, columns: IntArray) -> Sequence[Term]:
        members: dict[str, list[int]] = {}
        for k, (_, profile) in enumerate(self.bands):
            members.setdefault(profile, []).append(self.first(k))
        terms: list[Term] = []
        for name, firsts in members.items():
            width = 2 + len(PROFILES[name].shape_names)
            index = np.array(firsts) + np.arange(width)[:, None]
            terms.append(PeakFamily(PROFILES[name], columns[index]))
        if self.degree >= 0:
            last = columns[-(self.degree + 1) :]
            terms.append(WindowChebyshev(last, self.low, self.high))
        return terms
