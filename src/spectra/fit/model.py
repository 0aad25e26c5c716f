"""Peaks on a polynomial background as one vectorised model with its exact Jacobian."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spectra.fit.lineshapes import Doublet, Profile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A sum of area-normalised profiles and a polynomial.

    Parameters
    ----------
    peaks : sequence of (prefix, Profile or Doublet)
        Each brings ``<prefix>center``, ``<prefix>area`` and ``<prefix><shape name>``.
    degree : int
        Degree of the background polynomial; -1 for none. Its coefficients ``bkg_c0`` … count
        powers of u = (x − origin)/scale, where origin and scale are given with the data.

    Examples
    --------
    >>> from spectra.fit.lineshapes import get_profile
    >>> Model((("p1_", get_profile("gaussian")),), degree=1).names
    ('p1_center', 'p1_area', 'p1_fwhm', 'bkg_c0', 'bkg_c1')
    """

    peaks: tuple[tuple[str, Profile | Doublet], ...]
    degree: int
    names: tuple[str, ...] = field(init=False)

    def __init__(self, peaks: Sequence[tuple[str, Profile | Doublet]], degree: int) -> None:
        object.__setattr__(self, "peaks", tuple(peaks))
        object.__setattr__(self, "degree", degree)
        names = [
            prefix + name
            for prefix, profile in self.peaks
            for name in ("center", "area", *profile.shape_names)
        ]
        names += [f"bkg_c{i}" for i in range(degree + 1)]
        object.__setattr__(self, "names", tuple(names))

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def first_parameter(self, peak: int) -> int:
        """Index of the centre of peak number `peak`; area and shape follow it."""
        return sum(2 + len(profile.shape_names) for _, profile in self.peaks[:peak])

    @property
    def background_slice(self) -> slice:
        """Where the background's coefficients stand among the parameters."""
        return slice(self.n_parameters - self.degree - 1, self.n_parameters)

    def basis(self, x: FloatArray, origin: FloatArray, scale: FloatArray) -> FloatArray:
        """Powers of (x − origin)/scale: (rows, degree + 1, points)."""
        u = (x - origin[:, None]) / scale[:, None]
        powers = np.empty((len(x), self.degree + 1, x.shape[1]))
        for i in range(self.degree + 1):
            powers[:, i] = 1.0 if i == 0 else powers[:, i - 1] * u
        return powers

    def value(self, theta: FloatArray, x: FloatArray, basis: FloatArray) -> FloatArray:
        """Model curves (rows, points) for parameters (rows, P) on axes (rows, points)."""
        total = self._background(theta, basis)
        for profile, first in self._families():
            center, area, shape = self._parameters(theta, profile, first)
            total += (area * profile.value(x[:, None, :], center, *shape)).sum(axis=1)
        return total

    def value_and_jacobian(
        self, theta: FloatArray, x: FloatArray, basis: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Model curves (rows, points) and their derivatives (rows, P, points)."""
        total = self._background(theta, basis)
        jacobian = np.empty((len(theta), self.n_parameters, x.shape[1]))
        for profile, first in self._families():
            center, area, shape = self._parameters(theta, profile, first)
            unit, gradient = profile.value_and_gradient(x[:, None, :], center, *shape)
            jacobian[:, first] = area * gradient[0]
            jacobian[:, first + 1] = unit
            for i, slope in enumerate(gradient[1:]):
                jacobian[:, first + 2 + i] = area * slope
            total += (area * unit).sum(axis=1)
        jacobian[:, self.background_slice] = basis
        return total, jacobian

    def _background(self, theta: FloatArray, basis: FloatArray) -> FloatArray:
        coefficients = theta[:, self.background_slice]
        total = np.zeros((len(theta), basis.shape[2]))
        for i in range(self.degree + 1):
            total += coefficients[:, i, None] * basis[:, i]
        return total

    def _families(self) -> list[tuple[Profile | Doublet, NDArray[np.intp]]]:
        """Peaks of the same profile together: the profile and the indices of their centres."""
        families: dict[int, tuple[Profile | Doublet, list[int]]] = {}
        first = 0
        for _, profile in self.peaks:
            families.setdefault(id(profile), (profile, []))[1].append(first)
            first += 2 + len(profile.shape_names)
        return [(profile, np.array(where)) for profile, where in families.values()]

    @staticmethod
    def _parameters(
        theta: FloatArray, profile: Profile | Doublet, first: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
        columns = [theta[:, first + i][:, :, None] for i in range(2 + len(profile.shape_names))]
        return columns[0], columns[1], columns[2:]


@dataclass(frozen=True)
class ModelObjective:
    """Data that a `Model` is fitted to, for the solver; one row per spectrum or window.

    Parameters
    ----------
    model : Model
    x, y : array (rows, points)
    root_weight : array (rows, points)
        1/σ; zero where a point does not count (outside the window, not measured).
    basis : array (rows, degree + 1, points)
        From `Model.basis`.
    """

    model: Model
    x: FloatArray
    y: FloatArray
    root_weight: FloatArray
    basis: FloatArray

    def take(self, rows: NDArray[np.intp]) -> ModelObjective:
        """The same objective for some of the rows."""
        parts = {k: getattr(self, k)[rows] for k in ("x", "y", "root_weight", "basis")}
        return replace(self, **parts)

    def residual(self, theta: FloatArray) -> FloatArray:
        """√w·(y − f), shape (rows, points)."""
        return (self.y - self.model.value(theta, self.x, self.basis)) * self.root_weight

    def residual_and_jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """√w·(y − f) and √w·∂f/∂θ."""
        value, jacobian = self.model.value_and_jacobian(theta, self.x, self.basis)
        jacobian *= self.root_weight[:, None, :]
        return (self.y - value) * self.root_weight, jacobian
